"""Label files of EMO-SUPERB and of the all-inclusive rule: shares of votes, fold by fold.

One file a fold, ``labels_consensus_<fold>.csv`` (or ``labels_consensus.csv``), with
``FileName`` (or a first column without a name), one column an emotion, and where known
``EmoAct``, ``EmoVal``, ``EmoDom``, ``SpkrID``, ``Gender``, ``Split_Set``.

Shares come smoothed (ε = 0.05) or not; smoothing is undone. Votes are the smallest whole
numbers that have the shares, as the number of raters stands nowhere. Files in a folder
``Secondary`` count several choices a rater: the question is ``emotions`` then.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from equivoice.corpora.filenames import gender_of
from equivoice.corpora.shares import MOST_VOTES, fewest_votes, is_smoothed, unsmoothed
from equivoice.corpora.source import Draft, Request
from equivoice.errors import CorpusError
from equivoice.records import FOLDS, VOTES, read_frame

__all__ = ["read_emo_superb"]

_FILE = re.compile(r"^labels_con[sc]ensus(?:_(?P<fold>[^.]+))?\.csv$")
_SCALES = {"EmoAct": "arousal", "EmoVal": "valence", "EmoDom": "dominance"}
_ABOUT = {"SpkrID": "speaker", "Gender": "gender"}
_SPLIT = "Split_Set"
_SPLITS = {
    "train": "train",
    "development": "validation",
    "validation": "validation",
    "test": "test",
}
_NO_NUMBER = (
    f"shares that no number of votes up to {MOST_VOTES} has (utterance kept, without votes)"
)


def read_emo_superb(request: Request) -> Draft:
    """Read a folder of label files, or one file.

    The label is the emotion with the largest share; null where two share it.

    Raises:
        CorpusError: no such files, shares that do not sum to 1, files that disagree
            about an utterance, or an unknown split.
    """
    paths = _paths(request)
    tables = {fold: _read(path) for fold, path in paths.items()}
    table = _agreeing(tables, paths)
    emotions = [name for name in table.columns if name not in _KNOWN]
    ids = _ids(table, request.name)
    counts, smoothed = _counts(table, emotions, paths)
    secondary = any(path.parent.name.lower() == "secondary" for path in paths.values())
    voted = counts.sum(axis=1) > 0
    return Draft(
        utterances=_utterances(table, ids, counts, emotions),
        folds=_folds(tables, request.name, paths),
        label_map={name: name for name in emotions},
        votes=_votes(ids, counts, emotions, "emotions" if secondary else "emotion"),
        left_out={} if voted.all() else {_NO_NUMBER: int((~voted).sum())},
        read=tuple(paths.values()),
        label_rule=None if secondary else "plurality",
        choices={"emotions": tuple(emotions)} if secondary else {},
        record={
            "votes": "the smallest whole numbers that have the published shares",
            "smoothing undone": smoothed,
        },
    )


_KEY = "FileName"
_KNOWN = (_KEY, *_SCALES, *_ABOUT, _SPLIT)


def _paths(request: Request) -> dict[str, Path]:
    """From the name of a fold to its file."""
    where = request.metadata
    if where is not None and where.is_file():
        return {"1": where}
    folder = request.metadata_folder()
    named = {path: _FILE.match(path.name) for path in folder.iterdir() if path.is_file()}
    found = {match["fold"] or "1": path for path, match in named.items() if match}
    if not found:
        raise CorpusError(
            "there is no labels_consensus_<fold>.csv here",
            file=folder,
            hint="give the folder Primary or Secondary of a corpus with --metadata",
        )
    return dict(sorted(found.items(), key=lambda item: (len(item[0]), item[0])))


def _read(path: Path) -> pl.DataFrame:
    frame = read_frame(path, text=(_KEY, "", *_ABOUT, _SPLIT))
    if _KEY not in frame.columns and "" in frame.columns:
        frame = frame.rename({"": _KEY})
    emotions = [name for name in frame.columns if name not in _KNOWN]
    if _KEY not in frame.columns or len(emotions) < 2:
        raise CorpusError(
            "not a label file of EMO-SUPERB: no file names, or fewer than two emotions",
            file=path,
            choices=frame.columns,
        )
    strange = [name for name in emotions if not frame.get_column(name).dtype.is_numeric()]
    if strange:
        raise CorpusError("the share of an emotion is no number", file=path, column=strange[0])
    return frame


def _agreeing(tables: dict[str, pl.DataFrame], paths: dict[str, Path]) -> pl.DataFrame:
    """Each utterance once, with what all files say of it."""
    facts = [table.drop(_SPLIT, strict=False) for table in tables.values()]
    rows = pl.concat(facts, how="diagonal_relaxed").unique(maintain_order=True)
    twice = rows.get_column(_KEY).is_duplicated()
    if twice.any():
        raise CorpusError(
            "the files disagree about an utterance",
            file=next(iter(paths.values())).parent,
            column=_KEY,
            value=rows.get_column(_KEY).filter(twice)[0],
        )
    return rows


def _ids(table: pl.DataFrame, name: str) -> pl.Series:
    return table.select(
        utterance_id=pl.lit(f"{name}/") + pl.col(_KEY).str.replace(r"\.[A-Za-z0-9]{1,5}$", "")
    ).to_series()


def _counts(
    table: pl.DataFrame, emotions: list[str], paths: dict[str, Path]
) -> tuple[NDArray[np.int64], bool]:
    """(n, C) votes, and whether the shares had been smoothed."""
    given = table.select(pl.col(emotions).cast(pl.Float64)).to_numpy()
    folder = next(iter(paths.values())).parent
    strange = ~np.isfinite(given).all(axis=1) | (given < 0).any(axis=1)
    whole = np.all(given == np.rint(given)) and bool((given.sum(axis=1) > 1).any())
    if not whole:
        strange |= np.abs(given.sum(axis=1) - 1) > 1e-3
    if strange.any():
        raise CorpusError(
            "shares that are no shares: negative, missing, or a sum that is not 1",
            file=folder,
            column=_KEY,
            value=table.get_column(_KEY)[int(np.flatnonzero(strange)[0])],
        )
    if whole:
        return given.astype(np.int64), False
    smoothed = is_smoothed(given)
    return fewest_votes(unsmoothed(given) if smoothed else given), smoothed


def _utterances(
    table: pl.DataFrame, ids: pl.Series, counts: NDArray[np.int64], emotions: list[str]
) -> pl.DataFrame:
    top = counts.max(axis=1)
    alone = (counts == top[:, np.newaxis]).sum(axis=1) == 1
    names = [
        emotions[place] if sure else None
        for place, sure in zip(counts.argmax(axis=1).tolist(), alone.tolist(), strict=True)
    ]
    known = {ours: theirs for theirs, ours in (_SCALES | _ABOUT).items() if theirs in table.columns}
    rows = table.select(
        ids,
        pl.Series("emotion", names, dtype=pl.String),
        pl.col(_KEY).alias("audio"),
        *(pl.col(theirs).alias(ours) for ours, theirs in known.items()),
    )
    if "gender" in known:
        genders = [gender_of(gender) for gender in rows.get_column("gender")]
        rows = rows.with_columns(gender=pl.Series(genders, dtype=pl.String))
    return rows


def _votes(
    ids: pl.Series, counts: NDArray[np.int64], emotions: list[str], question: str
) -> pl.DataFrame:
    table = pl.DataFrame(counts, schema=emotions, orient="row").with_columns(ids.alias("item"))
    votes = (
        table.with_row_index("row")
        .unpivot(emotions, index=["row", "item"], variable_name="value", value_name="count")
        .filter(pl.col("count") > 0)
        .sort("row", maintain_order=True)
    )
    return VOTES.validate(
        votes.drop("row").with_columns(kind=pl.lit("person"), question=pl.lit(question))
    )


def _folds(tables: dict[str, pl.DataFrame], name: str, paths: dict[str, Path]) -> pl.DataFrame:
    parts = [FOLDS.empty()]
    for fold, table in tables.items():
        if _SPLIT not in table.columns:
            continue
        given = table.get_column(_SPLIT).str.to_lowercase()
        strange = ~given.is_in(list(_SPLITS))
        if strange.any():
            row = int(strange.arg_true()[0])
            raise CorpusError(
                "an unknown split",
                file=paths[fold],
                row=row + 1,
                column=_SPLIT,
                value=table.get_column(_SPLIT)[row],
                choices=("Train", "Development", "Test"),
            )
        split = given.replace_strict(_SPLITS, return_dtype=pl.String)
        parts.append(
            pl.DataFrame({"utterance_id": _ids(table, name), "split": split}).select(
                "utterance_id", pl.lit(fold).alias("fold"), "split"
            )
        )
    return FOLDS.validate(pl.concat(parts))
