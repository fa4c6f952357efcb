"""A cache of arrays, named by what they were computed from.

An entry is written whole or not at all, and read back only if its checksum
fits: a damaged entry is a miss, never an error and never a wrong number. Any
number of processes may use one cache at once; of two that write the same key
the last stays, and both wrote the same. Deleting the folder costs time only.
"""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equivoice.errors import StorageError
from equivoice.records import replace_file

__all__ = ["ArrayCache", "cache_folder"]

_CHECKSUM_BYTES = hashlib.sha256().digest_size


def cache_folder() -> Path:
    """Where caches live: ``$EQUIVOICE_CACHE``, or ``~/.cache/equivoice``.

    Example:
        >>> cache_folder().is_absolute()
        True
    """
    given = os.environ.get("EQUIVOICE_CACHE")
    return Path(given).expanduser().absolute() if given else Path.home() / ".cache" / "equivoice"


class ArrayCache:
    """Arrays on disk by key.

    Args:
        folder: where the entries lie; ``None`` for ``arrays`` below
            :func:`cache_folder`. It is made with the first entry.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     cache = ArrayCache(folder)
        ...     before = cache.get("features of a.wav")
        ...     cache.put("features of a.wav", np.arange(3))
        ...     after = cache.get("features of a.wav")
        >>> before is None, after.tolist()
        (True, [0, 1, 2])
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        self.folder = cache_folder() / "arrays" if folder is None else Path(folder).absolute()

    def get(self, key: str) -> NDArray[Any] | None:
        """The array under a key; ``None`` where there is none or it is damaged.

        Raises:
            StorageError: an entry is there and may not be read.
        """
        path = self._path(key)
        try:
            content = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        except OSError as error:
            raise _unusable(self.folder, "read", error) from error
        array, checksum = content[:-_CHECKSUM_BYTES], content[-_CHECKSUM_BYTES:]
        if hashlib.sha256(key.encode() + array).digest() != checksum:
            return None
        try:
            return np.asarray(np.load(io.BytesIO(array), allow_pickle=False))
        except (ValueError, EOFError):
            return None

    def put(self, key: str, array: NDArray[Any]) -> None:
        """Keep an array under a key, in the place of what was there.

        Raises:
            ValueError: the array holds Python objects.
            StorageError: the folder cannot be written, or the disk is full.
        """
        buffer = io.BytesIO()
        np.save(buffer, array, allow_pickle=False)
        content = buffer.getvalue()
        checksum = hashlib.sha256(key.encode() + content).digest()
        path = self._path(key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, lambda beside: _write(beside, content + checksum))
        except OSError as error:
            raise _unusable(self.folder, "written", error) from error
        except StorageError as error:
            raise StorageError(f"{error}\n  next: {_HINT}") from error

    def _path(self, key: str) -> Path:
        name = hashlib.sha256(key.encode()).hexdigest()
        return self.folder / name[:2] / f"{name[2:]}.npy+sha256"


_HINT = "set EQUIVOICE_CACHE to a folder that can be written"


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _unusable(folder: Path, what: str, error: OSError) -> StorageError:
    reason = error.strerror or str(error)
    return StorageError(f"the cache {folder} cannot be {what} ({reason})\n  next: {_HINT}")
