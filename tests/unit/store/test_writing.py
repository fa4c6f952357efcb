"""Faults of the disk, in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from equivoice.errors import StorageError
from equivoice.store.writing import storing


def test_faults_of_the_disk_name_the_place_and_the_cause() -> None:
    full = "cannot write into /run: No space left"
    with pytest.raises(StorageError, match=full) as caught, storing(Path("/run")):
        raise OSError(28, "No space left on device")
    assert isinstance(caught.value.__cause__, OSError)


def test_other_errors_pass() -> None:
    with pytest.raises(KeyError), storing(Path("/run")):
        raise KeyError("x")
