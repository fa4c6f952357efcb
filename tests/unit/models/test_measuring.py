"""Measuring many sounds: order, faults, and a cache that knows versions and sizes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from equivoice.errors import AudioError
from equivoice.models.measuring import Piece, cached_vector, in_processes, pieces_of
from equivoice.models.protocols import FloatArray
from equivoice.store.cache import ArrayCache

soundfile = pytest.importorskip("soundfile")
pytest.importorskip("parselmouth")


def test_pieces_are_what_the_table_says() -> None:
    table = pl.DataFrame({"audio": ["a.wav", None], "start": [0.5, None]})
    assert pieces_of(table) == [Piece("a.wav", 0.5, None), Piece("", None, None)]


def test_a_vector_is_measured_once_a_version_and_size(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.full(1600, 0.25), 16_000)
    cache = ArrayCache(tmp_path / "cache")
    calls: list[int] = []

    def first_sample(samples: FloatArray) -> FloatArray:
        calls.append(len(samples))
        return samples[:1]

    def ask(version: str = "v1", size: int = 1) -> FloatArray | AudioError:
        piece = Piece(str(path), None, None)
        return cached_vector(piece, cache, version=version, size=size, vector=first_sample)

    for _ in range(2):
        found = ask()
        assert isinstance(found, np.ndarray)
        assert found.tolist() == [0.25]
    assert calls == [1600]
    ask("v2")
    assert len(calls) == 2
    ask(size=2)
    assert len(calls) == 3


@pytest.mark.parametrize("path", ["", "missing.wav"])
def test_a_fault_of_the_sound_is_returned(tmp_path: Path, path: str) -> None:
    found = cached_vector(
        Piece(path and str(tmp_path / path), None, None),
        ArrayCache(tmp_path / "cache"),
        version="v1",
        size=1,
        vector=lambda samples: samples,
    )
    assert isinstance(found, AudioError)


def test_results_come_in_order() -> None:
    pieces = [Piece(str(number), None, None) for number in range(5)]
    found = in_processes(lambda piece: int(piece.path), pieces, workers=1)
    assert list(found) == [0, 1, 2, 3, 4]
