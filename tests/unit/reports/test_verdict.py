"""What the verdict says, case by case."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl
import pytest

from equivoice.records import ESTIMATES
from equivoice.reports import ReportInputs, verdict
from equivoice.reports.rows import Estimate
from equivoice.reports.verdict import Statement, statements
from equivoice.reports.wording import CAUSES

SCORE = Estimate(
    "score", "macro_f1", system="s", corpus="c", value=0.5, low=0.4, high=0.6,
    level=0.95, unit="speaker", n=100, clusters=10,
)  # fmt: skip
PAIR = Estimate(
    "pair_gap", "macro_f1", system="s", corpus="c", group_by="gender", groups="female − male",
    value=-0.1, low=-0.15, high=-0.05, level=0.95, unit="speaker", n=100, clusters=10,
    p_value=0.01, p_floor=0.001, detectable=0.08,
)  # fmt: skip


def changed(row: Estimate, **changes: Any) -> Estimate:
    """The same row with some values changed."""
    return Estimate(**(asdict(row) | changes))


def only(*rows: Estimate, about: str) -> Statement:
    """The one statement about something."""
    (found,) = [each for each in statements(rows) if each.about == about]
    return found


def as_table(*rows: Estimate) -> pl.DataFrame:
    """Rows as a table of estimates."""
    records = []
    for row in rows:
        record = asdict(row) | {"class": row.label, "left_out": None}
        del record["label"]
        records.append(record)
    return ESTIMATES.validate(pl.DataFrame(records, infer_schema_length=None))


def test_a_score_has_interval_and_counts() -> None:
    found = only(SCORE, about="score")
    assert found.supported
    assert found.text == (
        "Macro-F1 is 50.0%, 95% interval [40.0, 60.0]; 100 utterances of 10 speakers."
    )


def test_a_score_without_interval_says_why_and_supports_nothing() -> None:
    bare = changed(SCORE, low=None, high=None, undefined="interval: too few speakers: all: 3")
    found = only(bare, about="score")
    assert not found.supported
    assert found.text.endswith("No interval can be given: too few speakers: all: 3.")


def test_an_undefined_score_is_not_zero() -> None:
    found = only(changed(SCORE, value=None, undefined="no predictions"), about="score")
    assert not found.supported
    assert found.text == "Macro-F1 is not defined: no predictions."
    assert "0" not in found.text


def test_incomplete_coverage_is_told_with_the_score() -> None:
    coverage = changed(
        SCORE, metric="coverage", value=0.98, left_out={"unparsed (counted as wrong)": 2}
    )
    found = only(SCORE, coverage, about="score")
    assert found.text.endswith(
        "98.0% of the answers could be read as a label; 2 unparsed (counted as wrong)."
    )
    assert "could be read" not in only(SCORE, changed(coverage, value=1.0), about="score").text


def test_without_speakers_independence_is_named() -> None:
    found = only(changed(SCORE, unit="utterance", clusters=100), about="score")
    assert "taken as independent since speakers are unknown" in found.text


def test_a_difference_that_interval_and_test_show_is_described() -> None:
    found = only(SCORE, PAIR, about="gender")
    assert found.supported
    assert found.text == (
        "Macro-F1 is 10.0 points lower for female than for male speakers, "
        "95% interval [−15.0, −5.0]; 100 utterances of 10 speakers. "
        "Permutation test: p = 0.010 (smallest p the test can give: 0.001)."
    )


def test_the_direction_follows_the_sign() -> None:
    up = changed(PAIR, value=0.1, low=0.05, high=0.15)
    assert "10.0 points higher for female" in only(SCORE, up, about="gender").text


def test_no_difference_detected_names_what_could_not_be_seen() -> None:
    found = only(SCORE, changed(PAIR, low=-0.2, high=0.01, p_value=0.2), about="gender")
    assert not found.supported
    assert found.text.startswith("No difference in macro-F1 between female and male speakers")
    assert "Differences smaller than 8.0 points could not have been seen reliably." in found.text
    assert "equal" not in found.text


@pytest.mark.parametrize(
    "row",
    [changed(PAIR, p_value=0.2), changed(PAIR, low=-0.2, high=0.01, p_value=0.01)],
    ids=["interval only", "test only"],
)
def test_interval_and_test_must_agree(row: Estimate) -> None:
    assert not only(SCORE, row, about="gender").supported


def test_disagreement_is_told() -> None:
    found = only(SCORE, changed(PAIR, p_value=0.2), about="gender")
    assert found.text.startswith("Interval and test disagree")
    assert "undecided" in found.text


def test_without_a_test_the_interval_decides() -> None:
    found = only(SCORE, changed(PAIR, p_value=None, p_floor=None), about="gender")
    assert found.supported
    assert "test" not in found.text


def test_too_few_speakers_is_a_refusal_with_its_reason_and_the_floor() -> None:
    few = changed(
        PAIR, low=None, high=None, p_value=0.1, p_floor=0.1, clusters=6,
        undefined="interval: too few speakers: female: 3, male: 3 (at least 5 each are needed)",
    )  # fmt: skip
    found = only(SCORE, few, about="gender")
    assert not found.supported
    assert "too few speakers: female: 3, male: 3" in found.text
    assert "It cannot be concluded whether the groups differ." in found.text
    assert "cannot give a p below 0.1, so it cannot detect any difference" in found.text


def test_an_undefined_difference_says_why() -> None:
    row = changed(PAIR, value=None, low=None, high=None, undefined="confounded with emotion")
    found = only(SCORE, row, about="gender")
    assert found.text == (
        "Macro-F1 of female and male speakers cannot be compared: confounded with emotion."
    )


def test_one_group_only_cannot_be_compared() -> None:
    group = Estimate("group_score", "macro_f1", group_by="gender", groups="female", value=0.5)
    found = only(changed(SCORE, system=None, corpus=None), group, about="gender")
    assert not found.supported
    assert "only one group, female" in found.text


def several(p_value: float | None, **gap: Any) -> list[Estimate]:
    """Three age groups, their pairs and the largest gap."""
    names = ["≤ 25", "25–30", "> 30"]
    by = {"system": "s", "corpus": "c", "group_by": "age"}
    groups = [Estimate("group_score", "macro_f1", groups=name, value=0.5, **by) for name in names]
    pairs = [
        changed(PAIR, group_by="age", groups=f"{first} − {second}")
        for first, second in (("≤ 25", "25–30"), ("≤ 25", "> 30"), ("25–30", "> 30"))
    ]
    largest = Estimate(
        "gap", "macro_f1", group_aggregator="max", level=0.95, p_value=p_value,
        p_floor=0.001, n=100, clusters=10, unit="speaker",
        **(by | {"value": 0.12, "low": 0.01, "high": 0.2, "noise_floor": 0.09} | gap),
    )  # fmt: skip
    worst = Estimate("worst_group", "macro_f1", groups="> 30", value=0.4, **by)
    return [SCORE, *groups, *pairs, largest, worst]


def test_several_groups_are_judged_by_one_test_and_the_aggregator_is_named() -> None:
    found = only(*several(0.01), about="age")
    assert found.supported
    assert "largest pair of groups" in found.text
    assert "about 9.0 points would be expected" in found.text
    assert "The groups differ." in found.text
    assert "Lowest in this sample: > 30 (40.0%)." in found.text


@pytest.mark.parametrize(
    "gap", [{"low": 0.0}, {"low": None, "high": None, "undefined": "interval: too few speakers"}]
)
def test_a_test_alone_decides_nothing_about_several_groups(gap: dict[str, Any]) -> None:
    """Four speakers a group gave p = .03 without an interval: no conclusion."""
    found = only(*several(0.01, **gap), about="age")
    assert not found.supported
    assert "treat it as undecided" in found.text


@pytest.mark.parametrize("p_value", [0.3, None])
def test_several_groups_without_a_detected_difference(p_value: float | None) -> None:
    found = only(*several(p_value), about="age")
    assert not found.supported
    assert "Whether the groups differ cannot be concluded." in found.text


def test_a_comparison_of_systems_is_its_own_subject() -> None:
    row = changed(PAIR, quantity="comparison", system="a − b", group_by=None, groups=None)
    found = only(SCORE, row, about="comparison")
    assert found.subject == "a − b on c"
    assert "10.0 points lower for a than for b on the same utterances" in found.text


def test_of_comparisons_only_the_primary_metric_is_spoken_of() -> None:
    row = changed(PAIR, quantity="comparison", system="a − b", group_by=None, groups=None)
    others = [changed(row, metric=name) for name in ("accuracy", "coverage", "recall_sum")]
    within = changed(row, group_by="gender", groups="female")
    made = statements([*others, row, within])
    assert [each.about for each in made] == ["comparison"]
    assert "macro-F1" in made[0].text.replace("Macro", "macro")


def test_constant_answers_are_not_told_as_a_small_detectable_difference() -> None:
    row = changed(PAIR, value=0.0, low=0.0, high=0.0, p_value=1.0, detectable=0.0)
    found = only(SCORE, row, about="gender")
    assert not found.supported
    assert "smaller than 0.0 points" not in found.text
    assert "hardly varies between resamples" in found.text


CONSTANT = "interval: all resamples gave the same value, so their spread says nothing"


def test_a_system_whose_answers_never_vary_is_told_why_it_has_no_interval() -> None:
    nothing = {"low": None, "high": None, "undefined": CONSTANT}
    pair = changed(PAIR, value=0.0, p_value=1.0, detectable=None, **nothing)
    for about, rows in (
        ("score", [changed(SCORE, **nothing)]),
        ("gender", [SCORE, pair]),
        ("age", several(1.0, value=0.0, noise_floor=None, **nothing)),
    ):
        found = only(*rows, about=about)
        assert not found.supported
        assert "all resamples gave the same value" in found.text
        assert "smaller than" not in found.text
        assert "Lowest in this sample" not in found.text  # where all are alike, none is


def test_a_rounded_zero_has_no_direction() -> None:
    found = only(SCORE, changed(PAIR, value=0.0001, low=0.00005, high=0.0002), about="gender")
    assert "is the same, to 0.1 points" in found.text
    assert "higher" not in found.text


def test_sentences_name_their_subject_where_there_are_several() -> None:
    lines = verdict(as_table(SCORE, changed(SCORE, system="t")))
    assert [line.split(":")[0] for line in lines] == ["s on c", "t on c"]


def test_causes_are_disclaimed_exactly_where_groups_are_compared() -> None:
    assert CAUSES not in verdict(as_table(SCORE))
    assert verdict(as_table(SCORE, PAIR))[-1] == CAUSES


def test_nothing_is_claimed_of_an_empty_table() -> None:
    assert verdict(ESTIMATES.empty()) == []


def test_a_planted_gap_is_found_and_no_gap_is_not_claimed_equal(
    make_inputs: Callable[..., ReportInputs],
) -> None:
    planted = make_inputs(systems={"s": {"gap": 0.5}})
    assert any("lower for female than for male" in line for line in verdict(planted.estimates))
    level = make_inputs(systems={"s": {"gap": 0.0, "seed": 3}})
    lines = verdict(level.estimates)
    assert any(line.startswith("No difference in macro-F1") for line in lines)


def test_real_refusal_for_six_speakers(make_inputs: Callable[..., ReportInputs]) -> None:
    lines = verdict(make_inputs(speakers=6).estimates)
    assert any("too few speakers" in line and "cannot be concluded" in line for line in lines)


def test_findings_that_limit_every_conclusion_become_statements() -> None:
    @dataclass
    class Found:
        code: str
        message: str
        corpus: str = "urdu"

    confounded = Found("confounded-group", "gender is confounded with emotion")
    harmless = Found("label-imbalance", "happy is rare")
    made = statements([SCORE], [confounded, harmless])
    assert made[0] == Statement(
        False, "Gender is confounded with emotion.", "The data of urdu", "data"
    )
    assert len(made) == 2
    assert verdict(as_table(SCORE), findings=[confounded])[0] == (
        "The data of urdu: Gender is confounded with emotion."
    )


BANNED = ("bias", "unfair", "fairer", "discriminat", "because", "due to", "significant", "proves")


def test_wording_keeps_the_rules(two_systems: ReportInputs, inputs: ReportInputs) -> None:
    made = [SCORE, PAIR, *several(0.01)]
    lines = [each.text for each in statements(made)]
    lines += verdict(two_systems.estimates) + verdict(inputs.estimates)
    for line in lines:
        assert not [word for word in BANNED if word in line.lower()], line
