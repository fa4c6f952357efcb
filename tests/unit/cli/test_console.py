"""What the verbs say, and where."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Group
from rich.text import Text

from equivoice.cli.console import finish, note, note_left_out, progress, say


def test_results_go_to_stdout_and_notes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    say("result [not markup]")
    note("note [b]")
    out, err = capsys.readouterr()
    assert out == "result [not markup]\n"
    assert err == "note [b]\n"


def test_the_last_line_says_where_the_result_is(capsys: pytest.CaptureFixture[str]) -> None:
    finish(Path("a/report.html"))
    finish(["a", "b"])
    assert capsys.readouterr().out == "Result: a/report.html\nResult: a, b\n"


def test_long_lines_are_not_broken(capsys: pytest.CaptureFixture[str]) -> None:
    path = "/".join(["very-long-folder"] * 20)
    finish(path)
    assert capsys.readouterr().out == f"Result: {path}\n"


def test_what_rich_draws_is_folded_to_the_width(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    say(Group(Text("word " * 30)))
    out = capsys.readouterr().out
    assert out.split() == ["word"] * 30
    assert max(map(len, out.splitlines())) <= 40


def test_what_was_left_out_is_counted_and_zero_is_silent(
    capsys: pytest.CaptureFixture[str],
) -> None:
    note_left_out({"audio file missing": 3, "no label": 0})
    assert capsys.readouterr().err == "left out: audio file missing (3)\n"


def test_progress_reports_do_not_reach_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("benchmark [x]") as report:
        report("fold [1]", 1, 2)
        report("fold 2", 2, 2)
    assert capsys.readouterr().out == ""
