"""EmotionLines (Friends): five votes a line, given to text; joined with MELD's tables.

The votes are counts: each line's ``annotation`` holds seven digits in the order
neutral, joy, sadness, fear, anger, surprise, disgust. The people read the dialogue
and heard nothing, so the channel is ``text``.

MELD cut most of the same lines out of the recordings and labelled them anew. Its
CSVs, given as the extra folder, add to each line that has a partner there
``meld_id`` (the id in our corpus ``meld``), ``meld_emotion``, ``season`` and ``episode``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from equivoice.corpora.dialogues import join_dialogues, line_key
from equivoice.corpora.friends import main_cast
from equivoice.corpora.labels import canonical
from equivoice.corpora.source import Draft, Request
from equivoice.errors import CorpusError
from equivoice.records import FOLDS, VOTES, read_frame

__all__ = ["ANNOTATION", "read_emotionlines"]

ANNOTATION = ("neutral", "joy", "sadness", "fear", "anger", "surprise", "disgust")
"""What the digits of an annotation count, in order."""

_NO_MAJORITY = "non-neutral"
_SPLITS = {"train": "train", "dev": "validation", "test": "test"}
_FIELDS = ("speaker", "utterance", "emotion", "annotation")
_MELD = ("Utterance", "Speaker", "Emotion", "Dialogue_ID", "Utterance_ID", "Season", "Episode")
_FROM_MELD = {
    "meld_id": pl.String,
    "meld_emotion": pl.String,
    "season": pl.Int64,
    "episode": pl.Int64,
}
# Windows-1252 read as Latin-1: what should be quotation marks and dashes are control characters.
_DAMAGED = re.compile("[\x80-\x9f]")

Dialogues = list[list[dict[str, str]]]


def read_emotionlines(request: Request) -> Draft:
    """Read ``friends_{train,dev,test}.json``; with an extra folder also MELD's CSVs.

    The reference label is EmotionLines' own, the majority of the five votes; where
    there is none (``non-neutral``) it is null.

    Raises:
        CorpusError: a file is missing or has another form; names file and line.
    """
    folder = request.metadata_folder()
    parts = {part: _dialogues(folder / f"friends_{part}.json") for part in _SPLITS}
    lines = [
        _line(request.name, part, number, turn, line)
        for part, dialogues in parts.items()
        for number, dialogue in enumerate(dialogues)
        for turn, line in enumerate(dialogue)
    ]
    table = pl.DataFrame(lines)
    draft = Draft(
        utterances=table.drop("annotation", "part").with_columns(
            audio=pl.lit(None, dtype=pl.String)
        ),
        folds=FOLDS.validate(
            table.select("utterance_id", fold=pl.lit("1"), split=pl.col("part").replace(_SPLITS))
        ),
        votes=_votes(table),
        read=tuple(folder / f"friends_{part}.json" for part in _SPLITS),
        sound=False,
        label_rule="majority",
    )
    return draft if request.extra is None else _with_meld(draft, parts, request.extra)


def _dialogues(path: Path) -> Dialogues:
    try:
        given = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise CorpusError("a file of EmotionLines is missing", file=path) from None
    except ValueError as error:
        raise CorpusError(f"not JSON: {error}", file=path) from error
    if not isinstance(given, list) or not all(isinstance(one, list) for one in given):
        raise CorpusError("not a list of dialogues, each a list of lines", file=path)
    for number, dialogue in enumerate(given):
        for turn, line in enumerate(dialogue):
            _check(line, path, f"dialogue {number}, line {turn}")
    return given


def _check(line: Any, path: Path, where: str) -> None:
    for name in _FIELDS:
        if not isinstance(line, dict) or not isinstance(line.get(name), str):
            raise CorpusError(f"{where} lacks {name!r}", file=path, column=name)
    digits = line["annotation"]
    if len(digits) != len(ANNOTATION) or not (digits.isascii() and digits.isdecimal()):
        raise CorpusError(
            f"the annotation of {where} is not a count for each of {', '.join(ANNOTATION)}",
            file=path,
            column="annotation",
            value=digits,
        )


def _line(name: str, part: str, number: int, turn: int, line: Mapping[str, str]) -> dict[str, Any]:
    return {
        "utterance_id": f"{name}/dia{number}_utt{turn}-{part}",
        "speaker": line["speaker"].strip(),
        "gender": main_cast().get(line["speaker"].strip()),
        "transcript": _mended(line["utterance"]),
        "dialogue": f"{part}/dia{number}",
        "turn": turn,
        "emotion": None if line["emotion"] == _NO_MAJORITY else line["emotion"],
        "annotation": line["annotation"],
        "part": part,
    }


def _mended(text: str) -> str:
    r"""The text with quotation marks and dashes in the place of control characters.

    Example:
        >>> _mended("he\x92s lost it")
        'he’s lost it'
    """
    return _DAMAGED.sub(lambda found: found[0].encode("latin-1").decode("cp1252", "replace"), text)


def _votes(table: pl.DataFrame) -> pl.DataFrame:
    counts = [
        pl.col("annotation").str.slice(place, 1).cast(pl.Int64).alias(canonical(emotion))
        for place, emotion in enumerate(ANNOTATION)
    ]
    labels = [canonical(emotion) for emotion in ANNOTATION]
    votes = (
        table.select("utterance_id", *counts)
        .with_row_index("row")
        .unpivot(labels, index=["row", "utterance_id"], variable_name="value", value_name="count")
        .filter(pl.col("count") > 0)
        .sort("row", "value")
        .select(
            "value",
            "count",
            item="utterance_id",
            channel=pl.lit("text"),
            kind=pl.lit("person"),
            question=pl.lit("emotion"),
        )
    )
    return VOTES.validate(votes)


@dataclass(frozen=True)
class _Joined:
    """One part's lines with what MELD knows of them, and how the join went."""

    rows: list[dict[str, Any]]
    report: dict[str, int]
    apart: Mapping[str, int]


def _with_meld(draft: Draft, parts: Mapping[str, Dialogues], folder: Path) -> Draft:
    paths = {part: folder / f"{part}_sent_emo.csv" for part in parts}
    joined = {part: _join(part, lines, paths[part]) for part, lines in parts.items()}
    rows = [row for part in joined.values() for row in part.rows]
    facts = pl.DataFrame(rows, schema={"utterance_key": pl.String, **_FROM_MELD})
    key = pl.col("utterance_id").str.extract(r"/([^/]+)$")
    utterances = draft.utterances.with_columns(utterance_key=key).join(
        facts, on="utterance_key", how="left", maintain_order="left"
    )
    lost: dict[str, int] = {}
    for part in joined.values():
        for reason, count in part.apart.items():
            name = f"line of MELD without a partner ({reason})"
            lost[name] = lost.get(name, 0) + count
    return replace(
        draft,
        utterances=utterances.drop("utterance_key"),
        left_out={**draft.left_out, **lost},
        read=(*draft.read, *paths.values()),
        record={"joined with MELD": {part: one.report for part, one in joined.items()}},
    )


def _join(part: str, lines: Dialogues, path: Path) -> _Joined:
    frame = read_frame(path, text=("Utterance", "Speaker"))
    missing = [name for name in _MELD if name not in frame.columns]
    if missing:
        raise CorpusError(
            "not MELD's table of utterances", file=path, column=missing[0], choices=frame.columns
        )
    dialogues = frame.partition_by("Dialogue_ID", maintain_order=True)
    rows = [dialogue.to_dicts() for dialogue in dialogues]
    found = join_dialogues(
        [[line_key(row["Speaker"].strip(), row["Utterance"]) for row in one] for one in rows],
        [[line_key(line["speaker"].strip(), line["utterance"]) for line in one] for one in lines],
    )
    facts = [
        _facts(f"dia{number}_utt{turn}-{part}", rows[dialogue][place], part)
        for (dialogue, place), (number, turn) in found.pairs.items()
    ]
    total = sum(map(len, lines))
    report = {
        "lines of MELD": found.lines,
        "found in EmotionLines": found.hits,
        "joined one to one": len(found.pairs),
        "lines of EmotionLines": total,
        "of these without a partner": total - len(found.pairs),
    }
    return _Joined(facts, report, found.apart)


def _facts(key: str, row: Mapping[str, Any], part: str) -> dict[str, Any]:
    return {
        "utterance_key": key,
        "meld_id": f"meld/dia{row['Dialogue_ID']}_utt{row['Utterance_ID']}-{part}",
        "meld_emotion": canonical(row["Emotion"]),
        "season": row["Season"],
        "episode": row["Episode"],
    }
