"""``equivoice score`` on files of any origin: how they are told apart, named, limited and refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from equivoice.cli.app import run
from equivoice.records import RunRecord
from equivoice.store.provenance import hash_file

NAMES = ("angry", "sad")
SAID = [NAMES[i // 2 % 2 if i % 4 else 0] for i in range(24)]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A reference ``u.csv``, and the same answers as three tools and we write them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    ids = [f"demo/{i}" for i in range(24)]
    truth = [NAMES[i % 2] for i in range(24)]
    pl.DataFrame(
        {"utterance_id": ids, "emotion": truth, "speaker": [f"s{i // 4}" for i in range(24)]}
    ).write_csv("u.csv")
    pl.DataFrame({"utterance_id": ids, "response": SAID}).write_csv("own.csv")
    pl.DataFrame({"key": range(24), "utterance_id": ids}).write_csv("keys.csv")
    lines("llama.jsonl", [{"prompt": "?", "predict": text, "label": ""} for text in SAID])
    lines("lmms.jsonl", [{"doc_id": i, "resps": [[text]]} for i, text in enumerate(SAID)])
    lines("named.jsonl", [{"x": {"clip": f"{i}.wav"}, "resps": [[t]]} for i, t in enumerate(SAID)])
    samples = [
        {"id": str(i), "epoch": 1, "output": {"completion": text}} for i, text in enumerate(SAID)
    ]
    log = {"eval": {"model": "openai/m"}, "samples": samples}
    Path("log.json").write_text(json.dumps(log), "utf-8")
    return tmp_path


def lines(name: str, rows: list[dict[str, Any]]) -> None:
    Path(name).write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")


def score(*words: str) -> int:
    fast = ["--replicates", "20", "--permutations", "20"]
    return run(["score", *words, "--reference", "u.csv", "-o", "out", *fast])


def stored() -> pl.DataFrame:
    return pl.read_parquet("out/predictions.parquet")


def record() -> RunRecord:
    return RunRecord.model_validate_json(Path("out/run.json").read_text("utf-8"))


@pytest.mark.parametrize(
    ("words", "system"),
    [
        (["own.csv"], None),
        (["own.csv", "--format", "equivoice"], None),
        (["llama.jsonl", "--keys", "keys.csv"], "llama-factory"),
        (["llama.jsonl", "--keys", "keys.csv", "--format", "llama-factory"], "llama-factory"),
        (["lmms.jsonl", "--keys", "keys.csv"], "lmms-eval"),
        (["named.jsonl", "--key", "x.clip"], "lmms-eval"),
        (["log.json"], "openai/m"),
        (["log.json", "--system", "mine"], "mine"),
    ],
)
def test_the_same_answers_have_the_same_labels_whoever_wrote_them(
    words: list[str], system: str | None
) -> None:
    assert score(*words) == 0
    found = stored().sort(pl.col("utterance_id").str.strip_prefix("demo/").cast(pl.Int64))
    assert found["emotion"].to_list() == SAID
    assert (
        found["system"].unique().to_list() == [system] if "system" in found.columns else not system
    )


def test_the_record_names_and_hashes_all_that_went_in() -> None:
    assert score("llama.jsonl", "--keys", "keys.csv") == 0
    inputs = record().inputs
    assert inputs == {
        "predictions llama.jsonl": hash_file(Path("llama.jsonl")),
        "reference u.csv": hash_file(Path("u.csv")),
        "keys keys.csv": hash_file(Path("keys.csv")),
    }


def test_a_limit_counts_answers_of_other_tools_too() -> None:
    assert score("log.json", "--limit", "10") == 0
    assert stored()["emotion"].to_list() == SAID[:10]


def test_what_it_was_read_as_is_said_beside_the_results(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert score("log.json") == 0
    said = capsys.readouterr()
    assert "Read as answers of inspect." in said.err
    assert "Read as" not in said.out
    assert score("own.csv") == 0
    assert "Read as" not in capsys.readouterr().err


def test_a_dry_run_of_another_tools_file_writes_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert score("log.json", "--dry-run") == 0
    assert "24 predictions, 24 utterances, labels angry, sad" in capsys.readouterr().out
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["own.csv", "--format", "csv"], ["format: unknown", "lmms-eval", "inspect"]),
        (["own.csv", "--format", "inspect"], ["own.csv", "not JSON"]),
        (["llama.jsonl"], ["do not say which utterances", "--keys"]),
        (["llama.jsonl", "--keys", "none.csv"], ["none.csv"]),
        (["llama.jsonl", "--keys", "u.csv"], ["lacks a column", "key"]),
        (["lmms.jsonl", "--key", "doc.audio"], ["do not say which utterances"]),
        (["log.json", "--key", "metadata.audio"], ["do not say which utterances"]),
        (["none.eval"], ["none.eval"]),
        (["own.csv", "--limit", "0"], ["limit"]),
    ],
)
def test_what_cannot_be_read_is_bad_input_in_words(
    words: list[str], said: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert score(*words) == 2
    message = capsys.readouterr().err
    assert "Traceback" not in message
    for part in said:
        assert part in message, message
    assert not Path("out").exists()


@pytest.mark.parametrize(
    "words", [["--key", "x"], ["--keys", "keys.csv"], ["--system", "llm"], ["--keys", "none.csv"]]
)
def test_options_that_a_table_of_ours_would_not_heed_are_refused(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert score("own.csv", *words) == 2
    message = capsys.readouterr().err
    assert f"{words[0].strip('-')}: is for files of other tools" in message
    assert "--format" in message


@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_a_run_of_another_verb_is_refused_before_anything_is_scored(
    dry: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from equivoice.cli import score as verb

    Path("out").mkdir()
    other = RunRecord(verb="benchmark", config={})
    Path("out/run.json").write_text(other.model_dump_json(), "utf-8")
    monkeypatch.setattr(verb, "score", lambda *_, **__: pytest.fail("it was scored"))
    assert score("own.csv", *dry) == 2
    assert "the run of another verb" in capsys.readouterr().err
    assert record().verb == "benchmark"


def test_results_of_score_are_replaced_with_all_that_belongs_to_them() -> None:
    assert score("log.json", "--system", "first") == 0
    before = stored()
    assert score("own.csv") == 0
    assert not stored().equals(before)
    assert set(record().inputs) == {"predictions own.csv", "reference u.csv"}


# ----------------------------------------------------------------------------- the study


@pytest.fixture
def study(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """What the study says of words that it refuses."""

    def typed(*words: str) -> str:
        assert run(["study", "zero-shot-audit", *words]) == 2
        return capsys.readouterr().err

    return typed


def test_a_named_temperature_and_the_best_on_test_exclude_each_other(
    study: Callable[..., str],
) -> None:
    said = study("some-run", "-o", "x", "--temperature", "0.3", "--select-on-test")
    assert "exclude each other" in said
    assert not Path("x").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--corpus", "c", "-o", "x"], "systems need corpora"),
        (["run"], "out: needed"),
        (["run", "-o", "x", "--temperature", "-1"], "temperature"),
        (["run", "-o", "x", "--replicates", "3"], "replicates"),
        (["run", "-o", "x", "--level", "1"], "level"),
        (["run", "-o", "x", "--runs", "0"], "runs"),
        (["run", "-o", "x", "decoding.top_p=2"], "decoding.top_p"),
        (["run", "-o", "x", "decoding.beams=2"], "unknown key"),
        (["--system", "no-such", "--corpus", "none", "-o", "x"], "no-such"),
        (["u.csv", "-o", "x"], "u.csv"),
    ],
)
def test_mistakes_of_the_study_are_told_before_any_work(
    words: list[str], said: str, study: Callable[..., str]
) -> None:
    message = study(*words)
    assert said in message
    assert "Traceback" not in message
    assert not Path("x").exists()
