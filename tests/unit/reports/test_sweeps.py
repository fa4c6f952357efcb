"""Which rows stand for a model, and what is said before its scores."""

from __future__ import annotations

import pytest

from equivoice.reports.cautions import chosen_on_test, unreadable
from equivoice.reports.rows import Condition, Estimate
from equivoice.reports.sweep_sections import readings_block, temperature_section
from equivoice.reports.sweeps import (
    READINGS,
    at_main_temperature,
    by_reading,
    families,
    gap_rows,
    model_of,
    reading_of,
)
from equivoice.reports.tables import scores_table


def row(system: str | None = "llm", temperature: float | None = 0.0, **more: object) -> Estimate:
    given = {"quantity": "score", "metric": "macro_f1", "corpus": "demo", "fold": "all"}
    return Estimate(**(given | {"system": system, "temperature": temperature} | more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("system", "model", "reading"),
    [
        ("llm", "llm", ""),
        ("llm/options", "llm", "options"),
        ("org/llm/expected", "org/llm", "expected"),
        ("org/llm", "org/llm", ""),
        ("options", "options", ""),
        (None, "the predictions", ""),
    ],
)
def test_names_say_which_model_and_how_it_is_read(
    system: str | None, model: str, reading: str
) -> None:
    assert (model_of(system), reading_of(system)) == (model, reading)


def test_each_model_corpus_and_prompt_has_a_lowest_temperature_of_its_own() -> None:
    rows = [
        row(temperature=0.7),
        row(temperature=0.3),
        row("llm/options", 0.3),
        row("llm/options", 0.7),
        row(temperature=1.0, corpus="other"),
        row(temperature=1.5, corpus="other"),
        row(temperature=0.7, prompt="direct"),
        row("acoustic", None),
    ]
    kept = at_main_temperature(rows)
    assert [(r.system, r.temperature, r.corpus, r.prompt) for r in kept] == [
        ("llm", 0.3, "demo", None),
        ("llm/options", 0.3, "demo", None),
        ("llm", 1.0, "other", None),
        ("llm", 0.7, "demo", "direct"),
        ("acoustic", None, "demo", None),
    ]


def test_a_family_needs_two_temperatures_and_names_only_settings_that_differ() -> None:
    rows = [row(temperature=t, prompt=p) for p in ("a", "b") for t in (0.0, 1.0)]
    rows += [row("once", 0.0, prompt="a"), row("acoustic", None)]
    assert [each.title for each in families(rows)] == [
        "llm on demo, prompt a",
        "llm on demo, prompt b",
    ]
    (only,) = families(rows[:2])
    assert (only.title, only.temperatures, only.readings) == ("llm on demo", [0.0, 1.0], [""])


def test_readings_come_in_their_order_and_temperatures_ascend() -> None:
    rows = [row("llm/expected", 1.0), row("llm", 1.0), row("llm/expected", 0.0), row("llm", 0.0)]
    found = [(name, [each.temperature for each in own]) for name, own in by_reading(rows)]
    assert found == [("", [0.0, 1.0]), ("expected", [0.0, 1.0])]
    assert "not the expected score of sampled answers" in READINGS["expected"].meaning


def test_curves_of_gaps_take_the_means_of_the_paper_and_no_other_aggregator() -> None:
    gaps = [
        row(
            quantity="gap",
            metric="equal_opportunity",
            group_by="gender",
            value=value,
            group_aggregator=over_groups,
            class_aggregator=over_classes,
            temperature=t,
        )
        for t in (0.0, 1.0)
        for over_groups, over_classes, value in (
            ("mean", "mean", 0.1),
            ("max", "mean", 0.2),
            ("mean", "rms", 0.3),
        )
    ]
    (family,) = families(gaps)
    assert [r.value for r in gap_rows(family, "gender", "equal_opportunity")] == [0.1, 0.1]


def test_unreadable_answers_are_said_with_the_way_out_where_there_is_one() -> None:
    low = row(metric="coverage", value=0.02, n=1200, run="all")
    (alone,) = unreadable([low])
    assert "Only 2.0% of the answers of llm could be read as a label (1,200 answers" in alone.text
    assert "/options" not in alone.text
    assert not alone.supported
    (helped,) = unreadable([low, row("llm/options", metric="coverage", value=1.0)])
    assert "llm/options does not depend on readable answers" in helped.text
    (none,) = unreadable([row(metric="coverage", value=0.0, n=10)])
    assert none.text.startswith("None of the answers of llm")
    assert not list(unreadable([row(metric="coverage", value=0.5)]))
    # what is unreadable only at a high temperature does not limit the lowest
    high = [row(metric="coverage", value=1.0), row(metric="coverage", value=0.1, temperature=1.5)]
    assert not list(unreadable(high))


def test_choices_on_test_data_are_said_and_others_are_not() -> None:
    honest = {"what": "temperature", "split": "validation", "chosen": 0.3}
    forced = {
        "what": "temperature",
        "system": "llm",
        "split": "test",
        "chosen": 0.7,
        "candidates": {"0.3": 0.5, "0.7": 0.6},
    }
    (said,) = chosen_on_test([honest, forced])
    assert said.text.startswith(
        "Temperature of llm was chosen by its score on the test data (0.7, the best of 2 candidates)"
    )
    assert list(chosen_on_test([honest])) == []


def test_options_without_any_probability_do_not_stand_for_a_model() -> None:
    """At temperature 0 all probability may go to an answer that is no option."""
    rows = [
        row(system, t, metric=metric, value=0.0 if system != "llm" and t == 0 else 0.9)
        for system in ("llm", "llm/options")
        for t in (0.0, 0.7, 1.5)
        for metric in ("coverage", "macro_f1")
    ]
    kept = {(r.system, r.temperature) for r in at_main_temperature(rows)}
    assert kept == {("llm", 0.0), ("llm/options", 0.7)}
    section = temperature_section(rows)
    (figure,) = [block for block in section.blocks if block.kind == "figure"]
    assert "×1 not defined: no option has any probability" in figure.key


def test_a_choice_made_fold_by_fold_is_said_once() -> None:
    folds = [
        {
            "what": "temperature",
            "system": "llm (selected)",
            "split": "test",
            "fold": fold,
            "chosen": {"temperature": chosen},
            "candidates": [{}, {}, {}],
        }
        for fold, chosen in (("1", 0.3), ("2", 0.3), ("3", 1.0))
    ]
    (said,) = chosen_on_test(folds)
    assert "(temperature 0.3; temperature 1, the best of 3 candidates)" in said.text


def test_selected_conditions_are_explained_as_a_name_of_their_own() -> None:
    text, bullets = readings_block([row("llm"), row("llm (selected)", None)])
    assert text.text.startswith("One model stands here under several names")
    assert any(
        item.startswith("NAME (selected): The test answers under") for _, item in bullets.items
    )
    assert readings_block([row("llm"), row("acoustic", None)]) == ()


def test_metrics_of_probabilities_stay_out_of_the_table_of_scores() -> None:
    rows = [row(metric=name, value=0.5, n=3) for name in ("macro_f1", "brier", "ece", "outside")]
    table = scores_table({Condition("demo", "llm"): rows}, caption="c")
    assert [line[0].text for body in table.bodies for line in body.rows] == ["macro-F1"]


def test_each_reference_has_curves_of_its_own_and_votes_have_none() -> None:
    rows = [
        Estimate("score", "macro_f1", system="m", corpus="c", temperature=t, reference=held)
        for t in (0.0, 1.0)
        for held in ("given", "majority")
    ]
    rows += [
        Estimate("score", "jsd", system="m", corpus="c", temperature=t, reference="votes")
        for t in (0.0, 1.0, 2.0)
    ]
    found = families(rows)
    assert [family.title for family in found] == [
        "m on c, held against the labels as given",
        "m on c, held against the majority of the votes",
    ]
    assert all(family.temperatures == [0.0, 1.0] for family in found)
