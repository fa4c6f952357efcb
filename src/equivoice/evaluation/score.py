"""From predictions and references to estimates with uncertainty, by group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, get_args

import numpy as np
import polars as pl

from equivoice.errors import ConfigError
from equivoice.evaluation.additive import Additive, Certainty, grouping_rows, overall_rows
from equivoice.evaluation.gap_tests import all_measures, all_metrics
from equivoice.evaluation.given import Labels, Table, as_tables
from equivoice.evaluation.matching import Items, Matched, label_space_of, match, to_items
from equivoice.evaluation.rows import Row
from equivoice.evaluation.spread import by_condition, with_spread
from equivoice.evaluation.sums import items_statistics, items_table
from equivoice.fairness import Convention
from equivoice.fairness import convention as convention_named
from equivoice.metrics import BoolArray, FloatArray, IntArray, Metric, Unparsed
from equivoice.records import ESTIMATES, LabelSpace

__all__ = ["Scores", "score"]

Answers = Literal["label", "expected"]
_FEWEST_REPLICATES = 20
_CONDITIONS = ("corpus", "system", "prompt", "temperature", "modality")


@dataclass(frozen=True)
class Scores:
    """What scoring found.

    Args:
        estimates: an ESTIMATES table.
        left_out: how many rows were left out, by reason.
        notes: what a reader must know before reading the numbers.
    """

    estimates: pl.DataFrame
    left_out: Mapping[str, int]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Settings:
    """How to score; the arguments of :func:`score`, resolved."""

    labels: LabelSpace
    group_by: tuple[str, ...]
    rules: Convention
    certainty: Certainty
    expected: bool
    metrics: Mapping[Unparsed, Mapping[str, Metric]]


def score(
    predictions: Table | Labels,
    reference: Table | Labels,
    *,
    speakers: Sequence[Any] | None = None,
    groups: Mapping[str, Sequence[Any]] | None = None,
    label_space: LabelSpace | None = None,
    group_by: str | Sequence[str] = (),
    convention: str = "equivoice",
    unparsed: Unparsed | None = None,
    replicates: int = 10_000,
    permutations: int = 2_000,
    level: float = 0.95,
    seed: int = 0,
    answers: Answers = "label",
) -> Scores:
    """Score predictions against references, with intervals over speakers, and by group.

    Args:
        predictions: a PREDICTIONS table or its path: at least ``utterance_id`` and
            ``emotion`` (null where an answer has no label); or one label an item.
        reference: an UTTERANCES table or its path: at least ``utterance_id`` and
            ``emotion``; with ``speaker``, intervals are over speakers, else over
            utterances; or one label an item.
        speakers: the speaker of each item, where sequences of labels are given.
        groups: the attributes of each item by name, where sequences are given.
        label_space: the declared labels, which macro averages run over; the labels
            of the reference where none is given.
        group_by: groupings, such as ``gender`` or ``gender x age[25,33,46]``.
        convention: ``equivoice``, ``fairalm_paper`` or ``fairalm_code``.
        unparsed: what an answer without a label counts as (``wrong``, ``drop``,
            ``extra_class``), where that is to differ from the convention.
        replicates: bootstrap replicates; 0 for values without intervals and tests,
            else at least 20.
        permutations: arrangements of a permutation test; as many or fewer in all
            are enumerated.
        level: nominal coverage of the intervals.
        seed: of all resampling.
        answers: ``label``: each prediction is its label. ``expected``: each is spread
            over the labels by its ``probabilities``, and what is left of 1 is unparsed.
            That scores the expected confusion table, which is not the expected score
            of answers that are sampled.

    Returns:
        Estimates for each corpus, system and condition: scores, scores by group,
        signed and aggregated gaps, confusions; pooled and by fold.

    Raises:
        InputError: tables that break their schema, unknown labels or attributes,
            no utterance in common.

    Example:
        >>> import polars as pl
        >>> answers = ["happy", "sad", "sad", None]
        >>> result = score(answers, ["happy", "sad"] * 2, replicates=100)
        >>> row = result.estimates.row(
        ...     by_predicate=(pl.col("quantity") == "score") & (pl.col("metric") == "accuracy"),
        ...     named=True)
        >>> row["value"], row["n"], row["left_out"]
        (0.5, 4, '{"unparsed (counted as wrong)": 1}')
    """
    _check_numbers(replicates, permutations, level, seed)
    _check_reading(answers)
    predictions, reference = as_tables(predictions, reference, speakers=speakers, groups=groups)
    labels = label_space or label_space_of(reference)
    rules = convention_named(convention, unparsed=unparsed)
    settings = Settings(
        labels,
        (group_by,) if isinstance(group_by, str) else tuple(dict.fromkeys(group_by)),
        rules,
        Certainty(replicates, permutations, level, seed),
        answers == "expected",
        _metrics(rules),
    )
    matched = match(predictions, reference, labels, expected=settings.expected)
    frame = matched.frame.with_columns(pl.col("options").list.join("|").alias("label_order"))
    rows: list[Row] = []
    for key, cell in frame.group_by(_CONDITIONS, maintain_order=True):
        conditions = dict(zip(_CONDITIONS, key, strict=True))
        rows += [conditions | row for row in _cell_rows(cell, matched, settings)]
    estimates = pl.DataFrame(rows, schema=_row_schema(rows), infer_schema_length=None)
    return Scores(ESTIMATES.validate(estimates), matched.left_out, _notes(frame, settings))


def _check_numbers(replicates: int, permutations: int, level: float, seed: int) -> None:
    wrong = {
        f"replicates: {replicates} is neither 0 (no intervals) nor {_FEWEST_REPLICATES} or more": (
            replicates != 0 and replicates < _FEWEST_REPLICATES
        ),
        f"permutations: {permutations} is not 1 or more": permutations < 1,
        f"level: {level} is not between 0 and 1": not 0.0 < level < 1.0,
        f"seed: {seed} is negative": seed < 0,
    }
    problems = [problem for problem, found in wrong.items() if found]
    if problems:
        raise ConfigError.from_problems(problems)


def _check_reading(answers: str) -> None:
    if answers not in get_args(Answers):
        raise ConfigError("unknown reading of answers", value=answers, choices=get_args(Answers))


def _metrics(rules: Convention) -> dict[Unparsed, dict[str, Metric]]:
    policies = (rules.unparsed_in_scores, rules.unparsed_in_gaps)
    return {policy: all_metrics(policy, rules) for policy in policies}


def _row_schema(rows: Sequence[Row]) -> dict[str, pl.DataType]:
    present = set().union(*(row.keys() for row in rows))
    return {name: ESTIMATES.column(name).dtype for name in ESTIMATES.names if name in present}


def _notes(frame: pl.DataFrame, settings: Settings) -> tuple[str, ...]:
    notes = []
    speakers = frame.get_column("speaker")
    if speakers.is_null().all():
        notes.append(
            "No speakers are known: intervals treat utterances as independent and are too "
            "short where several come from one speaker."
        )
    elif speakers.null_count():
        notes.append(
            f"{speakers.null_count()} predictions have no speaker; each counts as a speaker of its own."
        )
    if settings.rules.name != "equivoice":
        notes.append(f"Convention {settings.rules.name}: {settings.rules.source}.")
    return tuple(notes)


def _cell_rows(cell: pl.DataFrame, matched: Matched, settings: Settings) -> list[Row]:
    """All rows of one system under one condition: pooled, then fold by fold."""
    items = to_items(cell, settings.labels, settings.group_by, expected=settings.expected)
    left_out = dict(matched.left_out)
    asked = matched.utterances[cell.get_column("corpus")[0]]
    unanswered = asked - cell.get_column("utterance_id").n_unique()
    if unanswered:
        left_out["utterance without prediction"] = unanswered

    def rows_of(positions: IntArray) -> Iterator[Row]:
        return _item_rows(items.subset(positions), {}, settings, with_noise=False)

    conditions = cell.select("fold", "run", "label_order")
    parts = {name: by_condition(conditions, (name,), rows_of) for name in conditions.columns}
    averaged = settings.rules.pooling == "folds"
    repetitions = by_condition(conditions, conditions.columns, rows_of) if averaged else {}
    pooled = list(_item_rows(items, left_out, settings, with_noise=True))
    order = _only_value(cell, "label_order")
    shared = {"convention": settings.rules.name, "reference": "given", "label_order": order}
    whole = shared | {"fold": _only_value(cell, "fold"), "run": _only_value(cell, "run")}
    rows = [row | whole for row in with_spread(pooled, parts, repetitions, settings.rules)]
    for (fold,), fold_rows in parts["fold"].items():
        rows += [row | shared | {"fold": fold, "run": whole["run"]} for row in fold_rows]
    return rows


def _only_value(cell: pl.DataFrame, condition: str) -> str | None:
    """The value of a condition where it has one only, and "all" where it is pooled."""
    values = cell.get_column(condition).unique().to_list()
    if len(values) > 1:
        return "all"
    return None if values[0] is None else str(values[0])


def _item_rows(
    items: Items, left_out: Mapping[str, int], settings: Settings, *, with_noise: bool
) -> Iterator[Row]:
    """The rows of one set of items: scores over everybody, then grouping by grouping."""
    how = settings.certainty if with_noise else replace(settings.certainty, replicates=0)
    rules = settings.rules
    scored = _additive(items, left_out, settings, rules.unparsed_in_scores)
    grouped = scored
    if rules.unparsed_in_gaps != rules.unparsed_in_scores:
        grouped = _additive(items, left_out, settings, rules.unparsed_in_gaps)
    yield from overall_rows(scored, how)
    for grouping in items.groupings:
        yield from grouping_rows(grouped, grouping, how.of(grouping))


def _additive(
    items: Items, left_out: Mapping[str, int], settings: Settings, policy: Unparsed
) -> Additive:
    metrics = settings.metrics[policy]

    def unparsed(marked: BoolArray) -> dict[str, int]:
        return _unparsed(items_table(items, marked), policy)

    return Additive(
        items_statistics(items, policy),
        metrics,
        items.units,
        items.unit,
        items.groupings,
        settings.labels.names,
        items.reference,
        left_out,
        unparsed,
        measures=all_measures(metrics, settings.rules),
        worst=True,
        table=partial(items_table, items),
    )


def _unparsed(table: FloatArray, policy: Unparsed) -> dict[str, int]:
    count = int(np.rint(table[:, -1].sum()))
    done = {"wrong": "counted as wrong", "drop": "dropped", "extra_class": "a class of their own"}
    return {f"unparsed ({done[policy]})": count} if count else {}
