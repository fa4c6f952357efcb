"""With many systems, further metrics once showed a gap of coverage where coverage belongs."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from equivoice.records import RunRecord
from equivoice.reports.document import Folded, Table
from equivoice.reports.inputs import ReportInputs
from equivoice.reports.rows import Estimate
from equivoice.reports.sections import chapters, scores_section

_SYSTEMS = [f"system {n}" for n in range(9)]


def _rows(system: str) -> list[Estimate]:
    coverage = Estimate("score", "coverage", system=system, corpus="c", value=0.9, n=10)
    return [
        replace(coverage, metric="macro_f1", value=0.5),
        replace(coverage, metric="weighted_f1", value=0.6),
        coverage,
        replace(coverage, quantity="group_score", group_by="gender", groups="female", value=0.8),
        replace(coverage, quantity="gap", group_by="gender", group_aggregator="max", value=0.123),
    ]


def _tables() -> list[Table]:
    run = ReportInputs("x", RunRecord(verb="score", config={}), pl.DataFrame())
    rows = tuple(row for system in _SYSTEMS for row in _rows(system))
    section = scores_section(chapters([(run, rows)]))
    tables = [block for block in section.blocks if isinstance(block, Table)]
    folded = [block for block in section.blocks if isinstance(block, Folded)]
    return tables + [each for block in folded for each in block.blocks if isinstance(each, Table)]


def test_each_score_stands_beside_the_coverage_of_its_answers() -> None:
    main, further = _tables()
    assert "further metrics" in further.caption
    for table, metrics in ((main, 2), (further, 1)):
        place = list(table.columns).index("Coverage, %")
        shown = [row[place].text for body in table.bodies for row in body.rows]
        assert shown == ["90.0"] * metrics * len(_SYSTEMS)
