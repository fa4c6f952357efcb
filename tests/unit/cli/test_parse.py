"""``equivoice parse`` shows what is made of answers."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from equivoice.cli.app import run


def test_answers_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        run(["parse", "She is furious", "sad or happy", "--label", "angry", "--label", "sad"]) == 0
    )
    out = capsys.readouterr().out
    assert "angry" in out
    assert "2 answers: 2 parsed" in out


def test_answers_from_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "answers.csv"
    pl.DataFrame({"response": ["angry", "dunno", None]}).write_csv(file)
    assert run(["parse", "--file", str(file), "--label", "angry", "--limit", "1"]) == 0
    out = capsys.readouterr().out
    assert "3 answers: 2 unparsed, 1 parsed" in out
    assert "dunno" not in out


def test_markup_in_an_answer_is_shown_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["parse", "[red]angry[/red] <b>"]) == 0
    assert "[red]angry[/red] <b>" in capsys.readouterr().out


def test_nothing_to_read_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["parse"]) == 2
    assert "there is no answer to read" in capsys.readouterr().err


def test_a_table_without_answers_names_its_columns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "answers.csv"
    file.write_text("utterance_id,text\na,b\n")
    assert run(["parse", "--file", str(file)]) == 2
    err = capsys.readouterr().err
    assert "lacks the column 'response'" in err
    assert "utterance_id, text" in err
