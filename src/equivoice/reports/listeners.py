"""What listeners heard: how far they agree, what rules keep, and scores where they differ."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from equivoice.annotators.names import LEFT_OUT, is_human
from equivoice.reports.cells import (
    Reasons,
    counted,
    heading,
    interval_cell,
    level_heading,
    written,
)
from equivoice.reports.document import Block, Body, Cell, Folded, Section, Table, Text
from equivoice.reports.drawing import HEADLINE, bars_of, folded, legend, lines_of
from equivoice.reports.figures import ForestRow, forest
from equivoice.reports.formatting import capital, count
from equivoice.reports.hardest import Players
from equivoice.reports.inputs import ReportInputs
from equivoice.reports.kinds import by_agreement, kind_of, of_kind
from equivoice.reports.minority import minority_blocks
from equivoice.reports.references import differ
from equivoice.reports.rows import Estimate, conditions, in_order, pick, pooled
from equivoice.reports.sweeps import at_main_temperature
from equivoice.reports.tables import aggregated_table, differences_table
from equivoice.reports.terms import reference, rule
from equivoice.reports.value_tables import cross_table, values_table
from equivoice.reports.wording import RATERS, attribute, metric, unit

__all__ = ["listeners_section"]

KEPT = "kept"
_MOST_PAIRS = 3
_MOST_LINES = 24
_INTRO = (
    "How far listeners agree is no score: people may rightly hear different things. Entropy and "
    "top share depend on how many votes an utterance has, alpha and kappa on how often each label "
    "is named."
)
_STRATA = (
    "Utterances sorted by the share of votes that their most frequent label got. Where people "
    "disagree there is no single right answer, so a lower score there is not simply an error."
)
_OWN_VOTE = (
    "A listener who is left out meets a label made without the own vote. Where votes are tied or "
    "nearly so, the others then tend to another label: such low scores follow from the rule."
)

Shares = Callable[[Estimate], str]


def listeners_section(
    source: ReportInputs, rows: Sequence[Estimate], *, players: Players, prefix: str = "listeners"
) -> Section:
    """Agreement, what the rules keep, scores by agreement, and minorities that a system joins.

    Args:
        source: the run; its table of minorities is shown where it has one.
        rows: of all its estimates.
        players: whether utterances can be heard.
        prefix: what the anchors begin with.
    """
    whole = pooled(rows)
    own = of_kind(whole, "listeners")
    kept = pick(own, metric=KEPT)
    agreement = [row for row in own if row.metric != KEPT]
    strata = by_agreement(at_main_temperature(whole))
    heard = minority_blocks(source.minority, source.cards, players=players)
    parts = (
        Section("How far they agree", f"{prefix}-agreement", _each(agreement, _agreement)),
        Section("What the rules keep", f"{prefix}-kept", _each(kept, _kept)),
        Section("Scores by agreement", f"{prefix}-strata", _each(strata, _strata)),
        Section("Siding with a minority", f"{prefix}-minority", tuple(heard)),
    )
    shown = tuple(part for part in parts if not part.empty)
    blocks = (Text(RATERS),) if shown else ()
    return Section("Listeners", prefix, blocks, shown)


def _each(
    rows: Sequence[Estimate], made: Callable[[list[Estimate], str], Iterator[Block]]
) -> tuple[Block, ...]:
    """The blocks of each corpus, whose name ends the captions."""
    blocks: list[Block] = []
    for corpus in dict.fromkeys(row.corpus for row in rows):
        place = f" on {corpus}" if corpus and corpus != "all" else ""
        blocks += made([row for row in rows if row.corpus == corpus], place)
    return tuple(blocks)


def _agreement(rows: list[Estimate], place: str) -> Iterator[Block]:
    overall = pick(rows, quantity="score", group_by=None, label=None)
    if overall:
        yield Text(_INTRO, quiet=True)
        yield values_table(
            overall,
            caption=f"Agreement of listeners{place}",
            head="Measure",
            line=lambda row: capital(metric(row.metric)),
            body=_system,
            held=False,
        )
    yield from _vote_shares(pick(rows, quantity="score", metric="vote_share", group_by=None), place)
    classes = [row for row in pick(rows, quantity="score", group_by=None) if row.label]
    if classes:
        yield cross_table(
            classes,
            caption=f"Agreement and votes by emotion{place}",
            head="Emotion",
            line=lambda row: row.label or "",
            column=_measured,
            body=_system,
            held=False,
        )
    for group_by in in_order(row.group_by for row in rows):
        yield from _agreement_by([row for row in rows if row.group_by == group_by], group_by, place)


def _system(row: Estimate) -> str:
    return row.system or "listeners"


def _measured(row: Estimate) -> str:
    return heading(row.metric)


def _vote_shares(rows: Sequence[Estimate], place: str) -> Iterator[Block]:
    """The distribution of the votes over the emotions, as bars."""
    own = [row for row in rows if row.label]
    lines: list[ForestRow] = []
    for system in in_order(_system(row) for row in own):
        found = [(row.label or "", row) for row in own if _system(row) == system]
        lines += bars_of(found, heading=capital(system))
    if any(line.value is not None for line in lines):
        yield forest(
            lines,
            title=f"Votes by emotion{place}, in per cent of the votes on an utterance",
            difference=False,
            key=("Bar: share of the votes, mean over utterances. Line: interval.",),
        )


def _agreement_by(rows: Sequence[Estimate], group_by: str, place: str) -> Iterator[Block]:
    by = attribute(group_by)
    groups = pick(rows, quantity="group_score", label=None)
    if groups:
        table = cross_table(
            groups,
            caption=f"Agreement of listeners by {by}{place}",
            head="Group",
            line=_group,
            column=_measured,
            body=_system,
            held=False,
        )
        yield folded(table)
    pairs = pick(rows, quantity="pair_gap", label=None)
    yield from _pairs(pairs, f"Differences of agreement by {by}{place}, first group minus second")
    yield from _largest(rows, group_by)
    classes = [row for row in pick(rows, quantity="group_score") if row.label is not None]
    if classes:
        table = cross_table(
            classes,
            caption=f"Agreement and votes by emotion and {by}{place}",
            head="Emotion",
            line=lambda row: f"{row.label}, {_group(row)}",
            column=_measured,
            body=_system,
            held=False,
        )
        yield Folded(table.caption, (table,), long=True)


def _group(row: Estimate) -> str:
    return attribute(row.groups or "")


def _pairs(pairs: Sequence[Estimate], caption: str) -> Iterator[Block]:
    """Signed differences; those of many pairs are folded away."""
    if not pairs:
        return
    groups = in_order(row.groups for row in pairs)
    whose = in_order(_of(row) for row in pairs)

    def name(row: Estimate) -> str:
        if len(groups) == 1 and len(whose) > 1:
            return _of(row)
        return f"{_of(row)}: {_group(row)}" if len(whose) > 1 else _group(row)

    if len(groups) == 1 and len(whose) > 1:
        caption = f"{caption}: {attribute(groups[0])}"
    head = "Whose" if len(whose) > 1 else "Groups"
    table = differences_table(pairs, caption, head, name, held=False)
    many = len(groups) > _MOST_PAIRS
    yield Folded(table.caption, (table,), long=True) if many else folded(table)


def _of(row: Estimate) -> str:
    """Whose difference it is: the rule's, or that of the listeners on one channel."""
    if row.metric != KEPT:
        return _system(row)
    return _rule(row) if row.system is None else f"{row.system}, {_rule(row)}"


def _largest(rows: Sequence[Estimate], group_by: str) -> Iterator[Block]:
    """The largest gap over pairs, where there are more than two groups."""
    gaps = pick(rows, quantity="gap", label=None, group_aggregator="max")
    groups = in_order(row.groups for row in pick(rows, quantity="group_score"))
    if gaps and len(groups) > 2:
        yield aggregated_table(gaps, group_by, whose=_of, held=False)


def _kept(rows: list[Estimate], place: str) -> Iterator[Block]:
    overall = pick(rows, quantity="score", group_by=None, label=None)
    if overall:
        yield Text(
            "A rule that gives no label where people disagree changes which utterances are "
            "scored: whatever is said of the kept ones is said of the clearer ones.",
            quiet=True,
        )
        yield _rules_table(overall, f"What each rule keeps{place}")
    classes = [row for row in pick(rows, quantity="score", group_by=None) if row.label]
    if classes:
        yield _by_rule(classes, f"Kept by emotion{place}", "Emotion", lambda row: row.label or "")
    for group_by in in_order(row.group_by for row in rows):
        own = [row for row in rows if row.group_by == group_by]
        by = attribute(group_by)
        groups = pick(own, quantity="group_score", label=None)
        if groups:
            yield folded(_by_rule(groups, f"Kept by {by}{place}", "Group", _group))
        pairs = pick(own, quantity="pair_gap", label=None)
        yield from _pairs(pairs, f"Differences of what is kept by {by}{place}, in points")
        yield from _largest(own, group_by)
        within = [row for row in pick(own, quantity="group_score") if row.label is not None]
        if within:
            table = _by_rule(
                within,
                f"Kept by emotion and {by}{place}",
                "Emotion",
                lambda row: f"{row.label}, {_group(row)}",
            )
            yield Folded(table.caption, (table,), long=True)


def _rule(row: Estimate) -> str:
    return rule(row.reference)


def _by_rule(rows: Sequence[Estimate], caption: str, head: str, line: Shares) -> Table:
    return cross_table(
        rows,
        caption=caption,
        head=head,
        line=line,
        column=lambda row: f"{capital(_rule(row))}, %",
        body=_system if any(row.system for row in rows) else None,
        held=False,
    )


def _rules_table(rows: Sequence[Estimate], caption: str) -> Table:
    reasons = Reasons()
    bodies = tuple(
        Body(tuple(_rule_line(row, reasons) for row in pick(rows, system=system)), system or "")
        for system in dict.fromkeys(row.system for row in rows)
    )
    columns = (
        "Rule",
        "Kept, %",
        f"{level_heading(rows)}interval",
        "Kept",
        "Of",
        capital(unit(rows)),
        "What it drops",
    )
    return Table(caption, columns, bodies, reasons.note)


def _rule_line(row: Estimate, reasons: Reasons) -> tuple[Cell, ...]:
    dropped = "; ".join(f"{count(number)} {why}" for why, number in row.left_out.items())
    number = None if row.value is None or row.n is None else round(row.value * row.n)
    return (
        Cell(capital(_rule(row))),
        reasons.cell(written(row, row.value), row),
        interval_cell(row, reasons),
        counted(number),
        counted(row.n),
        counted(row.clusters),
        Cell(dropped or ("nothing" if row.value == 1 else "nothing stated"), quiet=not dropped),
    )


def _strata(rows: list[Estimate], place: str) -> Iterator[Block]:
    """Scores where all listeners agree, where most do, and where they are divided."""
    left_out = any((row.system or "").startswith(LEFT_OUT) for row in rows)
    yield Text(f"{_STRATA} {_OWN_VOTE}" if left_out else _STRATA, quiet=True)
    names = {id(row): condition.name for condition, own in conditions(rows).items() for row in own}
    groups = pick(rows, quantity="group_score", label=None)
    labels = [row for row in groups if kind_of(row) == "labels"]
    first = [row for name in HEADLINE for row in pick(labels, metric=name)]
    further = [row for row in groups if row not in first]
    yield from _strata_forest(first, names, place)
    table = partial(
        cross_table,
        head="Listeners",
        line=_group,
        column=_measured,
        body=lambda row: names[id(row)],
    )
    if first:
        yield table(first, caption=f"Scores by agreement of the listeners{place}")
    if further:
        more = table(further, caption=f"Further scores by agreement of the listeners{place}")
        yield Folded(more.caption, (more,), long=True)


def _strata_forest(rows: Sequence[Estimate], names: dict[int, str], place: str) -> Iterator[Block]:
    name = next((each for each in HEADLINE if any(row.metric == each for row in rows)), None)
    own = pick(rows, metric=name)
    apart = differ(own)
    lines: list[ForestRow] = []
    for whose in _drawn_in_strata(own, names):
        found = [(_group(row), row) for row in own if (names[id(row)], row.reference) == whose]
        if lines and len(lines) + len(found) > _MOST_LINES:
            break  # the table has them all
        first, *others = lines_of(found, heading=capital(whose[0]))
        held = f"held against {reference(whose[1])}" if apart else ""
        lines += [replace(first, detail=held), *others]
    if name is not None:
        yield forest(
            lines,
            title=f"{capital(metric(name))} by agreement of the listeners{place}, in per cent",
            difference=False,
            key=legend(lines),
        )


def _drawn_in_strata(
    rows: Sequence[Estimate], names: dict[int, str]
) -> list[tuple[str, str | None]]:
    """Whose scores are drawn, systems first."""
    people = {(names[id(row)], row.reference): is_human(row.system) for row in rows}
    return sorted(people, key=lambda whose: people[whose])
