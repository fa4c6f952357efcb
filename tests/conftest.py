"""Fixtures that the whole suite shares."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tiny.speech import TinyModels

# Workers share the cores: with a pool of threads in each, tiny matrices wait for one another,
# and the suite takes several times as long. Set here, where the workers inherit it.
for _library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")

_BESIDE_THE_PROJECT = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with real speech and votes; the test is skipped where it is absent."""
    folder = Path(os.environ.get("EQUIVOICE_DATA", _BESIDE_THE_PROJECT))
    if not folder.is_dir():
        pytest.skip(f"no real data: {folder} does not exist; set EQUIVOICE_DATA")
    return folder


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> TinyModels:
    """Tiny speech LLMs by name, each built once in a session: ``tiny_models("qwen2_audio")``."""
    return TinyModels(tmp_path_factory.mktemp("tiny"))
