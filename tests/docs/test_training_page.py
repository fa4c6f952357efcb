"""The page on training runs from top to bottom, on a tiny model in the place of a real one."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs.test_docs import DOCS, blocks, commands, run_command
from equivoice.store import RunFolder, TrainingFolder
from tiny.speech import TinyModels


@pytest.mark.slow
def test_the_page_on_training_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_models: TinyModels
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").symlink_to(tiny_models("qwen2_audio"))
    names: dict[str, object] = {"__name__": "page_on_training"}
    for block in blocks(DOCS / "training.md"):
        if block.kind == "python":
            exec(compile(block.code, "training.md", "exec"), names)  # noqa: S102 - our own page
        elif block.kind == "console":
            for command in commands(block.code):
                run_command(command)
    fair, fixed = (TrainingFolder.read(tmp_path / "runs" / name) for name in ("fair", "fixed"))
    assert fair.table("steps")["weight"][-1] > 0
    assert set(fixed.table("steps")["weight"]) == {2.0}
    systems = set(RunFolder.read(tmp_path / "runs" / "audit").predictions()["system"])
    assert {"erm", "fair"} <= systems
