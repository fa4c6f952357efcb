"""The page on classifiers runs from top to bottom, on synthetic speech."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs.test_docs import DOCS, blocks, commands, run_command
from equivoice.store import RunFolder, TrainingFolder
from equivoice.training.losses import loss_names


@pytest.mark.slow
def test_the_page_on_classifiers_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "page_on_classifiers"}
    for block in blocks(DOCS / "classifiers.md"):
        if block.kind == "python":
            exec(compile(block.code, "classifiers.md", "exec"), names)  # noqa: S102 - our own page
        elif block.kind == "console":
            for command in commands(block.code):
                run_command(command)
    training = TrainingFolder.read(tmp_path / "runs" / "compact")
    assert training.record.config["objective"]["loss"] == "weighted_focal"
    said = RunFolder.read(tmp_path / "runs" / "folds").predictions()
    assert set(said["fold"]) == {"1", "2"}
    assert (tmp_path / "runs" / "compact" / "best" / "README.md").is_file()


def test_the_page_names_every_loss() -> None:
    text = (DOCS / "classifiers.md").read_text(encoding="utf-8")
    assert [name for name in loss_names() if f"`{name}`" not in text] == []
