"""The cache of arrays: what goes in comes out, and nothing damaged ever does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from equivoice.errors import StorageError
from equivoice.store.cache import ArrayCache, cache_folder


@pytest.fixture
def cache(tmp_path: Path) -> ArrayCache:
    return ArrayCache(tmp_path / "cache")


def entry_of(cache: ArrayCache) -> Path:
    (path,) = [path for path in cache.folder.rglob("*") if path.is_file()]
    return path


def test_an_unknown_key_is_a_miss_and_makes_no_folder(cache: ArrayCache) -> None:
    assert cache.get("nothing") is None
    assert not cache.folder.exists()


@settings(max_examples=30, deadline=None)
@given(
    array=npst.arrays(
        dtype=st.sampled_from(["f4", "f8", "i8", "u1", "?", "U5"]), shape=npst.array_shapes()
    ),
    key=st.text(max_size=60),
)
def test_what_goes_in_comes_out(tmp_path_factory, array: np.ndarray, key: str) -> None:  # type: ignore[no-untyped-def]
    cache = ArrayCache(tmp_path_factory.mktemp("cache"))
    key = key.encode("utf-8", "replace").decode()
    cache.put(key, array)
    back = cache.get(key)
    assert back is not None
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)


def test_keys_do_not_leave_the_folder(cache: ArrayCache) -> None:
    cache.put("../../outside", np.zeros(1))
    assert not (cache.folder.parent.parent / "outside").exists()
    assert entry_of(cache).is_relative_to(cache.folder)


def test_the_last_array_stays(cache: ArrayCache) -> None:
    cache.put("key", np.zeros(3))
    cache.put("key", np.ones(2))
    np.testing.assert_array_equal(cache.get("key"), np.ones(2))


@pytest.mark.parametrize("keep", [0, 1, 20, 31, 32, 33, 100, -1])
def test_a_cut_entry_is_a_miss(cache: ArrayCache, keep: int) -> None:
    cache.put("key", np.arange(50.0))
    entry = entry_of(cache)
    entry.write_bytes(entry.read_bytes()[:keep])
    assert cache.get("key") is None


@settings(max_examples=40, deadline=None)
@given(position=st.integers(0, 10_000), change=st.integers(1, 255))
def test_a_flipped_byte_is_a_miss(tmp_path_factory, position: int, change: int) -> None:  # type: ignore[no-untyped-def]
    cache = ArrayCache(tmp_path_factory.mktemp("cache"))
    cache.put("key", np.arange(50.0))
    entry = entry_of(cache)
    content = bytearray(entry.read_bytes())
    content[position % len(content)] ^= change
    entry.write_bytes(bytes(content))
    assert cache.get("key") is None


def test_an_entry_under_another_keys_name_is_a_miss(cache: ArrayCache) -> None:
    cache.put("one", np.zeros(3))
    content = entry_of(cache).read_bytes()
    cache.put("two", np.ones(3))
    for path in cache.folder.rglob("*.npy*"):
        path.write_bytes(content)
    np.testing.assert_array_equal(cache.get("one"), np.zeros(3))
    assert cache.get("two") is None


def test_python_objects_are_refused(cache: ArrayCache) -> None:
    with pytest.raises(ValueError, match="allow_pickle"):
        cache.put("key", np.array([object()]))
    assert cache.get("key") is None


def test_a_folder_that_is_a_file_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("here")
    cache = ArrayCache(tmp_path / "file")
    assert cache.get("key") is None
    with pytest.raises(StorageError, match="EQUIVOICE_CACHE"):
        cache.put("key", np.zeros(1))


def test_a_full_disk_leaves_no_half_entry(cache: ArrayCache, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    def full(path: Path, content: bytes) -> None:
        with path.open("wb") as handle:
            handle.write(content[: len(content) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("equivoice.store.cache._write", full)
    with pytest.raises(StorageError, match="No space left"):
        cache.put("key", np.zeros(1000))
    assert [path for path in cache.folder.rglob("*") if path.is_file()] == []
    assert cache.get("key") is None


def test_the_folder_follows_the_environment(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("EQUIVOICE_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    assert ArrayCache().folder == tmp_path / "arrays"
    monkeypatch.delenv("EQUIVOICE_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_folder() == tmp_path / "home" / ".cache" / "equivoice"


_WRITER = """
import sys
import numpy as np
from equivoice.store.cache import ArrayCache
cache = ArrayCache(sys.argv[1])
for turn in range(30):
    for number in range(5):
        cache.put(str(number), np.full(2000, float(number)))
        found = cache.get(str(number))
        assert found is not None and (found == number).all()
"""


def test_processes_that_write_the_same_keys_do_not_disturb_each_other(cache: ArrayCache) -> None:
    command = [sys.executable, "-c", _WRITER, str(cache.folder)]
    writers = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(3)]
    for writer in writers:
        _, errors = writer.communicate(timeout=120)
        assert writer.returncode == 0, errors.decode()
    for number in range(5):
        np.testing.assert_array_equal(cache.get(str(number)), np.full(2000, float(number)))
    assert not list(cache.folder.rglob("*.part"))
