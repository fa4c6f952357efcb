"""CREMA-D: actor, sentence and level in the name; demographics and votes in its own CSVs.

Votes come as counts (``tabulatedVotes.csv``) or as single responses with the raters'
names (``finishedResponses.csv``). Channels by the first digit of the count's row and by
``queryType`` of a response: 1 voice, 2 face, 3 both [readme: CREMA-D, docs/README.md].
"""

from __future__ import annotations

from collections.abc import Callable
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
_RESPONSES = "finishedResponses*.csv"
_RESPONSE = ("localid", "queryType", "clipName", "respEmo", "respLevel")
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

    The extra folder holds CREMA-D's ``VideoDemographics.csv``, its votes, or both. Of
    two tables of votes the counts are read, unless the other is named (``--table``):
    both together would count each vote twice.
    """
    named = with_name_parts(draft.utterances, _NAME, values={"level": _LEVELS})
    draft = replace(draft, utterances=named)
    if request.extra is None:
        return draft
    actors, answers = request.extra / _ACTORS, _answers(request.extra, request.table)
    if answers is None and not actors.is_file():
        raise CorpusError(
            f"the extra folder holds neither {_ACTORS} nor {_ANSWERS}", file=request.extra
        )
    if actors.is_file():
        draft = _with_actors(draft, actors)
    if answers is None:
        return draft
    return _with_votes(draft, answers, _counts if answers.name == _ANSWERS else _responses)


def _answers(folder: Path, wanted: str | None) -> Path | None:
    """The table of votes to read, if there is one."""
    found = sorted(folder.glob(_RESPONSES))
    if wanted is not None and not (folder / wanted).is_file():
        names = [path.name for path in (folder / _ANSWERS, *found) if path.is_file()]
        raise CorpusError(
            "there is no such table of votes", file=folder, value=wanted, choices=names
        )
    if wanted is not None or (folder / _ANSWERS).is_file():
        return folder / (wanted or _ANSWERS)
    if len(found) > 1:
        raise CorpusError(
            f"the folder holds {len(found)} tables of responses, so one has to be named",
            file=folder,
            choices=[path.name for path in found],
            hint="name it with --table",
        )
    return found[0] if found else None


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


def _with_votes(draft: Draft, path: Path, read: Callable[[Path], pl.DataFrame]) -> Draft:
    """Add votes out of rows with fileName, channel, question, count and what they hold."""
    keys = draft.utterances.select(
        item="utterance_id",
        fileName=pl.col("audio").str.extract(r"([^/]+)\.[^./]+$"),
    )
    votes = read(path).join(keys, on="fileName", how="left", maintain_order="left")
    known = votes.filter(pl.col("item").is_not_null()).drop("fileName")
    table = known.with_columns(kind=pl.lit("person")).sort(
        "item", "channel", "question", "value", maintain_order=True
    )
    lost = int(votes.filter(pl.col("item").is_null()).get_column("count").sum())
    left_out = dict(draft.left_out) | ({_NOT_HERE: lost} if lost else {})
    return replace(draft, votes=VOTES.validate(table), left_out=left_out, read=(*draft.read, path))


def _counts(path: Path) -> pl.DataFrame:
    counts = _read(path, ("", "fileName", *_VOTED))
    return (
        counts.with_columns(channel=pl.col("").cast(pl.String).str.slice(0, 1).replace(_CHANNELS))
        .unpivot(
            list(_VOTED), index=["fileName", "channel"], variable_name="code", value_name="count"
        )
        .filter(pl.col("count") > 0)
        .select(
            "fileName",
            "channel",
            "count",
            value=pl.col("code").replace(_VOTED),
            question=pl.lit("emotion"),
        )
    )


def _responses(path: Path) -> pl.DataFrame:
    """An answer and its level (0 to 100) for each response."""
    rows = _read(path, _RESPONSE)
    for column, meanings in (("queryType", _CHANNELS), ("respEmo", _VOTED)):
        given = rows.get_column(column).cast(pl.String)
        strange = ~given.is_in(list(meanings)).fill_null(value=False)
        if strange.any():
            row = int(strange.arg_true()[0])
            raise CorpusError(
                "a code that has no meaning",
                file=path,
                row=row + 1,
                column=column,
                value=given[row],
                choices=meanings,
            )
    answers = rows.select(
        fileName="clipName",
        channel=pl.col("queryType").cast(pl.String).replace(_CHANNELS),
        rater="localid",
        count=pl.lit(1),
        question=pl.lit("emotion"),
        value=pl.col("respEmo").replace(_VOTED),
        number=pl.lit(None, pl.Float64),
    )
    levels = answers.with_columns(
        question=pl.lit("level"),
        value=pl.lit(None, pl.String),
        number=rows.get_column("respLevel").cast(pl.Float64),
        count=pl.lit(1),
    )
    return pl.concat([answers, levels])


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
