"""What things are called."""

from __future__ import annotations

from pathlib import Path

import pytest

from equivoice.reports import ReportInputs
from equivoice.reports.rows import Estimate
from equivoice.reports.wording import (
    AGGREGATORS,
    CAUSES,
    GLOSSARY,
    METRICS,
    RATERS,
    aggregation,
    compared,
    metric,
    pair_of,
    unit,
)

DOCS = Path(__file__).resolve().parents[3] / "docs"


def test_every_metric_that_scoring_writes_has_a_name_and_a_meaning(inputs: ReportInputs) -> None:
    written = set(inputs.estimates["metric"].unique()) - {"confusion"}
    assert written <= set(METRICS)
    assert all(term.meaning.endswith(".") for term in METRICS.values())


def test_names_are_distinct() -> None:
    names = [term.name for term in METRICS.values()]
    assert len(names) == len(set(names))


def test_an_unknown_metric_keeps_its_own_name() -> None:
    assert metric("my_metric") == "my metric"


def test_every_aggregator_of_the_fairness_room_has_a_name() -> None:
    fairness = pytest.importorskip("equivoice.fairness")
    assert set(fairness.GROUP_AGGREGATORS) <= set(AGGREGATORS)
    names = {
        aggregation(Estimate("gap", "x", group_aggregator=groups, class_aggregator=classes))
        for groups in fairness.GROUP_AGGREGATORS
        for classes in fairness.CLASS_AGGREGATORS
    }
    assert len(names) == len(fairness.GROUP_AGGREGATORS) * len(fairness.CLASS_AGGREGATORS)


def test_pairs_are_split_at_the_minus_sign_only() -> None:
    assert pair_of("18-25 − 26-40") == ("18-25", "26-40")
    assert pair_of("18-25") is None
    assert pair_of(None) is None


def test_groups_in_a_sentence() -> None:
    assert compared("gender", "female − male") == ("female", "male speakers")
    assert compared("gender x age", "female x ≤ 25 − male x ≤ 25") == (
        "gender × age female × ≤ 25",
        "gender × age male × ≤ 25",
    )
    assert compared("age", None) == ("age the first group", "age the second group")


def test_mixed_units_are_not_called_speakers() -> None:
    rows = [Estimate("score", "x", unit="speaker"), Estimate("score", "x", unit="utterance")]
    assert unit(rows) == "units"
    assert unit([]) == "units"


def test_the_rules_are_written_down_and_say_what_the_code_says() -> None:
    rules = " ".join((DOCS / "wording.md").read_text("utf-8").split())
    assert CAUSES in rules
    assert RATERS in rules
    reading = " ".join((DOCS / "reading-a-report.md").read_text("utf-8").split())
    assert RATERS in reading
    for name, _ in GLOSSARY:
        assert name in reading
