"""Runs by one rule on the same utterances once shared a table though votes gave other labels."""

from __future__ import annotations

import polars as pl
import pytest

from equivoice.records import RunRecord
from equivoice.reports.inputs import ReportInputs
from equivoice.reports.rows import Estimate
from equivoice.reports.side_by_side import kept_apart


def _run(title: str, labels: str, *, rule: str) -> tuple[ReportInputs, tuple[Estimate, ...]]:
    names = [f"u{n}" for n in range(len(labels))]
    table = pl.DataFrame({"utterance_id": names, "emotion": list(labels)})
    given = rule == "given"
    inputs = ReportInputs(
        title,
        RunRecord(verb="score", config={}),
        pl.DataFrame(),
        utterances=table if given else table.with_columns(emotion=pl.lit("a")),
        labels=None if given else table,
    )
    row = Estimate("score", "macro_f1", system=title, reference=rule, value=0.5, n=len(labels))
    return inputs, (row,)


@pytest.mark.parametrize("rule", ["given", "majority"])
def test_the_same_utterances_with_other_labels_are_kept_apart(rule: str) -> None:
    (apart,) = kept_apart([_run("one", "aabb", rule=rule), _run("two", "abba", rule=rule)])
    assert apart.sets == (("one",), ("two",))
    assert "not scored against the same labels of their utterances" in apart.statement.text


@pytest.mark.parametrize("rule", ["given", "majority"])
def test_the_same_labels_stand_together_and_other_utterances_are_called_so(rule: str) -> None:
    (together,) = kept_apart([_run("one", "aabb", rule=rule), _run("two", "aabb", rule=rule)])
    assert not together.separate
    (apart,) = kept_apart([_run("one", "aabb", rule=rule), _run("two", "aab", rule=rule)])
    assert "not scored on the same utterances" in apart.statement.text
