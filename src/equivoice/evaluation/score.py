"""From predictions and references to estimates with uncertainty, by group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import polars as pl

from equivoice.errors import ConfigError
from equivoice.evaluation.additive import Certainty
from equivoice.evaluation.by_label import Settings, label_rows
from equivoice.evaluation.given import Labels, Table, as_tables
from equivoice.evaluation.matching import label_space_of, match
from equivoice.evaluation.rows import Row
from equivoice.evaluation.scores import Scores
from equivoice.fairness import convention as convention_named
from equivoice.metrics import Unparsed
from equivoice.records import ESTIMATES, LabelSpace

__all__ = ["Scores", "score"]

Answers = Literal["label", "expected"]
_FEWEST_REPLICATES = 20


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
    )
    matched = match(predictions, reference, labels, expected=settings.expected)
    rows = label_rows(matched, settings, "given")
    estimates = pl.DataFrame(rows, schema=_row_schema(rows), infer_schema_length=None)
    return Scores(ESTIMATES.validate(estimates), matched.left_out, _notes(matched.frame, settings))


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
