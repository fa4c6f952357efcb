"""The section on temperature: curves of scores and gaps, with the table of their numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from equivoice.reports.cells import (
    Reasons,
    counted,
    interval_cell,
    level_heading,
    spread_cells,
    spread_headings,
    written,
)
from equivoice.reports.curves import CurvePoint, Panel, Series, curves
from equivoice.reports.document import (
    Block,
    Body,
    Bullets,
    Cell,
    Figure,
    Folded,
    Section,
    Table,
    Text,
)
from equivoice.reports.formatting import capital, why
from equivoice.reports.rows import Estimate, pick, primary_metric
from equivoice.reports.sweeps import (
    READINGS,
    Family,
    by_reading,
    families,
    gap_rows,
    groupings,
    reading_of,
)
from equivoice.reports.wording import attribute, metric, unit

__all__ = ["curve_table", "readings_block", "temperature_section"]

MEASURES = ("statistical_parity", "equal_opportunity", "overall_accuracy_equality")
_NO_PROBABILITY = "no option has any probability"
SELECTED = " (selected)"
_SELECTED_MEANING = (
    "The test answers under the conditions that were chosen fold by fold, on validation data "
    "unless the verdict says otherwise. The record names the choices."
)
_BAND = "Band: interval."
_SPREAD = "Upright stroke: one standard deviation over runs to each side."
_FLOOR = "Level dashed stroke: the noise floor, to be expected if the groups did not differ."


def temperature_section(rows: Sequence[Estimate]) -> Section:
    """Scores and gaps of each model against temperature; empty where there is only one.

    Args:
        rows: of one run or several, pooled and by fold.
    """
    found = families(rows)
    parts = tuple(
        Section(family.title, f"temperature-{at}", tuple(_family_blocks(family)))
        for at, family in enumerate(found)
    )
    blocks: list[Block] = []
    if found:
        blocks.append(
            Text(
                "The lower the temperature, the more the answers keep to what the model finds most "
                "probable. Everywhere else in this report a model stands for itself at its lowest "
                f"temperature ({_lowest(found)}), whatever its scores at the others."
            )
        )
    if len(parts) == 1:
        return Section("Temperature", "temperature", (*blocks, *parts[0].blocks))
    return Section("Temperature", "temperature", tuple(blocks), parts)


def _lowest(found: Sequence[Family]) -> str:
    return " or ".join(f"{each:g}" for each in sorted({family.temperatures[0] for family in found}))


def readings_block(rows: Sequence[Estimate]) -> tuple[Block, ...]:
    """What the ways of reading the answers mean; nothing where there is only one."""
    there = {reading_of(row.system) for row in rows}
    selected = any((row.system or "").endswith(SELECTED) for row in rows)
    if len(there) < 2 and not selected:
        return ()
    shown = [name for name in READINGS if name in there]
    items = [(None, f"{_named(name)}: {READINGS[name].meaning}") for name in shown]
    if selected:
        items.append((None, f"NAME{SELECTED}: {_SELECTED_MEANING}"))
    return (Text("One model stands here under several names:"), Bullets(tuple(items)))


def _named(reading: str) -> str:
    return f"NAME{'/' if reading else ''}{reading} ({READINGS[reading].name})"


def _family_blocks(family: Family) -> Iterator[Block]:
    family = replace(family, rows=tuple(_without_empty(family.rows)))
    name = primary_metric(family.rows)
    tables: list[Table] = []
    if name is not None:
        scores = pick(family.rows, quantity="score", metric=name, label=None, group_by=None)
        coverage = pick(family.rows, quantity="score", metric="coverage", label=None, group_by=None)
        panels = [_panel(f"{metric(name)}, %", scores)]
        if any(row.value is not None and row.value < 1 for row in coverage):
            panels.append(_panel("coverage, %: answers that could be read", coverage, zero=True))
            tables.append(curve_table(coverage, "Coverage by temperature"))
        tables.insert(0, curve_table(scores, f"{capital(metric(name))} by temperature"))
        yield _figure(panels, f"{capital(metric(name))} against temperature: {family.title}")
    for group_by in groupings(family):
        made = [(name, gap_rows(family, group_by, name)) for name in MEASURES]
        own = [(name, rows) for name, rows in made if rows]
        if own:
            panels = [_panel(f"{metric(name)}, points", rows, zero=True) for name, rows in own]
            yield _figure(
                panels,
                f"Gaps by {attribute(group_by)} against temperature: {family.title} "
                "(mean over pairs of groups; where a gap has a value for each emotion, their mean)",
            )
            tables += [
                curve_table(rows, f"{capital(metric(name))} by {attribute(group_by)}")
                for name, rows in own
            ]
    if tables:
        yield Folded("The numbers of these curves", tuple(tables), long=True)


def _without_empty(rows: Sequence[Estimate]) -> Iterator[Estimate]:
    """Option scores where no option has any probability say nothing; they are not scores of 0."""
    empty = {
        (row.system, row.temperature)
        for row in rows
        if (row.metric, row.quantity, row.value) == ("coverage", "score", 0.0)
        and reading_of(row.system)
    }
    for row in rows:
        if (row.system, row.temperature) in empty:
            yield replace(row, value=None, low=None, high=None, undefined=_NO_PROBABILITY)
        else:
            yield row


def _figure(panels: Sequence[Panel], title: str) -> Figure:
    points = [p for panel in panels for series in panel.series for p in series.points]
    key = [_BAND] if any(point.low is not None for point in points) else []
    key += [_SPREAD] if any(point.spread is not None for point in points) else []
    key += [_FLOOR] if any(point.floor is not None for point in points) else []
    return curves(panels, title=title, across="temperature", key=key)


def _panel(title: str, rows: Sequence[Estimate], *, zero: bool = False) -> Panel:
    series = tuple(
        Series(READINGS[name].name, tuple(_point(row) for row in own))
        for name, own in by_reading(rows)
    )
    return Panel(title, series, from_zero=zero)


def _point(row: Estimate) -> CurvePoint:
    return CurvePoint(
        row.temperature or 0.0,
        row.value,
        row.low,
        row.high,
        row.sd_runs,
        row.noise_floor,
        why(row.undefined) if row.value is None else "",
    )


def curve_table(rows: Sequence[Estimate], caption: str) -> Table:
    """The numbers of a curve: a row a temperature, a run of rows a way of reading."""
    reasons = Reasons()
    spreads = spread_headings(rows)
    bodies = tuple(
        Body(
            tuple(
                (
                    Cell(f"{row.temperature:g}"),
                    reasons.cell(written(row, row.value), row),
                    interval_cell(row, reasons),
                    *spread_cells(row, rows),
                    counted(row.n),
                    counted(row.clusters),
                )
                for row in own
            ),
            capital(READINGS[name].name),
        )
        for name, own in by_reading(rows)
    )
    value = "Points" if any(row.quantity == "gap" for row in rows) else "%"
    columns = (
        "Temperature",
        value,
        f"{level_heading(rows)}interval",
        *spreads,
        "Answers",
        capital(unit(rows)),
    )
    return Table(caption, columns, bodies, reasons.note)
