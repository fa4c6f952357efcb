"""Which rows belong where."""

from __future__ import annotations

import pytest

from equivoice.reports import ReportInputs
from equivoice.reports.kinds import by_agreement, kind_of, of_kind, of_labels
from equivoice.reports.rows import Estimate, read_estimates
from equivoice.reports.terms import METRICS, measure, reference, rule


@pytest.mark.parametrize(
    ("metric", "held", "kind"),
    [
        ("macro_f1", None, "labels"),
        ("macro_f1", "given", "labels"),
        ("macro_f1", "dawid_skene", "labels"),
        ("macro_f1", "other listeners", "labels"),
        ("macro_f1", "votes", "votes"),
        ("brier", "given", "labels"),
        ("brier", "votes", "votes"),
        ("multilabel_recall", "votes > 0.5", "votes"),
        ("kld", "other listeners", "votes"),
        ("annotator_aware_macro_f1", "the other half", "votes"),
        ("krippendorff_alpha", "votes", "listeners"),
        ("kept", "majority", "listeners"),
        ("arousal_ccc", "votes", "scales"),
        ("arousal_ccc", None, "scales"),
        ("of_a_plugin", None, "labels"),
    ],
)
def test_metric_and_reference_decide(metric: str, held: str | None, kind: str) -> None:
    assert kind_of(Estimate("score", metric, reference=held)) == kind


def test_every_row_has_exactly_one_place(crowd: ReportInputs) -> None:
    rows = read_estimates(crowd.estimates)
    places = [of_kind(rows, kind) for kind in ("labels", "votes", "listeners", "scales")]
    found = [id(row) for place in [*places, by_agreement(rows)] for row in place]
    assert len(found) == len(set(found)) == len(rows)
    assert all(places)


def test_scores_by_agreement_are_no_ordinary_grouping(crowd: ReportInputs) -> None:
    rows = read_estimates(crowd.estimates)
    assert {row.group_by for row in of_labels(rows)} == {None, "gender"}
    assert {row.group_by for row in by_agreement(rows)} == {"agreement"}


def test_a_run_without_votes_is_all_labels(inputs: ReportInputs) -> None:
    rows = read_estimates(inputs.estimates)
    assert of_labels(rows) == list(rows)


def test_units_are_stated_for_every_metric() -> None:
    for name, term in METRICS.items():
        assert (measure(name) == "%") == term.percent
    assert measure("valence_rmse") == "points of the scale"
    assert measure("of_a_plugin") == "%"


def test_references_and_rules_have_names() -> None:
    schema = pytest.importorskip("equivoice.records.schemas")
    for name in schema.REFERENCES:
        words = reference(name)
        assert words.startswith(("the ", "all ", "labels "))
    assert len({reference(name) for name in schema.REFERENCES}) == len(schema.REFERENCES)
    rules = pytest.importorskip("equivoice.annotators.rules")
    assert [rule(name) for name in rules.RULES] == [
        "majority",
        "plurality",
        "all-inclusive",
        "Dawid–Skene",
    ]
    assert rule("mine") == reference("mine") == "mine"
