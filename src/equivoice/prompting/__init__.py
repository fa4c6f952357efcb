"""From a free answer to a label, or to the reason why there is none."""

from equivoice.prompting.parsing import Parsed, parse, parse_responses

__all__ = ["Parsed", "parse", "parse_responses"]
