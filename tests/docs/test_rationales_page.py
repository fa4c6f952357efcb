"""The page on reasons runs from top to bottom, on a tiny model in the place of a real one."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from docs.test_docs import DOCS, blocks, commands, run_command
from equivoice.rationales.refiltering import read_rationales
from equivoice.records import RATIONALES, read_table
from equivoice.store import RunFolder, TrainingFolder
from tiny.speech import TinyModels


@pytest.mark.slow
def test_the_page_on_reasons_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_models: TinyModels
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").symlink_to(tiny_models("qwen2_audio"))
    names: dict[str, object] = {"__name__": "page_on_reasons"}
    for block in blocks(DOCS / "rationales.md"):
        if block.kind == "python":
            exec(compile(block.code, "rationales.md", "exec"), names)  # noqa: S102 - our own page
        elif block.kind == "console":
            for command in commands(block.code):
                run_command(command)
    made = read_rationales(tmp_path / "reasons")
    statuses = set(made["status"])
    assert {"kept", "too_short"} <= statuses or {"kept", "no_sound"} <= statuses
    strict = read_table(tmp_path / "strict.parquet", RATIONALES)
    assert strict["response"].equals(made["response"])
    training = TrainingFolder.read(tmp_path / "runs" / "explained")
    assert training.record.config["data"]["order"] == "label_first"
    said = RunFolder.read(tmp_path / "runs" / "explained-audit").predictions()
    assert {"transcript", "reason"} <= set(said.columns)
    assert said.filter(pl.col("system") == "s").height == 4
