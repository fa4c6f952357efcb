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


def predictions(folder: Path, suffix: str) -> Path:
    """A predictions table of another tool: stored labels follow FairALM's code."""
    shown = ["Angry", "Happy", "Sad"]
    table = pl.DataFrame(
        {
            "utterance_id": ["demo/1", "demo/2", "demo/3", "demo/4"],
            "options": [shown, shown[::-1], shown, shown],
            "response": ["not angry but happy", "Sad.", "unhappy", None],
            "status": ["parsed", "parsed", "parsed", "failed"],
            "emotion": ["angry", "sad", "happy", None],
        }
    )
    file = folder / f"predictions{suffix}"
    if suffix == ".parquet":
        table.write_parquet(file)
    elif suffix == ".jsonl":
        table.write_ndjson(file)
    else:
        as_json = '["' + pl.col("options").list.join('", "') + '"]'
        table.with_columns(options=as_json).write_csv(file)
    return file


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
def test_a_predictions_table_is_read_again_by_another_convention(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], suffix: str
) -> None:
    file = predictions(tmp_path, suffix)
    assert run(["parse", "--file", str(file)]) == 0
    assert "Read by equivoice, 2 of 4 labels in the table change." in capsys.readouterr().out
    assert run(["parse", "--file", str(file), "--convention", "fairalm_code"]) == 0
    out = capsys.readouterr().out
    assert "Read by fairalm_code, 0 of 4 labels in the table change." in out
    assert "4 answers: 3 parsed, 1 failed" in out


def test_a_table_that_was_read_again_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "again.parquet"
    assert run(["parse", "--file", str(predictions(tmp_path, ".csv")), "--out", str(out)]) == 0
    written = pl.read_parquet(out)
    assert written.get_column("emotion").to_list() == ["happy", "sad", "sad", None]
    assert written.get_column("status").to_list() == ["parsed", "parsed", "parsed", "failed"]
    assert str(out) in capsys.readouterr().out


def test_conventions_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["not angry but happy", "unhappy", "Happy", "--options", "Angry, Happy, Sad"]
    assert run(["parse", *words, "--compare"]) == 0
    out = capsys.readouterr().out
    rows = {line.split("  ")[0].strip(): line.split() for line in out.splitlines()}
    assert rows["not angry but happy"][4:] == ["happy", "angry", "angry", "(unparsed)"]
    assert rows["unhappy"][1:] == ["sad", "happy", "happy", "(unparsed)"]
    assert rows["Happy"][1:] == ["happy"] * 4
    assert "exact: 3 answers: 2 unparsed, 1 parsed" in out
    assert "equivoice and fairalm_code read 1 of 3 answers as the same label" in out


def test_letters_and_translated_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["parse", "(b)", "--options", "Angry, Happy", "--lettered"]) == 0
    assert "the letter B stands for 'happy'" in " ".join(capsys.readouterr().out.split())
    words = ["nicht wütend, sondern traurig", "--options", "wütend, traurig"]
    assert run(["parse", *words]) == 0
    assert "sad" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["x", "--convention", "ours"], "unknown parsing convention: 'ours'"),
        (["x", "--options", "sad, sad"], "two options stand for one label"),
        (["x", "--label", "sad", "--options", "sad, tense"], "stands for no label"),
        (["x", "--out", "t.parquet"], "none is given"),
    ],
)
def test_mistakes_are_said(
    words: list[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["parse", *words]) == 2
    assert problem in " ".join(capsys.readouterr().err.split())


def test_a_table_is_written_as_parquet_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = predictions(tmp_path, ".csv")
    assert run(["parse", "--file", str(file), "--out", str(tmp_path / "x.csv")]) == 2
    assert "writes Parquet" in capsys.readouterr().err
