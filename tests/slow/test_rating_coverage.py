"""Intervals of ratings hold what they say where raters and items vary; a judge's bias is found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy import stats

from equivoice.models.scripted_judge import ScriptedJudge
from equivoice.rating.analysis import Crossed, Uncertainty, ranges, read_comparisons, win_rates
from equivoice.rating.judge import Judging, judge
from equivoice.rating.rubrics import load_rubric
from equivoice.rating.sampling import sample_pairs
from equivoice.store.judging_folder import JudgingFolder

pytestmark = pytest.mark.slow

STUDIES = 300


def covered(raters: int, items: int, by_rater: float, by_item: float) -> dict[str, float]:
    """By unit, the share of studies whose 95 % interval holds the true share."""
    rng = np.random.default_rng(7)
    truth = stats.norm.cdf(0.6 / np.sqrt(1 + by_rater**2 + by_item**2))
    rater, item = np.divmod(np.arange(raters * items), items)
    held: dict[str, list[bool]] = {}
    for at in range(STUDIES):
        taste = rng.normal(0, by_rater, (raters, 1)) + rng.normal(0, by_item, (1, items))
        said = 0.6 + taste + rng.normal(0, 1, (raters, items)) > 0
        study = Crossed(said.ravel().astype(float), item, rater, items, raters)
        for unit, found in ranges(study, replicates=300, seed=at).items():
            if found.low is not None and found.high is not None:
                held.setdefault(unit, []).append(bool(found.low <= truth <= found.high))
    return {unit: float(np.mean(each)) for unit, each in held.items()}


def test_where_both_vary_only_the_interval_over_both_holds() -> None:
    found = covered(10, 32, 0.4, 1.0)
    assert found["rater x item"] >= 0.92
    assert found["rater"] < 0.9
    assert found["item"] < 0.94


@pytest.mark.parametrize(("by_rater", "by_item", "unit"), [(0.6, 0.0, "rater"), (0.0, 0.8, "item")])
def test_where_one_varies_its_interval_holds(by_rater: float, by_item: float, unit: str) -> None:
    found = covered(10, 32, by_rater, by_item)
    other = {"rater": "item", "item": "rater"}[unit]
    assert found[unit] >= 0.92
    assert found["rater x item"] >= 0.92
    assert found[other] < 0.85


def test_a_judges_liking_for_a_place_is_found_and_does_not_move_the_win_rate(
    tmp_path: Path,
) -> None:
    """The same noise with and without a liking: the win rate stays, the first is chosen more."""
    names = [f"demo/{at:03d}" for at in range(300)]
    rows = {"utterance_id": names, "emotion": [("angry", "sad")[at % 2] for at in range(300)]}
    reasons = {"ours": "The pitch is low and the tone flat.", "theirs": "The pitch is low."}
    sampled = sample_pairs(
        {
            system: pl.DataFrame({**rows, "reason": [f"{text} {at}" for at in range(300)]})
            for system, text in reasons.items()
        },
        per_emotion=None,
    )
    utterances = pl.DataFrame({**rows, "transcript": names})
    found = {}
    for liking in (0.0, 1.0):
        backend = ScriptedJudge(noise=1.0, first_bias=liking)
        with JudgingFolder.open(tmp_path / str(liking)) as folder:
            votes = judge(
                backend, sampled, utterances, Judging(load_rubric("pairwise"), "transcript"), folder
            )
        read = read_comparisons(votes, sampled.items, systems=["ours"])
        table = win_rates(read, uncertainty=Uncertainty(replicates=200)).filter(unit="item")
        found[liking] = {row["metric"]: row for row in table.iter_rows(named=True)}
    # ours is 1 point ahead, the difference of two noises has a spread of √2
    for liking, ahead in ((0.0, (1.0, 1.0)), (1.0, (2.0, 0.0))):
        expected = np.mean(stats.norm.cdf(np.array(ahead) / np.sqrt(2)))
        row = found[liking]["win_rate"]
        assert row["low"] <= expected <= row["high"]
    assert found[0.0]["first_chosen"]["value"] == 0.5
    assert found[1.0]["first_chosen"]["low"] > 0.5
    assert found[1.0]["first_chosen"]["p_value"] < 1e-6
