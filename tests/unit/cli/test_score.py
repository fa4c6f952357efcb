"""``equivoice score``, ``report`` and ``models``: what they write and say."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

import equivoice
from equivoice.cli.app import run
from equivoice.records import ESTIMATES, RunRecord, read_table

FAST = ["--replicates", "100", "--permutations", "100"]


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Predictions and reference, also on disk as ``p.csv`` and ``u.csv``."""
    monkeypatch.chdir(tmp_path)
    numbers = range(96)
    reference = pl.DataFrame(
        {
            "utterance_id": [f"demo/{i}" for i in numbers],
            "emotion": [("angry", "sad")[i // 3 % 2] for i in numbers],
            "speaker": [f"s{i % 12}" for i in numbers],
            "gender": [("female", "male")[i % 2] for i in numbers],
        }
    )
    said = [("angry", "sad")[(i // 3 + (i % 5 == 0)) % 2] for i in numbers]
    predictions = reference.select("utterance_id").with_columns(pl.Series("emotion", said))
    reference.write_csv("u.csv")
    predictions.write_csv("p.csv")
    return predictions, reference


def estimates(folder: str = "scores") -> pl.DataFrame:
    return read_table(Path(folder) / "estimates.parquet", ESTIMATES)


def test_the_command_and_the_function_give_the_same_estimates(
    tables: tuple[pl.DataFrame, pl.DataFrame],
) -> None:
    assert run(["score", "p.csv", "--reference", "u.csv", "--group", "gender", *FAST]) == 0
    scores = equivoice.score(*tables, group_by=["gender"], replicates=100, permutations=100)
    ignored = ["corpus"]
    assert estimates().drop(ignored).equals(scores.estimates.drop(ignored))


def test_the_folder_holds_tables_record_and_report(
    tables: tuple[pl.DataFrame, pl.DataFrame], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["score", "p.csv", "--reference", "u.csv", "-o", "out", *FAST]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[-1] == "Result: out/report.html"
    assert "macro-F1" in out
    record = RunRecord.model_validate_json(Path("out/run.json").read_text())
    assert record.verb == "score"
    assert record.finished is not None
    assert set(record.inputs) == {"predictions p.csv", "reference u.csv"}
    assert {"predictions.parquet", "utterances.parquet", "report.html"} <= {
        each.name for each in Path("out").iterdir()
    }


@pytest.mark.parametrize("suffix", [".tsv", ".jsonl", ".parquet"])
def test_every_kind_of_table_gives_the_same(
    suffix: str, tables: tuple[pl.DataFrame, pl.DataFrame]
) -> None:
    for name, frame in zip(("p", "u"), tables, strict=True):
        path = f"{name}{suffix}"
        if suffix == ".tsv":
            frame.write_csv(path, separator="\t")
        elif suffix == ".jsonl":
            frame.write_ndjson(path)
        else:
            frame.write_parquet(path)
    for end, folder in ((".csv", "a"), (suffix, "b")):
        assert run(["score", f"p{end}", "--reference", f"u{end}", "-o", folder, *FAST]) == 0
    assert estimates("a").drop("corpus").equals(estimates("b").drop("corpus"))


def test_free_answers_are_parsed_with_the_labels_of_the_reference(
    tables: tuple[pl.DataFrame, pl.DataFrame],
) -> None:
    predictions, _ = tables
    predictions.select(
        "utterance_id", response=pl.format("I hear {} here.", pl.col("emotion"))
    ).write_csv("r.csv")
    assert run(["score", "p.csv", "--reference", "u.csv", "-o", "a", *FAST]) == 0
    assert run(["score", "r.csv", "--reference", "u.csv", "-o", "b", *FAST]) == 0
    assert estimates("a").equals(estimates("b"))
    kept = pl.read_parquet("b/predictions.parquet")
    assert kept["response"][0].startswith("I hear")
    assert set(kept["status"]) == {"parsed"}


def test_scoring_again_replaces_and_a_seed_repeats(
    tables: tuple[pl.DataFrame, pl.DataFrame],
) -> None:
    words = ["score", "p.csv", "--reference", "u.csv", "--group", "gender", *FAST]
    assert run([*words, "--seed", "1"]) == 0
    first = estimates()
    assert run([*words, "--seed", "2"]) == 0
    assert not estimates().equals(first)
    assert run([*words, "--seed", "1"]) == 0
    assert estimates().equals(first)


def test_a_dry_run_checks_and_writes_nothing(
    tables: tuple[pl.DataFrame, pl.DataFrame], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["score", "p.csv", "--reference", "u.csv", "--dry-run"]) == 0
    assert "96 predictions" in capsys.readouterr().out
    assert not Path("scores").exists()
    assert run(["score", "none.csv", "--reference", "u.csv", "--dry-run"]) == 2


def test_limit_scores_the_first_rows(tables: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    assert run(["score", "p.csv", "--reference", "u.csv", "--limit", "24", *FAST]) == 0
    row = estimates().filter(quantity="score", metric="accuracy")
    assert row["n"].to_list() == [24]


def test_options_from_a_file(tables: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    Path("c.yaml").write_text(
        "predictions: p.csv\nreference: u.csv\ngroup: [gender]\nreplicates: 100\npermutations: 100\n"
    )
    assert run(["score", "--config", "c.yaml", "out=b"]) == 0
    assert run(["score", "p.csv", "--reference", "u.csv", "--group", "gender", *FAST]) == 0
    assert estimates("b").equals(estimates())
    assert json.loads(Path("b/run.json").read_text())["config"]["group"] == ["gender"]


# ------------------------------------------------------------------ report, models


def test_report_is_made_from_what_stands_in_the_folder(
    tables: tuple[pl.DataFrame, pl.DataFrame], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["score", "p.csv", "--reference", "u.csv", "-o", "a", *FAST]) == 0
    page = Path("a/report.html").read_text()
    Path("a/report.html").unlink()
    Path("p.csv").unlink()
    capsys.readouterr()
    assert run(["report", "a"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "Result: a/report.html"
    assert Path("a/report.html").read_text() == page


def test_several_runs_go_side_by_side_into_a_named_file(
    tables: tuple[pl.DataFrame, pl.DataFrame], capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("a", "b"):
        assert run(["score", "p.csv", "--reference", "u.csv", "-o", folder, *FAST]) == 0
    capsys.readouterr()
    assert run(["report", "a", "b"]) == 2
    assert "--out" in capsys.readouterr().err
    assert run(["report", "a", "b", "-o", "both.html"]) == 0
    assert Path("both.html").is_file()


def test_report_of_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["report", str(tmp_path)]) == 2
    assert "there is no run in this folder" in capsys.readouterr().err
    assert run(["report"]) == 2
    assert "run: needed" in capsys.readouterr().err


def test_models_lists_each_with_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    from equivoice.models.registry import model_names

    assert run(["models"]) == 0
    out = capsys.readouterr().out
    assert len(model_names()) > 2
    assert all(name in out for name in model_names())
