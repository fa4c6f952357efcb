"""Intervals for the change of gaps hold the true change, in worlds of speakers."""

from __future__ import annotations

import numpy as np
import pytest

from equivoice.studies.gender_gap.measuring import CHANGE, measure
from equivoice.studies.gender_gap.reading import MODALITIES, Answers, GapSettings
from oracles.three_languages import EMOTIONS, random_answers

pytestmark = pytest.mark.slow

WORLDS = 60
SETTINGS = GapSettings(replicates=300, permutations=1)


def world(seed: int, gaps: tuple[float, float], *, speakers: int) -> Answers:
    """Everybody is right in .6 of the lines, women and men apart by a gap that is given."""
    by = dict(zip(MODALITIES, gaps, strict=True))

    def right(_: str, gender: str, modality: str) -> float:
        return 0.6 + (by[modality] / 2 if gender == "male" else -by[modality] / 2)

    return random_answers(
        seed, speakers=speakers, each=16, languages=("en",), right=right, unread=0.0
    )


def true_gaps(gap: float) -> dict[str, float]:
    """By the formulas: errors spread evenly over the other emotions, which are equally frequent."""
    k = len(EMOTIONS)
    rates = {"tpr_gap": gap, "fpr_gap": gap / (k - 1), "w_f1_gap": gap, "acc_gap": gap}
    return rates | {"avg_gap": sum(rates.values()) / 4}


@pytest.mark.parametrize("gaps", [(0.0, 0.0), (0.1, 0.1), (0.2, 0.0), (0.0, 0.2)])
@pytest.mark.parametrize("speakers", [6, 20])
def test_the_true_change_is_held(gaps: tuple[float, float], speakers: int) -> None:
    before, after = (true_gaps(gap) for gap in gaps)
    held = dict.fromkeys(before, 0)
    for seed in range(WORLDS):
        answers = world(1_000 * speakers + seed, gaps, speakers=speakers)
        rows = {r["metric"]: r for r in measure(answers, SETTINGS) if r["modality"] == CHANGE}
        for name in held:
            row, change = rows[name], after[name] - before[name]
            held[name] += row["low"] <= change <= row["high"]
    # of 60 worlds 51 or fewer would be held by chance in 1 of 1,000 at a coverage of .95
    assert min(held.values()) > 51, {name: count / WORLDS for name, count in held.items()}


def test_a_change_that_is_there_is_found() -> None:
    found = 0
    for seed in range(20):
        rows = measure(world(seed, (0.4, 0.0), speakers=12), SETTINGS)
        row = next(r for r in rows if r["modality"] == CHANGE and r["metric"] == "avg_gap")
        found += row["high"] < 0
    assert found >= 18
    assert np.isfinite(row["low"])
