"""MELD-ST: lines of Friends in English, German and Japanese, in two pairs of languages.

The folder is that of ``ku-nlp/MELD-ST`` with the recordings beside the tables::

    ENG_DEU/deu_train.csv  deu_valid.csv  deu_test.csv
    ENG_DEU/ENG/train/train_0.wav    ENG_DEU/DEU/dev/dev_0.wav
    ENG_JPN/jpn_train.csv ...        ENG_JPN/JPN/test/test_0.wav

Both pairs hold English. It is taken from one of them, or the same line would be counted
twice, and a line for training in one pair could be one for testing in the other. That
pair is ENG_JPN where it is there, as in ERM-MinMaxGAP, whose Table 1 counts as many
English lines as Japanese ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from equivoice.corpora.friends import gender_table, main_cast
from equivoice.corpora.source import Draft, Request
from equivoice.errors import CorpusError
from equivoice.records import FOLDS, read_frame

__all__ = ["PAIRS", "read_meld_st"]

GENDERS = "speakers.csv"
_SEVERAL = r"(?i)^(all|both|everyone|everybody)$|[/&,]|\band\b"
"""Names that stand for several speakers at once, such as ``Ross and Rachel``."""

# Our name of a part, its table's, and the folder's and files' of its recordings.
_PARTS = (("train", "train", "train"), ("validation", "valid", "dev"), ("test", "test", "test"))
_COLUMNS = ("id", "dia_id", "utt_id", "emotion", "season", "episode", "speaker")
_TEXT = ("emotion", "speaker", "English", "German", "Japanese")


@dataclass(frozen=True)
class _Side:
    """One language of a pair: its folder, its tag, and the column of its text."""

    folder: str
    tag: str
    column: str


_ENGLISH = _Side("ENG", "en", "English")
PAIRS: Mapping[str, _Side] = {
    "ENG_JPN": _Side("JPN", "ja", "Japanese"),
    "ENG_DEU": _Side("DEU", "de", "German"),
}
"""From a pair to its other language; English is that of the first pair that is there."""


def read_meld_st(request: Request) -> Draft:
    """Read the tables of both pairs, or of the pair that ``request.table`` names.

    The gender of the main cast is known; ``speakers.csv`` (columns speaker, gender) in
    the extra folder goes before it. Lines that several speakers say are left out.

    Raises:
        CorpusError: a file is missing or has another form; names file and column.
    """
    # tables and recordings lie in one folder, so either option names it
    root = replace(request, metadata=request.metadata or request.audio).metadata_folder()
    found = _pairs(root, request.table)
    tables = {pair: _rows(root, pair, request.name) for pair in found}
    english = found[0]
    sides = [tables[english][_ENGLISH.folder]]
    sides += [tables[pair][PAIRS[pair].folder] for pair in found]
    lines = pl.concat(sides)
    several = pl.col("speaker").str.contains(_SEVERAL).fill_null(value=False)
    alone = lines.filter(~several)
    given = {} if request.extra is None else gender_table(request.extra / GENDERS)
    genders = {**main_cast(), **given}
    told = alone.with_columns(
        gender=pl.col("speaker").replace_strict(genders, default=None, return_dtype=pl.String)
    )
    lost = lines.height - alone.height
    return Draft(
        utterances=told.drop("split"),
        folds=FOLDS.validate(told.select("utterance_id", "split", fold=pl.lit("1"))),
        left_out={"line of several speakers at once": lost} if lost else {},
        read=(
            *(_table(root, pair, part) for pair in found for _, part, _ in _PARTS),
            *(() if request.extra is None else (request.extra / GENDERS,)),
        ),
        audio_root=root if request.audio is None else None,
        record={"MELD-ST": _found(told, genders, english)},
    )


def _pairs(root: Path, wanted: str | None) -> list[str]:
    """The pairs that are read, in the order in which English is looked for."""
    if wanted is not None and wanted not in PAIRS:
        raise CorpusError(
            "MELD-ST has no such pair of languages", value=wanted, choices=list(PAIRS)
        )
    found = [wanted] if wanted else [pair for pair in PAIRS if (root / pair).is_dir()]
    if not found:
        raise CorpusError(
            "no pair of languages of MELD-ST lies here",
            file=root,
            choices=list(PAIRS),
            hint="name the folder that holds ENG_DEU and ENG_JPN",
        )
    return found


def _table(root: Path, pair: str, part: str) -> Path:
    return root / pair / f"{PAIRS[pair].folder.lower()}_{part}.csv"


def _rows(root: Path, pair: str, name: str) -> dict[str, pl.DataFrame]:
    """Both languages of a pair, by the name of their folder."""
    sides = (_ENGLISH, PAIRS[pair])
    made: dict[str, list[pl.DataFrame]] = {side.folder: [] for side in sides}
    for split, part, recorded in _PARTS:
        frame = _read(_table(root, pair, part), pair)
        for side in sides:
            made[side.folder].append(_lines(frame, side, f"{pair}/{side.folder}", split, recorded))
    key = pl.lit(f"{name}/") + pl.col("audio").str.strip_suffix(".wav")
    return {
        folder: pl.concat(parts).with_columns(utterance_id=key) for folder, parts in made.items()
    }


def _read(path: Path, pair: str) -> pl.DataFrame:
    frame = read_frame(path, text=_TEXT)
    wanted = (*_COLUMNS, _ENGLISH.column, PAIRS[pair].column)
    missing = [name for name in wanted if name not in frame.columns]
    if missing:
        raise CorpusError(
            f"not a table of MELD-ST's {pair}",
            file=path,
            column=missing[0],
            choices=frame.columns,
        )
    for name in _COLUMNS:
        given = frame.get_column(name)
        wrong = given.is_null() if name in _TEXT else given.cast(pl.Int64, strict=False).is_null()
        if wrong.any():
            row = int(wrong.arg_true()[0])
            what = "a line without its" if name in _TEXT else "not a whole number as"
            raise CorpusError(
                f"{what} {name}", file=path, row=row + 1, column=name, value=given[row]
            )
    return frame


def _lines(
    frame: pl.DataFrame, side: _Side, folder: str, split: str, recorded: str
) -> pl.DataFrame:
    text = pl.col(side.column).str.strip_chars()
    episode = pl.format("s{}e{}", pl.col("season"), pl.col("episode"))
    return frame.select(
        audio=pl.format(f"{folder}/{recorded}/{recorded}_{{}}.wav", pl.col("id")),
        split=pl.lit(split),
        language=pl.lit(side.tag),
        transcript=pl.when(text != "").then(text),
        speaker=pl.col("speaker").str.strip_chars(),
        # a dialogue is of one language and one episode; its number alone is not unique
        dialogue=pl.format("{}/{}/dia{}", pl.lit(side.tag), episode, pl.col("dia_id")),
        turn=pl.col("utt_id").cast(pl.Int64),
        emotion=pl.col("emotion").str.strip_chars(),
        season=pl.col("season").cast(pl.Int64),
        episode=pl.col("episode").cast(pl.Int64),
        line=pl.format("{}/dia{}/utt{}", episode, pl.col("dia_id"), pl.col("utt_id")),
    )


def _found(told: pl.DataFrame, genders: Mapping[str, str], english: str) -> dict[str, object]:
    """What a reader must know of what was read, for ``corpus.json``."""
    nobody = told.filter(pl.col("gender").is_null())
    parts = told.group_by("line").agg(pl.col("split").n_unique().alias("parts"))
    dialogues = told.group_by("dialogue").agg(pl.col("split").n_unique().alias("parts"))
    return {
        "English from": english,
        "speakers": told.get_column("speaker").n_unique(),
        "speakers without gender": nobody.get_column("speaker").n_unique(),
        "lines without gender": nobody.height,
        "speakers of the gender table who say nothing": sorted(
            set(genders) - set(told.get_column("speaker"))
        ),
        "lines in different parts in different languages": parts.filter(pl.col("parts") > 1).height,
        "dialogues in several parts": dialogues.filter(pl.col("parts") > 1).height,
    }
