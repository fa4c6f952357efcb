"""Sections of a report as Markdown, for model cards.

Every text is escaped: a label or a title from a user's table can neither
become markup nor break out of its cell. Figures are replaced by the sentences
that describe them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import singledispatch

from equivoice.reports.document import (
    Block,
    Body,
    Bullets,
    Clips,
    Code,
    Facts,
    Figure,
    Folded,
    Section,
    Statements,
    Table,
    Text,
)

__all__ = ["escaped", "fenced", "markdown", "one_line"]

_MARKUP = re.compile(r"([\\`*_{}\[\]<>|#~$&])")
_DEEPEST = 6


def markdown(sections: Sequence[Section], *, depth: int = 2) -> str:
    r"""Sections as Markdown; empty ones are left out.

    Args:
        sections: from top to bottom.
        depth: of their headings.

    Example:
        >>> print(markdown([Section("Limits", "limits", (Text("Made of *acted* speech."),))]))
        ## Limits
        <BLANKLINE>
        Made of \*acted\* speech.
        <BLANKLINE>
    """
    return "".join(f"{part}\n\n" for each in sections for part in _section(each, depth))[:-1]


def escaped(text: str) -> str:
    r"""A text as one line in which no character has a meaning in Markdown or HTML.

    Example:
        >>> print(escaped("a|b <i> [x](y)"))
        a\|b \<i\> \[x\](y)
    """
    return _MARKUP.sub(r"\\\1", one_line(text))


def one_line(text: str) -> str:
    r"""A text without line breaks and control characters.

    Example:
        >>> one_line("a\n---\nb")
        'a --- b'
    """
    kept = "".join(sign if sign.isprintable() else " " for sign in text)
    return " ".join(kept.split())


def fenced(text: str, language: str = "") -> str:
    """A block of code that its own text cannot end.

    Example:
        >>> print(fenced("equivoice rerun RUN"))
        ```
        equivoice rerun RUN
        ```
    """
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def _section(part: Section, depth: int) -> Iterator[str]:
    if part.empty:
        return
    yield f"{'#' * min(depth, _DEEPEST)} {escaped(part.title)}"
    for block in part.blocks:
        yield from _lines(block)
    for below in part.sections:
        yield from _section(below, depth + 1)


@singledispatch
def _lines(block: Block) -> Iterator[str]:
    """The paragraphs of a block."""
    raise TypeError(f"{type(block).__name__} has no form in Markdown")


@_lines.register
def _(block: Text) -> Iterator[str]:
    yield escaped(block.text)


@_lines.register
def _(block: Bullets) -> Iterator[str]:
    yield "\n".join(
        f"- {f'**{mark}:** ' if mark else ''}{escaped(text)}" for mark, text in block.items
    )


@_lines.register
def _(block: Statements) -> Iterator[str]:
    for heading, texts in (("Can be concluded", block.can), ("Cannot be concluded", block.cannot)):
        if texts:
            subject = f"{escaped(block.subject)}: " if block.subject else ""
            yield f"**{subject}{heading}**"
            yield "\n".join(f"- {escaped(text)}" for text in texts)


@_lines.register
def _(block: Facts) -> Iterator[str]:
    yield "\n".join(
        f"- **{escaped(name)}:** {'; '.join(escaped(value) for value in values)}"
        for name, values in block.facts
    )


@_lines.register
def _(block: Code) -> Iterator[str]:
    yield f"{escaped(block.label)}:"
    yield fenced(block.text)


@_lines.register
def _(block: Table) -> Iterator[str]:
    yield f"**{escaped(block.caption)}**"
    yield "\n".join(_table(block))
    if block.note:
        yield escaped(block.note)


def _table(table: Table) -> Iterator[str]:
    yield _row([escaped(column) for column in table.columns])
    yield _row(["---:" if right else "---" for right in table.numeric])
    for body in table.bodies:
        yield from _body(body, len(table.columns))


def _body(body: Body, columns: int) -> Iterator[str]:
    if body.title:
        yield _row([f"**{escaped(body.title)}**", *[""] * (columns - 1)])
    for row in body.rows:
        yield _row([escaped(f"{cell.text} {cell.small}") for cell in row])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


@_lines.register
def _(block: Figure) -> Iterator[str]:
    yield f"**{escaped(block.title)}**"
    yield escaped(block.description)


@_lines.register
def _(block: Folded) -> Iterator[str]:
    for inner in block.blocks:
        yield from _lines(inner)


@_lines.register
def _(block: Clips) -> Iterator[str]:
    yield "\n".join(
        f"- {escaped(clip.name)}: "
        + "; ".join(f"{escaped(name)} {escaped(value)}" for name, value in clip.facts)
        for clip in block.clips
    )
