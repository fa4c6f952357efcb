"""The examples run as they stand."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from architecture.source import ROOT
from equivoice.cli.app import run


@pytest.mark.parametrize("script", sorted((ROOT / "examples").glob("*.py")), ids=lambda p: p.stem)
def test_a_script_runs_and_prints_a_verdict(script: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "Macro-F1" in done.stdout
    assert "120 utterances of 12 speakers" in done.stdout


def test_the_configuration_runs_from_the_root_of_a_clone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    assert run(["score", "--config", "examples/score.yaml", "replicates=200"]) == 0
    assert Path("runs/example/report.html").is_file()
