"""Populations whose groups differ by a known gap, and how often intervals hold it.

Those of two groups and those of four stand in files of their own: files go to workers whole.
"""

from __future__ import annotations

from functools import cache

from slow.simulation import Coverage, coverage, spread_design

DATA_SETS = 2000
REPLICATES = 600
KINDS = ("signed", "mean", "rms", "max")
GAPS = (0.0, 0.03, 0.1)
SPEAKERS = (24, 40, 91)


@cache
def counted(groups: int, speakers: int, gap: float) -> dict[tuple[str, str], Coverage]:
    """Of each kind of gap and each metric: how often its interval held the truth."""
    return coverage(
        spread_design(groups, speakers, gap),
        data_sets=DATA_SETS,
        replicates=REPLICATES,
        seed=1000 * groups + speakers + round(100 * gap),
        kinds=KINDS,
    )


def check_accuracy_and_macro_f1(groups: int, speakers: int, gap: float) -> None:
    """The signed difference of two groups, and mean, rms and maximum over all pairs."""
    found = counted(groups, speakers, gap)
    assert {kind for kind, metric in found if metric == "macro_f1"} == set(KINDS)
    assert _shortfalls(found, ("accuracy", "macro_f1")) == {}


def check_equal_opportunity(groups: int, speakers: int, gap: float) -> None:
    """The mean over six classes of recall gaps, each of which is folded: may cover more often."""
    assert _shortfalls(counted(groups, speakers, gap), ("equal_opportunity",), top=0.995) == {}


def _shortfalls(
    found: dict[tuple[str, str], Coverage], metrics: tuple[str, ...], top: float = 0.97
) -> dict[tuple[str, str], Coverage]:
    """The gaps whose intervals hold the truth too rarely, too often, or are missing."""
    return {
        key: counts
        for key, counts in found.items()
        if key[1] in metrics and not (0.93 <= counts.covered <= top and counts.refused == 0)
    }
