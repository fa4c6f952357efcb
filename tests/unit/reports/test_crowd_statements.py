"""What the verdict says of labels out of votes, and of people."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from equivoice.reports import ReportInputs, verdict
from equivoice.reports.crowd_statements import (
    about_listeners,
    kept_statements,
    people_in_full,
    people_scores,
)
from equivoice.reports.rows import Condition, Estimate, conditions, read_estimates
from equivoice.reports.verdict import statements
from equivoice.reports.wording import CAUSES, RATERS

ONE = "one listener (voice)"
OUT = "one listener, left out (voice)"
HALF = "half the crowd (voice)"


def row(metric: str = "macro_f1", value: float | None = 0.5, **given: Any) -> Estimate:
    """An overall score of 90 utterances."""
    base: dict[str, Any] = {
        "corpus": "c", "n": 90, "clusters": 9, "unit": "speaker", "level": 0.95,
        "quantity": "score",
    }  # fmt: skip
    ends = {} if value is None else {"low": value - 0.04, "high": value + 0.04}
    return Estimate(metric=metric, value=value, **(base | ends | given))


def kept(rule: str, value: float | None, **given: Any) -> Estimate:
    """The share that a rule keeps."""
    return row("kept", value, reference=rule, **given)


def test_the_rule_behind_the_labels_is_told_with_what_it_keeps() -> None:
    rows = [row(system="model", reference="majority"), kept("majority", 0.646)]
    (found,) = kept_statements(rows)
    assert not found.supported
    assert found.subject == "The labels on c"
    assert found.text == (
        "The majority of the votes gives a label to 64.6% of the utterances, 95% interval "
        "[60.6, 68.6]; 90 utterances of 9 speakers. What is said of scores against these labels "
        "holds for those utterances only."
    )


def test_rules_that_no_score_is_held_against_are_not_spoken_of() -> None:
    rows = [row(system="model", reference="majority"), kept("plurality", 0.9)]
    assert list(kept_statements(rows)) == []


@pytest.mark.parametrize("value", [1.0, None])
def test_a_rule_that_drops_nothing_limits_nothing(value: float | None) -> None:
    rows = [row(system="model", reference="majority"), kept("majority", value)]
    assert list(kept_statements(rows)) == []


@pytest.mark.parametrize(("gap", "told"), [(-0.1, True), (0.1, True), (0.01, False)])
def test_a_rule_that_drops_more_of_one_group_says_so(gap: float, told: bool) -> None:
    by: dict[str, Any] = {"quantity": "pair_gap", "group_by": "gender", "groups": "female − male"}
    rows = [
        row(system="model", reference="majority"),
        kept("majority", 0.6),
        kept("majority", gap, **by),
    ]
    (found,) = kept_statements(rows)
    assert ("The share kept is" in found.text) == told
    if told:
        way = "lower" if gap < 0 else "higher"
        assert f"10.0 points {way} for female than for male speakers, 95% int" in found.text


def test_channels_are_named_where_there_are_several() -> None:
    rows = [row(system="model", reference="majority")]
    rows += [kept("majority", 0.6, system=f"listeners ({each})") for each in ("voice", "face")]
    assert [found.text[:45] for found in kept_statements(rows)] == [
        "The majority of the votes, listeners (voice),",
        "The majority of the votes, listeners (face), ",
    ]


def test_beside_systems_people_have_a_sentence_each_and_no_rank() -> None:
    parts = conditions([row(system="model"), row(system=OUT, reference="other listeners")])
    first, last = people_scores(parts)
    assert first.supported
    assert first.subject == last.subject == "People on c"
    assert first.text == (
        "One listener, left out (voice), held against the other listeners: macro-F1 is 50.0%, "
        "95% interval [46.0, 54.0]; 90 utterances of 9 speakers."
    )
    assert not last.supported
    assert "cannot be concluded" in last.text


def test_an_undefined_score_of_people_keeps_its_reason() -> None:
    parts = conditions([row(system="model"), row(system=HALF, value=None, undefined="one vote")])
    first = next(iter(people_scores(parts)))
    assert not first.supported
    assert "macro-F1 is not defined: one vote." in first.text


def test_people_alone_are_spoken_of_like_systems() -> None:
    rows = [row(system=name, reference=held) for name, held in (
        (OUT, "other listeners"), (ONE, "given"), (HALF, "the other half"))]  # fmt: skip
    parts = conditions(rows)
    assert [each.system for each in people_in_full(parts)] == [ONE]
    del parts[Condition("c", ONE, reference="given")]
    assert [each.system for each in people_in_full(parts)] == [OUT]
    assert people_in_full(conditions([*rows, row(system="model")])) == []
    spoken = statements(rows)
    assert [s.about for s in spoken] == ["score", "people", "people"]
    assert not [s for s in spoken if "cannot be concluded from these" in s.text]


def test_people_are_never_left_without_a_sentence() -> None:
    parts = conditions([row(system=HALF, reference="the other half")])
    assert people_in_full(parts) == list(parts)


@pytest.mark.parametrize(
    ("made", "about"),
    [
        (row(), False),
        (row(reference="given"), False),
        (row(reference="majority"), True),
        (row(system=ONE), True),
        (row("jsd", reference="votes"), True),
        (row("krippendorff_alpha"), True),
    ],
)
def test_where_numbers_rest_on_votes_the_sampling_of_listeners_is_told(
    made: Estimate, about: bool
) -> None:
    assert about_listeners([made]) == about
    frame = pl.DataFrame([{"quantity": "score", "metric": made.metric, "system": made.system,
                           "reference": made.reference, "value": 0.5, "corpus": "c"}])  # fmt: skip
    assert (RATERS in verdict(frame)) == about


def test_the_whole_verdict_of_a_run_with_votes(crowd: ReportInputs) -> None:
    lines = verdict(crowd.estimates)
    assert lines[-2:] == [RATERS, CAUSES]
    assert lines[0].startswith("The labels on crowd: The majority of the votes gives a label to 75")
    text = " ".join(lines)
    assert "model on crowd, held against the majority of the votes: Macro-F1 is 62.0%" in text
    assert "Agreement" not in text  # no grouping to be compared
    for word in ("best", "human-level", "outperform"):
        assert word not in text


def test_every_score_in_the_verdict_says_against_what(crowd: ReportInputs) -> None:
    made = statements(read_estimates(crowd.estimates))
    for each in made:
        if each.about in ("score", "people") and "Macro-F1 is" in each.text:
            assert "held against" in each.subject or "held against" in each.text
