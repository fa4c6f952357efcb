"""Which sounds are to be labelled: files, folders, patterns, tables of utterances, lists."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from equivoice.audio.decode import probe
from equivoice.corpora.corpus import with_audio_paths
from equivoice.corpora.paths import AUDIO_SUFFIXES
from equivoice.errors import AudioError, InputError
from equivoice.records import TABLE_SUFFIXES, UTTERANCES, read_table

__all__ = ["Found", "find_sounds"]

_CORPUS = "files"
_KEPT = ("start", "end", "language", "transcript", "speaker", "gender", "duration")
_MAGIC = frozenset("*?[")


@dataclass(frozen=True)
class Found:
    """What is to be labelled.

    Args:
        utterances: a table of ``records.UTTERANCES`` with the further column ``file``: the
            path as it was given, or an utterance's id in a table.
        damaged: from a file to why it cannot be used.
    """

    utterances: pl.DataFrame
    damaged: dict[str, str]


def find_sounds(
    given: Sequence[str | Path], listed: Iterable[str] = (), *, heard: bool = True
) -> Found:
    """The sounds that are meant, each once, in the order given.

    Args:
        given: sound files; folders, whose sound files are taken at any depth; patterns
            (``clips/*.wav``, ``**`` for any depth); tables of utterances with ``audio`` or
            ``transcript``.
        listed: further paths, one a line, such as those on standard input. Among these a
            missing file is left out and named; among ``given`` it is an error.
        heard: whether the sound is heard; else tables with transcripts need none.

    Raises:
        InputError: nothing there, a pattern that fits nothing, or no sound at all.

    Example:
        >>> import tempfile, numpy, soundfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> soundfile.write(folder / "a.wav", numpy.zeros(8000), 16000)
        >>> _ = (folder / "b.wav").write_text("no sound")
        >>> found = find_sounds([folder])
        >>> [Path(each).name for each in found.utterances["file"]], list(found.damaged.values())
        (['a.wav'], ['not a sound file that can be read (Format not recognised.)'])
    """
    tables: list[pl.DataFrame] = []
    damaged: dict[str, str] = {}
    for text in given:
        path = Path(text)
        if path.suffix.lower() in TABLE_SUFFIXES and path.is_file():
            tables.append(_from_table(path, damaged, heard=heard))
        else:
            tables.append(_rows(_meant(str(text)), damaged))
    lines = (line.strip() for line in listed)
    tables.append(_rows((line for line in lines if line), damaged))
    rows = pl.concat(tables, how="diagonal_relaxed")
    rows = rows.unique("utterance_id", keep="first", maintain_order=True)
    if rows.is_empty() and not damaged:
        raise InputError(
            "no sound was found",
            value=", ".join(map(str, given)) or None,
            hint=f"name files, folders or patterns of sounds ({', '.join(AUDIO_SUFFIXES)})",
        )
    return Found(rows, damaged)


def _meant(text: str) -> list[str]:
    """The files that one argument means; a path that exists is never read as a pattern."""
    path = Path(text)
    if path.is_file():
        return [text]
    if path.is_dir():
        inside = sorted(each for each in path.rglob("*") if each.suffix.lower() in AUDIO_SUFFIXES)
        if not inside:
            raise InputError("no sound stands in this folder", file=path, choices=AUDIO_SUFFIXES)
        return [str(each) for each in inside]
    if not _MAGIC & set(text):
        raise InputError("there is no such file or folder", file=path, hint="check the path")
    # pathlib has no patterns that begin at the root
    found = glob.glob(text, recursive=True)  # noqa: PTH207
    fitting = sorted(each for each in found if Path(each).is_file())
    if not fitting:
        raise InputError("no file fits this pattern", value=text, hint="** stands for any depth")
    return fitting


def _rows(files: Iterable[str], damaged: dict[str, str]) -> pl.DataFrame:
    kept = []
    for file in files:
        seconds = _length(Path(file), file, damaged)
        if seconds is not None:
            kept.append((file, str(Path(file).absolute()), seconds))
    rows = {
        "utterance_id": [f"{_CORPUS}/{file}" for file, _, _ in kept],
        "corpus": [_CORPUS] * len(kept),
        "audio": [path for _, path, _ in kept],
        "duration": [seconds for _, _, seconds in kept],
    }
    types = {name: UTTERANCES.column(name).dtype for name in rows}
    named = pl.Series("file", [file for file, _, _ in kept], dtype=pl.String)
    return UTTERANCES.validate(pl.DataFrame(rows, schema=types).with_columns(named))


def _length(path: Path, file: str, damaged: dict[str, str]) -> float | None:
    """The seconds of a sound by its header; nothing where it cannot be used, which is noted."""
    try:
        return probe(path).duration
    except AudioError as error:
        damaged[file] = error.problem
        return None


def _from_table(path: Path, damaged: dict[str, str], *, heard: bool) -> pl.DataFrame:
    table = read_table(path, UTTERANCES)
    if heard and table.get_column("audio").null_count() == table.height:
        raise InputError(
            "the table names no sound",
            file=path,
            column="audio",
            hint="fill the column audio, or take a model that reads transcripts",
        )
    if heard:
        table = with_audio_paths(table, path)
        table = table.filter(pl.Series(list(_usable(table, damaged)), dtype=pl.Boolean))
    return table.select(
        "utterance_id",
        pl.lit(_CORPUS).alias("corpus"),
        "audio",
        *_KEPT,
        pl.col("utterance_id").alias("file"),
    )


def _usable(table: pl.DataFrame, damaged: dict[str, str]) -> Iterator[bool]:
    for name, audio in table.select("utterance_id", "audio").iter_rows():
        if audio is None:
            damaged[name] = "the utterance has no sound"
            yield False
            continue
        yield _length(Path(audio), name, damaged) is not None
