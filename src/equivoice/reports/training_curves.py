"""The curves of a training run, and the tables of their numbers.

Training and validation are told apart by the shape of the marks and the
pattern of the line; the gaps of all cells stand over the same heights, so that
the eye compares what may be compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from equivoice.reports.cells import counted
from equivoice.reports.curves import MOST_SERIES, CurvePoint, Level, Panel, Series, curves
from equivoice.reports.document import Body, Cell, Figure, Folded, Table
from equivoice.reports.formatting import MINUS, capital
from equivoice.reports.formatting import points as points_of
from equivoice.reports.rows import in_order
from equivoice.reports.training_inputs import (
    Point,
    TrainingInputs,
    measure_name,
    over_cells,
    select,
)
from equivoice.reports.wording import attribute, term

__all__ = ["MOST_PANELS", "gap_figures", "group_figures", "numbers", "overview", "score_figure"]

MOST_PANELS = 8
"""Of more cells the table alone tells; a figure would be longer than any screen."""

_ACROSS = "step"
_TRAINED = "training"
_VALIDATED = "validation"
_IN_BATCHES = "within training batches"
_UNIT = "nats"
_LOSS = "Loss: mean of −ln of the probability of each token of the right answer, in nats."
_NO_INTERVALS = (
    "No intervals: these curves show how this training went, not what another one, or new "
    "speakers, would give."
)
_BETWEEN = "Training: mean over the steps since the evaluation before."
_BATCH_GAPS = "Gaps within batches are larger by chance alone, since each group has few utterances in a batch."


def overview(inputs: TrainingInputs, points: Sequence[Point]) -> Figure | None:
    """Loss, worst gap in loss, and the weight λ, over the steps; ``None`` where nothing is known."""
    weights = select(points, kind="weight")
    panels = [_loss_panel(points), _worst_panel(inputs, points), _driving_panel(inputs, points)]
    if any(point.value for point in weights):
        most = [] if inputs.maximum is None else [inputs.maximum]
        reached = [top for top in most if any((p.value or 0.0) >= 0.9 * top for p in weights)]
        levels = tuple(Level(top, f"the largest weight, {top:g}") for top in reached)
        shown = (Series(_TRAINED, _points(weights)),)
        panels.append(
            Panel("weight λ of the penalty", shown, from_zero=True, plain=True, levels=levels)
        )
    panels = [panel for panel in panels if _shows(panel)]
    if not panels:
        return None
    key = [_LOSS, _BETWEEN]
    key += [_BATCH_GAPS] if select(points, kind="batch_gap") and len(panels) > 1 else []
    title = f"Loss and worst gap by {attribute(inputs.attribute)} during training: {inputs.title}"
    return _figure(panels, inputs, title, key)


def _loss_panel(points: Sequence[Point]) -> Panel:
    own = select(points, measure="loss", kind="level", cell=None, groups=None)
    return Panel(f"loss, {_UNIT}", _by_split(own), plain=True)


def _worst_panel(inputs: TrainingInputs, points: Sequence[Point]) -> Panel:
    largest = select(points, measure="loss", kind="largest_gap")
    batches = _points(select(points, measure="loss", kind="batch_gap"))
    series = _by_split(largest)
    if any(point.value is not None for point in batches):
        series = (*series, Series(_IN_BATCHES, batches))
    title = f"largest gap over {over_cells(inputs.cell)}, {_UNIT}"
    return Panel(title, series, from_zero=True, plain=True, levels=_tolerance(inputs))


def _driving_panel(inputs: TrainingInputs, points: Sequence[Point]) -> Panel:
    """The gap in a metric, where that moves the weight."""
    own = []
    if inputs.compared != "loss":
        own = select(points, measure=inputs.compared, kind="largest_gap")
    title = f"largest gap in {measure_name(inputs.compared)}, {_unit_of(inputs.compared, gap=True)}"
    levels = _tolerance(inputs, inputs.compared)
    plain = _is_plain(inputs.compared)
    return Panel(title, _by_split(own), from_zero=True, plain=plain, levels=levels)


def _tolerance(inputs: TrainingInputs, measure: str = "loss") -> tuple[Level, ...]:
    """The gap that the weight lets pass, where it is one in this measure."""
    if inputs.tolerance is None or inputs.compared != measure:
        return ()
    told = f"{inputs.tolerance:g}" if _is_plain(measure) else points_of(inputs.tolerance)
    return (Level(inputs.tolerance, f"the tolerance ε, {told}"),)


def gap_figures(inputs: TrainingInputs, points: Sequence[Point]) -> Iterator[Figure]:
    """The gap of each cell, one panel a cell, for the loss and each metric that has gaps."""
    for measure in _shown(inputs, points):
        own = select(points, measure=measure, kind="gap")
        cells = in_order(point.cell for point in own)
        if not 0 < len(cells) <= MOST_PANELS:
            continue
        pairs = in_order(point.groups for point in own)
        panels = [_gap_panel(inputs, own, cell, measure, pairs) for cell in cells]
        what = pairs[0] if pairs else "largest pair of groups"
        title = (
            f"Gap in {measure_name(measure)} by {attribute(inputs.attribute)} within each "
            f"{attribute(inputs.cell)} ({what}): {inputs.title}"
        )
        key = [_NO_INTERVALS]
        if pairs:
            first, second = pairs[0].split(f" {MINUS} ")
            more = "loss" if measure == "loss" else "score"
            key.insert(
                0, f"Above zero the {more} of {first} is higher, below zero that of {second}."
            )
        yield _figure(panels, inputs, title, key, alike=True)


def _gap_panel(
    inputs: TrainingInputs, points: Sequence[Point], cell: str, measure: str, pairs: Sequence[str]
) -> Panel:
    own = _by_split(select(points, cell=cell))
    plain = _is_plain(measure)
    levels = _tolerance(inputs, measure)
    if pairs:
        levels = tuple(
            Level(sign * level.value, f"the tolerance {'−' if sign < 0 else ''}ε")
            for level in levels
            for sign in (1.0, -1.0)
        )
    title = (
        f"{attribute(inputs.cell)} {cell}: {measure_name(measure)}, {_unit_of(measure, gap=True)}"
    )
    return Panel(
        title, own, from_zero=not pairs, plain=plain, difference=bool(pairs), levels=levels
    )


def _named(inputs: TrainingInputs, cell: str) -> str:
    """A cell with what it is one of, such as ``language en``."""
    return f"{attribute(inputs.cell)} {attribute(cell)}" if cell else "all the data"


def group_figures(inputs: TrainingInputs, points: Sequence[Point]) -> Iterator[Figure]:
    """Loss and metrics of each group on the validation part, one panel a cell."""
    for measure in _shown(inputs, points):
        own = [
            point
            for point in select(points, measure=measure, kind="level", split=_VALIDATED)
            if point.cell is not None and point.groups is not None
        ]
        cells, groups = (in_order(getattr(p, at) for p in own) for at in ("cell", "groups"))
        if not 0 < len(cells) <= MOST_PANELS or len(groups) > MOST_SERIES:
            continue
        panels = [
            Panel(
                f"{_named(inputs, cell)}: {measure_name(measure)}, {_unit_of(measure)}",
                tuple(
                    Series(group, _points(select(own, cell=cell, groups=group)))
                    for group in sorted(groups)
                ),
                plain=_is_plain(measure),
            )
            for cell in cells
        ]
        title = (
            f"{capital(measure_name(measure))} of each group on the validation data: {inputs.title}"
        )
        yield _figure(panels, inputs, title, [_NO_INTERVALS], alike=True)


def score_figure(inputs: TrainingInputs, points: Sequence[Point]) -> Figure | None:
    """The metrics over everybody on the validation part; ``None`` where none was measured."""
    own = select(points, kind="level", split=_VALIDATED, cell=None, groups=None)
    measures = [measure for measure in _shown(inputs, points) if measure != "loss"]
    panels = [
        Panel(
            f"{measure_name(measure)}, {_unit_of(measure)}",
            (Series(_VALIDATED, _points(select(own, measure=measure))),),
            plain=_is_plain(measure),
        )
        for measure in measures
    ]
    panels = [panel for panel in panels if _shows(panel)]
    if not panels:
        return None
    title = f"Scores on the validation data during training: {inputs.title}"
    return _figure(panels, inputs, title, [_NO_INTERVALS])


def _shown(inputs: TrainingInputs, points: Sequence[Point]) -> list[str]:
    """The loss, what chose the checkpoint and what moves λ; of the other metrics the tables tell."""
    there = in_order(point.measure for point in points if point.kind == "level")
    wanted = ("loss", inputs.measure, inputs.compared)
    metrics = [measure for measure in there if measure in wanted]
    others = [measure for measure in there if measure not in ("loss", *metrics)]
    return metrics if len(metrics) > 1 else [*metrics, *others[:1]]


def numbers(inputs: TrainingInputs, points: Sequence[Point]) -> Folded:
    """All numbers of the curves, a table for each thing that was measured."""
    tables = []
    for measure in in_order(point.measure for point in points):
        for kind, caption in _CAPTIONS.items():
            own = select(points, measure=measure, kind=kind)
            if own:
                tables.append(_table(inputs, own, caption.format(measure_name(measure))))
    return Folded("The numbers of these curves", tuple(tables), long=True)


_CAPTIONS = {
    "level": "{}",
    "gap": "Gap in {}, cell by cell",
    "largest_gap": "Largest gap in {} over the cells",
    "batch_gap": "Mean over steps of the largest gap in {} within a batch",
    "weight": "Weight λ of the penalty at the end of each stretch",
}


def _table(inputs: TrainingInputs, points: Sequence[Point], caption: str) -> Table:
    """A row a point; whose they are stands above them."""
    reasons: dict[str, str] = {}
    bodies = tuple(
        Body(tuple(_row(point, reasons) for point in own), title)
        for title, own in _runs(points).items()
    )
    note = "; ".join(f"({letter}) {why}" for why, letter in reasons.items())
    kind = points[0].kind
    counts = "Steps" if kind in ("weight", "batch_gap") else "Utterances"
    where = f"{capital(attribute(inputs.cell))} with it"
    columns = ("Step", "Epoch", *([where] if kind == "largest_gap" else []), "Value", counts)
    unit = _unit_of(points[0].measure, gap="gap" in kind)
    caption = caption if kind == "weight" else f"{capital(caption)}, {unit}"
    return Table(caption, columns, bodies, note)


def _runs(points: Sequence[Point]) -> dict[str, list[Point]]:
    """The points by split, cell and group, named as far as they have one."""
    found: dict[str, list[Point]] = {}
    for point in points:
        cell = None if point.kind == "largest_gap" else point.cell
        groups = None if point.kind == "largest_gap" else point.groups
        name = ", ".join(part for part in (_SPLITS[point.split], cell, groups) if part)
        found.setdefault(name, []).append(point)
    return found


_SPLITS = {"train": "Training", "validation": "Validation"}


def _row(point: Point, reasons: dict[str, str]) -> tuple[Cell, ...]:
    epoch = Cell("not given", quiet=True) if point.epoch is None else counted(point.epoch)
    where = Cell(", ".join(part for part in (point.cell, point.groups) if part) or "none")
    return (
        Cell(f"{point.step:,}"),
        epoch,
        *([where] if point.kind == "largest_gap" else []),
        _value(point, reasons),
        counted(point.n),
    )


def _value(point: Point, reasons: dict[str, str]) -> Cell:
    if point.value is None:
        why = point.undefined or "no reason was recorded"
        letter = reasons.setdefault(why, chr(ord("a") + len(reasons) % 26))
        return Cell(f"not defined ({letter})", quiet=True)
    signed = point.kind == "gap" and point.groups is not None
    panel = Panel("", (), plain=_is_plain(point.measure), difference=signed)
    return Cell(panel.write(point.value), number=True)


def _by_split(points: Sequence[Point]) -> tuple[Series, ...]:
    pairs = ((_TRAINED, "train"), (_VALIDATED, "validation"))
    found = [(name, _points(select(points, split=split))) for name, split in pairs]
    return tuple(Series(name, own) for name, own in found if own)


def _points(points: Sequence[Point]) -> tuple[CurvePoint, ...]:
    return tuple(
        CurvePoint(float(point.step), point.value, reason=point.undefined or "") for point in points
    )


def _shows(panel: Panel) -> bool:
    return any(point.value is not None for series in panel.series for point in series.points)


def _is_plain(measure: str) -> bool:
    return measure in ("loss", "weight") or not term(measure).percent


def _unit_of(measure: str, *, gap: bool = False) -> str:
    if measure == "loss":
        return _UNIT
    if _is_plain(measure):
        return term(measure).unit or "no unit"
    return "points" if gap else "%"


def _figure(
    panels: Sequence[Panel],
    inputs: TrainingInputs,
    title: str,
    key: Sequence[str],
    *,
    alike: bool = False,
) -> Figure:
    marked = None if inputs.chosen is None else (float(inputs.chosen), "the chosen checkpoint")
    return curves(
        panels,
        title=title,
        across=_ACROSS,
        key=key,
        marked=marked,
        alike=alike,
        order=(_TRAINED, _VALIDATED),
    )
