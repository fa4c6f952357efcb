"""The report of training runs: what was trained, its curves, what was chosen, and the trade-off."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from equivoice.reports.cells import counted
from equivoice.reports.document import (
    Block,
    Body,
    Bullets,
    Cell,
    Facts,
    Figure,
    Folded,
    Section,
    Statements,
    Table,
    Text,
)
from equivoice.reports.formatting import capital, count, percent
from equivoice.reports.formatting import points as points_of
from equivoice.reports.inputs import ReportInputs
from equivoice.reports.provenance import corpora_section, left_out_section, made_section
from equivoice.reports.render import facts_line, render_page, told_apart
from equivoice.reports.rows import Estimate, in_order, pick, pooled, read_estimates
from equivoice.reports.trade_off import (
    gaps_within_table,
    methods_table,
    trade_off_section,
    trained_once,
    worst_gap_statement,
    worst_gaps_table,
)
from equivoice.reports.training_curves import (
    MOST_PANELS,
    gap_figures,
    group_figures,
    numbers,
    overview,
    score_figure,
)
from equivoice.reports.training_inputs import (
    WORST_GAP,
    Point,
    TrainingInputs,
    measure_name,
    over_cells,
    read_points,
    select,
)
from equivoice.reports.wording import CAUSES, GLOSSARY, attribute, metric, term

__all__ = [
    "chosen_rows",
    "data_table",
    "render_training",
    "training_facts",
    "training_section",
    "training_statements",
]

_CURVES = (
    "Curves describe how a training went. They have no intervals, and what new speakers would give "
    "cannot be read from them."
)
_OPTIMISTIC = (
    "Validation data chose the checkpoint: its scores on them tend to be better than what new "
    "speakers would give. Scores on test data are needed to say how good it is."
)
_SHARED_VALIDATION = (
    "On the validation data, which chose the checkpoint of each run. Whether the order of the runs "
    "holds for new speakers is for test data to say."
)
_NEVER_TEST = (
    "The record states training or validation data for every choice: test data chose nothing."
)
_WORDS = (
    "interval",
    "points",
    "signed gap",
    "smallest detectable gap",
    "noise floor",
    "not defined",
)
_TRAINING_WORDS: tuple[tuple[str, str], ...] = (
    (
        "loss",
        "Mean of −ln of the probability that the model gave to each part of the right answer.",
    ),
    ("gap in loss", "Difference between the mean losses of two groups, within one cell."),
    (
        "weight λ",
        (
            "How strongly the largest gap counts beside the loss. An adaptive weight rises while the "
            "gap is larger than the tolerance ε, and falls while it is smaller."
        ),
    ),
    ("spread over seeds", "Standard deviation between trainings that differ in their seed only."),
)


def render_training(
    inputs: TrainingInputs | Sequence[TrainingInputs], *, trade_off: pl.DataFrame | None = None
) -> str:
    """One HTML page about one training run or several.

    Args:
        inputs: one run, or several to stand side by side.
        trade_off: score against worst gap of the runs on the validation utterances that all
            of them share (:func:`equivoice.evaluation.trade_off.trade_off`).

    Returns:
        the page as text, complete in itself, to be stored as UTF-8.

    Raises:
        ValueError: no run was given.

    Example:
        >>> import polars as pl
        >>> from equivoice.records import RunRecord
        >>> points = {"step": [1], "epoch": [1], "split": ["train"], "measure": ["loss"],
        ...           "kind": ["level"], "cell": [None], "groups": [None], "value": [1.5],
        ...           "n": [8], "undefined": [None]}
        >>> record = RunRecord(verb="train", config={})
        >>> "Loss and worst gap" in render_training(
        ...     TrainingInputs("Demo", record, pl.DataFrame(points)))
        True
    """
    given = [inputs] if isinstance(inputs, TrainingInputs) else list(inputs)
    if not given:
        raise ValueError("a report needs at least one run")
    runs = told_apart(given)
    as_reports = [_as_report(run) for run in runs]
    rows = [row for run in runs for row in chosen_rows(run)]
    rows += [] if trade_off is None else read_estimates(trade_off)
    several = len(runs) > 1
    sections = [
        *_trade_off(trade_off),
        *(training_section(run, prefix=f"run{at}-" if several else "", named=several)
          for at, run in enumerate(runs)),
        corpora_section(as_reports),
        left_out_section(as_reports, rows),
        made_section(as_reports, rows),
        _glossary(rows),
    ]  # fmt: skip
    return render_page(
        f"Training: {runs[0].title}" if not several else f"{len(runs)} training runs side by side",
        sections,
        runs=[run.title for run in runs] if several else [],
        facts=facts_line(as_reports[0].record),
    )


def _trade_off(table: pl.DataFrame | None) -> Iterator[Section]:
    if table is not None:
        yield trade_off_section(read_estimates(table), caution=_SHARED_VALIDATION)


def training_section(inputs: TrainingInputs, *, prefix: str = "", named: bool = False) -> Section:
    """What was trained, how it went, what was chosen, and what the choice scores.

    Args:
        inputs: the run.
        prefix: stands before the names by which links find its parts.
        named: whether the heading names the run.
    """
    points = read_points(inputs.progress)
    can, cannot = training_statements(inputs)
    parts = (
        Section("Who was trained on", f"{prefix}items", tuple(_data_blocks(inputs))),
        Section("How training went", f"{prefix}curves", tuple(_curve_blocks(inputs, points))),
        Section(
            "The chosen checkpoint on the validation data",
            f"{prefix}validation",
            tuple(_validation_blocks(inputs)),
        ),
    )
    shown = tuple(part for part in parts if not part.empty)
    blocks = (Statements("", can, cannot), Facts(tuple(training_facts(inputs))))
    title = f"Training: {inputs.title}" if named else "Training"
    return Section(title, f"{prefix}training", blocks, shown)


def training_statements(
    inputs: TrainingInputs, *, curves: bool = True
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What can and what cannot be concluded: where training stopped, what was chosen, on which data.

    Args:
        inputs: the run.
        curves: whether curves stand beside the statements.
    """
    points = read_points(inputs.progress)
    can = [*_ended(inputs, points), *_chosen(inputs, points)]
    cannot = [*_unrecorded(points), *_on_test(inputs), *([_CURVES] if curves else [])]
    if inputs.chosen is not None:
        cannot.append(_OPTIMISTIC)
    gaps = [row for row in chosen_rows(inputs) if row.quantity == "gap"]
    for gap in pick(gaps, class_aggregator="max"):
        said = f"On the validation data: {_uncapital(worst_gap_statement(gap))}"
        (can if gap.excludes_zero else cannot).append(said)
    cannot += trained_once(chosen_rows(inputs))
    if gaps or select(points, kind="largest_gap"):
        cannot.append(CAUSES)
    return tuple(can), tuple(cannot)


def _uncapital(text: str) -> str:
    return text[:1].lower() + text[1:]


def _ended(inputs: TrainingInputs, points: Sequence[Point]) -> Iterator[str]:
    steps = [point.step for point in points if point.split == "train"]
    last = select(points, step=max(steps))[0] if steps else None
    if last is None:
        yield "No step of training is on record."
        return
    epoch = f", in epoch {last.epoch}" if last.epoch else ""
    where = f"after {count(last.step, 'step')}{epoch}"
    if not inputs.finished:
        yield f"Training is not finished, or was cut off {where}: the same command goes on."
        return
    why = inputs.stopped.strip()
    yield f"Training stopped {where}. {why}" if why else f"Training stopped {where}."


def _chosen(inputs: TrainingInputs, points: Sequence[Point]) -> Iterator[str]:
    """Which checkpoint was chosen, by what, on which data."""
    if inputs.chosen is None:
        return
    known, measure = inputs.selection, inputs.measure
    by = f" by {_criterion(inputs)}" if measure else ""
    number = _number(known.get("candidates"))
    among = "" if number is None else f", out of {count(number, 'evaluation')}"
    value = _chosen_value(inputs, points)
    split = f" on {known['split']} data" if known.get("split") else ""
    told = f"The checkpoint of step {inputs.chosen:,} was chosen{by}{split}{among}"
    if value is not None and value.value is not None:
        told += f": {_measured(inputs, value.value)}, {_size(value.n, known)}"
    yield f"{told}."
    if inputs.record.selection and not list(_on_test(inputs)):
        yield _NEVER_TEST


def _criterion(inputs: TrainingInputs) -> str:
    if inputs.measure != WORST_GAP:
        return measure_name(inputs.measure)
    return f"the largest gap in {measure_name(inputs.compared)} over {over_cells(inputs.cell)}"


def _chosen_value(inputs: TrainingInputs, points: Sequence[Point]) -> Point | None:
    """What the chosen checkpoint was measured at when it was chosen."""
    at_choice = select(points, step=inputs.chosen, split="validation")
    if inputs.measure == WORST_GAP:
        found = select(at_choice, measure=inputs.compared, kind="largest_gap")
    else:
        found = select(at_choice, measure=inputs.measure, kind="level", cell=None, groups=None)
    return found[0] if found else None


def _measured(inputs: TrainingInputs, value: float) -> str:
    gap = inputs.measure == WORST_GAP
    measure = inputs.compared if gap else inputs.measure
    if measure == "loss" or not term(measure).percent:
        return f"{value:.3f}"
    return points_of(value) if gap else f"{percent(value)}%"


def _size(n: int | None, known: Mapping[str, Any]) -> str:
    number = _number(known.get("speakers"))
    speakers = f" of {count(number, 'speaker')}" if number else ""
    return f"{count(n, 'utterance')}{speakers}; this single value has no interval"


def _number(given: object) -> int | None:
    """A count, given as one or as what is counted."""
    if isinstance(given, int):
        return given
    return len(given) if isinstance(given, (list, tuple)) else None


def _unrecorded(points: Sequence[Point]) -> Iterator[str]:
    """Places where no loss is on record: a loss that is no number cannot be."""
    losses = [p for p in select(points, measure="loss", kind="level") if p.cell is None]
    lost = [point.step for point in losses if point.value is None]
    if lost:
        yield (
            f"No loss is on record at {count(len(lost), 'place')} of the curves, first at step "
            f"{min(lost):,}: training may have diverged there."
        )


def _on_test(inputs: TrainingInputs) -> Iterator[str]:
    """Choices for which the record states other data than training or validation."""
    for each in inputs.record.selection:
        split = each.get("split")
        if split not in ("train", "validation"):
            stated = f"{split} data" if split else "no data"
            yield (
                f"The record states {stated} for the choice of {each.get('what', 'something')}: "
                "it does not show that test data chose nothing."
            )


def training_facts(inputs: TrainingInputs) -> Iterator[tuple[str, tuple[str, ...]]]:
    """What was trained, by name; what the record does not hold says so."""
    share = ""
    if inputs.trainable is not None:
        whole = "" if inputs.parameters is None else f" of {inputs.parameters:,}"
        share = f"{inputs.trainable:,}{whole}"
    given = (
        ("trained further", inputs.base_model),
        ("asked as", inputs.system),
        ("objective", inputs.objective),
        ("parameters trained", share),
        ("labels", ", ".join(inputs.labels)),
        ("prompt", inputs.prompt),
        ("groups", attribute(inputs.attribute)),
        ("compared within", attribute(inputs.cell)),
        ("tolerance ε", "" if inputs.tolerance is None else f"{inputs.tolerance:g}"),
        ("largest weight λ", "" if inputs.maximum is None else f"{inputs.maximum:g}"),
    )
    for name, value in given:
        yield name, (value or "not recorded",)


def _data_blocks(inputs: TrainingInputs) -> Iterator[Block]:
    if inputs.data is None or inputs.data.is_empty():
        yield Text("The record does not hold which utterances were trained on.")
        return
    rows = list(inputs.data.iter_rows(named=True))
    yield data_table(inputs, rows)
    if any(row["group"] is None for row in rows):
        yield Text(
            f"Utterances of unknown {attribute(inputs.attribute)} were trained on, and took no part "
            "in any gap.",
            quiet=True,
        )


def data_table(inputs: TrainingInputs, rows: Sequence[Mapping[str, Any]]) -> Table:
    """Utterances and speakers by split, cell and group."""
    bodies = tuple(
        Body(
            tuple(
                (
                    Cell(attribute(row["cell"] or "all")),
                    Cell(row["group"] or "unknown"),
                    counted(row["utterances"]),
                    counted(row["speakers"]),
                )
                for row in rows
                if row["split"] == split
            ),
            capital(split),
        )
        for split in in_order(row["split"] for row in rows)
    )
    columns = (
        capital(attribute(inputs.place)),
        capital(attribute(inputs.attribute)),
        "Utterances",
        "Speakers",
    )
    caption = f"Utterances by {attribute(inputs.place)} and {attribute(inputs.attribute)}"
    return Table(caption, columns, bodies)


def _curve_blocks(inputs: TrainingInputs, points: Sequence[Point]) -> Iterator[Block]:
    if not points:
        return
    figures: list[Figure | None] = [overview(inputs, points), score_figure(inputs, points)]
    drawn = [figure for figure in (*figures, *gap_figures(inputs, points)) if figure is not None]
    yield from drawn
    cells = in_order(point.cell for point in select(points, kind="gap"))
    if len(cells) > MOST_PANELS:
        yield Text(
            f"The gaps of {over_cells(inputs.cell, len(cells))} are too many to draw one by one; "
            "the tables below hold them."
        )
    by_group = tuple(group_figures(inputs, points))
    if by_group:
        yield Folded("Curves of each group", by_group)
    yield numbers(inputs, points)


def _validation_blocks(inputs: TrainingInputs) -> Iterator[Block]:
    rows = chosen_rows(inputs)
    if inputs.chosen is None:
        return
    if not any(row.quantity == "score" for row in rows):
        yield Text(
            "The run holds no answers of the chosen checkpoint, so its gaps have no intervals."
        )
        return
    yield Text(_OPTIMISTIC)
    yield methods_table(rows)
    yield worst_gaps_table(rows)
    yield gaps_within_table(rows)


def chosen_rows(inputs: TrainingInputs) -> tuple[Estimate, ...]:
    """The estimates of the chosen checkpoint; none where there are none."""
    if inputs.estimates is None or inputs.estimates.is_empty():
        return ()
    return tuple(pooled(read_estimates(inputs.estimates)))


def _as_report(inputs: TrainingInputs) -> ReportInputs:
    """The run as the sections on data and provenance know it."""
    return ReportInputs(
        title=inputs.title,
        record=inputs.record,
        estimates=pl.DataFrame() if inputs.estimates is None else inputs.estimates,
        cards=inputs.cards,
        findings=inputs.findings,
        notes=inputs.notes,
    )


def _glossary(rows: Sequence[Estimate]) -> Section:
    words = [f"{name}: {meaning}" for name, meaning in _TRAINING_WORDS]
    words += [f"{name}: {meaning}" for name, meaning in GLOSSARY if name in _WORDS]
    words += [f"{metric(name)}: {term(name).meaning}" for name in in_order(r.metric for r in rows)]
    return Section("How to read this", "reading", (Bullets(tuple((None, each) for each in words)),))
