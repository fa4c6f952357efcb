"""The items of a listening study: from a table, from predictions, or a corpus's utterances.

Columns of a table of items, all optional but ``item`` or ``utterance_id``:

====================  ==========================================================
``item``              its name; the utterance_id where not given
``utterance_id``      joins sound, transcript and reference of the study's corpus
``channel``           voice (where there is sound), text, both, face
``audio``             the sound that is judged, with ``start`` and ``end`` in s
``transcript``        what is said; ``text``: any other text above the question
``answer``            the emotion that is judged; ``answer_a``, ``answer_b``
``reason``            why; ``reason_a``, ``reason_b``
``audio_a, audio_b``  a sound for each side, where sounds are compared
``system_a, ..._b``   whose it is; raters never see it
``shown``             instead of these texts: what a sample for judges holds
``gold_QUESTION``     the right answer, where it is known; several joined by ``|``
others                may be named in ``keep`` and ``balance``
====================  ==========================================================
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from equivoice.corpora.corpus import load_corpus, with_audio_paths
from equivoice.errors import ConfigError, InputError
from equivoice.inference.seeds import seed_for
from equivoice.rating.sampling import shown_texts
from equivoice.rating.study_files import SIDES, StudyFile, TakenFrom
from equivoice.records import CHANNELS, PREDICTIONS, read_frame, read_table

__all__ = ["Side", "StudyItem", "gather_items"]

_GOLD = "gold_"
_JOINED = " | "
_TEXTS = (
    "item", "utterance_id", "channel", "audio", "transcript", "text", "answer", "reason",
    "system_a", "system_b", "answer_a", "answer_b", "reason_a", "reason_b", "audio_a", "audio_b",
    "reference",
)  # fmt: skip

_UNFOLDED = {
    "text": "text",
    "emotion": "answer",
    "reason": "reason",
    "emotion_a": "answer_a",
    "emotion_b": "answer_b",
    "reason_a": "reason_a",
    "reason_b": "reason_b",
}


@dataclass(frozen=True)
class Side:
    """One of what is compared, or the only thing that is judged.

    Args:
        system: whose it is; raters never see it.
        answer: the emotion it names.
        reason: why, in its words.
        sound: a sound of its own: a path, later a name within the study.
    """

    system: str | None = None
    answer: str | None = None
    reason: str | None = None
    sound: str | None = None


@dataclass(frozen=True)
class StudyItem:
    """Something to be judged.

    Args:
        item: its name.
        utterance_id: the utterance that it belongs to.
        channel: what is perceived, of ``records.CHANNELS``.
        sound: the sound that is heard: a path, later a name within the study.
        start: where it begins in the file, in seconds.
        end: where it ends, in seconds.
        transcript: what is said.
        text: any other text.
        sides: one, or two where sides are compared.
        groups: its values of the columns of ``balance``.
        gold: the right answers that are known, by question.
    """

    item: str
    utterance_id: str | None = None
    channel: str | None = None
    sound: str | None = None
    start: float | None = None
    end: float | None = None
    transcript: str | None = None
    text: str | None = None
    sides: tuple[Side, ...] = (Side(),)
    groups: Mapping[str, str] = field(default_factory=dict)
    gold: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        """The item as text."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> StudyItem:
        """The item that :meth:`to_json` wrote.

        Example:
            >>> item = StudyItem("x", sides=(Side("m", "sad"), Side("n", "happy")))
            >>> StudyItem.from_json(item.to_json()) == item
            True
        """
        raw = json.loads(text)
        return cls(**{**raw, "sides": tuple(Side(**side) for side in raw["sides"])})

    @property
    def stratum(self) -> str:
        """Its combination of the columns of ``balance``."""
        return _JOINED.join(self.groups.values())

    @property
    def sounds(self) -> tuple[str, ...]:
        """All sounds, the common one first."""
        return tuple(s for s in (self.sound, *(side.sound for side in self.sides)) if s)

    def shown(self, *, swapped: bool = False) -> str | None:
        """The texts as ``records.ITEMS`` holds them: JSON, as the samples for judges have them.

        Args:
            swapped: whether the second side stood first.

        Example:
            >>> StudyItem("x", sides=(Side("m", "sad", "It is slow."),)).shown()
            '{"emotion": "sad", "reason": "It is slow."}'
        """
        ordered = self.sides[::-1] if swapped else self.sides
        texts: dict[str, str | None] = {"text": self.text}
        if len(ordered) == 1:
            texts |= {"emotion": ordered[0].answer, "reason": ordered[0].reason}
        else:
            same = len({side.answer for side in ordered}) == 1
            texts["emotion"] = ordered[0].answer if same else None
            for name, side in zip(SIDES, ordered, strict=True):
                texts[f"emotion_{name}"] = None if same else side.answer
                texts[f"reason_{name}"] = side.reason
        known = {name: text for name, text in texts.items() if text}
        return json.dumps(known, ensure_ascii=False) if known else None


def gather_items(study: StudyFile) -> tuple[StudyItem, ...]:
    """The items of a study, drawn and balanced as its file says.

    Raises:
        ConfigError: nothing is left, or a column or a gold answer is not what it should be.
        InputError: a table or a corpus cannot be read.
    """
    frame = _frame(study.items)
    frame = _kept(frame, study.items)
    _need_columns(frame, study.balance, "balance")
    if study.items.sample is not None:
        frame = _sampled(frame, study.items, study.seed)
    if frame.is_empty():
        raise ConfigError("the study has no items", hint="look at 'items' and its 'keep'")
    items = tuple(_item(row, study) for row in frame.iter_rows(named=True))
    names = [item.item for item in items]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigError("two items have the same name", value=twice, hint="add a column 'item'")
    return items


def _frame(source: TakenFrom) -> pl.DataFrame:
    """One row an item, with the columns that are known; audio as absolute paths."""
    corpus = None if source.corpus is None else load_corpus(source.corpus).utterances
    if source.predictions:
        assert corpus is not None  # noqa: S101 - the study file was checked
        frame = _of_predictions(source, corpus)
    elif source.table is not None:
        frame = _of_table(source.table)
    else:
        assert corpus is not None  # noqa: S101
        return corpus.with_columns(pl.col("utterance_id").alias("item"))
    return frame if corpus is None else _joined(frame, corpus)


def _of_table(path: Path) -> pl.DataFrame:
    frame = read_frame(path, text=_TEXTS)
    if "item" not in frame.columns and "utterance_id" not in frame.columns:
        raise InputError(
            "a table of items needs the column 'item' or 'utterance_id'",
            file=path,
            choices=frame.columns,
        )
    frame = _unfolded(frame)
    for column in ("audio", "audio_a", "audio_b"):
        if column in frame.columns:
            paths = with_audio_paths(frame.select(pl.col(column).alias("audio")), path)
            frame = frame.with_columns(paths.get_column("audio").alias(column))
    return frame


def _unfolded(frame: pl.DataFrame) -> pl.DataFrame:
    """The texts in ``shown``, as samples for judges have them, as columns of their own."""
    if "shown" not in frame.columns:
        return frame
    texts = [
        shown_texts(shown) if shown and shown.lstrip().startswith("{") else {}
        for shown in frame.get_column("shown").to_list()
    ]
    columns = {
        column: [row.get(name) for row in texts]
        for name, column in _UNFOLDED.items()
        if column not in frame.columns and any(name in row for row in texts)
    }
    for side in SIDES:
        if f"answer_{side}" not in frame.columns and f"answer_{side}" not in columns:
            columns[f"answer_{side}"] = [row.get("emotion") for row in texts]
    return frame.with_columns(
        pl.Series(name, values, dtype=pl.String) for name, values in columns.items()
    )


def _joined(frame: pl.DataFrame, corpus: pl.DataFrame) -> pl.DataFrame:
    """What the items lack is taken from the corpus."""
    if "utterance_id" not in frame.columns:
        return frame
    known = corpus.select("utterance_id").to_series()
    stray = frame.filter(
        pl.col("utterance_id").is_not_null() & ~pl.col("utterance_id").is_in(known.to_list())
    )
    if stray.height:
        raise InputError(
            "an item belongs to an utterance that the corpus does not hold",
            column="utterance_id",
            value=stray["utterance_id"][0],
            hint="name the corpus that the items were made from",
        )
    lacking = [name for name in corpus.columns if name not in frame.columns and name != "emotion"]
    return frame.join(
        corpus.select("utterance_id", *lacking, pl.col("emotion").alias("reference")),
        on="utterance_id",
        how="left",
        maintain_order="left",
        suffix="_of_corpus",
    )


def _of_predictions(source: TakenFrom, corpus: pl.DataFrame) -> pl.DataFrame:
    """Items of one system, or pairs of two systems' answers to the same utterance."""
    rows = pl.concat([read_table(path, PREDICTIONS) for path in source.predictions], how="diagonal")
    systems = source.systems or tuple(rows["system"].drop_nulls().unique(maintain_order=True))
    if not 1 <= len(systems) <= len(SIDES):
        raise ConfigError(
            f"the predictions hold {len(systems)} systems", hint="name one or two under 'systems'"
        )
    frame: pl.DataFrame | None = None
    for side, system in zip(SIDES, systems, strict=False):
        own = rows.filter(pl.col("system") == system).drop_nulls("emotion")
        if own.is_empty():
            raise ConfigError(
                "no prediction of this system",
                value=system,
                choices=rows["system"].drop_nulls().unique().sort(),
            )
        own = own.unique("utterance_id", keep="first", maintain_order=True).select(
            "utterance_id",
            pl.col("system").alias(f"system_{side}"),
            pl.col("emotion").alias(f"answer_{side}"),
            pl.col("reason").alias(f"reason_{side}"),
        )
        frame = own if frame is None else frame.join(own, on="utterance_id", maintain_order="left")
    assert frame is not None  # noqa: S101 - there is a system
    frame = frame.join(
        corpus.select("utterance_id", "emotion"), on="utterance_id", maintain_order="left"
    ).rename({"emotion": "true"})
    marks = [
        (pl.col(f"answer_{side}") == pl.col("true")).alias(f"correct_{side}")
        for side, _ in zip(SIDES, systems, strict=False)
    ]
    frame = frame.with_columns(
        pl.col("utterance_id").alias("item"), marks[0].alias("correct"), *marks
    )
    if len(systems) > 1:
        frame = frame.with_columns((pl.col("answer_a") == pl.col("answer_b")).alias("same"))
    return frame.drop("true")


def _kept(frame: pl.DataFrame, source: TakenFrom) -> pl.DataFrame:
    _need_columns(frame, tuple(source.keep), "items.keep")
    for name, value in source.keep.items():
        frame = frame.filter(pl.col(name).cast(pl.String) == _as_text(value))
    return frame


def _as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _sampled(frame: pl.DataFrame, source: TakenFrom, seed: int) -> pl.DataFrame:
    """As many of each stratum as possible, with the wanted sum; the order stays."""
    _need_columns(frame, source.balance, "items.balance")
    wanted = source.sample or frame.height
    if wanted > frame.height:
        raise ConfigError(
            f"{wanted} items are to be drawn, and there are {frame.height}",
            hint="lower items.sample, or relax items.keep",
        )
    random = np.random.default_rng(seed_for(seed, "items"))
    members: dict[str, list[int]] = {}
    for at, stratum in enumerate(_strata(frame, source.balance)):
        members.setdefault(stratum, []).append(at)
    order = {name: random.permutation(rows).tolist() for name, rows in sorted(members.items())}
    names = [list(order)[at] for at in random.permutation(len(order))]
    drawn: list[int] = []
    while len(drawn) < wanted:  # in turns: strata that run out are passed over
        for name in names:
            if order[name] and len(drawn) < wanted:
                drawn.append(order[name].pop())
    return frame[sorted(drawn)]


def _strata(frame: pl.DataFrame, columns: tuple[str, ...]) -> list[str]:
    if not columns:
        return [""] * frame.height
    texts = frame.select(pl.col(name).cast(pl.String).fill_null("") for name in columns)
    return [_JOINED.join(row) for row in texts.iter_rows()]


def _need_columns(frame: pl.DataFrame, columns: tuple[str, ...], where: str) -> None:
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise ConfigError(
            f"{where}: the items have no column {missing[0]!r}", choices=sorted(frame.columns)
        )


def _item(row: dict[str, Any], study: StudyFile) -> StudyItem:
    name = str(row.get("item") or row.get("utterance_id") or "")
    if not name:
        raise ConfigError("an item has no name", hint="fill the column 'item' or 'utterance_id'")
    sides = tuple(_side(row, side) for side in (SIDES if study.compares else SIDES[:1]))
    sound = _text(row, "audio") if "sound" in study.show else None
    if "sound" not in study.show:
        sides = tuple(Side(side.system, side.answer, side.reason) for side in sides)
    heard = sound is not None or any(side.sound for side in sides)
    channel = _text(row, "channel") or ("voice" if heard else "text")
    if channel not in CHANNELS:
        raise ConfigError(f"{name}: no such channel", value=channel, choices=CHANNELS)
    return StudyItem(
        name,
        _text(row, "utterance_id"),
        channel,
        sound,
        row.get("start"),
        row.get("end"),
        _text(row, "transcript"),
        _text(row, "text"),
        sides,
        {name: _as_text(row[name]) if row[name] is not None else "" for name in study.balance},
        _gold(row, name, study),
    )


def _side(row: Mapping[str, Any], side: str) -> Side:
    """The texts of a side; plain ``answer`` and ``reason`` are those of side a."""

    def text(column: str) -> str | None:
        plain = _text(row, column) if side == "a" else None
        return _text(row, f"{column}_{side}") or plain

    return Side(
        _text(row, f"system_{side}"), text("answer"), text("reason"), _text(row, f"audio_{side}")
    )


def _text(row: Mapping[str, Any], column: str) -> str | None:
    value = row.get(column)
    return None if value is None or not str(value).strip() else str(value)


def _gold(row: Mapping[str, Any], item: str, study: StudyFile) -> dict[str, str]:
    """The right answers of an item, checked against what can be answered."""
    gold = {}
    for column in row:
        value = _text(row, column) if column.startswith(_GOLD) else None
        if value is None:
            continue
        name = column.removeprefix(_GOLD)
        asked = {question.name: question for question in study.questions}
        if name not in asked:
            raise ConfigError(f"{column}: no such question", value=name, choices=asked)
        values = value.split("|") if asked[name].kind == "multiple" else [value]
        wrong = [each for each in values if each not in asked[name].values]
        if wrong:
            raise ConfigError(
                f"{item}: {column} is no answer to {name!r}",
                value=wrong[0],
                choices=asked[name].values,
            )
        gold[name] = "|".join(each for each in asked[name].values if each in values)
    return gold
