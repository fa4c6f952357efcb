"""What can and what cannot be concluded, in sentences made from estimates.

The wording follows ``docs/wording.md``. Nothing is computed: each sentence
repeats one or two rows of the estimates with their intervals and counts, or
the reason why there are none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from equivoice.reports.beside_people import people_statements
from equivoice.reports.cautions import Statement, chosen_on_test, unreadable
from equivoice.reports.crowd_statements import (
    about_listeners,
    kept_statements,
    people_in_full,
    people_scores,
)
from equivoice.reports.formatting import (
    capital,
    count,
    p_floor,
    p_value,
    percent,
    points,
    signed,
    why,
)
from equivoice.reports.kinds import of_labels
from equivoice.reports.phrases import clusters, items, size, with_interval
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
from equivoice.reports.sweeps import at_main_temperature
from equivoice.reports.wording import (
    CAUSES,
    RATERS,
    aggregation,
    attribute,
    compared,
    metric,
    pair_of,
)

__all__ = ["Statement", "limits", "statements", "verdict"]

_TWO = 2
_LIMITING = ("confounded-group", "shared-speakers")
"""Findings of the corpus checks that limit every conclusion from a corpus."""


def verdict(
    estimates: pl.DataFrame,
    *,
    findings: Sequence[Any] = (),
    selection: Sequence[Mapping[str, Any]] = (),
) -> list[str]:
    """What can and what cannot be concluded, as sentences.

    Args:
        estimates: a table of ``records.ESTIMATES``.
        findings: what the checks of the corpora found; those that limit every
            conclusion (a confounded group, shared speakers) become sentences.
        selection: the choices of the run record; those made on test data become sentences.

    Returns:
        the sentences; where there are several systems or corpora each begins with
        the one it is about. The last one says that no causes are claimed, if
        groups were compared.

    Raises:
        SchemaError: the table breaks the schema of estimates.

    Example:
        >>> import polars as pl
        >>> row = {"quantity": "score", "metric": "accuracy", "value": 0.542, "low": 0.498,
        ...        "high": 0.586, "level": 0.95, "unit": "speaker", "n": 1440, "clusters": 24,
        ...        "system": "acoustic", "corpus": "ravdess"}
        >>> print(verdict(pl.DataFrame([row]))[0])
        Accuracy is 54.2%, 95% interval [49.8, 58.6]; 1,440 utterances of 24 speakers.
    """
    rows = read_estimates(estimates)
    made = statements(rows, findings, selection)
    several = len(in_order(each.subject for each in made)) > 1
    lines = [f"{each.subject}: {each.text}" if several else each.text for each in made]
    return [*lines, *limits(rows)]


def limits(rows: Sequence[Estimate]) -> list[str]:
    """What holds for all statements: no causes are claimed, and listeners were sampled too."""
    by_group = any(row.quantity in ("pair_gap", "gap") for row in of_labels(rows))
    sampled = about_listeners(rows)
    return [*([RATERS] if sampled else []), *([CAUSES] if by_group else [])]


def statements(
    rows: Sequence[Estimate],
    findings: Sequence[Any] = (),
    selection: Sequence[Mapping[str, Any]] = (),
) -> list[Statement]:
    """The statements of the verdict, of the data, then of each condition, then of comparisons.

    What limits every conclusion comes first: whoever reads of a difference must know it.
    A model that was asked at several temperatures is spoken of at its lowest.
    """
    found = [_limit(finding) for finding in findings if finding.code in _LIMITING]
    whole = pooled(rows)
    labels = of_labels(whole)
    found += [*chosen_on_test(selection), *kept_statements(whole), *unreadable(labels)]
    parts = conditions(at_main_temperature(labels))
    full = people_in_full(parts)
    for condition, own in parts.items():
        if not condition.people or condition in full:
            found += _of_condition(condition, own)
        if not condition.people:
            found += people_statements(condition, own, parts)
    found += people_scores(parts)
    compared_systems = pooled(pick(labels, quantity="comparison", group_by=None, label=None))
    name = primary_metric(compared_systems)
    return found + [_comparison(row) for row in pick(compared_systems, metric=name)]


def _limit(finding: Any) -> Statement:
    """What a finding about a corpus forbids to conclude."""
    corpus = getattr(finding, "corpus", None)
    text = capital(str(finding.message)).rstrip(".") + "."
    return Statement(False, text, f"The data of {corpus}" if corpus else "The data", "data")


def _of_condition(condition: Condition, rows: Sequence[Estimate]) -> Iterator[Statement]:
    name = primary_metric(rows)
    title = condition.title
    if name is not None:
        main = pick(rows, quantity="score", metric=name, label=None)[0]
        yield _score(main, _coverage(rows), title)
    for group_by in in_order(row.group_by for row in rows):
        own = [row for row in rows if row.group_by == group_by and row.label is None]
        yield _of_grouping(group_by, own, name, title)


def _score(row: Estimate, coverage: str, title: str) -> Statement:
    name = capital(metric(row.metric))
    if row.value is None:
        return Statement(
            False, f"{name} is not defined: {why(row.undefined)}.{coverage}", title, "score"
        )
    head = f"{name} is {percent(row.value)}%"
    if not row.has_interval:
        text = f"{head}; {size(row)}. No interval can be given: {why(row.undefined)}.{coverage}"
        return Statement(False, text, title, "score")
    text = f"{head}{with_interval(row)}; {size(row)}.{coverage}"
    return Statement(True, text, title, "score")


def _coverage(rows: Sequence[Estimate]) -> str:
    """How many answers could be read, where not all could; what the others count as."""
    found = pick(rows, quantity="score", metric="coverage", label=None)
    if not found or found[0].value is None or found[0].value >= 1:
        return ""
    others = [
        f"{count(number)} {reason}"
        for reason, number in found[0].left_out.items()
        if reason.startswith("unparsed")
    ]
    why = f"; {', '.join(others)}" if others else ""
    return f" {percent(found[0].value)}% of the answers could be read as a label{why}."


def _of_grouping(
    group_by: str, rows: Sequence[Estimate], name: str | None, title: str
) -> Statement:
    pairs = pick(rows, quantity="pair_gap", metric=name)
    if len(pairs) == 1:
        return _pair(group_by, pairs[0], title)
    if len(pairs) >= _TWO:
        return _several_groups(group_by, rows, pairs, title)
    groups = in_order(row.groups for row in pick(rows, quantity="group_score"))
    one = f"only one group, {groups[0]}, has scores" if len(groups) == 1 else "no pair was compared"
    text = f"{capital(attribute(group_by))}: nothing can be concluded: {one}."
    return Statement(False, text, title, group_by)


def _pair(group_by: str, row: Estimate, title: str) -> Statement:
    name = metric(row.metric)
    first, second = compared(group_by, row.groups)
    if row.value is None:
        text = f"{capital(name)} of {first} and {second} cannot be compared: {why(row.undefined)}."
        return Statement(False, text, title, group_by)
    if not row.has_interval:
        text = (
            f"{_described(name, row.value, first, second)} in this sample "
            f"({items(row)}, {clusters(row)}), but no interval can be given: "
            f"{why(row.undefined)}. It cannot be concluded whether the groups differ.{_test(row)}"
        )
        return Statement(False, text, title, group_by)
    decided = _decided(row)
    if decided:
        text = (
            f"{_described(name, row.value, first, second)}"
            f"{with_interval(row, sign=True)}; {size(row)}.{_test(row)}"
        )
        return Statement(True, text, title, group_by)
    return Statement(False, _undetected(name, row, first, second), title, group_by)


def _undetected(name: str, row: Estimate, first: str, second: str) -> str:
    shown = f"{signed(row.value or 0.0)} points{with_interval(row, sign=True)}; {size(row)}"
    if row.excludes_zero:
        lead = (
            f"Interval and test disagree about {name} of {first} and {second} ({shown}): "
            "treat it as undecided."
        )
    else:
        lead = f"No difference in {name} between {first} and {second} was detected ({shown})."
    return f"{lead}{_test(row)}{_unseen(row)}"


def _unseen(row: Estimate) -> str:
    """Which differences the study was too small for, or that nothing varied in it."""
    if row.detectable is None:
        return ""
    if percent(row.detectable) == "0.0":
        return " The difference hardly varies between resamples, as where answers are constant."
    return f" Differences smaller than {points(row.detectable)} could not have been seen reliably."


def _several_groups(
    group_by: str, rows: Sequence[Estimate], pairs: Sequence[Estimate], title: str
) -> Statement:
    gaps = pick(rows, quantity="gap", metric=pairs[0].metric)
    largest = next(iter(pick(gaps, group_aggregator="max")), next(iter(gaps), None))
    groups = in_order(row.groups for row in pick(rows, quantity="group_score"))
    head = f"{capital(attribute(group_by))}, {count(len(groups), 'group')}"
    if largest is None or largest.value is None:
        none = "no aggregated gap was estimated"
        reason = none if largest is None else why(largest.undefined)
        return Statement(False, f"{head}: nothing can be concluded: {reason}.", title, group_by)
    tested = largest.p_value is not None and largest.p_value <= _alpha(largest)
    detected = tested and largest.low is not None and largest.low > 0.0
    text = (
        f"{head}: the gap in {metric(largest.metric)} ({aggregation(largest)}) is "
        f"{points(largest.value)}{with_interval(largest)}; {size(largest)}."
        f"{_noise(largest)}{_test(largest)}"
    )
    if detected:
        text += " The groups differ."
    elif tested:
        text += " Only the test speaks for a difference, not an interval: treat it as undecided."
    else:
        text += " Whether the groups differ cannot be concluded."
    if percent(largest.value) != "0.0":  # else no group is the lowest
        text += _worst(rows, pairs[0].metric)
    return Statement(detected, text, title, group_by)


def _worst(rows: Sequence[Estimate], name: str) -> str:
    found = [row for row in pick(rows, quantity="worst_group", metric=name) if row.groups]
    if not found or found[0].value is None:
        return ""
    row = found[0]
    return f" Lowest in this sample: {attribute(row.groups or '')} ({percent(row.value or 0.0)}%)."


def _noise(row: Estimate) -> str:
    if row.noise_floor is None:
        return ""
    return f" If the groups did not differ, about {points(row.noise_floor)} would be expected."


def _comparison(row: Estimate) -> Statement:
    name = metric(row.metric)
    first, second = pair_of(row.system) or (row.system or "the first", "the second")
    subject = Condition(row.corpus or "", row.system or "").title
    if row.value is None:
        text = f"{capital(name)} of {first} and {second} cannot be compared: {why(row.undefined)}."
        return Statement(False, text, subject, "comparison")
    if not row.has_interval:
        text = (
            f"{_described(name, row.value, first, second)} on the same utterances, but no "
            f"interval can be given: {why(row.undefined)}."
        )
        return Statement(False, text, subject, "comparison")
    if _decided(row):
        text = (
            f"{_described(name, row.value, first, second)} on the same utterances"
            f"{with_interval(row, sign=True)}; {size(row)}.{_test(row)}"
        )
        return Statement(True, text, subject, "comparison")
    return Statement(False, _undetected(name, row, first, second), subject, "comparison")


def _described(name: str, value: float, first: str, second: str) -> str:
    if percent(value) == "0.0":
        return f"{capital(name)} is the same, to 0.1 points, for {first} and for {second}"
    direction = "lower" if value < 0 else "higher"
    return f"{capital(name)} is {points(value)} {direction} for {first} than for {second}"


def _decided(row: Estimate) -> bool:
    """Interval and test agree that there is a difference; without a test the interval decides."""
    return row.excludes_zero and (row.p_value is None or row.p_value <= _alpha(row))


def _alpha(row: Estimate) -> float:
    return 1 - (row.level if row.level is not None else 0.95) + 1e-12


def _test(row: Estimate) -> str:
    if row.p_value is None:
        return ""
    floor = row.p_floor
    if floor is not None and floor > _alpha(row):
        return (
            f" With so few {row.unit or 'unit'}s the test cannot give a p below {p_floor(floor)}, "
            "so it cannot detect any difference."
        )
    within = "" if floor is None else f" (smallest p the test can give: {p_floor(floor)})"
    return f" Permutation test: p {_relation(row.p_value)}{within}."


def _relation(value: float) -> str:
    shown = p_value(value)
    return shown if shown.startswith("<") else f"= {shown}"
