"""Stored answers, read and scored again: on a run folder written by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from equivoice.errors import InputError
from equivoice.evaluation.described import describe, save_descriptions
from equivoice.records import RunRecord
from equivoice.store import RunFolder
from equivoice.studies.zero_shot.scoring import AuditSettings, Scored, in_words, score_runs
from oracles.actors import EMOTIONS, ravdess_like

QUICK = AuditSettings(replicates=20, permutations=10)
SHOWN = [name.capitalize() for name in EMOTIONS]


def written(
    folder: Path, answers: dict[str, str], *, system: str = "llm", model: str | None = None
) -> RunFolder:
    """A run whose answer to every emotion is given; others are answered with their name."""
    corpus = ravdess_like(each=1)
    speech = corpus.utterances.with_columns(corpus=pl.lit("ravdess"))
    tested = corpus.folds.filter(pl.col("split") == "test").select("utterance_id", "fold")
    said = speech.select(
        "utterance_id",
        system=pl.lit(system),
        prompt=pl.lit("user_labels"),
        options=pl.lit(SHOWN),
        temperature=pl.lit(0.0),
        run=pl.lit(0),
        modality=pl.lit("speech"),
        response=pl.col("emotion").replace(
            answers | {name: name.capitalize() for name in EMOTIONS if name not in answers}
        ),
        # as stored by whatever rule; the study reads the responses and not these
        status=pl.lit("unparsed"),
        emotion=pl.lit(None, dtype=pl.String),
    ).join(tested, on="utterance_id")
    with RunFolder.open(folder) as run:
        generation = {} if model is None else {system: {"model": model}}
        run.save_record(RunRecord(verb="benchmark", config={}, generation=generation))
        run.write_predictions(said)
        run.write_utterances(speech)
        save_descriptions(run, [describe(corpus, findings=(), folds="its own")])
    return RunFolder.read(folder)


def macro_f1(scored: Scored, convention: str) -> float:
    rows = scored.estimates.filter(
        (pl.col("metric") == "macro_f1")
        & (pl.col("quantity") == "score")
        & (pl.col("fold") == "all")
        & (pl.col("convention") == convention)
    )
    assert rows.height == 1
    return float(rows["value"][0])


def by_parser(scored: Scored, metric: str) -> dict[str, float]:
    rows = scored.parsers.filter(
        (pl.col("metric") == metric)
        & (pl.col("convention") == "equivoice")
        & (pl.col("fold") == "all")
    )
    return dict(rows.select("parser", "value").iter_rows())


def test_answers_are_read_again_and_what_was_stored_is_not_believed(tmp_path: Path) -> None:
    scored = score_runs([written(tmp_path / "run", {})], QUICK)
    assert {
        name: macro_f1(scored, name) for name in ("equivoice", "fairalm_paper", "fairalm_code")
    } == {
        "equivoice": 1.0,
        "fairalm_paper": 1.0,
        "fairalm_code": 1.0,
    }


def test_negation_is_read_differently_by_the_released_code(tmp_path: Path) -> None:
    """It takes the first label that stands in the answer, whatever is said about it."""
    scored = score_runs([written(tmp_path / "run", {"sad": "Not happy but sad."})], QUICK)
    assert macro_f1(scored, "equivoice") == 1.0
    assert macro_f1(scored, "fairalm_code") < 1.0
    parsers = by_parser(scored, "macro_f1")
    assert parsers["equivoice"] == 1.0
    assert parsers["fairalm_code"] < 1.0
    assert parsers["exact"] < 1.0


def test_without_repair_a_sentence_is_not_read(tmp_path: Path) -> None:
    answers = {"angry": "The speaker sounds angry.", "calm": "The speaker sounds calm."}
    scored = score_runs([written(tmp_path / "run", answers)], QUICK)
    coverage = by_parser(scored, "coverage")
    assert coverage["exact"] == pytest.approx(6 / 8)
    assert coverage["equivoice"] == 1.0


def test_gaps_of_all_conventions_and_intervals_of_ours_only(tmp_path: Path) -> None:
    scored = score_runs([written(tmp_path / "run", {"sad": "zxqv"})], QUICK)
    gaps = scored.estimates.filter(
        (pl.col("quantity") == "gap") & (pl.col("metric") == "equal_opportunity")
    )
    assert set(gaps["convention"].unique()) == {"equivoice", "fairalm_paper", "fairalm_code"}
    published = scored.estimates.filter(pl.col("convention") != "equivoice")
    assert published["low"].null_count() == published.height
    assert set(published["quantity"].unique()) == {"score", "gap"}


def test_the_model_is_what_the_record_names(tmp_path: Path) -> None:
    named = written(tmp_path / "a", {}, model="Qwen/Qwen2-Audio-7B-Instruct")
    other = written(tmp_path / "b", {}, system="other")
    scored = score_runs([named, other], QUICK)
    assert scored.models == {"llm": "Qwen/Qwen2-Audio-7B-Instruct"}
    assert scored.speech["ravdess"].height == 24 * 8  # both runs tested the same utterances
    assert set(scored.estimates["system"].unique()) == {"llm", "other"}


def test_work_is_told_run_by_run(tmp_path: Path) -> None:
    told: list[str] = []
    score_runs([written(tmp_path / "run", {})], QUICK, watch=told.append)
    assert told == ["run: ravdess"]


def test_one_system_in_two_runs_is_refused_before_any_work(tmp_path: Path) -> None:
    told: list[str] = []
    runs = [written(tmp_path / name, {}) for name in ("a", "b")]
    with pytest.raises(InputError, match="llm on ravdess stands in two runs"):
        score_runs(runs, QUICK, watch=told.append)
    assert told == []


def test_a_run_that_describes_no_corpus_is_refused(tmp_path: Path) -> None:
    with RunFolder.open(tmp_path / "run") as run:
        run.save_record(RunRecord(verb="score", config={}))
        run.write_predictions(pl.DataFrame({"utterance_id": ["a"], "system": ["s"]}))
    with pytest.raises(InputError, match="no predictions of a corpus that it describes"):
        score_runs([RunFolder.read(tmp_path / "run")], QUICK)


def test_systems_without_words_are_not_read_again() -> None:
    rows: list[dict[str, Any]] = [
        {"utterance_id": "a", "system": "llm", "response": "sad"},
        {"utterance_id": "b", "system": "llm", "response": None},
        {"utterance_id": "a", "system": "acoustic", "response": None},
    ]
    assert in_words(pl.DataFrame(rows))["system"].to_list() == ["llm", "llm"]
