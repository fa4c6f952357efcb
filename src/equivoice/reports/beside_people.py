"""A system's gap beside people's own: shown side by side, described, never ranked.

People are listeners whose answers were scored as a system's are. They are no
competitors: a system that agrees with a label more often than people do has not
heard better, and the label may be what few people heard.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from equivoice.annotators.names import HALF, LEFT_OUT, LISTENER, PLURALITY
from equivoice.reports.cautions import Statement
from equivoice.reports.document import Block, Text
from equivoice.reports.drawing import folded, gap_legend, lines_of
from equivoice.reports.figures import forest
from equivoice.reports.formatting import capital, points, signed, why
from equivoice.reports.phrases import size, with_interval
from equivoice.reports.references import differ
from equivoice.reports.rows import Condition, Estimate, in_order, pick, primary_metric
from equivoice.reports.tables import aggregated_table, differences_table
from equivoice.reports.terms import GIVEN, reference
from equivoice.reports.wording import RATERS, aggregation, attribute, metric

__all__ = ["Beside", "nearest", "people_blocks", "people_statements", "stand_beside"]

_RANK = (LEFT_OUT, LISTENER, HALF, PLURALITY)
"""The name of one listener begins that of one left out, so the longer one stands first."""
_MOST_IN_A_SENTENCE = 2
_UNTESTED = "No test says whether the gap of the system is larger or smaller than that of people."
_OTHERWISE = " They were held against different references."

Parts = Mapping[Condition, Sequence[Estimate]]
"""From conditions to their rows, pooled over folds."""


@dataclass(frozen=True)
class Beside:
    """A difference of groups, of a system or of people.

    Args:
        condition: whose it is.
        row: the estimate: a signed difference, or the largest gap of several groups.
    """

    condition: Condition
    row: Estimate

    def described(self, beside: Estimate | None = None) -> str:
        """The difference with its interval, whose it is, and what it was held against.

        Args:
            beside: a row told of before; counts that are the same are not repeated.
        """
        row = self.row
        who = f"{self.condition.name}, held against {reference(row.reference)}"
        if row.value is None:
            return f"{who}: not defined ({why(row.undefined)})"
        shown = points(row.value) if row.quantity == "gap" else f"{signed(row.value)} points"
        ends = with_interval(row, sign=row.quantity != "gap")
        if beside is not None and not row.has_interval and row.undefined == beside.undefined:
            ends = ", no interval for the same reason"
        same = beside is not None and size(beside) == size(row)
        return f"{who}: {shown}{ends}{'' if same else f', {size(row)}'}"


def nearest(condition: Condition, parts: Parts) -> list[Condition]:
    """People on the same corpus, those first whose scores can be read beside the system's.

    Where answers were held against labels as given, so are those of one listener, and
    both can be read together. Else a listener held against a label that holds the own
    vote would look better than it is: one who is left out of it comes first.

    Args:
        condition: a system.
        parts: all conditions, those of people among them.
    """
    people = [each for each in parts if each.people and each.corpus == condition.corpus]
    given = condition.reference in ("", GIVEN)

    def rank(each: Condition) -> tuple[bool, int]:
        kind = next(
            (at for at, name in enumerate(_RANK) if each.system.startswith(name)), len(_RANK)
        )
        same = (each.reference or GIVEN) == (condition.reference or GIVEN)
        return (given and not same, kind)

    return sorted(people, key=rank)


def stand_beside(
    condition: Condition, rows: Sequence[Estimate], parts: Parts, group_by: str, name: str
) -> list[Beside]:
    """The gap of a system, then those of people, in one metric by one grouping.

    Two groups have a signed difference; more have the largest gap over their pairs.

    Returns:
        empty where the system or all people lack it.
    """
    own = _gap(rows, group_by, name)
    if own is None:
        return []
    found = [
        Beside(each, row)
        for each in nearest(condition, parts)
        if (row := _gap(parts[each], group_by, name, quantity=own.quantity)) is not None
    ]
    return [Beside(condition, own), *found] if found else []


def _gap(
    rows: Sequence[Estimate], group_by: str, name: str, *, quantity: str | None = None
) -> Estimate | None:
    pairs = pick(rows, quantity="pair_gap", group_by=group_by, metric=name, label=None)
    largest = pick(
        rows, quantity="gap", group_by=group_by, metric=name, label=None, group_aggregator="max"
    )
    signed_one = pairs[0] if len(pairs) == 1 else None
    if quantity == "pair_gap":
        return signed_one
    if quantity == "gap" or signed_one is None:
        return largest[0] if largest else None
    return signed_one


def people_statements(
    condition: Condition, rows: Sequence[Estimate], parts: Parts
) -> Iterator[Statement]:
    """How a system's gaps stand beside people's: described, and what cannot be concluded."""
    name = primary_metric(rows)
    if name is None:
        return
    for group_by in in_order(row.group_by for row in rows):
        found = stand_beside(condition, rows, parts, group_by, name)
        if not found:
            continue
        shown = found[: 1 + _MOST_IN_A_SENTENCE]
        first = shown[0].row
        what = first.groups if first.quantity == "pair_gap" else aggregation(first)
        told = "; ".join([shown[0].described(), *(each.described(first) for each in shown[1:])])
        apart = _OTHERWISE if differ(each.row for each in shown) else ""
        text = (
            f"Beside people, {metric(name)} by {attribute(group_by)} ({attribute(what or '')}): "
            f"{told}. {_UNTESTED}{apart}"
        )
        yield Statement(False, text, condition.title, "people")


def people_blocks(
    condition: Condition, rows: Sequence[Estimate], parts: Parts, group_by: str
) -> Iterator[Block]:
    """The gap of a system and those of people as forest plot and table."""
    name = primary_metric(rows)
    found = stand_beside(condition, rows, parts, group_by, name) if name is not None else []
    if not found:
        return
    first = found[0].row
    own = [each.row for each in found]
    whose = {id(each.row): each.condition.name for each in found}
    if first.quantity == "gap":
        yield aggregated_table(own, group_by, whose=lambda row: whose[id(row)])
    else:
        lines = lines_of(
            [(each.condition.name, each.row) for each in found],
            heading="",
            difference=True,
            held=differ(own),
        )
        title = f"{capital(metric(first.metric))} beside people, {first.groups}, in points"
        if any(line.value is not None for line in lines):
            yield forest(lines, title=title, difference=True, key=gap_legend(lines))
        caption = (
            f"Differences by {attribute(group_by)} beside people, "
            f"{attribute(first.groups or '')}, in points"
        )
        yield folded(differences_table(own, caption, "Whose", lambda row: whose[id(row)]))
    yield Text(f"{_UNTESTED} {RATERS}", quiet=True)
