"""CREMA-D: actor, sentence and level in the name; demographics and votes in its own CSVs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl

from equivoice.corpora.filenames import fill_missing, gender_of, with_name_parts
from equivoice.corpora.source import Draft, Request
from equivoice.errors import CorpusError
from equivoice.records import VOTES, read_frame

__all__ = ["complete"]

_NAME = r"(?:^|/)(?P<speaker>\d{4})_(?P<sentence>[A-Z]{3})_[A-Z]{3}_(?P<level>[A-Z]+)\."
_LEVELS = {"LO": "low", "MD": "medium", "HI": "high", "XX": "unspecified", "X": "unspecified"}
_ACTORS = "VideoDemographics.csv"
_ANSWERS = "tabulatedVotes.csv"
_CHANNELS = {"1": "voice", "2": "face", "3": "both"}
_VOTED = {
    "A": "angry",
    "D": "disgust",
    "F": "fear",
    "H": "happy",
    "N": "neutral",
    "S": "sad",
}
_NOT_HERE = "votes on clips that the metadata do not hold"


def complete(draft: Draft, request: Request) -> Draft:
    """Add speaker, sentence and level; with an extra folder demographics and votes.

    The extra folder holds CREMA-D's ``VideoDemographics.csv``,
    ``tabulatedVotes.csv``, or both.
    """
    named = with_name_parts(draft.utterances, _NAME, values={"level": _LEVELS})
    draft = replace(draft, utterances=named)
    if request.extra is None:
        return draft
    actors, answers = request.extra / _ACTORS, request.extra / _ANSWERS
    if not actors.is_file() and not answers.is_file():
        raise CorpusError(
            f"the extra folder holds neither {_ACTORS} nor {_ANSWERS}", file=request.extra
        )
    if actors.is_file():
        draft = _with_actors(draft, actors)
    return _with_votes(draft, answers) if answers.is_file() else draft


def _with_actors(draft: Draft, path: Path) -> Draft:
    """Who the actor is by the corpus's own table, which goes before what others derived."""
    actors = _read(path, ("ActorID", "Age", "Sex", "Race", "Ethnicity")).select(
        speaker=pl.col("ActorID").cast(pl.String),
        gender=pl.col("Sex").map_elements(gender_of, return_dtype=pl.String),
        age=pl.col("Age").cast(pl.Float64),
        race=pl.col("Race").replace("Unknown", None),
        ethnicity=pl.col("Ethnicity").replace("Unknown", None),
    )
    facts = [name for name in actors.columns if name != "speaker"]
    joined = draft.utterances.drop(facts).join(
        actors, on="speaker", how="left", maintain_order="left"
    )
    for name in facts:
        joined = fill_missing(joined, draft.utterances.get_column(name))
    return replace(draft, utterances=joined, read=(*draft.read, path))


def _with_votes(draft: Draft, path: Path) -> Draft:
    counts = _read(path, ("", "fileName", *_VOTED))
    keys = draft.utterances.select(
        item="utterance_id",
        fileName=pl.col("audio").str.extract(r"([^/]+)\.[^./]+$"),
    )
    votes = (
        counts.with_columns(channel=pl.col("").cast(pl.String).str.slice(0, 1).replace(_CHANNELS))
        .unpivot(
            list(_VOTED), index=["fileName", "channel"], variable_name="code", value_name="count"
        )
        .filter(pl.col("count") > 0)
        .join(keys, on="fileName", how="left", maintain_order="left")
        .with_columns(value=pl.col("code").replace(_VOTED))
        .sort("item", "channel", "value")
    )
    known = votes.filter(pl.col("item").is_not_null())
    table = known.select(
        "item", "channel", "value", "count", kind=pl.lit("person"), question=pl.lit("emotion")
    )
    lost = int(votes.filter(pl.col("item").is_null()).get_column("count").sum())
    left_out = dict(draft.left_out) | ({_NOT_HERE: lost} if lost else {})
    return replace(draft, votes=VOTES.validate(table), left_out=left_out, read=(*draft.read, path))


def _read(path: Path, columns: tuple[str, ...]) -> pl.DataFrame:
    frame = read_frame(path)
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise CorpusError(
            "a column of CREMA-D's table is missing",
            file=path,
            column=missing[0] or "(the first, without a name)",
            choices=frame.columns,
        )
    return frame
