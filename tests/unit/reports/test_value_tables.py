"""Tables of estimates in any unit."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equivoice.reports.document import Table
from equivoice.reports.rows import Estimate
from equivoice.reports.value_tables import cross_table, values_table

WHO = "one listener, left out (voice)"


def row(metric: str = "jsd", value: float | None = 0.2, **given: Any) -> Estimate:
    """An overall score of 480 utterances."""
    base = {"n": 480, "clusters": 24, "unit": "speaker", "level": 0.95}
    ends = {} if value is None else {"low": value - 0.1, "high": value + 0.1}
    return Estimate("score", metric, value=value, **(base | ends | given))


def lines(table: Table) -> list[list[str]]:
    """The texts of all cells, row by row."""
    return [[cell.text for cell in line] for body in table.bodies for line in body.rows]


def values(*rows: Estimate, **options: Any) -> Table:
    """A table of one line an estimate."""
    given: dict[str, Any] = {"caption": "C", "head": "Score", "line": lambda row: row.metric}
    return values_table(rows, **(given | options))


def cross(*rows: Estimate, **options: Any) -> Table:
    """A table of emotions across metrics."""
    given: dict[str, Any] = {
        "caption": "C",
        "head": "Emotion",
        "line": lambda row: row.label or "all",
        "column": lambda row: row.metric,
    }
    return cross_table(rows, **(given | options))


def test_each_line_says_value_unit_interval_counts_and_what_was_left_out() -> None:
    lost = row("top_share", 0.5, left_out={"no vote": 3})
    table = values(row("jsd", 0.2), lost, row("fleiss_kappa", None, undefined="numbers differ"))
    assert table.columns == (
        "Score", "Value", "Unit", "95% interval", "Utterances", "Speakers", "Left out",
    )  # fmt: skip
    assert lines(table) == [
        ["jsd", "0.200", "nats", "[0.100, 0.300]", "480", "24", "nothing"],
        ["top_share", "50.0", "%", "[40.0, 60.0]", "480", "24", "see (a)"],
        ["fleiss_kappa", "not defined (b)", "no unit", "none (b)", "480", "24", "nothing"],
    ]
    assert table.note == "(a) 3 no vote; (b) numbers differ"


def test_the_reference_stands_in_the_caption_the_heading_or_a_column() -> None:
    one, other = row(reference="majority"), row(reference="other listeners")
    assert values(one).caption == "C, held against the majority of the votes"
    plain = values(one, other)
    assert plain.columns[1] == "Held against"
    assert [line[1] for line in lines(plain)] == [
        "the majority of the votes",
        "the other listeners",
    ]
    same = values(one, other, body=lambda _: "who")
    assert [(body.title, len(body.rows)) for body in same.bodies] == [
        ("who, held against the majority of the votes", 1),
        ("who, held against the other listeners", 1),
    ]
    headed = values(one, other, body=lambda row: f"who {row.reference}")
    assert headed.columns[1] == "Value"
    assert [body.title for body in headed.bodies] == [
        "who majority, held against the majority of the votes",
        "who other listeners, held against the other listeners",
    ]
    assert values(one, other, held=False).caption == "C"


def test_without_runs_several_references_are_never_silent() -> None:
    table = values(row(reference="majority"), row(reference="votes"))
    told = [cell for line in lines(table) for cell in line]
    assert "the majority of the votes" in told
    assert "all votes" in told
    crossed = cross(row(reference="majority"), row(reference="votes"))
    assert crossed.columns[1] == "Held against"
    assert [line[1] for line in lines(crossed)] == ["the majority of the votes", "all votes"]


def test_runs_of_people_are_marked_and_those_of_systems_are_not() -> None:
    table = values(row(system="model"), row(system=WHO), body=lambda row: row.system or "")
    assert [body.people for body in table.bodies] == [False, True]


def test_cells_of_one_line_stand_side_by_side_with_their_intervals() -> None:
    table = cross(row("jsd", 0.2, label="sad"), row("top_share", 0.5, label="sad"))
    ((line,),) = [body.rows for body in table.bodies]
    assert [cell.text for cell in line] == ["sad", "0.200", "50.0", "480", "24"]
    assert line[1].small == "[0.100, 0.300]"
    assert line[2].small == "[40.0, 60.0]"


def test_cells_that_rest_on_different_numbers_say_their_own() -> None:
    table = cross(row("jsd", label="sad"), row("top_share", label="sad", n=12, clusters=3))
    ((line,),) = [body.rows for body in table.bodies]
    assert line[1].small.endswith("; n 480")
    assert line[2].small.endswith("; n 12")
    assert [cell.text for cell in line[3:5]] == ["see each", "see each"]


def test_a_missing_cell_is_not_a_blank_and_not_zero() -> None:
    table = cross(row("jsd", label="sad"), row("top_share", label="happy"))
    assert lines(table)[0][2] == "not given"
    assert lines(table)[1][1] == "not given"


def test_what_was_left_out_of_any_cell_is_told() -> None:
    table = cross(
        row("jsd", label="sad", left_out={"no vote": 2}),
        row("top_share", label="sad", left_out={"one vote": 5}),
    )
    assert table.note == "(a) 2 no vote; 5 one vote"


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["jsd", "top_share", "kld"]),
            st.sampled_from(["sad", "happy"]),
            st.sampled_from(["majority", "votes", None]),
            st.integers(1, 99),
        ),
        min_size=1,
        max_size=14,
    ),
    st.booleans(),
)
def test_no_estimate_is_ever_hidden(
    given_rows: list[tuple[str, str, str | None, int]], held: bool
) -> None:
    rows = [
        row(metric, number / 100, label=label, reference=held_against, low=None, high=None)
        for metric, label, held_against, number in given_rows
    ]
    table = cross(*rows, held=held)
    assert all(len(line) == len(table.columns) for line in lines(table))
    shown = Counter(
        cell.text for body in table.bodies for line in body.rows for cell in line if cell.small
    )
    expected = Counter(
        f"{number}.0" if metric == "top_share" else f"{number / 100:.3f}"
        for metric, _, _, number in given_rows
    )
    assert shown == expected


@pytest.mark.parametrize("made", [values, cross])
def test_an_unstated_count_says_so(made: Any) -> None:
    assert "not given" in lines(made(row(n=None)))[0]


@pytest.mark.parametrize("made", [values, cross])
def test_where_nothing_was_left_out_a_sentence_says_so_and_no_column(made: Any) -> None:
    table = made(row(), row("fleiss_kappa", None, undefined="numbers differ"))
    assert "Left out" not in table.columns
    assert table.note == "(a) numbers differ. Nothing was left out."
    assert made(row()).note == "Nothing was left out."
    assert "Nothing" not in made(row(left_out={"no vote": 1})).note
