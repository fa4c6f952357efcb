"""What every folder of results does alike: a lock to write under, a record, texts by name."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

import polars as pl
import pydantic

from equivoice.errors import ConfigError, InputError, RunError, StorageError
from equivoice.records import RunRecord, Schema, read_table, replace_file, write_table
from equivoice.store.lock import LOCK_FILES, FolderLock
from equivoice.store.provenance import differences
from equivoice.store.writing import storing

__all__ = ["RECORD", "LockedFolder"]

RECORD = "run.json"
"""The file of the run record."""


class LockedFolder(ABC):
    """A folder that one process at a time writes into.

    Make one with :meth:`open` (to write, under the lock) or :meth:`read`.

    Attributes:
        path: the folder.
    """

    WORK: ClassVar[str]
    """What is done in such a folder, for messages: ``run``, ``training``."""

    NOTHING: ClassVar[str]
    """What is said of a folder in which no such work was begun."""

    NAME_INSTEAD: ClassVar[str]
    """What to name instead, for the same message."""

    VERB: ClassVar[str | None] = None
    """The verb of the records in such folders; ``None`` where there are several."""

    TEXT_NAME: ClassVar[re.Pattern[str]]
    """The names that texts may have."""

    TEXT_EXAMPLE: ClassVar[str]
    """One of them, for messages."""

    BESIDE_NO_RECORD: ClassVar[frozenset[str]] = frozenset()
    """What may stand in a folder before its record does."""

    def __init__(self, path: Path, *, lock: FolderLock | None = None) -> None:
        self.path = path
        self._lock = lock

    # ------------------------------------------------------------ open and close

    @classmethod
    def open(cls, path: str | Path, *, overwrite: bool = False) -> Self:
        """A folder to write to, made where it does not exist, under its lock.

        Use it in a ``with`` statement, or call :meth:`close`.

        Args:
            path: the folder; it is empty, new or of the same kind.
            overwrite: begin anew: remove the results that stand there (its own files
                only, nothing else).

        Raises:
            InputError: ``path`` is a file, or a folder with other things in it.
            LockedRunError: another process works on the folder; it is named.
            StorageError: the folder cannot be made or written to.
        """
        path = Path(path)
        cls._refuse_foreign(path)
        with storing(path):
            path.mkdir(parents=True, exist_ok=True)
        lock = FolderLock(path)
        lock.take()
        folder = cls(path, lock=lock)
        try:
            folder._mend_halves()
            if overwrite:
                folder._clear()
        except StorageError:
            folder.close()
            raise
        return folder

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """A folder to read from; no lock is taken and nothing is written.

        Raises:
            InputError: no such work was begun in this folder, or its record is damaged.
        """
        folder = cls(Path(path))
        if not folder.has_record or cls.VERB not in (None, folder.record.verb):
            raise InputError(cls.NOTHING, file=path, hint=cls.NAME_INSTEAD)
        return folder

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the lock back; the folder can still be read."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    @property
    def writable(self) -> bool:
        """Whether the folder was opened to write to, and is still open."""
        return self._lock is not None

    # ---------------------------------------------------------------- the record

    @property
    def has_record(self) -> bool:
        """Whether work was begun in this folder."""
        return (self.path / RECORD).is_file()

    @property
    def record(self) -> RunRecord:
        """The run record as it stands on disk.

        Raises:
            RunError: nothing was begun here.
            InputError: the record is damaged or of another version.
        """
        file = self.path / RECORD
        if not file.is_file():
            raise RunError(f"no {self.WORK} was begun in {self.path}")
        try:
            return RunRecord.model_validate_json(file.read_text(encoding="utf-8"))
        except (pydantic.ValidationError, UnicodeDecodeError) as error:
            reason = str(error).splitlines()[0]
            raise InputError(f"the run record cannot be read: {reason}", file=file) from error

    def save_record(self, record: RunRecord) -> None:
        """Write the run record, whole or not at all.

        Raises:
            StorageError: it could not be written; the old one stands.
        """
        self._write_text(RECORD, record.model_dump_json(indent=2) + "\n")

    def begin(self, record: RunRecord, *, instead: str = "") -> None:
        """Start the work of a record, or go on with the same one.

        Args:
            record: of what shall be done.
            instead: what else the hint of the error offers.

        Raises:
            ConfigError: another work stands in the folder; what differs is named.
            StorageError: the record could not be written.
        """
        if not self.has_record:
            self.save_record(record)
            return
        old = self.record
        changed = differences(old, record, versions=old.finished is None)
        if changed:
            raise ConfigError(
                f"{self.path} holds another run, which differs in {len(changed)} settings:\n  - "
                + "\n  - ".join(changed),
                hint="give another --out, or --overwrite to begin anew" + instead,
            )

    # --------------------------------------------------------------------- texts

    def write_text(self, name: str, text: str) -> Path:
        """Write a text such as a report into the folder, whole or not at all.

        Args:
            name: a plain file name with one of the endings of texts, and none of the
                folder's own files.
            text: what to write, in UTF-8.

        Raises:
            InputError: the name is not such a name.
            StorageError: the text could not be written.
        """
        if not self.TEXT_NAME.fullmatch(name) or name == RECORD:
            raise InputError(
                "not a name for a text in a run folder",
                value=name,
                hint=f"such as {self.TEXT_EXAMPLE}",
            )
        return self._write_text(name, text)

    def read_text(self, name: str) -> str | None:
        """A text of the folder; ``None`` where there is none of this name."""
        file = self.path / name
        return file.read_text(encoding="utf-8") if file.is_file() else None

    # ---------------------------------------------------------------- inner part

    @abstractmethod
    def _mend_halves(self) -> None:
        """Put right what a killed process left behind."""

    @abstractmethod
    def _clear(self) -> None:
        """Remove what the work writes, the record first: what remains is then not resumed."""

    @classmethod
    def _refuse_foreign(cls, path: Path) -> None:
        if path.exists() and not path.is_dir():
            raise InputError(f"this is a file, and a {cls.WORK} needs a folder", file=path)
        # A lock file says that this was such a folder before, even if a process was
        # killed between clearing it and writing the first record.
        if not path.is_dir() or any((path / name).exists() for name in (RECORD, *LOCK_FILES)):
            return
        inside = (item.name for item in path.iterdir())
        foreign = sorted(name for name in inside if name not in cls.BESIDE_NO_RECORD)
        if foreign:
            raise InputError(
                f"the folder holds other things and no {cls.WORK}",
                file=path,
                value=foreign[0],
                hint="name a new or empty folder",
            )

    def _need_lock(self) -> None:
        if self._lock is None:
            raise RunError(
                f"{self.path} was opened to read; open it with {type(self).__name__}.open to write"
            )

    def _write_table(self, frame: pl.DataFrame, name: str, schema: Schema) -> None:
        self._need_lock()
        write_table(frame, self.path / name, schema)

    def _read_table(self, name: str, schema: Schema) -> pl.DataFrame:
        file = self.path / name
        return read_table(file, schema) if file.exists() else schema.empty()

    def _write_text(self, name: str, text: str) -> Path:
        self._need_lock()
        return self._write_file(self.path / name, text)

    @staticmethod
    def _write_file(file: Path, text: str) -> Path:
        def write(target: Path) -> None:
            target.write_text(text, encoding="utf-8")

        return replace_file(file, write)
