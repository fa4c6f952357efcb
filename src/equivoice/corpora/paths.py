"""Where an utterance's sound lies: stored paths, absolute paths, other suffixes."""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl

from equivoice.errors import CorpusError

__all__ = ["AUDIO_SUFFIXES", "AudioFinder", "absolute_audio", "stored_audio"]

AUDIO_SUFFIXES = (".flac", ".wav", ".ogg", ".opus", ".mp3", ".aiff", ".aif", ".au", ".m4a")


class AudioFinder:
    """Finds sound files, also under another audio suffix; reads each folder once.

    Example:
        >>> import tempfile, pathlib
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> (folder / "a.flac").touch()
        >>> AudioFinder().find(folder / "a.wav").name
        'a.flac'
    """

    def __init__(self) -> None:
        self._names: dict[Path, frozenset[str]] = {}

    def find(self, path: Path) -> Path:
        """The file itself, its twin with another suffix, or the path where neither is there."""
        names = self._listing(path.parent)
        if path.name in names:
            return path
        stem = path.stem
        for suffix in AUDIO_SUFFIXES:
            for spelled in (suffix, suffix.upper()):
                if stem + spelled in names:
                    return path.with_name(stem + spelled)
        return path

    def exists(self, path: Path) -> bool:
        """Whether there is a file of exactly this name."""
        return path.name in self._listing(path.parent)

    def _listing(self, folder: Path) -> frozenset[str]:
        if folder not in self._names:
            self._names[folder] = _names_in(folder)
        return self._names[folder]


def _names_in(folder: Path) -> frozenset[str]:
    try:
        with os.scandir(folder) as entries:
            return frozenset(entry.name for entry in entries if entry.is_file())
    except OSError:  # no such folder, or no right to look: nothing is found there
        return frozenset()


def absolute_audio(
    audio: str,
    *,
    folder: Path,
    allow_absolute: bool = True,
    table: Path | None = None,
    row: int = 0,
) -> Path:
    """The absolute path of an audio entry, or an error where it leaves the folder.

    Args:
        audio: the entry as it stands in the table.
        folder: the table's folder, absolute.
        allow_absolute: whether an absolute entry may point outside the folder.
        table: the table, for the message.
        row: the row counted from 1, for the message.

    Raises:
        CorpusError: a relative path climbs out of the folder, an absolute one lies
            outside where that is not allowed, or the entry is no path at all.
    """
    given = Path(audio)
    path = Path(os.path.normpath(folder / given))
    inside = path.is_relative_to(os.path.normpath(folder))
    if "\0" in audio or not audio.strip():
        problem = "this is no path"
    elif inside or (given.is_absolute() and allow_absolute):
        return path
    else:
        problem = "the audio path leads out of the table's folder"
    raise CorpusError(
        problem,
        file=table,
        row=row or None,
        column="audio",
        value=audio,
        hint="give a path below the folder, or an absolute path where those are allowed",
    )


def stored_audio(utterances: pl.DataFrame, *, folder: Path, audio_root: Path) -> pl.DataFrame:
    """The utterances with audio relative where it lies below ``folder``, else absolute."""
    base = Path(os.path.normpath(folder.absolute()))
    root = audio_root.absolute()
    paths = [
        None if audio is None else _stored(Path(os.path.normpath(root / audio)), base)
        for audio in utterances.get_column("audio").to_list()
    ]
    return utterances.with_columns(pl.Series("audio", paths, dtype=pl.String))


def _stored(path: Path, base: Path) -> str:
    return path.relative_to(base).as_posix() if path.is_relative_to(base) else str(path)
