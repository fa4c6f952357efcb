"""One writer at a time: a lock on a folder that names who holds it.

The operating system holds the lock, so it is free again the moment that its
process ends, however it ends (``kill -9`` included). A file beside it says who
took it last; it is only ever read when the lock itself is held by somebody.
"""

from __future__ import annotations

import json
import os
import socket
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from equivoice.errors import LockedRunError, StorageError

__all__ = ["LOCK_FILES", "FolderLock"]

_LOCK = ".equivoice.lock"
_HOLDER = ".equivoice.lock-holder.json"
LOCK_FILES = (_LOCK, _HOLDER)


class FolderLock:
    """A lock on a folder, free as soon as its process ends.

    Args:
        folder: an existing folder.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> lock = FolderLock(folder)
        >>> lock.take()
        >>> FolderLock(folder).take()  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        equivoice.errors.LockedRunError: ... is in use by process ...
        >>> lock.release()
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = FileLock(folder / _LOCK, thread_local=False)

    def take(self) -> None:
        """Take the lock at once or not at all.

        Raises:
            LockedRunError: another process (or another part of this one) holds it.
            StorageError: the folder cannot be written to.
        """
        try:
            self._lock.acquire(blocking=False)
        except Timeout:
            raise LockedRunError(
                f"{self._folder} is in use by {self._holder()}; wait for it, or stop it"
            ) from None
        except (OSError, NotImplementedError) as error:
            raise StorageError(f"cannot lock {self._folder}: {error}") from error
        self._sign()

    def release(self) -> None:
        """Give the lock back."""
        (self._folder / _HOLDER).unlink(missing_ok=True)
        self._lock.release()

    def _sign(self) -> None:
        holder = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        try:
            (self._folder / _HOLDER).write_text(json.dumps(holder), encoding="utf-8")
        except OSError as error:
            self._lock.release()
            raise StorageError(f"cannot write into {self._folder}: {error}") from error

    def _holder(self) -> str:
        try:
            holder = json.loads((self._folder / _HOLDER).read_text(encoding="utf-8"))
            return f"process {holder['pid']} on {holder['host']} since {holder['since']}"
        except (OSError, ValueError, KeyError, TypeError):
            return "another process"
