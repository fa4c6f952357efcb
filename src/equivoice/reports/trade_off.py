"""Score against worst gap: sentences, the plot, and the tables beside it.

The numbers come from :func:`equivoice.evaluation.trade_off.trade_off`. A
method stands for itself as the mean over its seeds; single seeds are drawn
small, so that nobody takes the best of them for the method.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from equivoice.reports.cells import Reasons, counted, interval_cell, level_heading, written
from equivoice.reports.document import Block, Body, Cell, Figure, Section, Statements, Table, Text
from equivoice.reports.figures import ParetoPoint, SeedPoint, letter, pareto
from equivoice.reports.formatting import (
    MINUS,
    capital,
    interval,
    level,
    percent,
    points,
    signed,
    why,
)
from equivoice.reports.phrases import size
from equivoice.reports.rows import Estimate, in_order, pick
from equivoice.reports.training_inputs import over_cells
from equivoice.reports.wording import CAUSES, attribute, metric, unit

__all__ = [
    "few_seeds",
    "gaps_within_table",
    "methods_table",
    "trade_off_plot",
    "trade_off_section",
    "trade_off_statements",
    "trained_once",
    "worst_gap_statement",
    "worst_gaps_table",
]

_WITHIN = " within "
_CROSSING = " x "
_MEAN_OF_GAPS = (
    "The worst gap of a method is the mean over its seeds of each seed's own worst gap. It grows by "
    "chance alone: the noise floor says how large it would be if the groups did not differ."
)
_ONE_SEED = (
    "the intervals are over speakers and do not contain what another seed of the training would "
    "change."
)
_FEW_SEEDS = 3
_AGGREGATED = {"max": "largest", "mean": "mean", "rms": "root mean square"}


def trade_off_section(rows: Sequence[Estimate], *, caution: str = "") -> Section:
    """Score against worst gap of several methods, with the paired differences; empty of none.

    Args:
        rows: of :func:`equivoice.evaluation.trade_off.trade_off`.
        caution: what a reader must know before anything else.
    """
    blocks: list[Block] = []
    if _methods(rows):
        blocks += [Text(caution)] if caution else []
        can, cannot = trade_off_statements(rows)
        blocks.append(Statements("", can, cannot))
        plot = trade_off_plot(rows)
        blocks += [] if plot is None else [plot]
        blocks += [methods_table(rows), Text(_MEAN_OF_GAPS, quiet=True)]
        compared = _compared_table(rows)
        blocks += [] if compared is None else [compared]
        blocks += [worst_gaps_table(rows), gaps_within_table(rows)]
    return Section("Score against worst gap", "trade-off", tuple(blocks))


def trade_off_plot(rows: Sequence[Estimate]) -> Figure | None:
    """One mark a method, with intervals both ways; ``None`` where no method has both numbers."""
    found = [
        point for name in _methods(rows) if (point := _point(_own(rows, name), name)) is not None
    ]
    if not found:
        return None
    by, cell = _grouping(rows)
    name = metric(_main(rows).metric)
    title = (
        f"{capital(name)}, mean over {over_cells(cell)}, against the largest gap by "
        f"{attribute(by)} within any of them"
    )
    return pareto(found, score=name, gap=f"largest {attribute(by)} gap", title=title)


def _point(own: Sequence[Estimate], name: str) -> ParetoPoint | None:
    score, gap = _score(own), _worst(own)
    if score is None or gap is None or score.value is None or gap.value is None:
        return None
    return ParetoPoint(
        name,
        gap.value,
        score.value,
        _ends(gap),
        _ends(score),
        seeds=tuple(_seeds(own)),
    )


def _seeds(own: Sequence[Estimate]) -> Iterator[SeedPoint]:
    """Score and worst gap of each single seed."""
    for run in in_order(row.run for row in own if row.run is not None):
        scores = pick(own, quantity="score", run=run)
        gaps = pick(own, quantity="gap", run=run)
        if scores and gaps and scores[0].value is not None and gaps[0].value is not None:
            yield SeedPoint(run, gaps[0].value, scores[0].value)


def methods_table(rows: Sequence[Estimate]) -> Table:
    """Score and worst gap of each method, the letters being those of the plot."""
    reasons = Reasons()
    by, cell = _grouping(rows)
    own = [row for row in rows if row.quantity in ("score", "gap") and row.run is None]
    name = metric(_main(rows).metric)
    body = []
    drawn = 0
    for method in _methods(rows):
        part = _own(rows, method)
        score, gap = _score(part), _worst(part)
        sign = ""
        if len(_methods(rows)) > 1 and _point(part, method) is not None:
            sign, drawn = f"{letter(drawn)}: ", drawn + 1
        numbers = (*_measured(score, own, reasons), *_gap_cells(gap, own, reasons))
        body.append((Cell(f"{sign}{method}"), *numbers))
    columns = (
        "Method",
        f"{capital(name)}, %",
        f"{level_heading(own)}interval",
        *_spread_heading(own),
        f"Largest {attribute(by)} gap, points",
        f"{level_heading(own)}interval",
        *_spread_heading(own),
        "Noise floor",
        f"{capital(attribute(cell))} and pair with it, in this sample",
        "Utterances",
        capital(unit(own)),
    )
    caption = f"{capital(name)} and largest gap by {attribute(by)} over {over_cells(cell)}"
    return Table(caption, columns, (Body(tuple(body)),), reasons.note)


def _measured(
    row: Estimate | None, rows: Sequence[Estimate], reasons: Reasons, *, difference: bool = False
) -> tuple[Cell, ...]:
    """Value, interval, and spread over seeds where any of the rows has one."""
    if row is None:
        return (*(Cell("not given", quiet=True),) * 2, *_spread(row, rows))
    return (
        reasons.cell(written(row, row.value, difference=difference), row),
        interval_cell(row, reasons, difference=difference),
        *_spread(row, rows),
    )


def _spread_heading(rows: Sequence[Estimate]) -> tuple[str, ...]:
    """The heading of the spread over seeds, where any of the rows has one."""
    return ("Spread over seeds",) if any(row.sd_runs is not None for row in rows) else ()


def _spread(row: Estimate | None, rows: Sequence[Estimate]) -> tuple[Cell, ...]:
    """The cell below :func:`_spread_heading`."""
    if not _spread_heading(rows):
        return ()
    if row is None or row.sd_runs is None:
        return (Cell("one seed", quiet=True),)
    return (Cell(percent(row.sd_runs), number=True),)


def _gap_cells(
    row: Estimate | None, rows: Sequence[Estimate], reasons: Reasons
) -> tuple[Cell, ...]:
    if row is None:
        return (*_measured(row, rows, reasons), *(Cell("not given", quiet=True),) * 4)
    return (
        *_measured(row, rows, reasons),
        reasons.cell(written(row, row.noise_floor), row, what="none"),
        Cell(_placed(row.groups, (row.group_by or "").split(_WITHIN)[0]) or "none"),
        counted(row.n),
        counted(row.clusters),
    )


def worst_gaps_table(rows: Sequence[Estimate]) -> Table:
    """The gap of each method under all three aggregators over the cells; each is named."""
    reasons = Reasons()
    by, cell = _grouping(rows)
    own = [row for row in rows if row.quantity == "gap" and row.run is None]
    bodies = tuple(
        Body(
            tuple(
                (
                    Cell(f"{_AGGREGATED.get(row.class_aggregator or '', 'not stated')} over "
                         f"{over_cells(cell)}"),
                    *_measured(row, own, reasons),
                    reasons.cell(written(row, row.noise_floor), row, what="none"),
                )
                for row in pick(own, system=name)
            ),
            name if len(_methods(rows)) > 1 else "",
        )
        for name in _methods(rows)
    )  # fmt: skip
    columns = (
        "Largest pair of groups, then",
        "Points",
        f"{level_heading(own)}interval",
        *_spread_heading(own),
        "Noise floor",
    )
    caption = f"Gaps in {metric(_main(rows).metric)} by {attribute(by)}, joined over the cells"
    return Table(caption, columns, bodies, reasons.note)


def gaps_within_table(rows: Sequence[Estimate]) -> Table:
    """The scores of groups within each cell, and their signed differences, method by method."""
    reasons = Reasons()
    by, cell = _grouping(rows)
    own = [row for row in rows if row.quantity in ("group_score", "pair_gap")]
    bodies = tuple(
        Body(
            tuple(_within_row(row, by, own, reasons) for row in pick(own, system=name)),
            name if len(_methods(rows)) > 1 else "",
        )
        for name in _methods(rows)
    )
    columns = (
        f"{capital(attribute(cell))}, and group or difference",
        "% or points",
        f"{level_heading(own)}interval",
        *_spread_heading(own),
        "Smallest detectable",
        "Utterances",
        capital(unit(own)),
    )
    caption = (
        f"{capital(metric(_main(rows).metric))} within each {attribute(cell)} by {attribute(by)}, "
        "and signed differences, first group minus second"
    )
    return Table(caption, columns, bodies, reasons.note)


def _within_row(
    row: Estimate, by: str, rows: Sequence[Estimate], reasons: Reasons
) -> tuple[Cell, ...]:
    difference = row.quantity == "pair_gap"
    detectable = Cell("not a difference", quiet=True)
    if difference:
        detectable = reasons.cell(written(row, row.detectable), row, what="none")
    return (
        Cell(_placed(row.groups, by)),
        *_measured(row, rows, reasons, difference=difference),
        detectable,
        counted(row.n),
        counted(row.clusters),
    )


def _placed(groups: str | None, by: str) -> str:
    """``en x female − en x male`` as ``en: female − male``; what is no group of a cell stays.

    Args:
        groups: one group, or two with a minus between them.
        by: the attribute, which may be crossed itself.
    """
    width = len(by.split(_CROSSING))
    parts = [part.split(_CROSSING) for part in (groups or "").split(f" {MINUS} ")]
    cells = {" × ".join(part[:-width]) for part in parts}
    if len(cells) != 1 or "" in cells:
        return attribute(groups or "")
    named = f" {MINUS} ".join(" × ".join(part[-width:]) for part in parts)
    return f"{cells.pop()}: {named}"


def _compared_table(rows: Sequence[Estimate]) -> Table | None:
    """Score and worst gap of one method minus those of another."""
    reasons = Reasons()
    own = pick(rows, quantity="comparison")
    if not own:
        return None
    by, cell = _grouping(rows)
    names = {False: capital(metric(own[0].metric)), True: f"Largest {attribute(by)} gap"}
    bodies = tuple(
        Body(
            tuple(
                (
                    Cell(row.system or ""),
                    *_measured(row, own, reasons, difference=True),
                    reasons.cell(written(row, row.detectable), row, what="none"),
                    counted(row.n),
                    counted(row.clusters),
                )
                for row in own
                if _is_gap(row) == gaps
            ),
            name,
        )
        for gaps, name in names.items()
    )
    columns = (
        "Methods",
        "Difference, points",
        f"{level_heading(own)}interval",
        *_spread_heading(own),
        "Smallest detectable",
        "Utterances",
        capital(unit(own)),
    )
    caption = (
        "Differences between methods on the same utterances, first minus second "
        f"(mean over {over_cells(cell)} of the score; largest gap over them)"
    )
    return Table(caption, columns, bodies, reasons.note)


def trade_off_statements(rows: Sequence[Estimate]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What can and what cannot be concluded about the methods, as sentences."""
    can: list[str] = []
    cannot: list[str] = []
    for row in pick(rows, quantity="comparison"):
        (can if row.excludes_zero else cannot).append(_comparison(row))
    if not pick(rows, quantity="comparison"):
        for name in _methods(rows):
            gap = _worst(_own(rows, name))
            said = None if gap is None else worst_gap_statement(gap)
            if gap is not None and said is not None:
                (can if gap.excludes_zero else cannot).append(said)
    return tuple(can), (*cannot, *trained_once(rows), *few_seeds(rows), CAUSES)


def trained_once(rows: Sequence[Estimate]) -> tuple[str, ...]:
    """What the intervals of methods with one seed do not contain; nothing where all have several."""
    once = [name for name in _methods(rows) if all(row.run is None for row in _own(rows, name))]
    if not once:
        return ()
    names = ", ".join(once)
    were = "was trained once" if len(once) == 1 else "were trained once each"
    return (f"{names} {were}: {_ONE_SEED}",)


def few_seeds(rows: Sequence[Estimate]) -> tuple[str, ...]:
    """How little two or three seeds tell; nothing where each method has one, or more."""
    seeds = {name: len(list(_seeds(_own(rows, name)))) for name in _methods(rows)}
    few = [number for number in seeds.values() if 1 < number <= _FEW_SEEDS]
    if not few:
        return ()
    freedom = "1 degree" if min(few) == 2 else f"{min(few) - 1} degrees"
    said = (
        f"What another seed of the training would change is judged by {min(few)} seeds: that part "
        f"of the intervals is by t with {freedom} of freedom, which makes them long. They end "
        "where the metric ends; one that reaches from end to end says that nothing is known."
    )
    return (said,)


def worst_gap_statement(gap: Estimate) -> str:
    """The worst gap of one method with its interval and its noise floor, or why there is none."""
    by, cell = (gap.group_by or "").split(_WITHIN)
    what = f"The largest gap in {metric(gap.metric)} by {attribute(by)} over {over_cells(cell)}"
    if gap.value is None:
        return f"{what} is not defined: {gap.undefined}."
    where = f" ({_placed(gap.groups, by)} in this sample)" if gap.groups else ""
    told = f"{what} is {points(gap.value)}{where}"
    if gap.low is None or gap.high is None:
        return (
            f"{told}, no interval ({why(gap.undefined)}). It cannot be concluded how large it is."
        )
    floor = ""
    if gap.noise_floor is not None:
        floor = f" If the groups did not differ, about {points(gap.noise_floor)} would be expected."
    ends = f"{level(gap)} interval {interval(gap.low, gap.high)}"
    return f"{told}, {ends}; {size(gap)}.{floor}"


def _comparison(row: Estimate) -> str:
    """One paired difference: of the score, or of the worst gap."""
    first, _, second = (row.system or "").partition(f" {MINUS} ")
    what = metric(row.metric)
    if _is_gap(row):
        by, cell = (row.group_by or "").split(_WITHIN)
        what = f"the largest gap in {what} by {attribute(by)} over {over_cells(cell)}"
    if row.value is None:
        return f"{capital(what)} of {first} and {second} cannot be compared: {row.undefined}."
    if row.low is None or row.high is None:
        found = f"is {points(row.value)} {_side(row)} for {first} than for {second}"
        if percent(row.value) == percent(0.0):
            found = f"does not differ between {first} and {second}"
        return (
            f"{capital(what)} {found} in this sample, but no interval can be given: "
            f"{why(row.undefined)}."
        )
    ends = f"{level(row)} interval {interval(row.low, row.high, sign=True)}"
    if row.excludes_zero:
        return (
            f"{capital(what)} is {points(row.value)} {_side(row)} for {first} than for {second} on "
            f"the same utterances, {ends}; {size(row)}."
        )
    least = "" if row.detectable is None else (
        f" Differences smaller than {points(row.detectable)} could not have been seen reliably."
    )  # fmt: skip
    return (
        f"No difference in {what} between {first} and {second} was detected "
        f"({signed(row.value)} points, {ends}; {size(row)}).{least}"
    )


def _side(row: Estimate) -> str:
    above = (row.value or 0.0) > 0
    if _is_gap(row):
        return "larger" if above else "smaller"
    return "higher" if above else "lower"


def _is_gap(row: Estimate) -> bool:
    return row.group_by is not None and _WITHIN in row.group_by


def _methods(rows: Sequence[Estimate]) -> list[str]:
    return in_order(row.system for row in rows if row.quantity == "score")


def _own(rows: Sequence[Estimate], name: str) -> list[Estimate]:
    return pick(rows, system=name)


def _score(own: Sequence[Estimate]) -> Estimate | None:
    return next(iter(pick(own, quantity="score", run=None)), None)


def _worst(own: Sequence[Estimate]) -> Estimate | None:
    return next(iter(pick(own, quantity="gap", run=None, class_aggregator="max")), None)


def _main(rows: Sequence[Estimate]) -> Estimate:
    return next(row for row in rows if row.quantity == "score")


def _grouping(rows: Sequence[Estimate]) -> tuple[str, str]:
    """The attribute, and the cell within which groups were compared."""
    text = next(row.group_by for row in rows if _is_gap(row)) or ""
    by, _, cell = text.partition(_WITHIN)
    return by, cell


def _ends(row: Estimate) -> tuple[float, float] | None:
    return None if row.low is None or row.high is None else (row.low, row.high)
