"""Coverage of the intervals over raters, over items, and over both, in made worlds.

In each world raters and items differ by so much (standard deviations on the probit scale);
every study draws raters and items anew, and its 95 % intervals are held against the true
share. Run: ``python benchmarks/rating_coverage.py`` (about a minute on one core); it writes
``benchmarks/results/rating_coverage.md``.
"""

from __future__ import annotations

import argparse
import platform
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy import stats

from equivoice.rating.analysis.crossed import UNITS, Crossed, ranges
from equivoice.store.provenance import git_revision

WORLDS = (  # raters, items, mean, spread of raters, spread of items
    (10, 32, 0.6, 0.4, 0.4),
    (10, 32, 0.6, 0.6, 0.0),
    (10, 32, 0.6, 0.0, 0.8),
    (10, 32, 0.6, 0.0, 0.0),
    (10, 32, 0.6, 0.4, 1.0),
    (10, 32, -0.3, 0.4, 0.6),
    (5, 40, 0.6, 0.4, 0.4),
    (20, 100, 1.2, 0.4, 0.6),
    (1, 400, 1.3, 0.0, 0.0),
    (1, 50, 2.0, 0.0, 0.0),
)
RESULTS = Path(__file__).parent / "results" / "rating_coverage.md"


def studies(
    world: tuple[int, int, float, float, float], count: int, seed: int
) -> Iterator[Crossed]:
    """So many studies in one world."""
    raters, items, mean, by_rater, by_item = world
    rng = np.random.default_rng(seed)
    rater, item = np.divmod(np.arange(raters * items), items)
    for _ in range(count):
        taste = rng.normal(0, by_rater, (raters, 1)) + rng.normal(0, by_item, (1, items))
        said = mean + taste + rng.normal(0, 1, (raters, items)) > 0
        yield Crossed(said.ravel().astype(float), item, rater, items, raters)


def truth(world: tuple[int, int, float, float, float]) -> float:
    """The true share of a world."""
    _, _, mean, by_rater, by_item = world
    return float(stats.norm.cdf(mean / np.sqrt(1 + by_rater**2 + by_item**2)))


def coverage(
    world: tuple[int, int, float, float, float], count: int, replicates: int, seed: int
) -> dict[str, tuple[float, float]]:
    """By unit, the share of studies whose interval holds the truth, and its mean width."""
    share = truth(world)
    held: dict[str, list[bool]] = {unit: [] for unit in UNITS}
    width: dict[str, list[float]] = {unit: [] for unit in UNITS}
    for at, study in enumerate(studies(world, count, seed)):
        for unit, found in ranges(study, replicates=replicates, seed=at).items():
            if found.low is not None and found.high is not None:
                held[unit].append(found.low <= share <= found.high)
                width[unit].append(found.high - found.low)
    return {
        unit: (float(np.mean(held[unit])), float(np.mean(width[unit])))
        for unit in UNITS
        if held[unit]
    }


def main() -> None:
    """Simulate, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=500)
    parser.add_argument("--replicates", type=int, default=500)
    asked = parser.parse_args()
    lines = [
        "# Coverage of intervals over raters, items and both",
        "",
        (
            f"`python benchmarks/rating_coverage.py --studies {asked.studies} --replicates "
            f"{asked.replicates}`, commit {git_revision()}, {platform.machine()}, one core."
        ),
        "",
        (
            f"Share of {asked.studies} studies whose 95 % interval holds the true share, and in "
            "brackets its mean width in points. Spreads are standard deviations on the probit "
            "scale."
        ),
        "",
        "| Raters | Items | True share | Spread of raters | of items | Over items | Over raters | Over both |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for at, world in enumerate(WORLDS):
        found = coverage(world, asked.studies, asked.replicates, seed=at)
        cells = [
            f"{100 * found[unit][0]:.1f} % ({100 * found[unit][1]:.1f})" if unit in found else "–"
            for unit in UNITS
        ]
        raters, items, _, by_rater, by_item = world
        head = f"| {raters} | {items} | {100 * truth(world):.1f} % | {by_rater} | {by_item} "
        lines.append(head + "".join(f"| {cell} " for cell in cells) + "|")
    RESULTS.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
