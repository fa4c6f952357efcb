"""Ratings in the syntaxes of the MSP corpora, all into the same table.

One rating, as ``labels.txt`` and the packed column ``EmoDetail`` write it::

    WORKER00014325; Sad; Sad,Concerned; A:2.000000; V:4.000000; D:4.000000;

In ``labels.txt`` ratings stand in blocks under the line of their file, with an
empty line between blocks::

    MSP-PODCAST_0001_0008.wav; N; A:2.400000; V:4.000000; D:2.800000;

What was typed behind *Other* is kept as it was typed. What does not have its form
(a block that was cut off) is kept too, apart, with its place.

Source: the readme of the corpora's label files [readme]; the columns of the CSVs by
release as in reference/methods.md, section 3.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from equivoice.errors import CorpusError
from equivoice.records import VOTES, read_frame

__all__ = [
    "NAMES",
    "Damaged",
    "MspLabels",
    "choices_in",
    "read_blocks",
    "read_detailed",
    "votes_of",
]

NAMES: Mapping[str, str] = {
    "Angry": "angry",
    "Sad": "sad",
    "Happy": "happy",
    "Surprise": "surprise",
    "Fear": "fear",
    "Disgust": "disgust",
    "Contempt": "contempt",
    "Neutral": "neutral",
    "Other": "other",
    "Amused": "amused",
    "Frustrated": "frustrated",
    "Depressed": "depressed",
    "Concerned": "concerned",
    "Disappointed": "disappointed",
    "Dissapointed": "disappointed",  # as some releases spell it
    "Excited": "excited",
    "Confused": "confused",
    "Annoyed": "annoyed",
}
"""From the corpora's names to ours; the first nine may be a primary emotion."""

_SCALES = ("valence", "arousal", "dominance")
_NUMBERS = (
    r"A:\s*(?P<arousal>[0-9.]+);\s*V:\s*(?P<valence>[0-9.]+);"
    r"\s*D:\s*(?P<dominance>[0-9.]+)\s*;\s*$"
)
_RATING = r"^\s*(?P<rater>WORKER\w+)\s*;(?P<chosen>.*?);\s*" + _NUMBERS
_HEAD = re.compile(r"^(?P<file>[^;]+);\s*(?P<letter>[A-Z])\s*;\s*" + _NUMBERS)
_FILE = re.compile(r"^(?P<file>[^;]+\.[A-Za-z0-9]{1,5})\s*;")
_RATERS = ("WorkerID", "Workers")
_WIDE = {
    "primary": "EmoClass_Major",
    "secondary": "EmoClass_Second",
    "arousal": "EmoAct",
    "valence": "EmoVal",
    "dominance": "EmoDom",
}
_CUT_RATING = "a rating that is cut off or has another form"
_CUT_HEAD = "a line of a file that is cut off or has another form"
_NO_HEAD = "a rating that stands under no file"
_NO_RATING = "a file without a rating"


@dataclass(frozen=True)
class Damaged:
    """What does not have its form.

    Args:
        place: the line of a text file, or the data row of a table, from 1.
        why: what is wrong with it.
        text: what stands there.
    """

    place: int
    why: str
    text: str


@dataclass(frozen=True)
class MspLabels:
    """What a file of labels holds.

    Args:
        ratings: file, rater, primary, secondary (as written, null where missing),
            arousal, valence, dominance, in the file's order.
        heads: file, letter, arousal, valence, dominance of the blocks; empty for
            tables, which have none.
        damaged: what could not be read.
    """

    ratings: pl.DataFrame
    heads: pl.DataFrame
    damaged: tuple[Damaged, ...]


_HEADS = {"file": pl.String, "letter": pl.String, **dict.fromkeys(_SCALES, pl.Float64)}


def read_blocks(path: Path) -> MspLabels:
    """Read ``labels.txt``.

    A rating belongs to the block that it stands in, also where all but the name in
    the block's first line is damaged.

    Raises:
        CorpusError: not UTF-8 text, or no rating in it.
    """
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise CorpusError("the file is not UTF-8 text", file=path) from error
    blocks = _Blocks()
    for place, line in enumerate(text.splitlines(), start=1):
        blocks.take(place, line.strip())
    blocks.end()
    schema = {"place": pl.Int64, "file": pl.String, "text": pl.String}
    table = pl.DataFrame(blocks.ratings, schema=schema, orient="row")
    ratings, damaged = _unpacked(table)
    if ratings.is_empty():
        raise CorpusError("there is no rating in this file", file=path)
    return MspLabels(
        ratings,
        pl.DataFrame(blocks.heads, schema=_HEADS),
        tuple(sorted((*blocks.damaged, *damaged), key=lambda one: one.place)),
    )


class _Blocks:
    """Takes lines one by one and tells heads from ratings."""

    def __init__(self) -> None:
        self.heads: list[dict[str, str | float | None]] = []
        self.ratings: list[tuple[int, str, str]] = []
        self.damaged: list[Damaged] = []
        self._file: str | None = None
        self._head: tuple[int, str] | None = None  # of a block that has no rating yet

    def take(self, place: int, line: str) -> None:
        """A line without its end; an empty one ends the block."""
        if not line:
            self.end()
        elif not line.startswith("WORKER"):
            self.end()
            self._begin(place, line)
        elif self._file is None:
            self.damaged.append(Damaged(place, _NO_HEAD, line))
        else:
            self.ratings.append((place, self._file, line))
            self._head = None

    def end(self) -> None:
        """No more lines in this block."""
        if self._head is not None:
            self.damaged.append(Damaged(self._head[0], _NO_RATING, self._head[1]))
        self._file = self._head = None

    def _begin(self, place: int, line: str) -> None:
        whole = _HEAD.match(line)
        named = whole or _FILE.match(line)
        if named is not None:
            self._file, self._head = named["file"].strip(), (place, line)
        if whole is None:
            self.damaged.append(Damaged(place, _CUT_HEAD, line))
            return
        numbers = {scale: _number(whole[scale]) for scale in _SCALES}
        self.heads.append({"file": self._file, "letter": whole["letter"], **numbers})


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def read_detailed(path: Path) -> MspLabels:
    """Read ``labels_detailed.csv`` of any release.

    Up to release 1.12 a row holds ``FileName`` and a packed ``EmoDetail``; release 1.6
    has the columns ``Workers``, ``EmoClass_Major``, ``EmoClass_Second``, ``EmoAct``,
    ``EmoVal``, ``EmoDom``; release 2.0 the same with ``WorkerID``.

    Raises:
        CorpusError: neither form, or no rating in it.
    """
    frame = read_frame(path, text=("FileName", *_RATERS, "EmoDetail", *_WIDE.values()))
    frame = frame.rename({"FileName": "file"}, strict=False).with_row_index("place", offset=1)
    rater = next((name for name in _RATERS if name in frame.columns), "WorkerID")
    needed = (
        ("file", "EmoDetail") if "EmoDetail" in frame.columns else ("file", rater, *_WIDE.values())
    )
    missing = [name for name in needed if name not in frame.columns]
    if missing:
        raise CorpusError(
            "not a table of ratings of an MSP corpus",
            file=path,
            column=missing[0].replace("file", "FileName"),
            choices=frame.columns[1:],
        )
    if "EmoDetail" in frame.columns:
        ratings, damaged = _unpacked(frame.rename({"EmoDetail": "text"}))
    else:
        ratings, damaged = _from_columns(frame.rename({rater: "rater"}))
    if ratings.is_empty():
        raise CorpusError("there is no rating in this file", file=path)
    return MspLabels(ratings, pl.DataFrame(schema=_HEADS), damaged)


def _from_columns(frame: pl.DataFrame) -> tuple[pl.DataFrame, tuple[Damaged, ...]]:
    theirs = pl.concat_str(pl.col("rater", *_WIDE.values()).fill_null(""), separator="; ")
    return _whole(
        frame.with_columns(theirs.alias("text")).rename(
            {column: name for name, column in _WIDE.items()}
        )
    )


def _unpacked(table: pl.DataFrame) -> tuple[pl.DataFrame, tuple[Damaged, ...]]:
    """Ratings out of file and packed text."""
    fields = pl.col("text").str.extract_groups(_RATING).alias("fields")
    parts = table.with_columns(fields).unnest("fields")
    chosen = {text: _chosen(text) for text in parts.get_column("chosen").drop_nulls().unique()}
    return _whole(
        parts.with_columns(
            pl.col("chosen")
            .replace_strict({text: pair[place] for text, pair in chosen.items()}, default=None,
                            return_dtype=pl.String)
            .alias(name)
            for place, name in enumerate(("primary", "secondary"))
        )
    )  # fmt: skip


def _chosen(text: str) -> tuple[str | None, str | None]:
    """Primary and secondary emotions; typed text may hold semicolons of its own."""
    parts = [part.strip() for part in text.split(";")]
    if len(parts) > 1 and parts[0].startswith("Other"):
        last = parts[-1].split(",")[0].split("-")[0]
        cut = len(parts) - 1 if not last or last in NAMES else len(parts)
    else:
        cut = 1
    primary, secondary = "; ".join(parts[:cut]), "; ".join(parts[cut:])
    return primary or None, secondary or None


def _whole(frame: pl.DataFrame) -> tuple[pl.DataFrame, tuple[Damaged, ...]]:
    """The ratings that are complete, and the others."""
    frame = frame.with_columns(
        pl.col(_SCALES).cast(pl.Float64, strict=False),
        pl.col("primary", "secondary").str.strip_chars().replace("", None),
    )
    needed = ("file", "rater", "primary", *_SCALES)
    whole = pl.all_horizontal(pl.col(name).is_not_null() for name in needed)
    columns = ("file", "rater", "primary", "secondary", *_SCALES)
    lost = frame.filter(~whole).select("place", pl.col("text").fill_null(""))
    damaged = tuple(Damaged(place, _CUT_RATING, text) for place, text in lost.iter_rows())
    return frame.filter(whole).select(columns), damaged


def choices_in(text: str) -> tuple[str, ...]:
    """The emotions in a list of them, ours where known, else as they were typed.

    A typed text may hold commas: what follows it and is no name belongs to it.

    Example:
        >>> choices_in("Sad,Dissapointed,Other-tired, bored,Neutral")
        ('sad', 'disappointed', 'Other-tired, bored', 'neutral')
    """
    chosen: list[str] = []
    for part in text.split(","):
        name = part.strip()
        if name in NAMES or not chosen or not chosen[-1].startswith("Other-"):
            chosen.append(NAMES.get(name, name))
        else:
            chosen[-1] += f",{part}"
    return tuple(dict.fromkeys(one for one in chosen if one))


def votes_of(ratings: pl.DataFrame, *, channel: str) -> pl.DataFrame:
    """A table of ``records.VOTES`` out of ratings.

    Each rating becomes a vote on the question ``emotion`` (primary, one choice), one on
    ``emotions`` for each secondary emotion, and a ``number`` on ``valence``,
    ``arousal`` and ``dominance``.

    Args:
        ratings: as in :class:`MspLabels`, with ``item`` instead of ``file``.
        channel: what the raters perceived.
    """
    rated = ratings.with_row_index("place")
    names = {text: NAMES.get(text, text) for text in _distinct(rated, "primary")}
    lists = {text: list(choices_in(text)) for text in _distinct(rated, "secondary")}
    one = pl.col("primary").replace_strict(names, return_dtype=pl.String)
    many = pl.col("secondary").replace_strict(lists, default=None, return_dtype=pl.List(pl.String))
    parts = [
        rated.with_columns(one.alias("value"), question=pl.lit("emotion")),
        rated.with_columns(many.alias("value"), question=pl.lit("emotions"))
        .explode("value")
        .drop_nulls("value"),
        *(
            rated.with_columns(pl.col(scale).alias("number"), question=pl.lit(scale))
            for scale in _SCALES
        ),
    ]
    columns = ("place", "item", "rater", "question", "value", "number")
    votes = pl.concat(
        [part.select(name for name in columns if name in part.columns) for part in parts],
        how="diagonal",
    ).sort("place", maintain_order=True)
    return VOTES.validate(
        votes.drop("place").with_columns(
            channel=pl.lit(channel), kind=pl.lit("person"), count=pl.lit(1)
        )
    )


def _distinct(table: pl.DataFrame, column: str) -> Iterable[str]:
    texts: list[str] = table.get_column(column).drop_nulls().unique().to_list()
    return texts
