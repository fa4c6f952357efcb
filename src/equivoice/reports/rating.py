"""Win rates, acceptance and agreement of raters in a report: plots, tables, and plain words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from equivoice.records import RunRecord
from equivoice.reports.cells import Reasons, bracketed, counted, written
from equivoice.reports.document import (
    Block,
    Body,
    Bullets,
    Cell,
    Folded,
    Section,
    Statements,
    Table,
    Text,
)
from equivoice.reports.drawing import told
from equivoice.reports.figures import ForestRow, forest
from equivoice.reports.formatting import capital, count, p_value
from equivoice.reports.inputs import ReportInputs
from equivoice.reports.provenance import made_section
from equivoice.reports.render import facts_line, render_page
from equivoice.reports.rows import Estimate, in_order, pick, read_estimates
from equivoice.reports.wording import METRICS, metric, term

__all__ = ["judging_page", "rating_lines", "rating_sections", "rating_statements"]

_OVER = {"item": "items", "rater": "raters", "rater x item": "raters and items"}
_PREFERRED_UNITS = ("rater x item", "item", "rater")
_HALF = 0.5
_MEAN = "mean "
_BIASES = ("first_chosen", "same_in_both_orders", "longer_chosen")
_SHARES = ("acceptance", "chosen")
_AGREEMENT = (
    "krippendorff_alpha",
    "krippendorff_alpha_interval",
    "fleiss_kappa",
    "cohen_kappa",
    "top_share",
)
_UNITS_MEAN = (
    "An interval over items says what the same raters would say of other items; over raters, what "
    "other raters would say of the same items; over both, what other raters would say of other "
    "items. The last is the one that a claim about systems needs."
)
_NOT_TRUTH = (
    "To be preferred is not to be true: a judge can be won by fluency. Whether reasons fit the "
    "sound is measured by 'equivoice rationales ground'."
)
_NO_PREFERENCE = "Upright dashed stroke: 50%, no preference."
_LEGEND = "Line: interval. Dot: estimate; a hollow dot has no interval."


def rating_sections(estimates: pl.DataFrame) -> list[Section]:
    """Sections about what raters said; empty ones where nothing of the kind is estimated.

    Args:
        estimates: rows of ``records.ESTIMATES`` as ``rating.analysis`` makes them.

    Example:
        >>> row = {"quantity": "score", "metric": "acceptance", "value": 0.7, "low": 0.6,
        ...        "high": 0.8, "unit": "rater", "n": 320, "clusters": 10}
        >>> [section.title for section in rating_sections(pl.DataFrame([row])) if not section.empty]
        ['What is accepted']
    """
    rows = read_estimates(estimates)
    return [
        _wins_section(rows),
        _bias_section(rows),
        _acceptance_section(rows),
        _scales_section(rows),
        _agreement_section(rows),
        _gold_section(rows),
        _read_section(rows),
    ]


def judging_page(estimates: pl.DataFrame, record: RunRecord, about: str) -> str:
    """The report of one judging as one HTML page that opens offline.

    Args:
        estimates: what was estimated.
        record: of the judging.
        about: the question in one sentence.
    """
    rows = read_estimates(estimates)
    config = record.config
    title = f"Judged by {config.get('judge', 'an unnamed judge')}"
    inputs = ReportInputs(title, record, estimates)
    can, cannot = rating_statements(rows)
    facts = Text(
        f"{about} Rubric {config.get('rubric')}; the judge was given: {config.get('modality')}."
    )
    sections = [
        Section("What can be concluded", "verdict", (facts, Statements("", can, cannot))),
        *rating_sections(estimates),
        made_section([inputs], rows),
        _glossary(rows),
    ]
    return render_page(title, sections, facts=facts_line(record))


def rating_lines(estimates: pl.DataFrame) -> list[str]:
    """What was found, a line each, for the terminal."""
    rows = read_estimates(estimates)
    can, cannot = rating_statements(rows)
    read = [
        f"{capital(metric(row.metric))}: {_percent(row)}." for row in _of(rows, "verdicts_read")
    ]
    means = _best_unit([r for r in rows if r.metric.startswith(_MEAN) and r.group_by is None])
    points = [
        f"{_scale_name(row)}: {_value(row)} {_ends(row) or 'without interval'} of {count(row.n, 'vote')}."
        for row in means
    ]
    return [*can, *points, *cannot, *read]


def rating_statements(rows: Sequence[Estimate]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What can and what cannot be concluded about preferences and acceptance."""
    can: list[str] = []
    cannot: list[str] = []
    for row in _overall(rows, "win_rate"):
        text = f"{_pair(row)}: preferred in {_percent(row)} of {count(row.n, 'judged pair')}, {_over(row)}"
        if not row.has_interval or row.low is None or row.high is None:
            cannot.append(f"{text}.")
        elif row.low > _HALF or row.high < _HALF:
            more = "more" if row.low > _HALF else "less"
            can.append(f"{text}: {more} often than not.")
        else:
            cannot.append(f"{text}: which of them is preferred cannot be told.")
    for row in _overall(rows, "acceptance"):
        whose = f"{row.system}: " if row.system else ""
        text = f"{whose}accepted in {_percent(row)} of {count(row.n, 'vote')}, {_over(row)}."
        (can if row.has_interval else cannot).append(text)
    for row in _overall(rows, "first_chosen"):
        if row.has_interval and row.low is not None and row.high is not None:
            apart = row.low > _HALF or row.high < _HALF
            if apart:
                place = "first" if row.low > _HALF else "second"
                can.append(
                    f"Votes favour what is shown {place}: {_place_share(row)}. Pairs that are shown "
                    "in both orders are fair all the same, and fewer of them are decided."
                )
    if can or cannot:
        cannot.append(_NOT_TRUTH)
    return tuple(can), tuple(cannot)


# ------------------------------------------------------------------------ sections


def _wins_section(rows: Sequence[Estimate]) -> Section:
    wins = [row for row in pick(rows, metric="win_rate") if row.label is None]
    if not wins:
        return Section("Who is preferred", "wins")
    lines = [_line(f"{_pair(row)}, {_over(row)}", row, floor=_HALF) for row in _with_interval(wins)]
    blocks: list[Block] = []
    if lines:
        blocks.append(_plot(lines, "Win rates", (_LEGEND, _NO_PREFERENCE)))
    blocks += [Text(_UNITS_MEAN, quiet=True), _table(wins, "Win rates", _pair)]
    emotions = [row for row in _of(rows, "win_rate", classes=True) if row.label is not None]
    if emotions:
        lines = [
            _line(f"{row.label}", row, floor=_HALF, heading=_pair(row) if at == 0 else "")
            for system in in_order(row.system for row in emotions)
            for at, row in enumerate(pick(emotions, system=system))
        ]
        blocks.append(_plot(lines, "Win rates by emotion", (_LEGEND, _NO_PREFERENCE)))
        table = _table(emotions, "Win rates by emotion", lambda row: f"{_pair(row)}: {row.label}")
        blocks.append(Folded(table.caption, (table,), long=True))
    ties = _of(rows, "tie_rate")
    blocks += [Text(f"{_pair(row)}: {_percent(row)} of pairs ended in a tie.") for row in ties]
    lost = _lost(wins)
    return Section("Who is preferred", "wins", (*blocks, *lost))


def _bias_section(rows: Sequence[Estimate]) -> Section:
    found = [row for name in _BIASES for row in _of(rows, name)]
    if not found:
        return Section("What else moved the votes", "place")
    lines = [
        _line(
            f"{capital(metric(row.metric))}",
            row,
            floor=None if row.metric == "same_in_both_orders" else _HALF,
        )
        for row in found
        if row.value is not None
    ]
    blocks: list[Block] = []
    if lines:
        blocks.append(_plot(lines, "Place, order and length", (_LEGEND, _NO_PREFERENCE)))
    tested = [row for row in found if row.p_value is not None]
    blocks += [
        Text(
            "Exact test of no liking for a place, on the pairs whose choice changed with the "
            f"order: p = {p_value(row.p_value)}."
        )
        for row in tested
        if row.p_value is not None
    ]
    blocks.append(_table(found, "Place, order and length", lambda row: capital(metric(row.metric))))
    return Section("What else moved the votes", "place", tuple(blocks))


def _acceptance_section(rows: Sequence[Estimate]) -> Section:
    found = [row for name in _SHARES for row in pick(rows, metric=name)]
    overall = [row for row in found if row.group_by is None]
    if not overall:
        return Section("What is accepted", "acceptance")
    lines = [_line(f"{_share(row)}, {_over(row)}", row) for row in _with_interval(overall)]
    blocks: list[Block] = [_plot(lines, "Shares of votes", (_LEGEND,))] if lines else []
    blocks += [Text(_UNITS_MEAN, quiet=True), _table(overall, "Shares of votes", _share)]
    grouped = _best_unit([row for row in found if row.group_by is not None])
    for group_by in in_order(row.group_by for row in grouped):
        own = pick(grouped, group_by=group_by)
        lines = [_line(f"{_share(row)}: {row.groups}", row) for row in own if row.value is not None]
        if lines:
            blocks.append(_plot(lines, f"Shares of votes by {group_by}", (_LEGEND,)))
        table = _table(
            own, f"Shares of votes by {group_by}", lambda row: f"{_share(row)}: {row.groups}"
        )
        blocks.append(Folded(table.caption, (table,), long=True))
    return Section("What is accepted", "acceptance", (*blocks, *_lost(overall)))


def _scales_section(rows: Sequence[Estimate]) -> Section:
    found = [row for row in rows if row.metric.startswith(_MEAN)]
    if not found:
        return Section("Points on scales", "points")
    table = _table(found, "Means, in points of the scale", _scale_name)
    return Section("Points on scales", "points", (table,))


def _agreement_section(rows: Sequence[Estimate]) -> Section:
    found = [row for name in _AGREEMENT for row in pick(rows, metric=name)]
    if not found:
        return Section("How far raters agree", "agreement")

    def name(row: Estimate) -> str:
        whom = f", {row.groups}" if row.groups else ""
        return f"{row.convention or 'all'}: {metric(row.metric)}{whom}"

    return Section(
        "How far raters agree", "agreement", (_table(found, "Agreement of raters", name),)
    )


def _gold_section(rows: Sequence[Estimate]) -> Section:
    found = pick(rows, metric="gold_accuracy")
    if not found:
        return Section("Known answers", "gold")
    table = _table(found, "Known answers met, by rater", lambda row: row.groups or "all raters")
    return Section("Known answers", "gold", (table,))


def _read_section(rows: Sequence[Estimate]) -> Section:
    found = _of(rows, "verdicts_read")
    if not found:
        return Section("What could be read", "read")
    lines = [
        f"{count(number)} answers: {why}" for row in found for why, number in row.left_out.items()
    ]
    texts = [Text(f"{_percent(row)} of the judge's answers gave a verdict.") for row in found]
    bullets = (Bullets(tuple((None, line) for line in lines)),) if lines else ()
    return Section("What could be read", "read", (*texts, *bullets))


def _glossary(rows: Sequence[Estimate]) -> Section:
    used = {row.metric for row in rows}
    words = [f"{metric(name)}: {term(name).meaning}" for name in METRICS if name in used]
    return Section("How to read this", "reading", (Bullets(tuple((None, each) for each in words)),))


# -------------------------------------------------------------------------- pieces


def _of(rows: Sequence[Estimate], name: str, *, classes: bool = False) -> list[Estimate]:
    """The rows of a metric, each number once: with the interval that says most."""
    found = [row for row in pick(rows, metric=name) if classes or row.label is None]
    return _best_unit(found)


def _overall(rows: Sequence[Estimate], name: str) -> list[Estimate]:
    return [row for row in _of(rows, name) if row.group_by in (None, "against")]


def _best_unit(rows: Sequence[Estimate]) -> list[Estimate]:
    """Of the rows that differ in their unit alone, the first that has an interval."""
    parts: dict[tuple[object, ...], list[Estimate]] = {}
    for row in rows:
        key = (row.metric, row.system, row.group_by, row.groups, row.label, row.convention)
        parts.setdefault(key, []).append(row)
    rank = {unit: place for place, unit in enumerate(_PREFERRED_UNITS)}
    return [
        min(own, key=lambda row: (not row.has_interval, rank.get(row.unit or "", len(rank))))
        for own in parts.values()
    ]


def _with_interval(rows: Sequence[Estimate]) -> Iterator[Estimate]:
    """Rows with an interval; of a number that has none at all, one row without."""
    for best in _best_unit(rows):
        alike = [
            row
            for row in rows
            if (row.system, row.groups, row.label, row.metric)
            == (best.system, best.groups, best.label, best.metric)
        ]
        known = [row for row in alike if row.has_interval]
        yield from known or ([best] if best.value is not None else [])


def _line(label: str, row: Estimate, *, floor: float | None = None, heading: str = "") -> ForestRow:
    return ForestRow(
        label,
        told(row),
        row.value,
        row.low,
        row.high,
        floor=floor,
        full=row.has_interval,
        heading=heading,
    )


def _plot(lines: Sequence[ForestRow], title: str, key: Sequence[str]) -> Block:
    return forest(lines, title=title, difference=False, key=key)


def _table(rows: Sequence[Estimate], caption: str, name: object) -> Table:
    """A table with a row an estimate: value, interval, what it is over, how many."""
    call = name if callable(name) else str
    reasons = Reasons()
    body = tuple(
        (
            Cell(str(call(row))),
            reasons.cell(_value(row), row),
            reasons.cell(_ends(row), row, what="none"),
            Cell(_OVER.get(row.unit or "", row.unit or "")),
            counted(row.n),
            counted(row.clusters),
        )
        for row in rows
    )
    columns = ("", "Value", "Interval", "Over", "Votes", "Units")
    return Table(caption, columns, (Body(body),), note=reasons.note)


def _percent(row: Estimate) -> str:
    """A share with its interval, in per cent; the reason where it is missing."""
    value, ends = written(row, row.value), bracketed(row)
    if value is None:
        return told(row)
    return f"{value}% {ends or '(no interval)'}"


def _place_share(row: Estimate) -> str:
    return f"{_percent(row)} of the decided votes are for the first"


def _value(row: Estimate) -> str | None:
    """The value; points of a scale as plain numbers."""
    if row.value is None or not row.metric.startswith(_MEAN):
        return written(row, row.value)
    return f"{row.value:.2f}"


def _ends(row: Estimate) -> str | None:
    if row.low is None or row.high is None or not row.metric.startswith(_MEAN):
        return bracketed(row)
    return f"[{row.low:.2f}, {row.high:.2f}]"


def _lost(rows: Sequence[Estimate]) -> tuple[Block, ...]:
    lost = {why: number for row in rows for why, number in row.left_out.items()}
    if not lost:
        return ()
    return (Bullets(tuple((None, f"left out: {why} ({count(n)})") for why, n in lost.items())),)


def _pair(row: Estimate) -> str:
    return f"{row.system or 'the first'} against {row.groups or 'the second'}"


def _share(row: Estimate) -> str:
    what = metric(row.metric) if row.label is None else f"{row.label}"
    return f"{row.system}: {what}" if row.system else capital(what)


def _scale_name(row: Estimate) -> str:
    parts = [row.system, row.metric.removeprefix(_MEAN), row.groups]
    return ", ".join(part for part in parts if part)


def _over(row: Estimate) -> str:
    return f"over {_OVER.get(row.unit or '', row.unit or 'unknown units')}"
