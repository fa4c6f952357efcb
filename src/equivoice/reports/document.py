"""The parts of a report: sections that hold texts, tables, figures and clips.

Sections are plain data. The template alone knows HTML, and escapes every text;
only :class:`Figure` carries markup, made by ``reports.figures``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from markupsafe import Markup

__all__ = [
    "Block",
    "Body",
    "Bullets",
    "Cards",
    "Cell",
    "Clip",
    "Clips",
    "Code",
    "Facts",
    "Figure",
    "Folded",
    "Mark",
    "Piece",
    "RationaleCard",
    "Section",
    "Statements",
    "Table",
    "Text",
]

Mark = Literal["shown", "open", "error", "warning", "note"]


@dataclass(frozen=True)
class Text:
    """A paragraph; a quiet one is set smaller."""

    text: str
    quiet: bool = False
    kind: Literal["text"] = "text"


@dataclass(frozen=True)
class Bullets:
    """A list; each item may carry a mark, which is shown as a word too."""

    items: tuple[tuple[Mark | None, str], ...]
    kind: Literal["bullets"] = "bullets"


@dataclass(frozen=True)
class Statements:
    """The verdict on one subject: what can and what cannot be concluded."""

    subject: str
    can: tuple[str, ...]
    cannot: tuple[str, ...]
    kind: Literal["statements"] = "statements"


@dataclass(frozen=True)
class Facts:
    """Names with their values; a value that is a web address becomes a link."""

    facts: tuple[tuple[str, tuple[str, ...]], ...]
    kind: Literal["facts"] = "facts"


@dataclass(frozen=True)
class Code:
    """A command or a citation, to be copied as it stands."""

    label: str
    text: str
    kind: Literal["code"] = "code"


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Args:
        text: what it shows.
        number: whether it is set as a number.
        quiet: whether it is set quietly: reasons for what is missing.
        shade: how dark its ground is, from 0 to 1; ``None`` for no shading.
        small: a second, smaller line.
    """

    text: str
    number: bool = False
    quiet: bool = False
    shade: float | None = None
    small: str = ""


@dataclass(frozen=True)
class Body:
    """A run of rows under one heading; the first cell of a row is its heading.

    Args:
        rows: the rows.
        title: the heading above them.
        people: whether they are of listeners; the title says so in words.
    """

    rows: tuple[tuple[Cell, ...], ...]
    title: str = ""
    people: bool = False


@dataclass(frozen=True)
class Table:
    """A table with a caption, column headings and bodies of rows.

    Args:
        caption: what the table shows.
        columns: the headings of the columns; those of numbers are set right.
        bodies: the rows, in runs.
        note: a remark below the table.
        over: a heading over all columns but the first.
    """

    caption: str
    columns: tuple[str, ...]
    bodies: tuple[Body, ...]
    note: str = ""
    over: str = ""
    shape: Literal["list", "matrix"] = "list"
    kind: Literal["table"] = "table"

    @property
    def numeric(self) -> tuple[bool, ...]:
        """Which columns stand to the right: those of numbers, or of what is said in place of one."""
        rows = [row for body in self.bodies for row in body.rows]
        return tuple(
            bool(rows) and any(row[at].number or row[at].quiet for row in rows)
            for at in range(len(self.columns))
        )


@dataclass(frozen=True)
class Figure:
    """A drawing with its text alternative.

    Args:
        title: what it shows, in a few words.
        description: what can be seen in it, in sentences.
        body: the elements inside the ``svg`` element.
        height: in CSS pixels; the width follows the page.
        key: what its signs mean.
    """

    title: str
    description: str
    body: Markup
    height: int
    key: tuple[str, ...] = ()
    kind: Literal["figure"] = "figure"


@dataclass(frozen=True)
class Clip:
    """One utterance to look at, with its sound where it may be embedded."""

    name: str
    facts: tuple[tuple[str, str], ...]
    audio: str | None = None
    silent: str = ""


@dataclass(frozen=True)
class Clips:
    """Utterances to listen to."""

    clips: tuple[Clip, ...]
    kind: Literal["clips"] = "clips"


@dataclass(frozen=True)
class Piece:
    """A stretch of a reason.

    Args:
        text: the words.
        outcome: ``supported``, ``contradicted``, ``untested`` or ``mixed``; empty
            where nothing is claimed.
        marks: what is set behind it: the sign and number of each claim that ends here.
    """

    text: str
    outcome: str = ""
    marks: tuple[str, ...] = ()


@dataclass(frozen=True)
class RationaleCard:
    """A reason with its claims marked, beside the recording.

    Args:
        name: the utterance.
        facts: names with values.
        pieces: the reason, in order; together they are its text.
        claims: a row for each claim: its number, its words, what became of it, and why.
        audio: the sound as a data URI.
        silent: why there is none.
        picture: waveform and pitch.
    """

    name: str
    facts: tuple[tuple[str, str], ...]
    pieces: tuple[Piece, ...]
    claims: Table
    audio: str | None = None
    silent: str = ""
    picture: Figure | None = None


@dataclass(frozen=True)
class Cards:
    """Reasons with their claims."""

    cards: tuple[RationaleCard, ...]
    kind: Literal["cards"] = "cards"


@dataclass(frozen=True)
class Folded:
    """Parts that are folded away on the screen.

    Args:
        summary: what they are.
        blocks: the parts.
        long: whether they stay folded in print unless the reader opened them.
    """

    summary: str
    blocks: tuple[Block, ...]
    long: bool = False
    kind: Literal["folded"] = "folded"


Block = Text | Bullets | Statements | Facts | Code | Table | Figure | Clips | Cards | Folded


@dataclass(frozen=True)
class Section:
    """A section with a heading, its parts and the sections below it.

    Args:
        title: the heading.
        anchor: the name by which a link finds it.
        blocks: its parts.
        sections: the sections below it.
        folded: whether all below the heading is folded away on the screen.
    """

    title: str
    anchor: str
    blocks: tuple[Block, ...] = ()
    sections: tuple[Section, ...] = field(default=())
    folded: bool = False

    @property
    def empty(self) -> bool:
        """Whether nothing stands below the heading."""
        return not self.blocks and all(section.empty for section in self.sections)
