"""An ensemble in a report: what it gains, how its members agree, and what each subset scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from equivoice.records import EnsembleFindings, PairOfMembers, SubsetOfMembers, WithInterval
from equivoice.reports.cells import Reasons, heading, value_cell
from equivoice.reports.document import Block, Body, Bullets, Cell, Folded, Section, Table, Text
from equivoice.reports.formatting import capital, count, interval, level, percent, points
from equivoice.reports.rows import Estimate, pick, pooled, read_estimates
from equivoice.reports.wording import metric, unit

__all__ = [
    "SCORES",
    "TIES",
    "ensemble_section",
    "gains_in_words",
    "members_in_words",
    "number_cell",
    "subsets_table",
]

TIES = {
    "among_tied": "the tie-breaker chooses among the tied labels, else its own label stands",
    "own_label": "the tie-breaker's own label stands",
    "abhinaya_paper": "as ABHINAYA's paper says, the tie-breaker's own label stands",
    "first_member": "the first member in order of preference whose label is tied",
    "probability": "the tied label with the highest mean probability",
    "label_order": "the tied label that comes first in the label space",
    "random": "one of the tied labels, drawn by seed and utterance",
    "none": "no label",
}
"""The rules for ties in words; the definitions stand in ``evaluation.ensemble.voting``."""

SCORES = ("macro_f1", "unweighted_accuracy", "accuracy")
_MOST_SHOWN = 16
_MINUS = " − "


def ensemble_section(findings: EnsembleFindings | None, rows: Sequence[Estimate]) -> Section:
    """What the ensembles gain, and what stands behind it; empty where there is none.

    Args:
        findings: ties, agreement, oracle and subsets.
        rows: all estimates of the run.
    """
    if findings is None:
        return Section("The ensemble", "ensemble")
    blocks: list[Block] = [
        Bullets(tuple((None, text) for text in _facts(findings, rows))),
        _gains(findings, rows),
        _matrix(findings),
        Folded("Each pair of members", (_pairs(findings.pairs),), long=True),
        _oracle(findings),
    ]
    if findings.subsets:
        blocks += _subsets(findings)
    return Section("The ensemble", "ensemble", tuple(blocks))


def gains_in_words(findings: EnsembleFindings, estimates: pl.DataFrame) -> list[str]:
    """A sentence on each ensemble and its best member, then the other facts.

    Args:
        findings: ties, agreement, oracle and subsets.
        estimates: a table of ``records.ESTIMATES`` with the comparisons.
    """
    return list(_facts(findings, read_estimates(estimates)))


def members_in_words(members: Sequence[str]) -> str:
    """Names of members, joined.

    Example:
        >>> members_in_words(["S1", "S2"])
        'S1 + S2'
    """
    return " + ".join(members)


def number_cell(found: WithInterval | None) -> Cell:
    """A fraction of 1 in per cent with its interval below, or why it is missing."""
    if found is None:
        return Cell("not given", quiet=True)
    if found.value is None:
        return Cell(f"not defined: {found.undefined or 'no reason was recorded'}", quiet=True)
    if found.low is None or found.high is None:
        return Cell(percent(found.value), number=True, small="no interval")
    return Cell(percent(found.value), number=True, small=interval(found.low, found.high))


def subsets_table(subsets: Sequence[SubsetOfMembers], members: Sequence[str], title: str) -> Table:
    """A row a subset: who takes part, what it scores, who is asked at a tie."""
    rows = []
    for subset in subsets:
        marks = [Cell("✓" if name in subset.members else "–") for name in members]
        cells = [number_cell(subset.scores.get(name)) for name in SCORES]
        ties = Cell(count(subset.ties), number=True)
        breaker = Cell(subset.breaker if len(subset.members) > 1 else "–", quiet=True)
        rows.append((Cell(members_in_words(subset.members)), *marks, *cells, ties, breaker))
    columns = (
        "Members",
        *members,
        *(heading(name) for name in SCORES),
        "Ties",
        "Asked first at a tie",
    )
    return Table(title, columns, (Body(tuple(rows)),))


# ------------------------------------------------------------------------------ parts


def _facts(findings: EnsembleFindings, rows: Sequence[Estimate]) -> Iterator[str]:
    yield from (_gain_in_words(name, findings, rows) for name in findings.ensembles)
    yield f"The best member is {findings.best_member}: {findings.best_by}."
    if findings.learnt_from:
        yield findings.learnt_from
    for name, weights in findings.weights.items():
        told = ", ".join(f"{member} {value:.3g}" for member, value in weights.items())
        yield f"Weights of the {name}: {told}."
    yield (
        f"At a tie: {TIES[findings.tie]}. Members are asked in the order "
        f"{', '.join(findings.preference)}."
    )
    for name, ties in findings.ties.items():
        settled = ", ".join(f"{number} by {by}" for by, number in ties.items())
        yield f"{capital(name)}: {count(sum(ties.values()), 'tie')}{f' ({settled})' if ties else ''}."
    yield (
        f"All members are right on {percent(findings.all_right)}% of the utterances, none of them "
        f"on {percent(findings.none_right)}%."
    )


def _gain_in_words(name: str, findings: EnsembleFindings, rows: Sequence[Estimate]) -> str:
    found = _gain(rows, name, findings.best_member, SCORES[0])
    if found is None or found.value is None:
        return f"{capital(name)}: no gain over {findings.best_member} can be stated."
    direction = "above" if found.value >= 0 else "below"
    told = (
        f"{capital(name)}: {metric(SCORES[0])} {points(found.value)} {direction} its best member, "
        f"{findings.best_member}"
    )
    if found.low is None or found.high is None:
        return f"{told}; there is no interval."
    ends = interval(found.low, found.high, sign=True)
    verdict = "" if found.excludes_zero else ", which does not tell them apart"
    over = f"paired over {unit([found])}"
    return f"{told} ({level(found)} interval of the difference, {over}, {ends}){verdict}."


def _gains(findings: EnsembleFindings, rows: Sequence[Estimate]) -> Table:
    """A row a member: each ensemble minus it."""
    reasons = Reasons()
    body = []
    for member in findings.members:
        cells = []
        for name in findings.ensembles:
            for score in SCORES:
                found = _gain(rows, name, member, score)
                given = [] if found is None else [found]
                cells.append(value_cell(given, reasons, difference=True))
        best = " (the best)" if member == findings.best_member else ""
        body.append((Cell(f"over {member}{best}"), *cells))
    columns = [
        f"{capital(name)}: {metric(score)}" for name in findings.ensembles for score in SCORES
    ]
    caption = "What the ensemble gains over each member, in points, with paired intervals"
    return Table(caption, ("Gain", *columns), (Body(tuple(body)),), reasons.note)


def _gain(rows: Sequence[Estimate], ensemble: str, member: str, name: str) -> Estimate | None:
    compared = pooled(pick(rows, quantity="comparison", metric=name))
    wanted = f"{ensemble}{_MINUS}{member}"
    found = (row for row in compared if row.system == wanted and row.group_by is None)
    return next((row for row in found if row.label is None), None)


def _matrix(findings: EnsembleFindings) -> Table:
    """How often two members say the same, with Cohen's kappa below."""
    known = {(pair.first, pair.second): pair for pair in findings.pairs}
    body = []
    for one in findings.members:
        cells = []
        for two in findings.members:
            pair = known.get((one, two)) or known.get((two, one))
            cells.append(Cell("–", quiet=True) if pair is None else _agreed(pair))
        body.append((Cell(one), *cells))
    caption = "How often two members say the same, in per cent; below, Cohen's kappa (κ)"
    return Table(caption, ("Member", *findings.members), (Body(tuple(body)),), shape="matrix")


def _agreed(pair: PairOfMembers) -> Cell:
    if pair.agree.value is None:
        return Cell("none shared", quiet=True)
    kappa = "κ not defined" if pair.kappa is None else f"κ {pair.kappa:.2f}".replace("-", "−")
    share = pair.agree.value
    return Cell(percent(share, 0), number=True, shade=share, small=kappa)


def _pairs(pairs: Sequence[PairOfMembers]) -> Table:
    body = [
        (
            Cell(f"{pair.first}, {pair.second}"),
            number_cell(pair.agree),
            *(
                Cell(count(number), number=True)
                for number in (
                    pair.both_right,
                    pair.only_first,
                    pair.only_second,
                    pair.both_wrong,
                    pair.n,
                )
            ),
        )
        for pair in pairs
    ]
    columns = (
        "Members",
        "Same answer, %",
        "Both right",
        "Only the first right",
        "Only the second right",
        "Both wrong",
        "Utterances",
    )
    return Table("Each pair of members: who is right where", columns, (Body(tuple(body)),))


def _oracle(findings: EnsembleFindings) -> Table:
    cells = tuple(number_cell(findings.oracle.get(name)) for name in SCORES)
    note = (
        "Right wherever any member is. No rule can know when to trust whom: this bounds what the "
        "members hold together, and is no system."
    )
    columns = ("Bound", *(heading(name) for name in SCORES))
    row = (Cell("an oracle over the members"), *cells)
    return Table("What the members hold together", columns, (Body((row,)),), note)


def _subsets(findings: EnsembleFindings) -> Iterator[Block]:
    ordered = sorted(findings.subsets, key=_by_score)
    title = f"Every subset of the members by {findings.ensembles[0]}"
    yield subsets_table(
        ordered[:_MOST_SHOWN],
        findings.members,
        title if len(ordered) <= _MOST_SHOWN else f"{title}: the {_MOST_SHOWN} highest",
    )
    if len(ordered) > _MOST_SHOWN:
        table = subsets_table(ordered, findings.members, f"{title}: all {len(ordered)}")
        yield Folded(table.caption, (table,), long=True)
    yield Text(
        "In the order of their score on the very utterances that are shown: the first of many is "
        "partly first by luck. Choose a subset on validation data.",
        quiet=True,
    )


def _by_score(subset: SubsetOfMembers) -> tuple[float, int]:
    found = subset.scores.get(SCORES[0])
    value = None if found is None else found.value
    return (-(value if value is not None else -1.0), len(subset.members))
