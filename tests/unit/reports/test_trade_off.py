"""Score against worst gap as a reader meets it: sentences, plot, tables."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree as ET

import polars as pl
import pytest

from equivoice.reports.document import Figure, Table
from equivoice.reports.rows import Estimate, pick, read_estimates
from equivoice.reports.trade_off import (
    few_seeds,
    gaps_within_table,
    methods_table,
    trade_off_plot,
    trade_off_section,
    trade_off_statements,
    trained_once,
    worst_gap_statement,
    worst_gaps_table,
)
from equivoice.reports.wording import CAUSES
from oracles.trained import compared

Rows = tuple[Estimate, ...]
METHODS = ("ERM", "MinMaxGAP, adaptive", "MinMaxGAP, λ = 1")


@pytest.fixture(scope="module")
def rows() -> Rows:
    return read_estimates(compared(seeds=3))


@pytest.fixture(scope="module")
def single() -> Rows:
    return read_estimates(compared(seeds=1))


def drawn(figure: Figure) -> ET.Element:
    return ET.fromstring(f"<svg>{figure.body}</svg>")  # noqa: S314 - our own drawing


def of_class(figure: Figure, name: str) -> list[ET.Element]:
    return [each for each in drawn(figure).iter() if name in each.get("class", "").split()]


def texts(table: Table) -> list[list[str]]:
    return [[cell.text for cell in row] for body in table.bodies for row in body.rows]


def estimate(**given: Any) -> Estimate:
    base = {
        "quantity": "comparison", "metric": "macro_f1", "system": "A − B", "level": 0.95,
        "unit": "speaker", "n": 768, "clusters": 48, "group_by": "language",
    }  # fmt: skip
    return Estimate(**(base | given))


def score(**given: Any) -> Estimate:
    return estimate(**({"quantity": "score", "system": "A", "value": 0.6} | given))


GAP = {
    "quantity": "gap",
    "system": "A",
    "group_by": "gender within language",
    "group_aggregator": "max",
    "class_aggregator": "max",
}
WORST = {"group_by": "gender within language", "group_aggregator": "max", "class_aggregator": "max"}


# ---------------------------------------------------------------------- sentences


def test_a_lower_gap_is_said_with_its_interval_and_its_size() -> None:
    row = estimate(value=-0.12, low=-0.2, high=-0.04, **WORST)
    (can,), cannot = trade_off_statements([row])
    assert can == (
        "The largest gap in macro-F1 by gender over languages is 12.0 points smaller for A than for "
        "B on the same utterances, 95% interval [−20.0, −4.0]; 768 utterances of 48 speakers."
    )
    assert cannot == (CAUSES,)


def test_a_higher_score_is_said_the_same_way() -> None:
    (can,), _ = trade_off_statements([estimate(value=0.03, low=0.01, high=0.05)])
    assert can.startswith("Macro-F1 is 3.0 points higher for A than for B on the same utterances")


def test_no_difference_is_not_called_equal() -> None:
    row = estimate(value=-0.02, low=-0.1, high=0.06, detectable=0.11, **WORST)
    can, (first, _) = trade_off_statements([row])
    assert can == ()
    assert first == (
        "No difference in the largest gap in macro-F1 by gender over languages between A and B was "
        "detected (−2.0 points, 95% interval [−10.0, +6.0]; 768 utterances of 48 speakers). "
        "Differences smaller than 11.0 points could not have been seen reliably."
    )


def test_without_an_interval_the_reason_stands_in_its_place() -> None:
    row = estimate(value=-0.02, undefined="interval: too few speakers: a: 3 (at least 5)", **WORST)
    _, (first, _) = trade_off_statements([row])
    assert "but no interval can be given: too few speakers: a: 3" in first
    gone = estimate(value=None, undefined="no cell has two groups", **WORST)
    _, (second, _) = trade_off_statements([gone])
    assert second.endswith("of A and B cannot be compared: no cell has two groups.")


def test_one_method_alone_speaks_of_its_worst_gap_with_its_noise_floor() -> None:
    gap = estimate(
        value=0.14, low=0.05, high=0.2, noise_floor=0.06,
        groups="ja x female − ja x male", **GAP,
    )  # fmt: skip
    (can,), _ = trade_off_statements([score(), gap])
    assert can == (
        "The largest gap in macro-F1 by gender over languages is 14.0 points (ja: female − male in "
        "this sample), 95% interval [5.0, 20.0]; 768 utterances of 48 speakers. If the groups did "
        "not differ, about 6.0 points would be expected."
    )
    low = estimate(value=0.14, low=0.0, high=0.2, **GAP)
    can, cannot = trade_off_statements([score(), low])
    assert can == ()
    assert cannot[0].startswith("The largest gap in macro-F1")


def test_a_gap_that_is_not_defined_says_why() -> None:
    gap = estimate(value=None, undefined="no cell has two groups", **GAP)
    assert worst_gap_statement(gap) == (
        "The largest gap in macro-F1 by gender over languages is not defined: no cell has two groups."
    )
    few = estimate(value=0.1, undefined="interval: too few speakers: x: 2 (at least 5)", **GAP)
    assert worst_gap_statement(few).endswith("It cannot be concluded how large it is.")


def test_cells_of_several_attributes_and_crossed_groups_are_named_apart() -> None:
    gap = estimate(
        value=0.14, low=0.05, high=0.2, groups="en x speech x female x old − en x speech x male x old",
        **{**GAP, "group_by": "gender x age within language x modality"},
    )  # fmt: skip
    said = worst_gap_statement(gap)
    assert "by gender × age over cells of language × modality" in said
    assert "(en × speech: female × old − male × old in this sample)" in said


# --------------------------------------------------------------------------- plot


def test_each_method_has_a_letter_whiskers_both_ways_and_its_seeds(rows: Rows) -> None:
    figure = trade_off_plot(rows)
    assert figure is not None
    assert figure.key[:3] == tuple(
        f"{sign}: {name}" for sign, name in zip("ABC", METHODS, strict=True)
    )
    assert [each.text for each in of_class(figure, "letter")] == ["A", "B", "C"]
    whiskers = of_class(figure, "whisker")
    assert len(whiskers) == 6
    across = [each for each in whiskers if each.get("y1") == each.get("y2")]
    assert len(across) == 3
    assert sorted(each.text or "" for each in of_class(figure, "seed")) == list("aaabbbccc")
    assert any(line.startswith("Small letter: a single seed") for line in figure.key)


def test_marks_stand_where_the_numbers_are(rows: Rows) -> None:
    figure = trade_off_plot(rows)
    assert figure is not None
    found = []
    for name in METHODS:
        own = pick(rows, system=name, run=None)
        (gap,) = pick(own, quantity="gap", class_aggregator="max")
        (overall,) = pick(own, quantity="score")
        found.append((gap.value, overall.value))
    dots = of_class(figure, "mark")
    by_gap = sorted(range(3), key=lambda at: found[at][0] or 0.0)
    by_score = sorted(range(3), key=lambda at: -(found[at][1] or 0.0))
    assert sorted(range(3), key=lambda at: float(dots[at].attrib["cx"].rstrip("%"))) == by_gap
    assert sorted(range(3), key=lambda at: float(dots[at].attrib["cy"])) == by_score
    for (gap, overall), name in zip(found, METHODS, strict=True):
        assert f"{name}, macro-F1 {overall * 100:.1f}%" in figure.description  # type: ignore[operator]
        assert f"largest gender gap {gap * 100:.1f} points" in figure.description  # type: ignore[operator]


def test_single_trainings_have_no_small_letters(single: Rows) -> None:
    figure = trade_off_plot(single)
    assert figure is not None
    assert of_class(figure, "seed") == []
    assert not any("Small letter" in line for line in figure.key)


def test_a_method_without_a_gap_is_not_drawn_and_keeps_its_row() -> None:
    rows = [score(), estimate(value=None, undefined="no cell has two groups", **GAP)]
    assert trade_off_plot(rows) is None
    (row,) = texts(methods_table(rows))
    assert row[0] == "A"
    assert "not defined (a)" in row
    assert "no cell has two groups" in methods_table(rows).note


# ------------------------------------------------------------------------- tables


def test_letters_of_the_table_are_those_of_the_plot(rows: Rows) -> None:
    figure = trade_off_plot(rows)
    assert figure is not None
    assert [row[0] for row in texts(methods_table(rows))] == list(figure.key[:3])


def test_all_tables_are_as_wide_as_their_headings(rows: Rows, single: Rows) -> None:
    for given in (rows, single):
        for table in (methods_table(given), worst_gaps_table(given), gaps_within_table(given)):
            assert {len(row) for row in texts(table)} == {len(table.columns)}


def test_spread_over_seeds_has_a_column_where_there_are_seeds(rows: Rows, single: Rows) -> None:
    assert methods_table(rows).columns.count("Spread over seeds") == 2
    assert "Spread over seeds" not in methods_table(single).columns
    (overall,) = pick(rows, quantity="score", system="ERM", run=None)
    assert f"{(overall.sd_runs or 0) * 100:.1f}" in texts(methods_table(rows))[0]


def test_all_three_aggregators_are_shown_and_named(rows: Rows) -> None:
    table = worst_gaps_table(rows)
    assert [body.title for body in table.bodies] == list(METHODS)
    names = ["largest over languages", "mean over languages", "root mean square over languages"]
    assert [row[0] for row in texts(table)] == names * 3


def test_groups_and_their_differences_stand_cell_by_cell(rows: Rows) -> None:
    (first, *_) = gaps_within_table(rows).bodies
    assert [row[0].text for row in first.rows][:4] == [
        "de", "de: female", "de: male", "de: female − male"
    ]  # fmt: skip
    assert first.rows[0][4].text == "not a difference"
    assert re.fullmatch(r"\d+\.\d", first.rows[3][4].text)


# ------------------------------------------------------------------------ section


def test_the_section_begins_with_what_limits_it(rows: Rows) -> None:
    section = trade_off_section(rows, caution="On validation data.")
    assert [block.kind for block in section.blocks] == [
        "text", "statements", "figure", "table", "text", "table", "table", "table"
    ]  # fmt: skip
    assert section.blocks[0].text == "On validation data."  # type: ignore[union-attr]


def test_nothing_compared_is_an_empty_section() -> None:
    assert trade_off_section([]).empty
    assert trade_off_section([], caution="x").empty


def test_names_of_methods_stay_text() -> None:
    bad = "<script>alert(1)</script>"
    rows = [score(system=bad), estimate(value=0.1, low=0.0, high=0.2, **{**GAP, "system": bad})]
    figure = trade_off_plot(rows)
    assert figure is not None
    assert "<script>" not in figure.body
    assert any(bad in line for line in figure.key)  # escaped by the template


def test_the_table_of_estimates_is_read_as_it_is_written() -> None:
    table = compared(seeds=2)
    assert len(read_estimates(table)) == table.height
    assert table.filter(pl.col("run").is_null()).height < table.height


def test_methods_that_were_trained_once_are_named(rows: Rows, single: Rows) -> None:
    assert trained_once(rows) == ()
    (said,) = trained_once(single)
    assert said.startswith("ERM, MinMaxGAP, adaptive, MinMaxGAP, λ = 1 were trained once each: ")
    assert "do not contain what another seed of the training would change" in said
    mixed = [row for row in rows if row.system != "ERM" or row.run is None]
    assert trained_once(mixed)[0].startswith("ERM was trained once: ")
    assert said in trade_off_statements(single)[1]


@pytest.mark.parametrize(("seeds", "freedom"), [(2, "1 degree"), (3, "2 degrees")])
def test_few_seeds_are_named_with_what_they_do_to_intervals(seeds: int, freedom: str) -> None:
    few = read_estimates(compared(seeds=seeds, replicates=50))
    (said,) = few_seeds(few)
    assert f"is judged by {seeds} seeds" in said
    assert f"by t with {freedom} of freedom" in said
    assert said in trade_off_statements(few)[1]


def test_one_seed_and_many_are_not_few(single: Rows, rows: Rows) -> None:
    assert few_seeds(single) == ()
    many = [row for row in rows if row.run is None]
    for seed in range(4):
        again = [row for row in rows if row.run == "0"]
        many += [replace(row, run=str(seed)) for row in again]
    assert few_seeds(many) == ()


def test_nothing_between_two_methods_is_called_neither_higher_nor_lower() -> None:
    row = estimate(value=0.0, undefined="interval: too few speakers: a: 3 (at least 5)")
    _, (said, _) = trade_off_statements([row])
    assert said.startswith(
        "Macro-F1 does not differ between A and B in this sample, but no interval"
    )
