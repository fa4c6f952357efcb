"""MSP-Podcast: the label files of every release, with all raters.

The metadata folder is the release's folder ``Labels`` (or the one it lies in)::

    labels_consensus.csv   one row a file; labels_concensus.csv before release 1.10
    labels_detailed.csv    one row a rating, in one of three forms
    labels.txt             the same ratings in blocks

Ratings come from ``labels_detailed.csv`` where it is there, else from ``labels.txt``;
``--table labels.txt`` chooses. Without a table of consensus the blocks' first lines
stand in for it; speaker, gender and splits are unknown then.

The column ``consensus`` holds what the release says the raters agreed on, ``other``
and ``no agreement`` included; ``emotion`` is null for these two. Each test set is one
fold, named after it, with the same training and development parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from equivoice.corpora.filenames import gender_of
from equivoice.corpora.msp_labels import NAMES, MspLabels, read_blocks, read_detailed, votes_of
from equivoice.corpora.source import Draft, Request
from equivoice.errors import CorpusError
from equivoice.records import FOLDS, read_frame

__all__ = ["LETTERS", "read_msp_podcast"]

LETTERS = {
    "A": "angry",
    "S": "sad",
    "H": "happy",
    "U": "surprise",
    "F": "fear",
    "D": "disgust",
    "C": "contempt",
    "N": "neutral",
    "O": "other",
    "X": "no agreement",
}
"""What the letters of the consensus mean [readme]."""

_NO_LABEL = ("O", "X")
_FOLDERS = ("", "Labels", "labels", "label")
_CONSENSUS = ("labels_consensus.csv", "labels_concensus.csv")
_DETAILED = "labels_detailed.csv"
_BLOCKS = "labels.txt"
_THEIRS = {"file": "FileName", "letter": "EmoClass", "arousal": "EmoAct", "valence": "EmoVal",
           "dominance": "EmoDom"}  # fmt: skip
_ABOUT = {"speaker": "SpkrID", "gender": "Gender", "split": "Split_Set"}
_SPLITS = {"train": "train", "development": "validation", "validation": "validation"}
_MOST_KEPT = 1000


@dataclass(frozen=True)
class _Release:
    """The files that were found; ``blocks`` tells the form of the ratings' file."""

    ratings: Path
    consensus: Path | None

    @property
    def blocks(self) -> bool:
        return self.ratings.suffix == ".txt"


def read_msp_podcast(request: Request) -> Draft:
    """Read the label files of a release.

    Lines and rows that are cut off are left out, counted by reason, and kept word by
    word in ``corpus.json`` with their place.

    Raises:
        CorpusError: no label files, a table of another form, an unknown letter or split.
    """
    release = _found(request)
    labels = read_blocks(release.ratings) if release.blocks else read_detailed(release.ratings)
    table = _consensus(release, labels)
    utterances = _utterances(table, request.name)
    ratings, lost = _of_these(labels.ratings, utterances)
    reasons = [one.why for one in labels.damaged]
    left_out = {
        f"in {release.ratings.name}: {why}": reasons.count(why) for why in sorted(set(reasons))
    }
    if lost:
        left_out[f"rating of a file that {_name(release.consensus)} does not hold"] = lost
    return Draft(
        utterances=utterances.drop("file", "split"),
        folds=_folds(utterances, release.consensus),
        votes=votes_of(ratings, channel="voice"),
        left_out=left_out,
        read=tuple(path for path in (release.consensus, release.ratings) if path is not None),
        label_rule="plurality",
        choices={"emotions": tuple(dict.fromkeys(NAMES.values()))},
        record=_damage(release.ratings, labels),
    )


def _found(request: Request) -> _Release:
    folder = request.metadata_folder()
    places = [folder / name for name in _FOLDERS]
    files = {path.name: path for place in reversed(places) for path in _files(place)}
    consensus = next((files[name] for name in _CONSENSUS if name in files), None)
    wanted = (request.table,) if request.table else (_DETAILED, _BLOCKS)
    ratings = next((files[name] for name in wanted if name in files), None)
    if ratings is None or ratings.suffix not in (".csv", ".txt"):
        raise CorpusError(
            f"there is no {' or '.join(wanted)} here",
            file=folder,
            choices=(_DETAILED, _BLOCKS),
            hint="give the folder Labels of the release with --metadata",
        )
    if consensus is None and ratings.suffix == ".csv":
        raise CorpusError(f"there is no {_CONSENSUS[0]} here", file=folder)
    return _Release(ratings, consensus)


def _files(place: Path) -> list[Path]:
    return [path for path in place.iterdir() if path.is_file()] if place.is_dir() else []


def _name(path: Path | None) -> str:
    return _BLOCKS if path is None else path.name


def _consensus(release: _Release, labels: MspLabels) -> pl.DataFrame:
    """File, letter, attributes; speaker, gender and split where there is a table."""
    if release.consensus is None:
        rated = labels.ratings.select(pl.col("file").unique(maintain_order=True))
        headless = rated.join(labels.heads, on="file", how="anti", maintain_order="left")
        table = pl.concat([labels.heads, headless], how="diagonal").with_columns(
            pl.lit(None, pl.String).alias(name) for name in _ABOUT
        )
    else:
        table = _read_consensus(release.consensus)
    return _checked(table, release.consensus or release.ratings)


def _read_consensus(path: Path) -> pl.DataFrame:
    texts = ("FileName", "EmoClass", *_ABOUT.values())
    frame = read_frame(path, text=texts)
    missing = [name for name in _THEIRS.values() if name not in frame.columns]
    if missing:
        raise CorpusError(
            "not the table of consensus of MSP-Podcast",
            file=path,
            column=missing[0],
            choices=frame.columns,
        )
    about = [
        (pl.col(theirs) if theirs in frame.columns else pl.lit(None, pl.String)).alias(ours)
        for ours, theirs in _ABOUT.items()
    ]
    return frame.select(*(pl.col(theirs).alias(ours) for ours, theirs in _THEIRS.items()), *about)


def _checked(table: pl.DataFrame, path: Path) -> pl.DataFrame:
    strange = table.get_column("letter").is_in(list(LETTERS)).not_().fill_null(value=False)
    if strange.any():
        row = int(strange.arg_true()[0])
        raise CorpusError(
            "a letter that stands for no emotion",
            file=path,
            row=None if path.suffix == ".txt" else row + 1,
            column="EmoClass",
            value=table.get_column("letter")[row],
            choices=LETTERS,
        )
    twice = table.get_column("file").is_duplicated()
    if twice.any():
        raise CorpusError(
            "a file stands here twice",
            file=path,
            column="FileName",
            value=table.get_column("file").filter(twice)[0],
        )
    return table


def _utterances(table: pl.DataFrame, name: str) -> pl.DataFrame:
    letter = pl.col("letter")
    genders = [gender_of(gender) for gender in table.get_column("gender")]
    return table.with_columns(
        utterance_id=_item(name),
        audio=pl.col("file"),
        speaker=pl.when(pl.col("speaker").str.to_lowercase() != "unknown").then("speaker"),
        gender=pl.Series(genders, dtype=pl.String),
        emotion=pl.when(~letter.is_in(_NO_LABEL)).then(letter),
        consensus=letter.replace_strict(LETTERS),
    ).drop("letter")


def _item(name: str) -> pl.Expr:
    return pl.lit(f"{name}/") + pl.col("file").str.replace(r"\.[A-Za-z0-9]{1,5}$", "")


def _of_these(ratings: pl.DataFrame, utterances: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """The ratings of these utterances, with their ids; and how many others there are."""
    known = ratings.join(
        utterances.select("file", item="utterance_id"),
        on="file",
        how="inner",
        maintain_order="left",
    )
    return known.drop("file"), ratings.height - known.height


def _folds(utterances: pl.DataFrame, path: Path | None) -> pl.DataFrame:
    """One fold for each test set; fold 1 where there is none."""
    rows = utterances.select("utterance_id", "split").drop_nulls()
    tests = sorted({name for name in rows["split"] if name.lower().startswith("test")})
    unknown = [
        name for name in rows["split"].unique() if name.lower() not in _SPLITS and name not in tests
    ]
    if unknown:
        raise CorpusError(
            "an unknown split",
            file=path,
            column="Split_Set",
            value=sorted(unknown)[0],
            choices=("Train", "Development", "Validation", "Test1", "Test2", "Test3"),
        )
    lower = pl.col("split").str.to_lowercase()
    common = rows.filter(lower.is_in(list(_SPLITS))).with_columns(
        split=lower.replace_strict(_SPLITS, default=None)
    )
    parts = [_fold(rows, common, test) for test in tests] or [common.with_columns(fold=pl.lit("1"))]
    return FOLDS.validate(pl.concat(parts))


def _fold(rows: pl.DataFrame, common: pl.DataFrame, test: str) -> pl.DataFrame:
    own = rows.filter(pl.col("split") == test).with_columns(split=pl.lit("test"))
    return pl.concat([common, own]).with_columns(fold=pl.lit(test))


def _damage(path: Path, labels: MspLabels) -> dict[str, Any]:
    if not labels.damaged:
        return {}
    where = "line" if path.suffix == ".txt" else "row"
    kept: Sequence[dict[str, Any]] = [
        {where: one.place, "why": one.why, "text": one.text} for one in labels.damaged[:_MOST_KEPT]
    ]
    return {"damaged": {"file": path.name, "number": len(labels.damaged), "first": list(kept)}}
