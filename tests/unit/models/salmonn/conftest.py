"""Outputs of the released modules, which stand beside the real data."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

_BESIDE_THE_PROJECT = Path(__file__).resolve().parents[5] / "shared" / "data"


@pytest.fixture(scope="session")
def golden() -> Path:
    """The folder of outputs of the release; the test is skipped where it is absent."""
    data = Path(os.environ.get("EQUIVOICE_DATA", _BESIDE_THE_PROJECT))
    folder = data.parent / "golden" / "salmonn"
    if not folder.is_dir():
        pytest.skip(f"no outputs of the release: {folder} does not exist; set EQUIVOICE_DATA")
    return folder


@pytest.fixture(scope="session")
def released(
    golden: Path,
) -> Callable[[str], tuple[dict[str, Any], dict[str, Any], dict[str, Any]]]:
    """Weights, configuration, and inputs with outputs, of ``beats`` or ``qformer``."""
    import torch
    from safetensors import safe_open

    def read(part: str) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        with safe_open(golden / f"{part}_small.safetensors", "pt") as file:
            sizes = json.loads(file.metadata()["config"])
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        with np.load(golden / f"{part}_small_io.npz") as held:
            values = {name: torch.from_numpy(held[name]) for name in held.files}
        return weights, sizes, values

    return read
