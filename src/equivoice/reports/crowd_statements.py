"""What the verdict says of labels made out of votes, and of people as systems."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from equivoice.annotators.names import LEFT_OUT, LISTENER, is_human
from equivoice.reports.beside_people import Parts
from equivoice.reports.cautions import Statement
from equivoice.reports.formatting import capital, percent, points, why
from equivoice.reports.kinds import kind_of, of_kind, of_labels
from equivoice.reports.phrases import size, with_interval
from equivoice.reports.references import references
from equivoice.reports.rows import Condition, Estimate, in_order, pick, primary_metric
from equivoice.reports.terms import GIVEN, reference
from equivoice.reports.wording import compared, metric

__all__ = ["about_listeners", "kept_statements", "people_in_full", "people_scores"]

_HELD = "What is said of scores against these labels holds for those utterances only."
_NO_COMPETITORS = (
    "Whether a system is better or worse than people cannot be concluded from these rows: the "
    "label is one of several that people may rightly give."
)


def about_listeners(rows: Sequence[Estimate]) -> bool:
    """Whether any number rests on the votes of listeners."""
    return any(
        kind_of(row) in ("votes", "listeners")
        or is_human(row.system)
        or (row.reference or GIVEN) != GIVEN
        for row in rows
    )


def kept_statements(rows: Sequence[Estimate]) -> Iterator[Statement]:
    """To how many utterances the rule behind the labels gives one, and by which groups.

    Args:
        rows: pooled over folds.
    """
    kept = pick(of_kind(rows, "listeners"), metric="kept")
    for corpus in in_order(row.corpus for row in kept):
        labels = [row for row in of_labels(rows) if row.corpus == corpus]
        systems = [row for row in labels if not is_human(row.system)] or labels
        for held in references(systems):
            own = pick(kept, corpus=corpus, reference=held)
            for row in pick(own, quantity="score", label=None, group_by=None):
                yield from _kept(row, pick(own, system=row.system))


def _kept(row: Estimate, own: Sequence[Estimate]) -> Iterator[Statement]:
    subject = f"The labels on {row.corpus}" if row.corpus != "all" else "The labels"
    if row.value is None or row.value >= 1:
        return
    whose = "" if row.system is None else f", {row.system},"
    text = (
        f"{capital(reference(row.reference))}{whose} gives a label to {percent(row.value)}% of the "
        f"utterances{with_interval(row)}; {size(row)}. {_HELD}"
    )
    for group_by in in_order(each.group_by for each in own):
        pairs = pick(own, quantity="pair_gap", group_by=group_by, label=None)
        if len(pairs) == 1 and pairs[0].value is not None and pairs[0].excludes_zero:
            first, second = compared(group_by, pairs[0].groups)
            way = "lower" if pairs[0].value < 0 else "higher"
            text += (
                f" The share kept is {points(pairs[0].value)} {way} for {first} than for {second}"
                f"{with_interval(pairs[0], sign=True)}."
            )
    yield Statement(False, text, subject, "kept")


def people_in_full(parts: Parts) -> list[Condition]:
    """The people whose groups are spoken of one by one: only where no system was scored.

    One listener against labels as given, or else one who is left out of the label.
    """
    if any(not each.people for each in parts):
        return []
    held = [each for each in parts if each.system.startswith(LISTENER)]
    given = [
        each
        for each in held
        if not each.system.startswith(LEFT_OUT) and each.reference in ("", GIVEN)
    ]
    return given or [each for each in held if each.system.startswith(LEFT_OUT)] or list(parts)


def people_scores(parts: Parts) -> Iterator[Statement]:
    """The score of people in one sentence each, and that they cannot be ranked with systems."""
    full = people_in_full(parts)
    people = {each: rows for each, rows in parts.items() if each.people and each not in full}
    for corpus in dict.fromkeys(each.corpus for each in people):
        subject = "People" if corpus in ("", "all") else f"People on {corpus}"
        for condition, rows in people.items():
            name = primary_metric(rows)
            if condition.corpus == corpus and name is not None:
                row = pick(rows, quantity="score", metric=name, label=None, group_by=None)[0]
                yield _score(condition, row, subject)
        if any(each.corpus == corpus and not each.people for each in parts):
            yield Statement(False, _NO_COMPETITORS, subject, "people")


def _score(condition: Condition, row: Estimate, subject: str) -> Statement:
    who = capital(condition.system)
    held = f"held against {reference(row.reference)}"
    name = metric(row.metric)
    if row.value is None:
        text = f"{who}, {held}: {name} is not defined: {why(row.undefined)}."
        return Statement(False, text, subject, "people")
    text = f"{who}, {held}: {name} is {percent(row.value)}%{with_interval(row)}; {size(row)}."
    return Statement(row.has_interval, text, subject, "people")
