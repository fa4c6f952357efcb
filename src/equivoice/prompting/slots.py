"""Texts with places to fill: ``{labels}``, ``{transcript}``, ``{audio}`` and a few more.

A place is one word in braces. Every other brace is a brace, so a prompt may show
JSON; a word in braces that is meant literally is written ``{{word}}``. Filling is
one pass over the template, so what is filled in (a transcript, a label) is never
read as a template itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from equivoice.prompting.turns import AUDIO, Part

__all__ = ["SLOTS", "Place", "Template", "read_template", "render_parts"]

SLOTS = {
    "audio": "the sound",
    "transcript": "the words that were said",
    "labels": "the options as displayed",
    "labels_or": "the options as displayed, with ', or' before the last",
    "number": "how many options there are",
}
"""The places that a template may hold, and what is put there."""

_BRACES = re.compile(r"\{\{(?P<literal>\w+)\}\}|\{(?P<slot>\w+)\}")


@dataclass(frozen=True)
class Place:
    """A place in a template.

    Args:
        name: one of :data:`SLOTS`, or something unknown, which validation reports.
    """

    name: str


Template = tuple[str | Place, ...]
"""Texts and places in order."""


def read_template(text: str) -> Template:
    """A text with places, taken apart.

    Example:
        >>> read_template('{audio}Answer as {"emotion": "..."}, one of {labels}.')[2:]
        (Place(name='labels'), '.')
        >>> read_template("{{labels}}")
        ('{labels}',)
    """
    return tuple(piece for piece in _pieces(text) if piece != "")


def _pieces(text: str) -> Iterator[str | Place]:
    start, literal = 0, ""
    for match in _BRACES.finditer(text):
        literal += text[start : match.start()]
        start = match.end()
        if match["literal"] is not None:
            literal += f"{{{match['literal']}}}"
            continue
        yield literal
        yield Place(match["slot"])
        literal = ""
    yield literal + text[start:]


def render_parts(template: Template, values: Mapping[str, str]) -> Iterator[Part]:
    """The parts of a turn: texts with their places filled, and the places of the sound.

    Args:
        template: what :func:`read_template` made.
        values: what each place holds; every place but ``{audio}`` must be there.

    Example:
        >>> list(render_parts(read_template("Say {labels}"), {"labels": "{audio}"}))
        ['Say {audio}']
    """
    text = ""
    for piece in template:
        if isinstance(piece, str):
            text += piece
        elif piece.name != "audio":
            text += values[piece.name]
        else:
            if text:
                yield text
            yield AUDIO
            text = ""
    if text:
        yield text
