"""Scores against all votes: sets of labels, distributions, calibration, and scales.

Systems and people stand in the same tables, people named as such, since a score
against many opinions can only be read beside what people reach themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from equivoice.reports.cells import heading
from equivoice.reports.document import Block, Folded, Section, Table, Text
from equivoice.reports.formatting import capital
from equivoice.reports.kinds import of_kind
from equivoice.reports.rows import Condition, Estimate, conditions, in_order, pick, pooled
from equivoice.reports.sweeps import at_main_temperature
from equivoice.reports.tables import aggregated_table, differences_table
from equivoice.reports.terms import (
    ANNOTATOR_AWARE,
    ATTRIBUTES,
    DISTRIBUTION,
    METRICS,
    MULTILABEL,
    MULTILABEL_BY_CLASS,
    OF_PROBABILITIES,
    reference,
)
from equivoice.reports.value_tables import Named, cross_table, values_table
from equivoice.reports.wording import CREDITED, attribute, metric

__all__ = ["against_votes_section", "scales_section"]

_MOST_PAIRS = 3
_SETS = (
    "Labels with more than a share of the votes, or of the probability, form a set; with C "
    "emotions 1/C is what chance would give each. Sets may be empty: how many are stands below."
)
_DISTRIBUTIONS = (
    "Probabilities against shares of votes. At best the cross-entropy is the entropy of the votes, "
    "which is above 0 wherever people disagree."
)
_CALIBRATION = (
    "Here the share of votes for the chosen label counts as right. A system that is as unsure as "
    "people are divided is well calibrated."
)


@dataclass(frozen=True)
class _Family:
    """Metrics that share tables.

    Args:
        title: what they are.
        about: what a reader must know.
        metrics: their names.
        thresholds: whether each is there for several thresholds.
    """

    title: str
    about: str
    metrics: tuple[str, ...]
    thresholds: bool = False


_FAMILIES = (
    _Family("Any vote counts", CREDITED, tuple(ANNOTATOR_AWARE)),
    _Family("Sets of labels", _SETS, (*MULTILABEL, *MULTILABEL_BY_CLASS), thresholds=True),
    _Family("Distributions", _DISTRIBUTIONS, tuple(DISTRIBUTION)),
    _Family(
        "Calibration against the votes",
        _CALIBRATION,
        tuple(name for name in METRICS if name in OF_PROBABILITIES),
    ),
)


def against_votes_section(rows: Sequence[Estimate], *, prefix: str = "votes") -> Section:
    """Scores against all votes, systems and people side by side.

    Args:
        rows: all rows of one run, by fold and pooled.
        prefix: what the anchors begin with.
    """
    own = of_kind(at_main_temperature(pooled(rows)), "votes")
    known = {name for family in _FAMILIES for name in family.metrics}
    others = tuple(in_order(row.metric for row in own if row.metric not in known))
    families = (*_FAMILIES, _Family("Further scores", "", others))
    parts = tuple(
        Section(family.title, f"{prefix}-{at}", tuple(_family_blocks(family, own)))
        for at, family in enumerate(families)
    )
    return Section("Against the votes", prefix, (), tuple(p for p in parts if not p.empty))


def scales_section(rows: Sequence[Estimate], *, prefix: str = "scales") -> Section:
    """Scores of valence, arousal and dominance, in the units of their scales.

    Args:
        rows: all rows of one run, by fold and pooled.
        prefix: what the anchor begins with.
    """
    own = of_kind(at_main_temperature(pooled(rows)), "scales")
    family = _Family("Scales", "", tuple(ATTRIBUTES))
    return Section("Valence, arousal, dominance", prefix, tuple(_family_blocks(family, own)))


def _family_blocks(family: _Family, rows: Sequence[Estimate]) -> Iterator[Block]:
    found = [row for row in rows if row.metric in family.metrics]
    order = {name: at for at, name in enumerate(family.metrics)}
    own = sorted(found, key=lambda row: order[row.metric])
    if own and family.about:
        yield Text(family.about)
    for corpus in dict.fromkeys(row.corpus for row in own):
        here = [row for row in own if row.corpus == corpus]
        place = f" on {corpus}" if corpus and corpus != "all" else ""
        yield from _on_corpus(family, _Names(here), place)


class _Names:
    """Rows in the order of their conditions, systems before people, and what those are called."""

    def __init__(self, rows: Sequence[Estimate]) -> None:
        parts = conditions(rows)
        ordered: Mapping[Condition, list[Estimate]] = dict(
            sorted(parts.items(), key=lambda item: item[0].people)
        )
        self.rows = [row for own in ordered.values() for row in own]
        self.of = {id(row): condition.name for condition, own in parts.items() for row in own}

    def __call__(self, row: Estimate) -> str:
        """What the condition of a row is called."""
        return self.of[id(row)]


def _on_corpus(family: _Family, names: _Names, place: str) -> Iterator[Block]:
    overall = pick(names.rows, quantity="score", group_by=None, label=None)
    if overall:
        yield _overall(family, overall, names, place)
    classes = [row for row in pick(names.rows, quantity="score", group_by=None) if row.label]
    if classes:
        table = cross_table(
            classes,
            caption=f"{family.title} by emotion{place}",
            head="Emotion",
            line=lambda row: row.label or "",
            column=_column(family),
            body=names,
            held=not family.thresholds,
        )
        yield Folded(table.caption, (table,), long=True)
    for group_by in in_order(row.group_by for row in names.rows):
        by = [row for row in names.rows if row.group_by == group_by and row.label is None]
        yield from _by_group(family, by, names, group_by, place)


def _overall(family: _Family, rows: Sequence[Estimate], names: _Names, place: str) -> Table:
    """Systems as lines where metrics differ in their unit; else metrics as lines."""
    caption = f"{family.title}{place}"
    if family.thresholds:
        return cross_table(
            rows,
            caption=caption,
            head="Score",
            line=lambda row: heading(row.metric),
            column=lambda row: capital(reference(row.reference)),
            body=names,
            held=False,
        )
    return values_table(
        rows,
        caption=caption,
        head="Score",
        line=_with_reading,
        body=names,
    )


def _with_reading(row: Estimate) -> str:
    """The metric, with the named reading of it where there is one."""
    reading = row.convention if row.metric in ANNOTATOR_AWARE else None
    return capital(metric(row.metric)) + (f" ({reading})" if reading else "")


def _column(family: _Family) -> Named:
    if not family.thresholds:
        return lambda row: heading(row.metric)
    return lambda row: f"{heading(row.metric)}: {reference(row.reference)}"


def _by_group(
    family: _Family, rows: Sequence[Estimate], names: _Names, group_by: str, place: str
) -> Iterator[Block]:
    by = attribute(group_by)
    blocks: list[Block] = []
    groups = pick(rows, quantity="group_score")
    if groups:
        blocks.append(
            cross_table(
                groups,
                caption=f"{family.title} by {by}{place}",
                head="Group",
                line=_group,
                column=_column(family),
                body=names,
                held=not family.thresholds,
            )
        )
    pairs = pick(rows, quantity="pair_gap")
    if pairs:
        caption = f"Differences by {by}{place}, first group minus second, in points or as stated"
        blocks.append(differences_table(pairs, caption, "Whose", lambda row: _whose(row, names)))
    gaps = pick(rows, quantity="gap", group_aggregator="max")
    if gaps and len(in_order(row.groups for row in groups)) > 2:
        blocks.append(aggregated_table(gaps, group_by, whose=names))
    many = len(in_order(row.groups for row in pairs)) > _MOST_PAIRS
    if blocks:
        yield Folded(f"{family.title} by {by}{place}", tuple(blocks), long=many or len(blocks) > 1)


def _group(row: Estimate) -> str:
    return attribute(row.groups or "")


def _whose(row: Estimate, names: Callable[[Estimate], str]) -> str:
    return f"{names(row)}: {_group(row)}"
