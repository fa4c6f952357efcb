"""What a model is asked, and what is made of its answer."""

from equivoice.prompting.options import Options, make_options
from equivoice.prompting.parsing import Parsed, parse, parse_responses
from equivoice.prompting.turns import AUDIO, Turn

__all__ = ["AUDIO", "Options", "Parsed", "Turn", "make_options", "parse", "parse_responses"]
