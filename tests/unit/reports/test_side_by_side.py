"""Runs side by side: what may stand in one table, and what must not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from equivoice.records import RunRecord
from equivoice.reports import ReportInputs, render_report
from equivoice.reports.document import Figure, Section, Statements, Table
from equivoice.reports.rows import read_estimates
from equivoice.reports.sections import Run, chapters, scores_section, verdict_section
from equivoice.reports.side_by_side import kept_apart, set_apart


def run(
    title: str,
    *,
    ids: str | None = "abcd",
    reference: str | None = None,
    labels: str | None = None,
    predicted: str | None = None,
    system: str = "model",
    n: int = 4,
) -> ReportInputs:
    """A run with one score, on utterances named by single letters."""
    row = {
        "quantity": "score", "metric": "macro_f1", "corpus": "c", "system": system, "value": 0.5,
        "low": 0.4, "high": 0.6, "level": 0.95, "n": n, "reference": reference,
    }  # fmt: skip

    def table(names: str | None, **columns: Any) -> pl.DataFrame | None:
        if names is None:
            return None
        found = pl.DataFrame({"utterance_id": [f"c/{name}" for name in names]})
        return found.with_columns(**{name: pl.lit(value) for name, value in columns.items()})

    return ReportInputs(
        title=title,
        record=RunRecord(verb="score", config={}),
        estimates=pl.DataFrame([row]),
        utterances=table(ids, corpus="c", emotion="sad"),
        predictions=table(predicted, system=system, status="parsed", emotion="sad",
                          probabilities=None),
        labels=table(labels, emotion="sad"),
    )  # fmt: skip


def read(*runs: ReportInputs) -> list[Run]:
    """Runs with their rows."""
    return [(each, read_estimates(each.estimates)) for each in runs]


def separate(*runs: ReportInputs) -> bool:
    """Whether these runs must stand apart."""
    return any(each.separate for each in kept_apart(read(*runs)))


def test_one_run_has_nothing_to_stand_apart_from() -> None:
    assert kept_apart(read(run("A"))) == []


@pytest.mark.parametrize(
    ("other", "apart"),
    [
        ({}, False),
        ({"system": "another"}, False),
        ({"ids": "abc"}, True),
        ({"ids": "abce"}, True),  # as many, but others
        ({"predicted": "abcd"}, False),
        ({"predicted": "abc"}, True),
        ({"reference": "given"}, False),
        ({"reference": "majority", "labels": "abcd"}, True),
    ],
)
def test_utterances_and_references_decide(other: dict[str, Any], apart: bool) -> None:
    assert separate(run("A"), run("B", **other)) == apart


def test_labels_of_a_rule_decide_which_utterances_were_scored() -> None:
    first = run("A", reference="majority", labels="abc")
    assert not separate(first, run("B", reference="majority", labels="cba"))
    assert separate(first, run("B", reference="majority", labels="abd"))


def test_without_tables_the_numbers_decide() -> None:
    assert not separate(run("A", ids=None), run("B", ids=None))
    assert separate(run("A", ids=None), run("B", ids=None, n=5))
    assert separate(run("A", ids="abcd", reference="majority"), run("B", reference="majority", n=5))


def test_people_held_against_others_do_not_part_runs() -> None:
    people = run("A", system="one listener, left out (voice)", reference="other listeners")
    both = replace(
        run("A"),
        estimates=pl.concat([run("A").estimates, people.estimates], how="diagonal_relaxed"),
    )
    assert not separate(both, run("B"))


def test_the_statement_is_loud_and_names_each_run() -> None:
    (found,) = kept_apart(read(run("A"), run("B", ids="ab")))
    assert found.statement.text == (
        "These runs were not scored on the same utterances on c, and must not be compared. "
        "A: 4 utterances held against the labels as given; B: 4 utterances held against the "
        "labels as given. Their scores stand in separate tables: a difference between them says "
        "nothing about the systems."
    )
    (found,) = kept_apart(read(run("A"), run("B", reference="plurality")))
    assert "not scored against the same reference on c" in found.statement.text
    assert "B: 4 utterances held against the plurality of the votes" in found.statement.text


def test_runs_that_match_share_a_set() -> None:
    (found,) = kept_apart(read(run("A"), run("B", ids="ab"), run("C")))
    assert found.sets == (("A", "C"), ("B",))
    assert set_apart([found], "c", "C") == "runs A, C"
    assert set_apart([found], "c", "B") == "run B"
    assert set_apart([found], "another corpus", "B") == ""


def scores(*runs: ReportInputs) -> Section:
    """The section of scores of several runs."""
    return scores_section(chapters(read(*runs)))


def test_matching_runs_share_a_table_and_a_figure() -> None:
    blocks = scores(run("A"), run("B")).blocks
    (table,) = [block for block in blocks if isinstance(block, Table)]
    assert [body.title for body in table.bodies] == ["model, run A", "model, run B"]
    assert len([block for block in blocks if isinstance(block, Figure)]) == 1


def test_other_runs_share_neither_table_nor_figure() -> None:
    blocks = scores(run("A"), run("B", ids="ab")).blocks
    captions = [block.caption for block in blocks if isinstance(block, Table)]
    assert captions == ["Scores on c, run A", "Scores on c, run B"]
    assert not [block for block in blocks if isinstance(block, Figure)]


def test_the_verdict_begins_with_it() -> None:
    first, *others = verdict_section(read(run("A"), run("B", ids="ab"))).blocks
    assert isinstance(first, Statements)
    assert first.subject == "Runs that cannot be compared"
    assert "must not be compared" in first.cannot[0]
    assert len(others) >= 2
    whole = verdict_section(read(run("A"), run("B"))).blocks
    assert isinstance(whole[0], Statements)
    assert whole[0].subject != first.subject


def test_the_page_says_it_in_words() -> None:
    page = render_report([run("A"), run("B", reference="majority", labels="ab")])
    assert "must not be compared" in page
    assert "Scores on c, run B, held against the majority of the votes" in page
    assert "must not be compared" not in render_report([run("A"), run("B")])


def test_runs_of_the_same_title_are_numbered_and_none_is_lost() -> None:
    page = render_report([run("scores", system="one"), run("scores", system="two")])
    assert "one, run scores (1)" in page
    assert "two, run scores (2)" in page
    again = render_report([run("scores"), run("scores", n=4)])
    assert "model, run scores (1)" in again
    assert "model, run scores (2)" in again


def test_curves_of_runs_that_stand_apart_are_not_mixed(
    make_inputs: Callable[..., ReportInputs],
) -> None:
    def at(temperature: float) -> pl.DataFrame:
        row = {"quantity": "score", "metric": "macro_f1", "corpus": "c", "system": "model"}
        return pl.DataFrame([row | {"temperature": temperature, "value": 0.5, "n": 4}])

    both = pl.concat([at(0.0), at(1.0)])
    first, second = replace(run("A"), estimates=both), replace(run("B", ids="ab"), estimates=both)
    page = render_report([first, second])
    assert "Temperature: A" in page
    assert "Temperature: B" in page
    together = render_report([first, replace(run("C"), estimates=both)])
    assert "Temperature: " not in together
    assert page.count('id="temperature') == len(set(_ids(page, "temperature")))


def _ids(page: str, begin: str) -> list[str]:
    return [part.partition('"')[0] for part in page.split(f'id="{begin}')[1:]]


def test_each_reference_of_a_run_counts_its_own_utterances() -> None:
    def both(title: str, labels: str) -> ReportInputs:
        made = run(title, labels=labels)
        ruled = run(title, reference="majority", n=len(labels)).estimates
        return replace(made, estimates=pl.concat([made.estimates, ruled], how="diagonal_relaxed"))

    assert not separate(both("A", "abc"), both("B", "abc"))
    (found,) = kept_apart(read(both("A", "abc"), both("B", "ab")))
    assert found.separate
    assert (
        "A: 4 utterances held against the labels as given and 3 utterances held against the "
        "majority of the votes; B: 4 utterances held against"
    ) in found.statement.text
