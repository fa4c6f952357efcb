"""The study on a made corpus of three languages, asked with and without the transcript."""

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
from equivoice.corpora import label_space, save_corpus
from equivoice.errors import ConfigError, InputError
from equivoice.evaluation import benchmark
from equivoice.evaluation.paired import compare_predictions
from equivoice.store import RunFolder
from equivoice.studies.gender_gap.ablation import compare_entries, measure_entries, read_entry
from equivoice.studies.gender_gap.findings import findings
from equivoice.studies.gender_gap.measuring import CHANGE, measure
from equivoice.studies.gender_gap.reading import (
    BOTH,
    MODALITIES,
    SPEECH,
    GapSettings,
    read_answers,
)
from equivoice.studies.gender_gap.tables import Measured, StudyTables, make_tables
from equivoice.studies.gender_gap_benchmark import (
    Benchmark,
    gender_gap_benchmark,
    plan_study,
    write_benchmark,
)
from equivoice.studies.published.gap_tables import load_gap_tables
from oracles.three_languages import (
    EMOTIONS,
    LANGUAGES,
    biased,
    by_other_packages,
    over_languages,
    three_languages,
)

QUICK = GapSettings(replicates=60, permutations=20)
HOW: dict[str, Any] = {
    "temperatures": (0.0,),
    "runs": 1,
    "replicates": 20,
    "permutations": 10,
    "group_by": ("gender",),
    "option_scores": False,
}
WITHOUT = {"de": 0.2, "en": 0.5, "ja": 0.75}
WITH = {"de": 0.7, "en": 0.5, "ja": 0.75}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, RunFolder]:
    """One fake in two runs: the transcript helps it with women in German."""
    corpus = three_languages()
    place = tmp_path_factory.mktemp("runs")
    return (
        benchmark([biased(corpus, WITHOUT)], corpus, out=place / "a", modalities=[SPEECH], **HOW),
        benchmark(
            [biased(corpus, WITH, seed=1)], corpus, out=place / "b", modalities=[BOTH], **HOW
        ),
    )


@pytest.fixture(scope="module")
def found(runs: tuple[RunFolder, RunFolder]) -> Benchmark:
    return gender_gap_benchmark(
        runs,
        QUICK,
        ablation=[
            read_entry("components", f"erm={runs[0].path}"),
            read_entry("components", f"mine={runs[1].path}"),
            read_entry("weight", f"adaptive={runs[0].path}#llm"),
            read_entry("power", f"1={runs[1].path}"),
        ],
    )


def one(frame: pl.DataFrame, **wanted: Any) -> Mapping[str, Any]:
    for name, value in wanted.items():
        frame = frame.filter(pl.col(name).eq_missing(pl.lit(value)))
    assert frame.height == 1, frame
    return frame.row(0, named=True)


def stored(run: RunFolder) -> dict[str, pl.DataFrame]:
    """What the run folder itself holds, by language, joined without any of our joins."""
    truth = run.utterances().select("utterance_id", "language", group="gender", reference="emotion")
    said = run.predictions().select("utterance_id", predicted="emotion")
    both = truth.join(said, on="utterance_id", how="inner")
    return {tag: both.filter(language=tag) for tag in LANGUAGES}


# ------------------------------------------------------------------------------- tables


def test_every_cell_of_table_2_is_that_of_other_packages(
    found: Benchmark, runs: tuple[RunFolder, RunFolder]
) -> None:
    table = found.tables.table_2
    for modality, run in zip(MODALITIES, runs, strict=True):
        by_cell = [by_other_packages(own, EMOTIONS) for own in stored(run).values()]
        for tag, theirs in zip(LANGUAGES, by_cell, strict=True):
            for metric, value in theirs.items():
                ours = one(table, cell=tag, modality=modality, metric=metric)
                assert ours["value"] == pytest.approx(value, abs=1e-12)
        for aggregator in ("mean", "rms", "max"):
            for metric, value in over_languages(by_cell, aggregator).items():
                own = table.filter(cell="all", modality=modality, metric=metric)
                how = "mean" if metric in ("weighted_f1", "accuracy") else aggregator
                ours = one(own, aggregator=how)
                assert ours["value"] == pytest.approx(value, abs=1e-12)


def test_the_transcript_takes_the_gap_in_german_away(found: Benchmark) -> None:
    table = found.tables.table_2
    german = one(table, cell="de", modality=CHANGE, metric="avg_gap")
    assert german["high"] < -0.1
    japanese = one(table, cell="ja", modality=CHANGE, metric="avg_gap")
    assert japanese["low"] < 0 < japanese["high"]


def test_table_1_counts_utterances_and_speakers(found: Benchmark) -> None:
    table = found.tables.table_1
    assert table.height == 6
    row = one(table, cell="de", group="female")
    assert (row["utterances"], row["speakers"], row["corpora"]) == (96, 6, "made")
    assert (row["printed"], row["comparable"]) == (525, False)


def test_table_3_holds_the_named_runs_over_all_languages(found: Benchmark) -> None:
    table = found.tables.table_3
    assert set(table["cell"]) == {"all"}
    labels = table.select("block", "label").unique(maintain_order=True).rows()
    assert labels == [
        ("components", "erm"),
        ("components", "mine"),
        ("weight", "adaptive"),
        ("power", "1"),
    ]
    ours = one(table, block="components", label="erm", metric="avg_gap", aggregator="rms")
    same = one(
        found.tables.table_2, cell="all", modality=SPEECH, metric="avg_gap", aggregator="rms"
    )
    assert ours["value"] == same["value"]


def test_a_key_of_table_3_brings_the_printed_row_and_another_label_none(found: Benchmark) -> None:
    table = found.tables.table_3.filter(metric="avg_gap", aggregator="mean")
    printed = dict(table.select("label", "printed").iter_rows())
    assert printed == {"erm": 4.97, "mine": None, "adaptive": 4.34, "1": 3.73}
    assert not table["comparable"].fill_null(value=False).any()
    rms = found.tables.table_3.filter(metric="avg_gap", aggregator="rms")
    assert rms["printed"].null_count() == rms.height  # the paper does not say by which it is


def laid_out(runs: tuple[RunFolder, RunFolder], *, model: str, corpus: str) -> pl.DataFrame:
    """Table 2 as it would be for these weights on this corpus."""
    (answers,) = read_answers(runs, QUICK)
    named = replace(answers, model=model, frame=answers.frame.with_columns(corpus=pl.lit(corpus)))
    return make_tables([Measured(named, measure(named, QUICK))], [], load_gap_tables()).table_2


def test_printed_numbers_stand_beside_the_same_weights_only(
    runs: tuple[RunFolder, RunFolder], found: Benchmark
) -> None:
    assert found.tables.table_2["printed"].null_count() == found.tables.table_2.height
    table = laid_out(runs, model="/models/Qwen2-Audio-7B-Instruct", corpus="meld_st")
    german = one(table, cell="de", modality=SPEECH, metric="avg_gap")
    assert (german["printed"], german["printed_by"], german["comparable"]) == (
        6.38,
        "printed",
        True,
    )
    assert one(table, cell="de", modality=CHANGE, metric="avg_gap")["printed"] == -2.15
    change = one(table, cell="de", modality=CHANGE, metric="accuracy")["printed"]
    assert change == pytest.approx(26.85 - 28.15)
    other = laid_out(runs, model="Qwen2-Audio-7B-Instruct", corpus="made")
    assert not one(other, cell="de", modality=SPEECH, metric="avg_gap")["comparable"]


def test_by_another_aggregator_the_papers_languages_are_combined_anew(
    runs: tuple[RunFolder, RunFolder],
) -> None:
    table = laid_out(runs, model="Qwen2-Audio-7B-Instruct", corpus="meld_st")
    whole = table.filter(cell="all", modality=SPEECH, metric="avg_gap")
    by = {row["aggregator"]: row for row in whole.iter_rows(named=True)}
    assert {name: row["printed_by"] for name, row in by.items()} == {
        "mean": "recomputed",
        "rms": "printed",
        "max": "recomputed",
    }
    assert by["rms"]["printed"] == 5.51
    gaps = [(12.05, 7.69, 9.07), (5.72, 3.65, 2.88), (4.50, 0.92, 3.56), (3.25, 1.75, 7.19)]
    assert by["mean"]["printed"] == pytest.approx(sum(sum(gap) / 3 for gap in gaps) / 4)
    assert by["max"]["printed"] == pytest.approx(sum(map(max, gaps)) / 4)
    arrow = one(table, cell="all", modality=CHANGE, metric="avg_gap", aggregator="rms")
    assert arrow["printed"] == -1.07


def test_two_systems_stand_one_after_the_other(
    runs: tuple[RunFolder, RunFolder], tmp_path: Path
) -> None:
    corpus = three_languages()
    second = benchmark(
        [biased(corpus, dict.fromkeys(LANGUAGES, 0.8), name="fair")],
        corpus,
        out=tmp_path / "run",
        modalities=[SPEECH],
        **HOW,
    )
    both = gender_gap_benchmark([*runs, second], QUICK)
    assert both.tables.table_2["system"].unique(maintain_order=True).to_list() == ["llm", "fair"]
    text = text_of(write_benchmark(both, tmp_path / "out"))
    assert "not asked" in text  # with the transcript


# ------------------------------------------------------------------------------- the page


def text_of(page: Path) -> str:
    body = page.read_text("utf-8").partition("<body>")[2]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


def test_the_page_holds_the_tables_and_what_is_otherwise_in_the_paper(
    found: Benchmark, tmp_path: Path
) -> None:
    page = write_benchmark(found, tmp_path / "out", command="equivoice study")
    html = page.read_text("utf-8")
    assert [unescape(each) for each in re.findall(r"<h2[^>]*>(.*?)</h2>", html)] == [
        "What was found",
        "Table 1: what was tested",
        "Table 2: scores and gaps by language and modality",
        "Table 3: ablation",
        "The paper",
        "The runs",
    ]
    text = text_of(page)
    assert "root mean squares of the three languages for every baseline" in text
    assert "printed (aggregator not stated) for + ERM (SFT)" in text
    assert "5.04" in text  # the paper's own row by the other aggregator
    for slip in found.paper.slips:
        assert " ".join(slip.what.split()) in text
    assert sorted(file.name for file in (tmp_path / "out").glob("*.csv")) == [
        "table-1-utterances.csv",
        "table-2-gaps.csv",
        "table-3-ablation.csv",
    ]
    again = pl.read_csv(tmp_path / "out" / "table-2-gaps.csv")
    assert again["value"].to_list() == pytest.approx(found.tables.table_2["value"].to_list())


def test_rows_of_every_table_are_as_long_as_their_headings(found: Benchmark) -> None:
    from equivoice.reports.document import Table
    from equivoice.studies.gender_gap.page import study_sections

    tables = [
        block
        for section in study_sections(found.tables, found.paper)
        for block in section.blocks
        if isinstance(block, Table)
    ]
    assert len(tables) == 6
    for table in tables:
        for body in table.bodies:
            assert {len(row) for row in body.rows} == {len(table.columns)}, table.caption


def test_the_aggregator_is_named_in_every_row_of_all_languages(found: Benchmark) -> None:
    from equivoice.studies.gender_gap.page import study_sections

    full = study_sections(found.tables, found.paper)[2].blocks[1]
    (whole, *_) = full.bodies
    assert whole.title == "All languages"
    assert [row[0].text for row in whole.rows] == [
        "llm, user_labels, mean",
        "llm, user_labels, root mean square",
        "llm, user_labels, largest",
    ]


def test_what_was_found_is_said_with_intervals(found: Benchmark) -> None:
    said = findings(found.tables.table_2)
    assert any("AVG in German falls by" in text for text in said)
    assert any("AVG in Japanese" in text and "may as well be no change" in text for text in said)
    assert any("by the root mean square" in text for text in said)
    assert any("the largest AVG gap of a language is that of German" in text for text in said)


# ------------------------------------------------------------------------------- ablations


@pytest.mark.parametrize("text", ["runs/erm", "=runs/erm", "erm=", " =x"])
def test_an_entry_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="LABEL=RUN"):
        read_entry("weight", text)


def test_an_entry_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no run in this folder"):
        read_entry("weight", f"1={tmp_path}")


def test_a_label_stands_once(runs: tuple[RunFolder, RunFolder]) -> None:
    twice = [read_entry("power", f"1={run.path}") for run in runs]
    with pytest.raises(ConfigError, match="same label"):
        measure_entries(twice, QUICK)


def test_a_system_that_the_run_does_not_hold(runs: tuple[RunFolder, RunFolder]) -> None:
    entry = read_entry("power", f"1={runs[0].path}#other")
    with pytest.raises(InputError, match="no such system") as caught:
        measure_entries([entry], QUICK)
    assert "llm" in str(caught.value)


def test_a_run_of_two_systems_needs_a_word(tmp_path: Path) -> None:
    corpus = three_languages(speakers=2, each=1)
    models = [biased(corpus, WITH, name=name) for name in ("one", "two")]
    run = benchmark(models, corpus, out=tmp_path / "run", modalities=[SPEECH], **HOW)
    entry = read_entry("components", f"erm={run.path}")
    with pytest.raises(InputError, match="several systems") as caught:
        measure_entries([entry], QUICK)
    assert "erm=RUN#SYSTEM" in str(caught.value)
    (named,) = measure_entries([read_entry("components", f"erm={run.path}#two")], QUICK)
    assert named.measured.answers.system == "two"


def test_ablations_alone_need_no_other_run(
    runs: tuple[RunFolder, RunFolder], tmp_path: Path
) -> None:
    alone = gender_gap_benchmark([], QUICK, ablation=[read_entry("power", f"2={runs[0].path}")])
    assert alone.tables.table_2.is_empty()
    assert alone.tables.table_3.height > 0
    assert [run.path for run in alone.runs] == [runs[0].path]
    assert "Power p of the penalty" in text_of(write_benchmark(alone, tmp_path / "out"))


def test_nothing_at_all_makes_empty_tables() -> None:
    tables = make_tables([], [], load_gap_tables())
    assert isinstance(tables, StudyTables)
    assert all(table.is_empty() for table in tables.named.values())


# --------------------------------------------------------------- one run against another


@pytest.fixture(scope="module")
def fairer(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Another fake, which hears women as well as men."""
    corpus = three_languages()
    model = biased(corpus, dict.fromkeys(LANGUAGES, 1.0), name="fair", seed=2)
    place = tmp_path_factory.mktemp("fair") / "run"
    return benchmark([model], corpus, out=place, modalities=[SPEECH], **HOW)


@pytest.fixture(scope="module")
def against(runs: tuple[RunFolder, RunFolder], fairer: RunFolder) -> list[dict[str, Any]]:
    entries = [
        read_entry("components", f"erm={runs[0].path}"),
        read_entry("components", f"minmaxgap={fairer.path}"),
        read_entry("power", f"1={fairer.path}"),
    ]
    return compare_entries(measure_entries(entries, QUICK), QUICK)


def test_each_run_stands_against_the_first_of_its_block(against: list[dict[str, Any]]) -> None:
    heads = {tuple(row[n] for n in ("block", "label", "against", "modality")) for row in against}
    assert heads == {("components", "minmaxgap", "erm", SPEECH)}  # power has one run alone


def test_differences_are_those_of_compare(
    runs: tuple[RunFolder, RunFolder], fairer: RunFolder
) -> None:
    """The verb ``compare`` on the same two runs: equal scores, intervals but for the draws."""
    settings = GapSettings(replicates=2_000, permutations=10)
    entries = [
        read_entry("power", f"1={runs[0].path}"),
        read_entry("power", f"2={fairer.path}"),
    ]
    rows = compare_entries(measure_entries(entries, QUICK), settings)
    speech = runs[0].utterances().filter(language="de")
    after, before = (
        run.predictions().join(speech, on="utterance_id", how="semi") for run in (fairer, runs[0])
    )
    theirs = compare_predictions(after, before, speech, replicates=2_000, permutations=10)
    for metric in ("weighted_f1", "accuracy"):
        ours = one(pl.DataFrame(rows, infer_schema_length=None), cell="de", metric=metric)
        row = one(theirs, metric=metric)
        assert ours["value"] == pytest.approx(row["value"], abs=1e-12)
        assert ours["low"] == pytest.approx(row["low"], abs=0.02)
        assert ours["high"] == pytest.approx(row["high"], abs=0.02)


def test_a_difference_of_gaps_is_that_of_the_two_rows(
    against: list[dict[str, Any]], runs: tuple[RunFolder, RunFolder], fairer: RunFolder
) -> None:
    (first,), (other,) = (read_answers([run], QUICK) for run in (runs[0], fairer))
    rows = [pl.DataFrame(measure(a, QUICK), infer_schema_length=None) for a in (first, other)]
    for row in against:
        same = {name: row[name] for name in ("cell", "metric", "aggregator")}
        before, after = (one(frame, **same)["value"] for frame in rows)
        assert row["value"] == pytest.approx(after - before, abs=1e-12)
    whole = one(
        pl.DataFrame(against, infer_schema_length=None),
        cell="all",
        metric="avg_gap",
        aggregator="max",
    )
    assert whole["high"] < 0
    assert whole["method"] == "paired cluster bootstrap, test inversion"


def test_runs_on_different_utterances_are_compared_on_the_common_ones(
    runs: tuple[RunFolder, RunFolder], fairer: RunFolder
) -> None:
    first, other = measure_entries(
        [read_entry("power", f"1={runs[0].path}"), read_entry("power", f"2={fairer.path}")], QUICK
    )
    some = other.measured.answers
    fewer = replace(some, frame=some.frame.filter(~pl.col("utterance_id").str.ends_with("-0")))
    small = replace(other, measured=Measured(fewer, other.measured.rows))
    rows = compare_entries([first, small], QUICK)
    assert {row["n"] for row in rows if row["cell"] == "all"} == {fewer.frame.height}
    none = replace(fewer, frame=some.frame.with_columns(pl.col("utterance_id") + "x"))
    with pytest.raises(InputError, match="no utterance in common"):
        compare_entries([first, replace(other, measured=Measured(none, ()))], QUICK)


def test_runs_with_different_labels_are_not_compared(
    runs: tuple[RunFolder, RunFolder], fairer: RunFolder
) -> None:
    first, other = measure_entries(
        [read_entry("power", f"1={runs[0].path}"), read_entry("power", f"2={fairer.path}")], QUICK
    )
    few = replace(other.measured.answers, labels=label_space(["angry", "sad"], id="few"))
    with pytest.raises(InputError, match="asked with different labels"):
        compare_entries([first, replace(other, measured=Measured(few, ()))], QUICK)


def test_differences_stand_on_the_page(
    runs: tuple[RunFolder, RunFolder], fairer: RunFolder, tmp_path: Path
) -> None:
    entries = [
        read_entry("weight", f"0={runs[0].path}"),
        read_entry("weight", f"adaptive={fairer.path}"),
    ]
    made = gender_gap_benchmark([], QUICK, ablation=entries)
    text = text_of(write_benchmark(made, tmp_path))
    assert "Paired differences of the runs" in text
    assert "adaptive minus 0" in text
    assert (tmp_path / "table-3-differences.csv").is_file()


# ------------------------------------------------------------------------------- the verb


def test_our_settings_ask_in_both_modalities_at_temperature_0() -> None:
    task = plan_study(["scripted-llm"], [three_languages(speakers=2, each=1)])  # type: ignore[list-item]
    asked = task.settings
    assert (asked.modalities, asked.temperatures, asked.runs) == (MODALITIES, (0.0,), 1)
    assert {cell.modality for cell in task.plan.cells} == set(MODALITIES)


@pytest.mark.slow
def test_the_verb_asks_then_measures_and_resumes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_corpus(three_languages(speakers=5, each=1), tmp_path / "corpus")
    words = ["study", "gender-gap-benchmark", "--system", "scripted-llm", "--corpus"]
    words += [str(tmp_path / "corpus"), "-o", str(tmp_path / "out")]
    words += ["--replicates", "40", "--permutations", "10"]
    assert equivoice([*words, "--dry-run"]) == 0
    assert "240 answers" in capsys.readouterr().out  # 120 utterances, with and without
    assert not (tmp_path / "out").exists()
    assert equivoice(words) == 0
    said = capsys.readouterr().out
    assert "scripted-llm, user_labels: AVG gap, points" in said
    assert f"Result: {tmp_path / 'out' / 'gender-gap-benchmark.html'}" in said
    first = (tmp_path / "out" / "table-2-gaps.csv").read_bytes()
    assert equivoice(words) == 0  # the run is there; nothing is asked again
    assert (tmp_path / "out" / "table-2-gaps.csv").read_bytes() == first


def test_the_verb_takes_runs_and_ablations(
    runs: tuple[RunFolder, RunFolder], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["study", "gender-gap-benchmark", *(str(run.path) for run in runs)]
    words += ["--component", f"erm={runs[0].path}", "--weight", f"0={runs[0].path}"]
    words += ["-o", str(tmp_path), "--replicates", "40", "--permutations", "10"]
    assert equivoice(words) == 0
    said = capsys.readouterr().out
    assert re.search(r"German +5\d\.\d \[.*\] +\d+\.\d \[.*\] +↓\d+\.\d \[.*\] +192", said)
    assert "falls by" in said
    assert pl.read_csv(tmp_path / "table-3-ablation.csv")["block"].unique().sort().to_list() == [
        "components",
        "weight",
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-o", "x"], "there is nothing to measure"),
        (["--system", "scripted-llm", "-o", "x"], "systems need corpora"),
        (["no-such-run", "-o", "x"], "there is no run in this folder"),
        (["run"], "out: needed"),
        (["--component", "erm", "-o", "x"], "LABEL=RUN"),
        (["run", "-o", "x", "--cells", "speaker"], "cells"),
        (["run", "-o", "x", "--replicates", "3"], "replicates"),
        (["run", "-o", "x", "lambda=1"], "lambda: unknown key"),
    ],
)
def test_mistakes_are_said(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert equivoice(["study", "gender-gap-benchmark", *words]) == 2
    message = capsys.readouterr().err
    assert said in message
    assert "Traceback" not in message
