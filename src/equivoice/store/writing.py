"""What every writer of results does alike: faults of the disk, in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from equivoice.errors import StorageError

__all__ = ["storing"]


@contextmanager
def storing(path: Path) -> Iterator[None]:
    """Turn faults of the operating system into errors that name the place.

    Args:
        path: what is written into.

    Raises:
        StorageError: the disk is full, the folder unwritable, and the like.

    Example:
        >>> with storing(Path("/run")):
        ...     raise PermissionError(13, "Permission denied")
        Traceback (most recent call last):
        ...
        equivoice.errors.StorageError: cannot write into /run: Permission denied
    """
    try:
        yield
    except OSError as error:
        raise StorageError(f"cannot write into {path}: {error.strerror or error}") from error
