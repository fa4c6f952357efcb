"""Two systems on the same utterances: paired differences, with speakers as units.

A comparison is a gap between two groups of predictions, those of system A and
those of system B, in which every speaker stands in both. Resampling draws
speakers with all their predictions, and the permutation test swaps the two
systems speaker by speaker, so what both systems find hard cancels out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import polars as pl

from equivoice.errors import InputError
from equivoice.evaluation.gap_tests import all_metrics, gap_tests, scalar_measures
from equivoice.evaluation.matching import Items, label_space_of, match, to_items
from equivoice.evaluation.resampling import group_values
from equivoice.evaluation.rows import MINUS, Context, Row, pair_rows
from equivoice.fairness import Grouping, group_items
from equivoice.fairness import convention as convention_named
from equivoice.metrics import IntArray, classification_statistics
from equivoice.records import ESTIMATES, LabelSpace
from equivoice.uncertainty import clustered_sums

__all__ = ["compare_predictions"]

_SYSTEM = "system compared"


def compare_predictions(
    first: pl.DataFrame,
    second: pl.DataFrame,
    reference: pl.DataFrame,
    *,
    second_reference: pl.DataFrame | None = None,
    names: tuple[str, str] = ("A", "B"),
    label_space: LabelSpace | None = None,
    held_against: str = "given",
    group_by: Sequence[str] = (),
    convention: str = "equivoice",
    replicates: int = 10_000,
    permutations: int = 2_000,
    level: float = 0.95,
    seed: int = 0,
) -> pl.DataFrame:
    """Signed differences of two systems, first minus second, on the utterances of both.

    Args:
        first: PREDICTIONS of the first system.
        second: PREDICTIONS of the second system.
        reference: UTTERANCES of both.
        second_reference: UTTERANCES of the second system, where labels depend on who
            answered, as in annotator-aware scores; ``reference`` is then the first system's.
        names: how the systems are called in the result.
        label_space: the declared labels; those of the reference where none is given.
        held_against: what the labels of the reference are, one of ``records.REFERENCES``.
        group_by: groupings within which the systems are compared as well.
        convention: how answers become numbers.
        replicates: bootstrap replicates.
        permutations: arrangements of the permutation test.
        level: nominal coverage of the intervals.
        seed: of all resampling.

    Returns:
        ESTIMATES rows with quantity ``comparison``; ``left_out`` states how many
        predictions had no partner.

    Raises:
        InputError: no utterance was answered by both systems.

    Example:
        >>> import polars as pl
        >>> ids = [f"demo/{i}" for i in range(4)]
        >>> reference = pl.DataFrame({"utterance_id": ids, "emotion": ["happy", "sad"] * 2})
        >>> right = reference.select("utterance_id", "emotion")
        >>> wrong = right.with_columns(pl.col("emotion").reverse())
        >>> rows = compare_predictions(right, wrong, reference, replicates=100)
        >>> rows.filter(metric="accuracy").get_column("value").to_list()
        [1.0]
    """
    labels = label_space or label_space_of(reference)
    own = reference if second_reference is None else second_reference
    frames = [
        match(predictions, truth, labels).frame
        for predictions, truth in ((first, reference), (second, own))
    ]
    shared = [
        frame.join(other, on="utterance_id", how="semi")
        for frame, other in (frames, reversed(frames))
    ]
    if shared[0].is_empty():
        raise InputError("the two systems have no utterance in common", column="utterance_id")
    lost = sum(frame.height for frame in frames) - sum(frame.height for frame in shared)
    left_out = {"prediction without partner": lost} if lost else {}
    both = pl.concat(
        [
            frame.with_columns(pl.lit(name).alias(_SYSTEM))
            for name, frame in zip("ab", shared, strict=True)
        ],
        how="vertical_relaxed",
    )
    rules = convention_named(convention)
    metrics = all_metrics(rules.unparsed_in_scores, rules)
    if rules.overall_accuracy != "recall_sum":
        del metrics["recall_sum"]
    rows: list[Row] = []
    for group_name, grouping, part in _parts(both, group_by):
        items = to_items(part, labels, (_SYSTEM,))
        sample = clustered_sums(
            classification_statistics(
                items.reference, items.predicted, items.n_classes, unparsed=rules.unparsed_in_scores
            ),
            items.groupings[0].codes,
            2,
            _units(items, part),
        )
        values = group_values(sample, metrics, replicates=replicates, seed=seed)
        tests = gap_tests(
            sample, metrics, scalar_measures(metrics), permutations=permutations, seed=seed
        )
        n = np.bincount(items.groupings[0].codes, minlength=2)
        context = Context(
            metrics,
            labels.names,
            level,
            np.append(n, n.sum()),
            np.zeros((3, items.n_classes), dtype=bool),
            items.groupings[0],
            left_out,
        )
        for row in pair_rows(values, context, {(0, 1): tests}):
            identity = _identity(names, part, items.unit, convention, group_name, grouping)
            rows.append(row | identity | {"reference": held_against})
    return ESTIMATES.validate(pl.DataFrame(rows, infer_schema_length=None))


def _parts(
    both: pl.DataFrame, group_by: Sequence[str]
) -> Iterator[tuple[str | None, str | None, pl.DataFrame]]:
    """Everybody, then each group of each grouping."""
    yield None, None, both
    for text in group_by:
        grouping: Grouping = group_items(both, text)
        for code, group in enumerate(grouping.groups):
            yield group, grouping.name, both.filter(pl.Series(grouping.codes == code))


def _units(items: Items, part: pl.DataFrame) -> IntArray:
    """Speakers, or utterances where no speaker is known: either stands in both systems."""
    if items.units is not None:
        return items.units
    ranks = part.get_column("utterance_id").rank("dense").cast(pl.Int64)
    return np.asarray(ranks.to_numpy(), dtype=np.int64)


def _identity(
    names: tuple[str, str],
    part: pl.DataFrame,
    unit: str,
    convention: str,
    group: str | None,
    grouping: str | None,
) -> dict[str, Any]:
    corpora = part.get_column("corpus").unique().to_list()
    return {
        "quantity": "comparison",
        "system": MINUS.join(names),
        "corpus": corpora[0] if len(corpora) == 1 else "all",
        "convention": convention,
        "unit": unit,
        "group_by": grouping,
        "groups": group,
        "fold": "all",
        "run": "all",
        "n": part.get_column("utterance_id").n_unique(),
    }
