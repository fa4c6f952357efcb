"""The objectives and what is built on them are read without torch, which the cli relies on."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

import equivoice.objectives
import equivoice.training

CODE = """
import importlib, sys
for name in {names!r}:
    importlib.import_module(name)
loaded = {{"torch", "transformers", "peft", "accelerate", "tensorboard"}} & set(sys.modules)
sys.exit(", ".join(sorted(loaded)) or None)
"""


def modules() -> list[str]:
    rooms = (equivoice.objectives, equivoice.training)
    return [
        f"{room.__name__}.{module.name}"
        for room in rooms
        for module in pkgutil.iter_modules(room.__path__)
    ]


def test_no_module_loads_an_optional_package() -> None:
    names = modules()
    assert "equivoice.training.gradients" in names
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(names=names)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_every_public_name_exists() -> None:
    for name in modules():
        module = importlib.import_module(name)
        assert all(hasattr(module, each) for each in getattr(module, "__all__", ())), name
