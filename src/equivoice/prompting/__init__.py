"""What a model is asked, and what is made of its answer."""

from equivoice.prompting.options import Options, make_options
from equivoice.prompting.parsing import CONVENTIONS, Parsed, parse, parse_responses
from equivoice.prompting.prompts import MODALITIES, Prompt, load_prompt, prompt_names
from equivoice.prompting.rereading import options_as_shown, reread
from equivoice.prompting.turns import AUDIO, Turn

__all__ = [
    "AUDIO",
    "CONVENTIONS",
    "MODALITIES",
    "Options",
    "Parsed",
    "Prompt",
    "Turn",
    "load_prompt",
    "make_options",
    "options_as_shown",
    "parse",
    "parse_responses",
    "prompt_names",
    "reread",
]
