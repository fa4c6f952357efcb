"""FairALM's tables for scripted models on a corpus with the actors and folds of RAVDESS."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from equivoice.cli.app import run as equivoice
from equivoice.corpora import Corpus, save_corpus
from equivoice.errors import InputError
from equivoice.evaluation import benchmark
from equivoice.models.scripted_language import ScriptedLanguageModel
from equivoice.store import RunFolder
from equivoice.studies.zero_shot.conventions import changes
from equivoice.studies.zero_shot.scoring import AuditSettings
from equivoice.studies.zero_shot.tables import make_tables
from equivoice.studies.zero_shot_audit import (
    Audit,
    plan_as_published,
    write_audit,
    zero_shot_audit,
)
from oracles.actors import ravdess_like

QUICK = AuditSettings(replicates=40, permutations=20)
RUNS = 2


def model(corpus: Corpus, name: str, **options: Any) -> ScriptedLanguageModel:
    """Right for men more often than for women; at 1.5 part of its answers cannot be read."""
    speech = corpus.utterances
    women = speech.filter(pl.col("gender") == "female")["utterance_id"].to_list()
    return ScriptedLanguageModel(
        dict(speech.select("utterance_id", "emotion").iter_rows()),
        name=name,
        accuracy=0.9,
        hard_on=women,
        hard_accuracy=0.5,
        wordings={"exact": 0.6, "sentence": 0.2, "gibberish": 0.2},
        **options,
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    corpus = ravdess_like(each=1)
    return benchmark(
        [model(corpus, "llm"), model(corpus, "other", confidence=0.5, seed=4)],
        corpus,
        out=tmp_path_factory.mktemp("runs") / "run",
        temperatures=(0.0, 1.5),
        runs=RUNS,
        label_orders=("given", "shuffled-1"),
        replicates=20,
        permutations=10,
        group_by=("gender",),
    )


@pytest.fixture(scope="module")
def audit(run: RunFolder) -> Audit:
    return zero_shot_audit([run], QUICK)


def one(frame: pl.DataFrame, **wanted: Any) -> Mapping[str, Any]:
    for name, value in wanted.items():
        frame = frame.filter(pl.col(name).eq_missing(pl.lit(value)))
    assert frame.height == 1, frame
    return frame.row(0, named=True)


def test_table_i_counts_the_corpus_beside_the_printed_one(audit: Audit) -> None:
    row = one(audit.tables.table_1, corpus="ravdess")
    assert (row["speakers"], row["women"], row["men"], row["emotions"]) == (24, 12, 12, 8)
    assert (row["printed_speakers"], row["printed_emotions"]) == (24, 8)


def test_macro_f1_is_recomputed_from_the_stored_answers(audit: Audit, run: RunFolder) -> None:
    """Ours, by hand: pooled over folds, runs and orders; unread answers wrong."""
    said = run.predictions().filter((pl.col("system") == "llm") & (pl.col("temperature") == 0.0))
    both = said.join(run.utterances().select("utterance_id", truth="emotion"), on="utterance_id")
    scores = []
    for label in both["truth"].unique():
        hit = both.filter((pl.col("emotion") == label) & (pl.col("truth") == label)).height
        given = both.filter(pl.col("emotion") == label).height
        true = both.filter(pl.col("truth") == label).height
        scores.append(2 * hit / (given + true))
    row = one(audit.tables.table_2, system="llm", convention="equivoice")
    assert row["value"] == pytest.approx(sum(scores) / len(scores))
    assert row["n"] == 24 * 8 * RUNS * 2
    assert row["low"] < row["value"] < row["high"]


def test_spread_over_folds_runs_and_orders_stands_apart(audit: Audit) -> None:
    curves = audit.tables.figure_2
    hot = one(curves, system="llm", convention="equivoice", metric="macro_f1", temperature=1.5)
    assert hot["sd_folds"] > 0
    assert hot["sd_runs"] > 0
    assert hot["sd_orders"] is not None
    cold = one(curves, system="llm", convention="equivoice", metric="macro_f1", temperature=0.0)
    assert cold["sd_runs"] == 0  # at temperature 0 all runs are one answer


def test_the_published_average_over_k_plus_1_classes_is_shown(audit: Audit) -> None:
    """Where answers are unread, the released code divides by nine classes and not by eight."""
    hot = audit.tables.figure_2.filter(
        (pl.col("system") == "llm")
        & (pl.col("metric") == "macro_f1")
        & (pl.col("temperature") == 1.5)
    )
    ours = one(hot, convention="equivoice")["value"]
    code = one(hot, convention="fairalm_code")["value"]
    assert code < ours
    said = [text for text in changes(audit.tables) if "from temperature 0 to 1.5" in text]
    assert any("the released code" in text and "llm" in text for text in said)


def test_recall_sums_stand_on_their_own_scale_and_are_marked(audit: Audit) -> None:
    gaps = audit.tables.table_4.filter(
        (pl.col("system") == "llm") & (pl.col("measure") == "overall_accuracy_equality")
    )
    code = one(gaps, convention="fairalm_code")
    paper = one(gaps, convention="fairalm_paper")
    # each emotion is as frequent as the others, so that a sum of recalls is K times the accuracy
    assert code["value"] == pytest.approx(8 * paper["value"], rel=0.15)
    assert code["mark"].startswith("another scale")
    ours = one(gaps, convention="equivoice")
    assert ours["low"] < ours["value"] < ours["high"]
    assert ours["noise_floor"] > 0


def test_statistical_parity_of_the_fold_of_women_counts_as_zero_in_the_code_only(
    audit: Audit,
) -> None:
    gaps = audit.tables.table_4.filter(
        (pl.col("system") == "llm") & (pl.col("measure") == "statistical_parity")
    )
    # averages of the same folds; the code counts fold 2 as 0 where the formulas leave it out
    assert one(gaps, convention="fairalm_code")["value"] == pytest.approx(
        one(gaps, convention="fairalm_paper")["value"] * 5 / 6, rel=0.02
    )


def test_printed_numbers_apply_to_the_same_model_only(audit: Audit, run: RunFolder) -> None:
    row = one(audit.tables.table_2, system="llm", convention="equivoice")
    assert (row["printed"], row["printed_sd"], row["same_model"]) == (67.48, 5.34, False)
    scored = audit.scored
    named = {"llm": "/models/Voxtral-Mini-3B-2507", "other": "Qwen/Qwen2-Audio-7B-Instruct"}
    tables = make_tables(replace(scored, models=named), audit.study, QUICK)
    voxtral = one(tables.table_2, system="llm", convention="equivoice")
    assert (voxtral["printed"], voxtral["printed_for"]) == (4.71, "Voxtral-Mini")
    assert voxtral["same_model"]
    gap = one(tables.table_4, system="other", convention="equivoice", measure="equal_opportunity")
    assert (gap["printed"], gap["same_model"]) == (12.39, True)
    # Table IV was printed for Qwen2-Audio alone: nothing is shown beside another known model
    none = one(tables.table_4, system="llm", convention="equivoice", measure="equal_opportunity")
    assert none["printed"] is None


def test_table_iii_reads_the_same_answers_in_four_ways(audit: Audit, run: RunFolder) -> None:
    own = audit.tables.table_3.filter(
        (pl.col("system") == "llm") & (pl.col("convention") == "equivoice")
    )
    assert own["parser"].to_list() == ["exact", "fairalm_code", "fairalm_paper", "equivoice"]
    assert own["low"].null_count() == 0
    assert one(own, parser="exact")["value"] <= one(own, parser="equivoice")["value"]


def laid_out(audit: Audit, **settings: Any) -> Audit:
    """The same scores, laid out in another way."""
    tables = make_tables(audit.scored, audit.study, AuditSettings(**settings))
    return replace(audit, tables=tables)


def test_nothing_is_chosen_on_test_data_unless_it_is_forced(audit: Audit, tmp_path: Path) -> None:
    assert {each.temperature for each in audit.tables.chosen} == {0.0}
    assert not any(each.candidates for each in audit.tables.chosen)
    page = text_of(write_audit(audit, tmp_path / "a"))
    assert "chosen by its score on the test data" not in page
    forced = laid_out(audit, select_on_test=True)
    (llm,) = [each for each in forced.tables.chosen if each.system == "llm"]
    assert max(llm.candidates.values()) == llm.candidates[f"{llm.temperature:g}"]
    said = text_of(write_audit(forced, tmp_path / "b"))
    assert said.index("Temperature of llm was chosen by its score on the test data") < said.index(
        "Macro-F1 is"
    )


def test_a_temperature_can_be_named(audit: Audit) -> None:
    named = laid_out(audit, temperature=1.5)
    assert set(named.tables.table_2["temperature"]) == {1.5}


@pytest.mark.slow
def test_option_scores_stand_where_options_have_probability(tmp_path: Path) -> None:
    """At temperature 0 all probability goes to one answer, which here is no option."""
    corpus = ravdess_like(each=1)
    mumbler = ScriptedLanguageModel(
        dict(corpus.utterances.select("utterance_id", "emotion").iter_rows()),
        name="llm",
        accuracy=0.9,
        wordings={"exact": 0.05, "gibberish": 0.95},
    )
    run = benchmark(
        [mumbler],
        corpus,
        out=tmp_path / "run",
        temperatures=(0.0, 1.0),
        runs=1,
        replicates=20,
        permutations=10,
        group_by=("gender",),
    )
    audit = zero_shot_audit([run], QUICK)
    words = one(audit.tables.table_2, system="llm", convention="equivoice")
    options = one(audit.tables.table_2, system="llm/options", convention="equivoice")
    assert (words["temperature"], words["value"]) == (0.0, 0.0)
    assert options["temperature"] == 1.0
    assert options["value"] > 0.7
    page = text_of(write_audit(audit, tmp_path / "out"))
    assert "None of the answers of llm could be read as a label" in page
    assert "llm/options does not depend on readable answers" in page
    assert "here at temperature 1" in page


def text_of(page: Path) -> str:
    body = page.read_text("utf-8").partition("<body>")[2]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


def test_the_page_holds_the_tables_the_slips_and_what_was_not_printed(
    audit: Audit, tmp_path: Path
) -> None:
    page = write_audit(audit, tmp_path / "out", command="equivoice study zero-shot-audit")
    html = page.read_text("utf-8")
    found = [unescape(each) for each in re.findall(r"<h2[^>]*>(.*?)</h2>", html)]
    assert found == [
        "What can be concluded",
        "Where the tables stand",
        "Do the conventions change the verdict?",
        "Table I: corpora",
        "Table II: macro-F1",
        "Table III: reading the answers",
        "Table IV: gaps between groups",
        "The paper",
        "Figure 2: temperature",
        "The runs",
    ]
    text = text_of(page)
    assert "fold 2 (04, 10, 12, 14) are all women" in text
    assert "RAVDESS without post-processing: macro-F1 68.11 ± 4.27" in text
    assert "In brackets: printed for another model" in text
    assert "(67.48 ± 5.34)" in text
    assert sorted(file.name for file in (tmp_path / "out").glob("*.csv")) == [
        "figure-2-temperature.csv",
        "table-1-corpora.csv",
        "table-2-macro-f1.csv",
        "table-3-parsers.csv",
        "table-4-gaps.csv",
    ]
    again = pl.read_csv(tmp_path / "out" / "table-2-macro-f1.csv")
    assert again["value"].to_list() == pytest.approx(audit.tables.table_2["value"].to_list())


def test_one_system_in_two_runs_is_refused(run: RunFolder) -> None:
    with pytest.raises(InputError, match="llm on ravdess stands in two runs"):
        zero_shot_audit([run, run], QUICK)


def test_the_papers_settings_are_the_default_and_can_be_changed() -> None:
    corpus = ravdess_like(each=1)
    task = plan_as_published(["scripted-llm"], [corpus])  # type: ignore[list-item]
    asked = task.settings
    assert asked.temperatures == (0.0, 0.3, 0.7, 1.0, 1.2, 1.5)
    assert (asked.runs, asked.prompts, asked.decoding.max_new_tokens) == (10, ("user_labels",), 5)
    assert asked.decoding.top_p == 1.0
    assert plan_as_published(["scripted-llm"], [corpus], runs=2).settings.runs == 2  # type: ignore[list-item]


@pytest.mark.slow
def test_the_verb_asks_then_audits_and_resumes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = ravdess_like(each=1)
    save_corpus(corpus, tmp_path / "corpus")
    words = ["study", "zero-shot-audit", "--system", "scripted-llm", "--corpus"]
    words += [str(tmp_path / "corpus"), "-o", str(tmp_path / "out"), "--temperatures", "0,1.5"]
    words += ["--runs", "2", "--folds", "1,2", "--replicates", "20", "--permutations", "10"]
    assert equivoice([*words, "--dry-run"]) == 0
    assert not (tmp_path / "out").exists()
    assert equivoice(words) == 0
    said = capsys.readouterr().out
    assert "Macro-F1, %" in said
    assert f"Result: {tmp_path / 'out' / 'zero-shot-audit.html'}" in said
    first = (tmp_path / "out" / "table-4-gaps.csv").read_bytes()
    assert equivoice(words) == 0  # the run is there; nothing is asked again
    assert (tmp_path / "out" / "table-4-gaps.csv").read_bytes() == first


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-o", "x"], "there is nothing to audit"),
        (["--system", "scripted-llm", "-o", "x"], "systems need corpora"),
        (["no-such-run", "-o", "x"], "there is no run in this folder"),
    ],
)
def test_mistakes_are_said(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert equivoice(["study", "zero-shot-audit", *words]) == 2
    assert said in capsys.readouterr().err
