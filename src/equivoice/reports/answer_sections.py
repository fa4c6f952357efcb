"""What became of the answers, and how far probabilities can be taken at their word."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from equivoice.reports.cells import Reasons, counted, interval_cell, level_heading, written
from equivoice.reports.curves import ReliabilityBin, reliability
from equivoice.reports.document import Block, Body, Cell, Figure, Folded, Section, Table, Text
from equivoice.reports.formatting import capital, count
from equivoice.reports.rows import Estimate, in_order, pick
from equivoice.reports.sweeps import main_temperatures, reading_of
from equivoice.reports.terms import reference
from equivoice.reports.wording import attribute, metric, unit

__all__ = ["answers_section", "calibration_section"]

_STATUSES = ("parsed", "ambiguous", "refused", "unparsed", "failed")
_HEADINGS = {
    "parsed": "Read as a label, %",
    "ambiguous": "Ambiguous, %",
    "refused": "Refused, %",
    "unparsed": "Not readable, %",
    "failed": "Failed, %",
}
_OWN = 1.0
"""At this temperature the probabilities are the model's own, neither sharpened nor flattened."""


def answers_section(rows: Sequence[Estimate]) -> Section:
    """What became of answers in words, by temperature and by group; empty without such answers.

    Args:
        rows: of :func:`equivoice.evaluation.answers.answer_shares`.
    """
    blocks: list[Block] = []
    for corpus, system in dict.fromkeys((row.corpus, row.system) for row in rows):
        own = pick(rows, corpus=corpus, system=system)
        title = f"{system or 'the predictions'}{f' on {corpus}' if corpus else ''}"
        overall = pick(own, quantity="score")
        blocks.append(_table(overall, f"What became of the answers of {title}"))
        for group_by in in_order(row.group_by for row in own):
            blocks += _by_group([row for row in own if row.group_by == group_by], title, group_by)
    if blocks:
        blocks.append(
            Text(
                "An answer counts as refused where the model says that it cannot or will not tell, "
                "as ambiguous where it names several labels and decides for none. Failed answers "
                "are left out of all scores; the others without a label count as the convention "
                "says.",
                quiet=True,
            )
        )
    return Section("Answers in words", "answers", tuple(blocks))


def _by_group(rows: Sequence[Estimate], title: str, group_by: str) -> Iterator[Block]:
    """By group at the lowest temperature, then folded at all; nothing where all were read."""
    if not any(row.metric != "parsed" and row.value for row in rows):
        return
    lowest = min(main_temperatures(rows).values(), default=None)
    first = [row for row in rows if row.temperature == lowest]
    caption = f"What became of the answers of {title} by {attribute(group_by)}"
    at = "" if lowest is None else f", temperature {lowest:g}"
    yield _table(first, f"{caption}{at}")
    if len(rows) > len(first):
        table = _table(rows, f"{caption}, all temperatures")
        yield Folded(table.caption, (table,), long=True)


def _table(rows: Sequence[Estimate], caption: str) -> Table:
    """One row a temperature and group; each share with its interval below."""
    reasons = Reasons()
    shown = [
        status
        for status in _STATUSES
        if status == "parsed" or any(row.value for row in pick(rows, metric=status))
    ]
    keys = dict.fromkeys((row.prompt, row.modality, row.temperature, row.groups) for row in rows)
    several = [
        name for at, name in enumerate(("prompt", "modality")) if len({k[at] for k in keys}) > 1
    ]
    body = []
    for prompt, modality, temperature, groups in keys:
        own = pick(rows, prompt=prompt, modality=modality, temperature=temperature, groups=groups)
        settings = [
            value for name, value in (("prompt", prompt), ("modality", modality)) if name in several
        ]
        place = "not set" if temperature is None else f"{temperature:g}"
        head = ", ".join([*map(str, settings), *([attribute(groups)] if groups else []), place])
        cells = [_share(own, status, reasons) for status in shown]
        body.append((Cell(head), *cells, counted(own[0].n)))
    grouped = any(row.groups for row in rows)
    head = ", ".join([*several, *(["group"] if grouped else []), "temperature"])
    columns = (capital(head), *(_HEADINGS[status] for status in shown), "Answers")
    return Table(caption, columns, (Body(tuple(body)),), reasons.note)


def _share(rows: Sequence[Estimate], status: str, reasons: Reasons) -> Cell:
    row = pick(rows, metric=status)[0]
    value = written(row, row.value)
    if value is None or not row.has_interval:
        return reasons.cell(value, row)
    return Cell(value, number=True, small=f"[{written(row, row.low)}, {written(row, row.high)}]")


def calibration_section(rows: Sequence[Estimate], *, told: bool = False) -> Section:
    """Reliability diagram and calibration error of each system with probabilities.

    Args:
        rows: of :func:`equivoice.evaluation.calibration.calibration`.
        told: whether what answers were held against is named although it is the labels
            as given, since other parts of the report have other references.
    """
    blocks: list[Block] = []
    keys = dict.fromkeys((row.corpus, row.system, row.reference) for row in rows)
    for corpus, system, held in keys:
        own = pick(rows, corpus=corpus, system=system, reference=held)
        title = f"{system or 'the predictions'}{f' on {corpus}' if corpus else ''}"
        title += f", held against {reference(held)}" if told else ""
        for prompt, modality in dict.fromkeys((row.prompt, row.modality) for row in own):
            part = pick(own, prompt=prompt, modality=modality)
            blocks += _figure(part, title)
        blocks.append(_errors(own, f"Calibration of {title}"))
    if any(reading_of(row.system) for row in rows):
        blocks.insert(
            0,
            Text(
                "Probabilities are taken among the options: what the model would say instead of "
                "an option is divided out, and stated as the mass outside."
            ),
        )
    return Section("Calibration", "calibration", tuple(blocks))


def _figure(rows: Sequence[Estimate], title: str) -> Iterator[Figure]:
    """At temperature 1, or the one nearest to it; at 0 all probabilities are 0 or 1."""
    there = {row.temperature for row in rows}
    chosen = min(there, key=lambda each: (each is None, abs((each or 0.0) - _OWN)))
    own = pick(rows, temperature=chosen)
    bins = [
        made
        for label in in_order(row.label for row in own)
        if (made := _bin(pick(own, label=label))) is not None
    ]
    at = "" if chosen is None else f", temperature {chosen:g}"
    if bins:
        yield reliability(
            bins,
            title=f"Share of right answers, in per cent, against the probability of the chosen "
            f"option: {title}{at}",
            key=(
                "Dot: answers of like probability; line: interval.",
                "On the dashed line a system is right as often as it says; below it, surer than right.",
            ),
        )


def _bin(rows: Sequence[Estimate]) -> ReliabilityBin | None:
    right, sure, share = (
        next(iter(pick(rows, metric=name)), None)
        for name in ("reliability", "bin_confidence", "bin_share")
    )
    if right is None or sure is None or share is None:
        return None
    if right.value is None or sure.value is None:
        return None
    number = round((share.value or 0.0) * (share.n or 0))
    return ReliabilityBin(sure.value, right.value, number, right.low, right.high)


def _errors(rows: Sequence[Estimate], caption: str) -> Table:
    reasons = Reasons()
    brier = pick(rows, metric="brier")
    body = []
    for row in brier:
        here = [
            each
            for each in rows
            if (each.prompt, each.modality, each.temperature)
            == (row.prompt, row.modality, row.temperature)
        ]
        error, sure, outside = (
            pick(here, metric=name)[0] for name in ("ece", "mean_confidence", "outside")
        )
        floor = Cell("not given", quiet=True)
        if error.noise_floor is not None:
            floor = Cell(written(error, error.noise_floor) or "", number=True)
        body.append(
            (
                Cell("not set" if row.temperature is None else f"{row.temperature:g}"),
                reasons.cell(written(error, error.value), error),
                floor,
                reasons.cell(written(row, row.value), row),
                interval_cell(row, reasons),
                reasons.cell(written(sure, sure.value), sure),
                reasons.cell(written(outside, outside.value), outside),
                counted(row.n),
                counted(row.clusters),
            )
        )
    columns = (
        "Temperature",
        f"{capital(metric('ece'))}, points",
        "Its noise floor",
        capital(metric("brier")),
        f"{level_heading(brier)}interval",
        "Mean probability of the chosen option, %",
        "Mass outside, %",
        "Answers",
        capital(unit(brier)),
    )
    lost = {why: number for row in brier for why, number in row.left_out.items()}
    note = "; ".join(f"{count(number)} left out: {why}" for why, number in lost.items())
    return Table(
        caption, columns, (Body(tuple(body)),), "; ".join(filter(None, (reasons.note, note)))
    )
