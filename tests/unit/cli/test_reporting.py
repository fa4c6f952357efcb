"""What is handed to a report beside the estimates: answers, calibration, sensitivity."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from equivoice.cli.reporting import conclusions, report_inputs, write_report
from equivoice.evaluation import benchmark
from equivoice.models.scripted_language import ScriptedLanguageModel
from equivoice.store import RunFolder
from oracles.actors import ravdess_like


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    corpus = ravdess_like(each=1)
    model = ScriptedLanguageModel(
        dict(corpus.utterances.select("utterance_id", "emotion").iter_rows()),
        name="llm",
        accuracy=0.8,
        confidence=0.5,
        first_bias=1.5,
        wordings={"exact": 0.8, "refusal": 0.2},
    )
    return benchmark(
        [model, "prior"],
        corpus,
        out=tmp_path_factory.mktemp("runs") / "run",
        folds=("1", "3"),
        temperatures=(0.0, 1.0),
        runs=2,
        label_orders=("given", "shuffled-1"),
        group_by=("gender",),
        replicates=20,
        permutations=10,
    )


def test_a_report_gets_answers_by_the_groups_that_were_scored(run: RunFolder) -> None:
    answers = report_inputs(run).answers
    assert answers is not None
    assert answers["system"].unique().to_list() == ["llm"]  # the prior says nothing in words
    assert set(answers["group_by"].unique()) == {None, "gender"}
    refused = answers.filter((pl.col("metric") == "refused") & pl.col("group_by").is_null())
    by_temperature = dict(refused.select("temperature", "value").iter_rows())
    said = run.predictions().filter((pl.col("system") == "llm") & (pl.col("temperature") == 1.0))
    assert by_temperature[1.0] == pytest.approx((said["status"] == "refused").mean())
    assert by_temperature[1.0] > 0.05


def test_calibration_is_of_everything_with_probabilities(run: RunFolder) -> None:
    found = report_inputs(run).calibration
    assert found is not None
    assert set(found["system"].unique()) == {"prior", "llm/options"}


def test_sensitivity_is_of_what_was_varied_at_the_lowest_temperature(run: RunFolder) -> None:
    found = report_inputs(run).sensitivity
    assert found is not None
    assert found["factor"].unique().to_list() == ["label_order"]
    assert found["temperature"].unique().to_list() == [0.0]
    assert set(found["system"].unique()) == {"llm", "llm/options"}
    changed = found.filter((pl.col("quantity") == "changed") & (pl.col("system") == "llm"))
    # what stands first is favoured, so another order changes labels
    assert changed["value"][0] > 0


def test_the_page_has_all_of_them_and_the_terminal_says_the_temperature(run: RunFolder) -> None:
    page = write_report(run).read_text("utf-8")
    for anchor in ("temperature", "sensitivity", "answers", "calibration"):
        assert f'<section id="{anchor}"' in page
    _, table = conclusions(run)
    assert "llm on ravdess: at temperature 0; 1 in the report" in str(table.caption)


def test_a_run_without_words_or_variation_has_none_of_them(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"replicates": 20, "permutations": 10, "group_by": ("gender",)}
    run = benchmark(["prior"], ravdess_like(each=1), out=tmp_path / "run", folds=("1",), **settings)
    inputs = report_inputs(run)
    assert inputs.answers is not None
    assert inputs.answers.is_empty()
    assert inputs.sensitivity is None
    page = write_report(run).read_text("utf-8")
    assert '<section id="temperature"' not in page
    assert '<section id="answers"' not in page
    assert '<section id="calibration"' in page
