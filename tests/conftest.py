"""Fixtures that the whole suite shares."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tiny.speech import TinyModels

# Workers share the cores: with a pool of threads in each, tiny matrices wait for one another,
# and the suite takes several times as long. Set here, where the workers inherit it.
for _library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")

# Half of what hypothesis does by itself, anew in every run; pytest --hypothesis-profile=default
# does it all.
settings.register_profile("half", max_examples=50)
settings.load_profile("half")

# Files are shared out whole. Those that take longest begin first: at the end no worker is
# left alone with one of them.
_LONGEST = (
    "slow/test_coverage_four_groups.py",
    "slow/test_coverage_two_groups.py",
    "slow/test_coverage.py",
    "unit/studies/test_quickstart.py",
    "docs/test_docs.py",
    "contract/test_learning_backends.py",
    "faults/test_killed_training.py",
    "unit/cli/test_quickstart.py",
    "unit/training/test_loop.py",
    "docs/test_training_page.py",
)
_BESIDE_THE_PROJECT = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {Path(__file__).parent / name: at for at, name in enumerate(_LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


def pytest_collection_finish() -> None:
    """Thousands of tests live to the end: the collector need not look through them again."""
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _no_wait_for_the_disk() -> Iterator[None]:
    """No test cuts the power: to wait until bytes are on the disk, at each write, shows nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _descriptor: None)
        yield


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
