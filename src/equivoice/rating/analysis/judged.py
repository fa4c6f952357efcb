"""All that is estimated of what one judge said: preferences or shares, and what was not read."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from equivoice.rating.analysis.comparisons import Ties, read_comparisons, win_rates
from equivoice.rating.analysis.rows import Uncertainty, estimate_table, mean_rows
from equivoice.rating.analysis.shares import choice_shares, scale_means
from equivoice.rating.rubrics import Rubric

__all__ = ["judged_estimates", "read_rows"]

_READ = "verdicts_read"


def judged_estimates(
    rubric: Rubric,
    *,
    votes: pl.DataFrame,
    items: pl.DataFrame,
    groups: pl.DataFrame,
    judgments: pl.DataFrame,
    systems: Sequence[str] = (),
    ties: Ties = "half",
    uncertainty: Uncertainty | None = None,
) -> pl.DataFrame:
    """Estimates of one judging, by the rubric's kind.

    Args:
        rubric: what was asked.
        votes: the verdicts that could be read.
        items: what was shown.
        groups: by what items are counted.
        judgments: all answers, read or not.
        systems: in the order of a report; of a pair, the first one's wins are counted.
        ties: how they count.
        uncertainty: how intervals are made.

    Returns:
        rows of ``records.ESTIMATES``.
    """
    how = uncertainty or Uncertainty()
    read = estimate_table(read_rows(judgments, how))
    if votes.is_empty():
        return read
    if rubric.kind == "pairwise":
        comparisons = read_comparisons(votes, items, question=rubric.question, systems=systems)
        return pl.concat([win_rates(comparisons, groups=groups, ties=ties, uncertainty=how), read])
    whose = dict(items.select("item", "system_a").iter_rows())
    known = [name for name in groups.columns if groups.get_column(name).null_count() == 0]
    told = {"groups": groups.select(known), "systems": whose, "uncertainty": how}
    if rubric.low is None or rubric.high is None:
        choices = tuple(rubric.choices)
        wanted = [name for name in choices if name == "accept"] or choices
        found = choice_shares(votes, question=rubric.question, choices=wanted, **told)  # type: ignore[arg-type]
    else:
        found = scale_means(
            votes,
            question=rubric.question,
            low=rubric.low,
            high=rubric.high,
            **told,  # type: ignore[arg-type]
        )
    return pl.concat([found, read])


def read_rows(judgments: pl.DataFrame, how: Uncertainty) -> list[dict[str, object]]:
    """The share of answers that gave a verdict; the rest by status is what was left out.

    Example:
        >>> rows = {"item": ["a", "b"], "rater": ["j"] * 2, "status": ["parsed", "refused"]}
        >>> found = read_rows(pl.DataFrame(rows), Uncertainty())
        >>> found[0]["value"], found[0]["left_out"]
        (0.5, '{"refused": 1}')
    """
    said = judgments.select("item", "rater", value=(pl.col("status") == "parsed").cast(pl.Float64))
    unread = judgments.filter(pl.col("status") != "parsed")
    counts = unread.group_by("status").len().sort("status").rows()
    rows = mean_rows(said, how, left_out=dict(counts), metric=_READ)
    return [row for row in rows if row.get("unit") in (None, "item")]
