"""The verdict and the main table for the terminal, as rich renderables; nothing is printed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl
from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from equivoice.reports.beside_people import Parts, nearest
from equivoice.reports.cells import (
    ALL_READ,
    Reasons,
    all_read,
    bracketed,
    counted_noun,
    written,
)
from equivoice.reports.crowd_statements import people_in_full
from equivoice.reports.formatting import count, level
from equivoice.reports.kinds import by_agreement, of_kind, of_labels
from equivoice.reports.rows import (
    Condition,
    Estimate,
    conditions,
    in_order,
    pick,
    pooled,
    primary_metric,
    read_estimates,
)
from equivoice.reports.sweeps import at_main_temperature, families
from equivoice.reports.terms import measure, reference, rule
from equivoice.reports.verdict import Statement, limits, statements
from equivoice.reports.wording import attribute, metric, term, unit

__all__ = ["main_table", "statement_lines", "verdict_lines"]

_HEADLINE = ("macro_f1", "unweighted_accuracy", "accuracy")
_KEPT = "kept"
_AGREEMENT = ("krippendorff_alpha", "fleiss_kappa", "top_share", _KEPT)
_RULES = ("majority", "plurality")
_NEAREST = 2
_MOST_ROWS = 4
"""As many groups and pairs of a grouping are shown in full."""


def verdict_lines(
    estimates: pl.DataFrame,
    *,
    findings: Sequence[Any] = (),
    selection: Sequence[Mapping[str, Any]] = (),
) -> Group:
    """What can and what cannot be concluded, one line a sentence, each with its sign.

    Args:
        estimates: a table of ``records.ESTIMATES``.
        findings: what the checks of the corpora found, as for
            :func:`~equivoice.reports.verdict.verdict`.
        selection: the choices of the run record.

    Raises:
        SchemaError: the table breaks the schema of estimates.
    """
    rows = read_estimates(estimates)
    made = statements(rows, findings, selection)
    subjects = in_order(each.subject for each in made)
    lines: list[Text | Padding] = []
    for subject in subjects:
        if len(subjects) > 1:
            lines.append(Text(subject, style="bold"))
        lines += [_line(each) for each in made if each.subject == subject]
    lines += [Text(sentence, style="dim") for sentence in limits(rows)]
    return Group(*lines)


def statement_lines(can: Sequence[str], cannot: Sequence[str], *, subject: str = "") -> Group:
    """Sentences with their signs, such as those of a training.

    Args:
        can: what can be concluded.
        cannot: what cannot.
        subject: what they are about, where there are several.
    """
    made = [Statement(supported, text, subject, "training")
        for supported, own in ((True, can), (False, cannot))
            for text in own]  # fmt: skip
    head = [Text(subject, style="bold")] if subject else []
    return Group(*head, *(_line(each) for each in made))


def main_table(estimates: pl.DataFrame) -> Table:
    """The main scores with their intervals, the gaps of the first metric, and comparisons.

    Of a grouping with many groups only the lowest, the highest and the largest gap
    are shown. Letters stand for what is missing; the caption gives the reasons.

    Args:
        estimates: a table of ``records.ESTIMATES``; pooled rows are shown.

    Returns:
        a table of at most some 80 columns of text.

    Raises:
        SchemaError: the table breaks the schema of estimates.

    Example:
        >>> row = {"quantity": "score", "metric": "accuracy", "value": 0.5, "n": 8}
        >>> main_table(pl.DataFrame([row])).row_count
        1
    """
    whole = pooled(read_estimates(estimates))
    rows = at_main_temperature(whole)
    levels = {level(row) for row in rows if row.level is not None}
    head = f"{levels.pop()} interval" if len(levels) == 1 else "interval"
    table = Table(caption_justify="left")
    for name in ("what", "value", head, counted_noun(rows).lower(), unit(rows)):
        table.add_column(name, justify="left" if name == "what" else "right")
    labels = conditions(of_labels(rows))
    systems = {each: own for each, own in labels.items() if not each.people}
    people = {each: own for each, own in labels.items() if each.people}
    compared_systems = [*_comparisons(of_labels(rows))]
    parts = [*systems.items(), *compared_systems, *people.items()]
    reasons = Reasons()
    passed_over: Counter[str] = Counter()
    full = people_in_full(labels)
    for condition, own in parts:
        if condition.people and condition not in full:
            continue
        if len(parts) > 1 or own[0].quantity == "comparison" or _needs_a_title(condition):
            table.add_section()
            table.add_row(Text(condition.title, style="bold"))
        for row in _shown(own, passed_over):
            table.add_row(*_cells(row, reasons))
    brief = {each: own for each, own in people.items() if each not in full}
    for title, lines in _in_brief(brief, systems):
        table.add_section()
        table.add_row(Text(title, style="bold"))
        for name, row in lines:
            table.add_row(*_cells(row, reasons, name=name))
    for title, own in _of_listeners(rows):
        table.add_section()
        table.add_row(Text(title, style="bold"))
        for row in own:
            table.add_row(*_cells(row, reasons))
    captions = [*_caption(reasons, passed_over), *_further(rows), *_temperatures(whole)]
    table.caption = Text("\n".join(captions))
    return table


def _needs_a_title(condition: Condition) -> bool:
    """Whether a table of one condition must say whose it is: people, or labels out of votes."""
    return condition.people or bool(condition.reference)


def _in_brief(people: Parts, systems: Parts) -> Iterator[tuple[str, list[tuple[str, Estimate]]]]:
    """People, a corpus at a time: their main score, and the difference of two groups.

    Differences are those of the people who are nearest to a system, as in the verdict.
    """
    near = {each for system in systems for each in nearest(system, people)[:_NEAREST]}
    for corpus in dict.fromkeys(each.corpus for each in people):
        lines: list[tuple[str, Estimate]] = []
        for condition, rows in people.items():
            if condition.corpus == corpus:
                lines += _lines_of_people(condition, rows, gaps=condition in near)
        place = f" on {corpus}" if corpus and corpus != "all" else ""
        names = in_order(metric(row.metric) for _, row in lines)
        yield f"people{place}, {', '.join(names)}", lines


def _lines_of_people(
    condition: Condition, rows: Sequence[Estimate], *, gaps: bool
) -> Iterator[tuple[str, Estimate]]:
    name = primary_metric(rows)
    for row in pick(rows, quantity="score", metric=name, label=None, group_by=None):
        yield f"{condition.system}, against {reference(condition.reference)}", row
    for group_by in in_order(row.group_by for row in rows) if gaps else ():
        pairs = pick(rows, quantity="pair_gap", metric=name, label=None, group_by=group_by)
        if len(pairs) == 1:
            yield f"… {attribute(pairs[0].groups or '')}", pairs[0]


def _of_listeners(rows: Sequence[Estimate]) -> Iterator[tuple[str, list[Estimate]]]:
    """How far listeners agree, and what the rules keep."""
    own = pick(of_kind(rows, "listeners"), quantity="score", label=None, group_by=None)
    for corpus, system in dict.fromkeys((row.corpus, row.system) for row in own):
        found = pick(own, corpus=corpus, system=system)
        shown = [row for row in found if row.metric in _AGREEMENT and row.value is not None]
        shown = [row for row in shown if row.metric != _KEPT or row.reference in _RULES]
        place = f" on {corpus}" if corpus and corpus != "all" else ""
        if shown:
            kept = shown[0].metric == _KEPT
            title = "what the rules keep" if kept else system or "listeners"
            yield f"{title}{place}", shown


def _further(rows: Sequence[Estimate]) -> Iterator[str]:
    """That there is more in the report, of which nothing stands here."""
    if of_kind(rows, "votes"):
        yield "scores against all votes: in the report"
    if of_kind(rows, "scales"):
        yield "scores of valence, arousal and dominance: in the report"
    if of_kind(rows, "listeners"):
        yield "more on agreement and on rules: in the report"
    if by_agreement(rows):
        yield "scores by agreement of the listeners: in the report"


def _caption(reasons: Reasons, passed_over: Mapping[str, int]) -> Iterator[str]:
    yield "per cent; differences in percentage points"
    if reasons.note:
        yield reasons.note
    if passed_over:
        rows = (f"{number} by {attribute(name)}" for name, number in passed_over.items())
        yield f"more rows in the report: {', '.join(rows)}"


def _temperatures(rows: Sequence[Estimate]) -> Iterator[str]:
    """At which temperature the models stand in the table, and where the others are."""
    for family in families(rows):
        others = ", ".join(f"{each:g}" for each in family.temperatures[1:])
        yield f"{family.title}: at temperature {family.temperatures[0]:g}; {others} in the report"


def _comparisons(rows: Sequence[Estimate]) -> Iterator[tuple[Condition, list[Estimate]]]:
    """The comparisons of each two systems on each corpus."""
    own = pick(rows, quantity="comparison", label=None)
    for corpus, system in dict.fromkeys((row.corpus, row.system) for row in own):
        condition = Condition(corpus or "", system or "first − second")
        yield condition, pick(own, corpus=corpus, system=system)


def _shown(rows: Sequence[Estimate], passed_over: Counter[str]) -> Iterator[Estimate]:
    """The rows of one condition or comparison; others are counted by their grouping."""
    quantity = "comparison" if rows[0].quantity == "comparison" else "score"
    overall = pick(rows, quantity=quantity, label=None, group_by=None)
    there = in_order(row.metric for row in overall)
    names = [name for name in _HEADLINE if name in there] or there[:1]
    coverage = ["coverage"] if quantity == "score" and "coverage" not in names else []
    for name in [*names, *coverage]:
        yield from pick(overall, metric=name)
    for group_by in in_order(row.group_by for row in rows):
        own = [row for row in rows if row.group_by == group_by and row.label is None]
        found, hidden = _of_grouping([row for row in own if row.metric in names[:1]])
        yield from found
        if hidden:
            passed_over[group_by] += hidden


def _of_grouping(rows: Sequence[Estimate]) -> tuple[list[Estimate], int]:
    """Groups and their differences; of many the ends and the largest gap, and how many more.

    The largest gap is the unsigned one, whose interval allows for its having been
    chosen among many; that of the most striking pair would not.
    """
    groups = [row for row in rows if row.quantity in ("group_score", "comparison")]
    pairs = pick(rows, quantity="pair_gap")
    if len(groups) + len(pairs) <= _MOST_ROWS:
        return [*groups, *pairs], 0
    defined = [row for row in groups if row.value is not None]
    ends = sorted(defined, key=lambda row: row.value or 0.0)
    shown = [*ends[:1], *ends[1:][-1:]]
    largest = pick(rows, quantity="gap", group_aggregator="max")
    return [*shown, *largest], len(groups) + len(pairs) - len(shown)


def _cells(row: Estimate, reasons: Reasons, *, name: str | None = None) -> tuple[Text, ...]:
    difference = row.quantity in ("pair_gap", "comparison")
    value = written(row, row.value, difference=difference)
    if value is None:
        value = f"none ({reasons.letter(row.undefined)})"
    ends = bracketed(row, difference=difference)
    interval = Text(ends) if ends is not None else _no_interval(row, reasons)
    return (
        Text(name or _name(row)),
        Text(value),
        interval,
        Text(count(row.n)),
        Text(count(row.clusters)),
    )


def _name(row: Estimate) -> str:
    if row.metric == _KEPT:
        return f"kept by the rule {rule(row.reference)}"
    if not term(row.metric).percent:
        return f"{metric(row.metric)} ({measure(row.metric)})"
    if row.quantity == "gap":
        return f"{metric(row.metric)}, largest gap, {attribute(row.group_by or '')}"
    parts = (metric(row.metric), attribute(row.groups or ""))
    return ", ".join(part for part in parts if part)


def _no_interval(row: Estimate, reasons: Reasons) -> Text:
    if all_read(row):
        return Text(ALL_READ, style="dim")
    return Text(f"none ({reasons.letter(row.undefined)})", style="dim")


def _line(statement: Statement) -> Padding:
    sign, style = ("✓ ", "green") if statement.supported else ("? ", "yellow")
    return Padding(Text.assemble((sign, style), statement.text), (0, 0, 0, 1))
