"""``equivoice score --form``: answers read again, word error rates beside, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from equivoice.cli.app import run
from equivoice.records import ESTIMATES, RunRecord, read_table

FAST = ["--replicates", "30", "--permutations", "20"]
WORDS = ("annoyed", "disappointed", "curious")


@pytest.fixture(autouse=True)
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers in ``p.csv``, closed ones in ``c.csv``, what is right in ``u.csv``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EQUIVOICE_CACHE", str(tmp_path / "cache"))
    ids = [f"demo/{i:02}" for i in range(48)]
    words = [f"<asr>one two</asr> <answer>I feel she is {WORDS[i % 3]}</answer>" for i in range(48)]
    truth = {
        "utterance_id": ids,
        "emotion": [("angry", "sad", "sad")[i % 3] for i in range(48)],
        "speaker": [f"s{i % 8}" for i in range(48)],
        "transcript": ["one two three"] * 48,
    }
    pl.DataFrame(truth).write_csv("u.csv")
    pl.DataFrame({"utterance_id": ids, "response": words}).write_csv("p.csv")
    pl.DataFrame({"utterance_id": ids, "response": ["sad"] * 48}).write_csv("c.csv")


def value(metric: str, folder: str = "scores") -> float:
    rows = read_table(Path(folder) / "estimates.parquet", ESTIMATES).filter(
        quantity="score", metric=metric
    )
    assert rows.height == 1
    return float(rows["value"].item())


def test_open_answers_are_read_and_scored(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["score", "p.csv", "--reference", "u.csv", "--form", "open", *FAST]) == 0
    assert value("accuracy") == pytest.approx(2 / 3)
    assert value("coverage") == pytest.approx(2 / 3)
    assert value("word_error_rate") == pytest.approx(1 / 3)
    stored = pl.read_parquet("scores/predictions.parquet")
    assert stored["read_as"].to_list()[:3] == ["angry", "sad", "other"]
    said = capsys.readouterr()
    assert "32 read as a label, 16 an emotion that is no label" in said.err
    assert "word error rate" in said.err
    assert "word error rate" in Path("scores/report.html").read_text()


def test_without_a_form_answers_are_read_as_ever() -> None:
    assert run(["score", "p.csv", "--reference", "u.csv", "--no-transcripts", *FAST]) == 0
    assert value("coverage") == 0.0
    metrics = read_table(Path("scores/estimates.parquet"), ESTIMATES)["metric"].to_list()
    assert "word_error_rate" not in metrics


def test_language_models_read_once_and_stand_in_the_record(
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = ["score", "c.csv", "--reference", "u.csv", "--form", "open", *FAST]
    # the scripted model names a word that stands in its prompt: here the answer's own
    options = ["--reader", "scripted-server", "options.scripted-server.words=[sad]"]
    assert run([*asked, *options]) == 0
    assert value("accuracy") == pytest.approx(2 / 3)
    record = RunRecord.model_validate_json(Path("scores/run.json").read_text())
    readers = record.generation["readers"]
    assert readers["extractor"]["name"] == "scripted-server"
    assert "extract_emotion_v1" in readers["instructions"]
    kept = list(Path("cache/answers").rglob("answers.jsonl"))
    assert [json.loads(line)["text"] for line in kept[0].read_text().splitlines()] == ["sad"]
    assert run([*asked, *options]) == 0
    assert len(kept[0].read_text().splitlines()) == 1
    assert "48 read as a label" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["p.csv", "--reader", "scripted-server"], "only in a form"),
        (["p.csv", "options.x.y=1"], "only in a form"),
        (["p.csv", "--form", "open", "--sorter", "scripted-server"], "none is named"),
        (["p.csv", "--form", "open", "--reader", "prior"], "by a language model"),
        (["p.csv", "--form", "open", "--reader", "nobody"], "no such system"),
        (["p.csv", "--form", "open", "options.x.y=1"], "reads nothing here"),
        (
            ["p.csv", "--form", "open", "--reader", "scripted-server",
             "options.scripted-server.modalities=[speech]"],
            "takes text alone",
        ),
        (["u.csv", "--form", "open"], "no answers in words"),
    ],
)  # fmt: skip
def test_what_nothing_would_heed_is_refused(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["score", *words, "--reference", "u.csv", *FAST]) == 2
    assert said in capsys.readouterr().err
    assert not Path("scores").exists()


def test_transcripts_without_any_to_compare_with_are_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    pl.read_csv("u.csv").drop("transcript").write_csv("bare.csv")
    assert run(["score", "p.csv", "--reference", "bare.csv", "--form", "open", *FAST]) == 0
    assert "holds no transcripts to compare it with" in capsys.readouterr().err


def test_answers_in_words_and_votes_make_a_report() -> None:
    rows = [(f"demo/{i:02}", f"r{k}", "emotion", "sad") for i in range(48) for k in range(3)]
    schema = ["item", "rater", "question", "value"]
    pl.DataFrame(rows, schema=schema, orient="row").write_csv("v.csv")
    asked = ["score", "c.csv", "--reference", "u.csv", "--votes", "v.csv", "--no-listeners"]
    assert run([*asked, "--form", "closed", *FAST]) == 0
    assert Path("scores/report.html").is_file()
