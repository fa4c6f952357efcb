"""The code on the page about runs runs, from top to bottom."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from equivoice.store import RunFolder

PAGE = Path(__file__).resolve().parents[3] / "docs" / "runs.md"


def test_the_code_on_the_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    code = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(code) == 2
    for block in code:
        exec(compile(block, str(PAGE), "exec"), names)  # noqa: S102 - our own page
    assert "192 predictions" in capsys.readouterr().out


def test_every_file_of_a_run_is_on_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    page = PAGE.read_text(encoding="utf-8")
    code = re.findall(r"```python\n(.*?)```", page, re.DOTALL)[0]
    exec(compile(code, str(PAGE), "exec"), {})  # noqa: S102 - our own page
    run = RunFolder.read("runs/demo")
    files = {item.name for item in run.path.iterdir() if not item.name.startswith(".")}
    assert {name for name in files if f"`{name}`" not in page and f"`{name}/`" not in page} == set()
