"""The hardest utterances, with their sound where the licence allows it.

"Hardest" is an order, not a score: most wrong answers first, then the surest
wrong answer. Sound is embedded only for few utterances, and only of corpora
whose licence lets it be passed on, unless the caller takes that decision.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any, Literal

import polars as pl

from equivoice.audio.decode import decode
from equivoice.corpora.card import Card
from equivoice.errors import AudioError, MissingDependencyError
from equivoice.reports.document import Clip, Clips
from equivoice.reports.formatting import count, percent

__all__ = [
    "MOST_CLIPS",
    "Players",
    "file_name",
    "hardest",
    "hardest_clips",
    "may_embed",
    "sound_of",
]

Players = Literal["auto", "embed", "none"]
MOST_CLIPS = 6
_RATE = 16_000
_LONGEST_S = 20.0
# Anchored at the start: "not under CC BY" must not pass.
_CREATIVE_COMMONS = re.compile(
    r"\s*(CC0\b|CC[ -]BY\b|Creative[ -]Commons\b|https?://creativecommons\.org/)", re.IGNORECASE
)
_SYNTHETIC = re.compile(r"\s*synthetic\b", re.IGNORECASE)


def hardest(predictions: pl.DataFrame, utterances: pl.DataFrame, *, most: int) -> pl.DataFrame:
    """The utterances that were answered wrongly most often and most surely.

    Args:
        predictions: a table of ``records.PREDICTIONS``.
        utterances: a table of ``records.UTTERANCES``; only those with a reference
            label are looked at.
        most: how many to list.

    Returns:
        the columns of the utterances, and ``answers`` (how many), ``wrong`` (how
        many of them), ``sureness`` (largest probability behind a wrong answer, or
        null) and ``given`` (the wrong answers as one text); hardest first.

    Example:
        >>> predictions = pl.DataFrame({"utterance_id": ["a/1", "a/2"], "system": ["s", "s"],
        ...     "status": ["parsed", "parsed"], "emotion": ["sad", "sad"],
        ...     "probabilities": [[0.1, 0.9], [0.2, 0.8]]})
        >>> utterances = pl.DataFrame({"utterance_id": ["a/1", "a/2"], "emotion": ["happy", "sad"]})
        >>> hardest(predictions, utterances, most=6).select("utterance_id", "given").rows()
        [('a/1', 'sad')]
    """
    known = utterances.filter(pl.col("emotion").is_not_null()).rename({"emotion": "reference"})
    joined = predictions.select("utterance_id", "status", "emotion", "probabilities").join(
        known.select("utterance_id", "reference"), on="utterance_id"
    )
    answer = pl.coalesce("emotion", "status", pl.lit("no answer"))
    wrong = pl.col("emotion").is_null() | (pl.col("emotion") != pl.col("reference"))
    counted = (
        joined.with_columns(answer.alias("answer"), wrong.alias("is_wrong"))
        .group_by("utterance_id")
        .agg(
            pl.len().alias("answers"),
            pl.col("is_wrong").sum().alias("wrong"),
            pl.col("probabilities").list.max().filter(pl.col("is_wrong")).max().alias("sureness"),
            pl.col("answer").filter(pl.col("is_wrong")).unique().sort().alias("given"),
        )
        .filter(pl.col("wrong") > 0)
    )
    order = ["wrong", "sureness", "utterance_id"]
    first = counted.sort(order, descending=[True, True, False], nulls_last=True).head(most)
    listed = first.with_columns(pl.col("given").list.join(", "))
    return listed.join(known, on="utterance_id", maintain_order="left")


def hardest_clips(
    predictions: pl.DataFrame,
    utterances: pl.DataFrame,
    cards: Mapping[str, Any],
    *,
    players: Players,
    most: int = MOST_CLIPS,
) -> Clips:
    """The hardest utterances as clips; each says why it is silent where it is."""
    rows = hardest(predictions, utterances, most=most).iter_rows(named=True)
    return Clips(tuple(_clip(row, cards, players) for row in rows))


def may_embed(card: Card | None) -> bool:
    """Whether a corpus may be heard in a report: Creative Commons, or synthetic.

    Example:
        >>> from equivoice.corpora.card import Fact
        >>> may_embed(Card(name="x", licence=Fact(value="CC BY-NC-SA 4.0", source="its page")))
        True
        >>> may_embed(Card(name="x", licence=Fact(value="research only", source="its page")))
        False
        >>> may_embed(None)
        False
    """
    if card is None:
        return False
    if card.licence.known and _CREATIVE_COMMONS.match(str(card.licence)):
        return True
    return card.recording.known and bool(_SYNTHETIC.match(str(card.recording)))


def _clip(row: Mapping[str, Any], cards: Mapping[str, Any], players: Players) -> Clip:
    audio, silent = sound_of(row, cards.get(row.get("corpus") or ""), players)
    facts = list(_facts(row))
    if audio is None and row.get("audio") is not None:
        facts.append(("file", file_name(row["audio"])))
    return Clip(row["utterance_id"], tuple(facts), audio, silent)


def file_name(path: str) -> str:
    """The end of a path: enough to find the file, and no home folder in a shared page."""
    return "/".join(PurePath(path).parts[-2:])


def _facts(row: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    facts = [("reference", row["reference"]), ("answered", row["given"])]
    if row["answers"] > 1:
        facts.append(("wrong", f"{count(row['wrong'])} of {count(row['answers'], 'answer')}"))
    if row["sureness"] is not None:
        facts.append(("probability", f"{percent(row['sureness'], 0)}%"))
    for name in ("speaker", "gender", "transcript"):
        if row.get(name) is not None:
            facts.append((name, str(row[name])))
    return facts


def sound_of(row: Mapping[str, Any], card: Card | None, players: Players) -> tuple[str | None, str]:
    """The sound as a data URI, or the reason why there is none."""
    if players == "none":
        return None, "No player: players were switched off."
    if row.get("audio") is None:
        return None, "No player: the table names no sound file."
    if players == "auto" and not may_embed(card):
        return None, (
            "No player: the corpus card names no Creative Commons licence, so the recording is "
            "not passed on."
        )
    try:
        return _data_uri(row["audio"], row.get("start"), row.get("end")), ""
    except (AudioError, MissingDependencyError) as error:
        return None, f"No player: {error.problem}."


def _data_uri(path: str, start: float | None, end: float | None) -> str:
    samples = decode(path, start=start, end=end, rate=_RATE, longest=_LONGEST_S)
    import soundfile

    sound = io.BytesIO()
    soundfile.write(sound, samples, _RATE, format="FLAC", subtype="PCM_16")
    return f"data:audio/flac;base64,{base64.b64encode(sound.getvalue()).decode('ascii')}"
