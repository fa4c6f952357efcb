"""Verdict and main table in the terminal."""

from __future__ import annotations

import io

import polars as pl
import pytest
from rich.console import Console, RenderableType

from equivoice.records import ESTIMATES
from equivoice.reports import ReportInputs, main_table, verdict_lines
from equivoice.reports.wording import CAUSES, RATERS


def shown(renderable: RenderableType, width: int = 100) -> str:
    """What a terminal of this width would show."""
    console = Console(file=io.StringIO(), width=width)
    console.print(renderable)
    return str(console.file.getvalue())  # type: ignore[attr-defined]


def flat(text: str) -> str:
    """The text in one line."""
    return " ".join(text.split())


def test_the_table_has_scores_groups_and_the_signed_gap(inputs: ReportInputs) -> None:
    text = shown(main_table(inputs.estimates))
    for word in ("macro-F1", "coverage", "macro-F1, female − male", "95% interval", "speakers"):
        assert word in text
    value = inputs.estimates.filter(
        (pl.col("quantity") == "pair_gap")
        & (pl.col("metric") == "macro_f1")
        & (pl.col("fold") == "all")
    )["value"][0]
    assert f"{value * 100:+.1f}".replace("-", "−") in text


@pytest.mark.parametrize("width", [60, 80, 120])
def test_lines_fit_the_terminal(inputs: ReportInputs, width: int) -> None:
    text = shown(main_table(inputs.estimates), width) + shown(
        verdict_lines(inputs.estimates), width
    )
    assert max(len(line) for line in text.splitlines()) <= width


def test_the_verdict_marks_what_is_supported_by_a_sign(inputs: ReportInputs) -> None:
    text = shown(verdict_lines(inputs.estimates))
    assert "✓ Macro-F1 is" in text
    assert flat(text).endswith(CAUSES)


def test_several_systems_are_told_apart(two_systems: ReportInputs) -> None:
    for text in (
        shown(main_table(two_systems.estimates)),
        shown(verdict_lines(two_systems.estimates)),
    ):
        assert "acoustic on ravdess" in text
        assert "prior on ravdess" in text


def test_comparisons_are_rows_of_their_own() -> None:
    row = {"quantity": "comparison", "metric": "macro_f1", "system": "a − b", "value": 0.04}
    text = shown(main_table(pl.DataFrame([row, row | {"metric": "coverage"}])))
    assert "a − b" in text
    assert "+4.0" in text
    assert "coverage" not in text


def test_a_run_of_comparisons_shows_each_pair_of_systems_under_its_name() -> None:
    row = {"quantity": "comparison", "metric": "my_metric", "corpus": "c", "fold": "all"}
    frame = pl.DataFrame(
        [
            row | {"system": "a − b", "value": 0.04},
            row | {"system": "a − d", "value": -0.06},
            row | {"system": "a − b", "value": 0.02, "group_by": "gender", "groups": "male"},
        ],
        infer_schema_length=None,
    )
    found = main_table(frame)
    assert found.row_count == 5
    lines = [line.strip(" │") for line in shown(found).splitlines()]
    said = [line.split("│")[0].strip() for line in lines if "−" in line or "my metric" in line]
    assert said == ["a − b on c", "my metric", "my metric, male", "a − d on c", "my metric"]


def by_language(*values: float | None) -> pl.DataFrame:
    """Scores of groups, all their pairs, and the largest gap."""
    row = {"metric": "accuracy", "fold": "all", "undefined": "interval: too few speakers: x: 1"}
    own = row | {"group_by": "language"}
    names = [f"l{at}" for at in range(len(values))]
    pairs = [f"{one} − {two}" for at, one in enumerate(names) for two in names[at + 1 :]]
    return pl.DataFrame(
        [
            row | {"quantity": "score", "value": 0.5},
            *(
                own | {"quantity": "group_score", "groups": name, "value": value}
                for name, value in zip(names, values, strict=True)
            ),
            *(own | {"quantity": "pair_gap", "groups": pair, "value": 0.01} for pair in pairs),
            own | {"quantity": "gap", "group_aggregator": "max", "value": 0.33},
        ],
        infer_schema_length=None,
    )


def test_of_many_groups_the_ends_and_the_largest_gap_are_shown_and_the_others_counted() -> None:
    text = flat(shown(main_table(by_language(0.4, 0.2, None, 0.5)), 140))
    for there in ("accuracy, l1 │ 20.0", "accuracy, l3 │ 50.0", "largest gap, language │ 33.0"):
        assert there in text
    assert "l0" not in text
    assert "l2" not in text
    assert "more rows in the report: 8 by language" in text


def test_few_groups_are_shown_whole() -> None:
    text = shown(main_table(by_language(0.4, 0.2)), 140)
    assert "accuracy, l0 − l1" in text
    assert "largest gap" not in text
    assert "more rows" not in text


def test_a_missing_interval_has_a_letter_and_a_reason_below() -> None:
    row = {"quantity": "score", "metric": "accuracy", "value": 0.5, "fold": "all"}
    few = "interval: too few speakers: all: 3 (at least 5 each are needed)"
    same = "interval: all resamples gave the same value, so their spread says nothing"
    rows = [
        row | {"undefined": few},
        row | {"metric": "macro_f1", "undefined": same},
        row | {"metric": "coverage", "value": 1.0, "undefined": same},
    ]
    text = flat(shown(main_table(pl.DataFrame(rows)), 140))
    assert "macro-F1 │ 50.0 │ none (a)" in text
    assert "accuracy │ 50.0 │ none (b)" in text
    assert "coverage │ 100.0 │ all read" in text
    assert "(a) all resamples gave the same value; (b) too few speakers (at least 5" in text


def test_what_is_undefined_says_why() -> None:
    row = {"quantity": "score", "metric": "accuracy", "undefined": "no predictions"}
    text = shown(main_table(pl.DataFrame([row])))
    assert "none (a)" in text
    assert "(a) no predictions" in text


def test_square_brackets_of_names_are_not_markup() -> None:
    row = {"quantity": "score", "metric": "accuracy", "value": 0.5, "n": 3}
    rows = [row | {"system": "[bold]x[/bold]"}, row | {"system": "[/nonsense]"}]
    frame = pl.DataFrame(rows)
    assert "[bold]x[/bold]" in shown(main_table(frame))
    assert "[/nonsense]" in shown(verdict_lines(frame))


def test_nothing_is_printed(inputs: ReportInputs, capsys: pytest.CaptureFixture[str]) -> None:
    main_table(inputs.estimates)
    verdict_lines(inputs.estimates)
    assert capsys.readouterr().out == ""


def test_an_empty_table_is_shown_empty() -> None:
    assert main_table(ESTIMATES.empty()).row_count == 0


def test_people_stand_below_systems_with_their_names_and_references(crowd: ReportInputs) -> None:
    text = flat(shown(main_table(crowd.estimates), 160))
    system = text.index("model on crowd, held against the majority of the votes")
    people = text.index("people on crowd, macro-F1")
    agreement = text.index("listeners (voice) on crowd")
    kept = text.index("what the rules keep on crowd")
    assert system < people < agreement < kept
    part = text[people:agreement]
    who = "one listener, left out (voice), against the other listeners"
    assert f"{who} │ 50.0 │ [46.0, 54.0]" in part
    gap = "… female − male │ +3.0 │ [−1.0, +7.0]"
    assert part.index(who) < part.index(gap) < part.index("one listener (voice), against")
    assert "accuracy" not in part


def test_only_the_people_nearest_to_a_system_have_their_differences(crowd: ReportInputs) -> None:
    half = pl.DataFrame(
        [
            {"quantity": "score", "metric": "macro_f1", "corpus": "crowd", "value": 0.7,
             "system": "half the crowd", "reference": "the other half"},
            {"quantity": "pair_gap", "metric": "macro_f1", "corpus": "crowd", "value": 0.09,
             "system": "half the crowd", "reference": "the other half", "group_by": "gender",
             "groups": "female − male"},
        ]
    )  # fmt: skip
    text = flat(shown(main_table(pl.concat([crowd.estimates, half], how="diagonal")), 160))
    assert "half the crowd, against the other half of the listeners │ 70.0" in text
    assert "+9.0" not in text


def test_agreement_names_its_unit_and_rules_what_they_keep(crowd: ReportInputs) -> None:
    text = flat(shown(main_table(crowd.estimates), 160))
    assert "Krippendorff's alpha (no unit) │ 0.412 │ [0.372, 0.452]" in text
    assert "kept by the rule majority │ 75.0" in text
    assert "kept by the rule plurality │ 95.0" in text
    assert "all-inclusive" not in text
    assert "Fleiss" not in text  # undefined: the report has the reason
    assert "more on agreement and on rules: in the report" in text


def test_what_the_terminal_leaves_out_it_points_to(crowd: ReportInputs) -> None:
    text = flat(shown(main_table(crowd.estimates), 160))
    for line in (
        "scores against all votes: in the report",
        "scores of valence, arousal and dominance: in the report",
        "scores by agreement of the listeners: in the report",
    ):
        assert line in text
    for metric in ("annotator", "multi-label", "Jensen", "valence:"):
        assert metric not in text


def test_people_alone_are_shown_in_full(crowd: ReportInputs) -> None:
    alone = crowd.estimates.filter(pl.col("system").ne_missing("model"))
    text = flat(shown(main_table(alone), 160))
    start = text.index("people: one listener, left out (voice)")
    assert "accuracy │ 52.0" in text[start:]
    assert "one listener (voice), against the majority of the votes │ 55.0" in text


def test_one_set_of_labels_out_of_votes_is_named_even_alone() -> None:
    row = {"quantity": "score", "metric": "accuracy", "value": 0.5, "n": 3, "system": "model"}
    given, ruled = (pl.DataFrame([row | {"reference": name}]) for name in ("given", "plurality"))
    assert "held against" not in shown(main_table(given))
    assert "model, held against the plurality of the votes" in flat(shown(main_table(ruled)))


def test_the_printed_verdict_ends_with_what_holds_for_all(crowd: ReportInputs) -> None:
    text = flat(shown(verdict_lines(crowd.estimates)))
    assert text.endswith(f"{RATERS} {CAUSES}")
