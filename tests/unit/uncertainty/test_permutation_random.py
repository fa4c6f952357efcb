"""Permutation tests that draw arrangements: level, power, and shortcuts against the long way."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from equivoice.metrics import FloatArray, classification_metrics
from equivoice.uncertainty import permutation, permutation_test
from oracles.worlds import World, world

METRICS = classification_metrics()


def accuracy(sums: FloatArray) -> FloatArray:
    return METRICS["accuracy"].finish(sums)[..., np.newaxis]


def macro_f1(sums: FloatArray) -> FloatArray:
    return METRICS["macro_f1"].finish(sums)[..., np.newaxis]


def p_value(given: World, *, permutations: int, seed: int = 0, by_speaker: bool = True) -> float:
    result = permutation_test(
        given.sums(by_speaker=by_speaker),
        {"accuracy": accuracy},
        {"accuracy": ("accuracy",)},
        permutations=permutations,
        seed=seed,
    )
    assert not result.exact
    return float(result.p_values["accuracy"])


def several(n: int, sizes: tuple[int, ...], permutations: int = 199, **how: object) -> np.ndarray:
    """P values of n data sets, each with its own seed."""
    by_speaker = bool(how.pop("by_speaker", True))
    return np.array(
        [
            p_value(
                world(sizes, seed=1000 + i, **how),  # type: ignore[arg-type]
                permutations=permutations,
                seed=i,
                by_speaker=by_speaker,
            )
            for i in range(n)
        ]
    )


class TestLevel:
    @pytest.mark.parametrize("sizes", [(6, 6), (5, 9), (5, 5, 5)])
    def test_under_the_null_p_is_uniform(self, sizes: tuple[int, ...]) -> None:
        """600 data sets without a gap; p lies on the grid 1/200, 2/200, ..., so add half a step."""
        found = several(600, sizes, spread=6.0, each=90)  # few ties
        jitter = np.random.default_rng(0).uniform(-1, 0, 600) / 200
        assert stats.kstest(found + jitter, "uniform").pvalue > 1e-4
        assert (found <= 0.05).mean() < 0.05 + 3.5 * (0.05 * 0.95 / 600) ** 0.5

    def test_p_is_at_least_the_floor_and_at_most_1(self) -> None:
        found = several(50, (6, 6), permutations=19, skills=(0.3, 0.9))
        assert found.min() == pytest.approx(1 / 20)
        assert found.max() <= 1.0

    def test_speakers_who_differ_more_in_the_smaller_group(self) -> None:
        """Studentised, the test keeps its level where the plain difference does not."""
        studentised, plain = [], []
        for seed in range(300):
            rng = np.random.default_rng(seed)
            sizes, spreads = (6, 24), (4.0, 200.0)
            skill = np.concatenate(
                [rng.beta(0.6 * s, 0.4 * s, n) for n, s in zip(sizes, spreads, strict=True)]
            )
            speakers = np.repeat(np.arange(30), 30)
            reference = np.tile(np.arange(30) % 3, 30)
            right = rng.random(900) < skill[speakers]
            given = World(
                reference,
                np.where(right, reference, (reference + 1) % 3),
                (speakers >= 6).astype(np.int64),
                speakers,
                3,
                2,
            )
            studentised.append(p_value(given, permutations=199, seed=seed))
            means = right.reshape(30, 30).mean(1)
            shuffled = rng.permuted(np.tile(means, (199, 1)), axis=1)
            drawn = np.abs(shuffled[:, :6].mean(1) - shuffled[:, 6:].mean(1))
            observed = abs(means[:6].mean() - means[6:].mean())
            plain.append((1 + (drawn >= observed - 1e-12).sum()) / 200)
        rejected, naive = (np.mean(np.array(p) <= 0.05) for p in (studentised, plain))
        assert naive > 0.15  # what studentising is for
        assert rejected < 0.11
        assert rejected < naive / 2

    def test_without_speakers_the_level_holds_where_utterances_are_independent(self) -> None:
        found = several(400, (1, 1), each=90, spread=1e9, by_speaker=False)
        assert (found <= 0.05).mean() < 0.05 + 3.5 * (0.05 * 0.95 / 400) ** 0.5
        assert (found <= 0.5).mean() == pytest.approx(0.5, abs=0.11)

    def test_treating_speakers_as_utterances_breaks_the_level(self) -> None:
        """Why speakers are units: the same data, units forgotten, reject far too often."""
        assert (several(100, (5, 5), each=60, spread=4.0, by_speaker=False) <= 0.05).mean() > 0.3
        assert (several(100, (6, 6), each=60, spread=4.0) <= 0.05).mean() < 0.14


class TestPower:
    def test_more_often_significant_the_larger_the_gap(self) -> None:
        shares = [
            (several(120, (8, 8), skills=(0.6 + gap / 2, 0.6 - gap / 2), each=24) <= 0.05).mean()
            for gap in (0.0, 0.2, 0.5)
        ]
        assert shares[0] < 0.13
        assert shares[0] + 0.2 < shares[1] < shares[2]
        assert shares[2] > 0.95

    def test_one_group_of_three_that_differs_is_found(self) -> None:
        found = several(60, (6, 6, 6), skills=(0.4, 0.8, 0.8), each=24)
        assert (found <= 0.05).mean() > 0.8


class TestShortcuts:
    @pytest.mark.parametrize("finish", [accuracy, macro_f1], ids=["accuracy", "macro_f1"])
    @pytest.mark.parametrize("sizes", [(12, 12), (8, 20), (10, 10, 10)])
    def test_the_linearised_path_is_close_to_the_jackknife(
        self, monkeypatch: pytest.MonkeyPatch, finish: object, sizes: tuple[int, ...]
    ) -> None:
        gaps = np.linspace(0, 0.25, 6)
        worlds = [
            world(sizes, skills=(0.55 + gap, *[0.55] * (len(sizes) - 1)), each=30, seed=i)
            for i, gap in enumerate(gaps)
        ]

        def found() -> np.ndarray:
            return np.array(
                [
                    permutation_test(
                        given.sums(), {"m": finish}, {"m": ("m",)}, permutations=999, seed=5
                    ).p_values["m"]
                    for given in worlds
                ]
            )

        exact = found()
        monkeypatch.setattr(permutation, "_JACKKNIFE_CELLS", 0)
        np.testing.assert_allclose(found(), exact, atol=0.05)

    def test_the_linearised_variance_of_an_accuracy_is_the_ratio_estimators(
        self,
    ) -> None:
        """Influences of a ratio known in closed form: (correct − accuracy · n) / N of a speaker."""
        given = world([9, 11], each=25, seed=3)
        sample = given.sums()
        sums = np.concatenate([stratum.sums[:, 0] for stratum in sample.strata])
        counts = np.array([[np.r_[np.ones(9), np.zeros(11)], np.r_[np.zeros(9), np.ones(11)]]])
        _, variances = permutation._linearised_by_group(counts, sums, accuracy)
        correct, n = sums[:, :3].sum(1), sums[:, 3:6].sum(1)
        for group, own in enumerate((slice(0, 9), slice(9, 20))):
            ratio = correct[own].sum() / n[own].sum()
            influence = (correct[own] - ratio * n[own]) / n[own].sum()
            size = len(influence)
            expected = size * influence.var(ddof=1)
            assert variances[0, group, 0] == pytest.approx(expected, rel=1e-5)

    def test_sums_below_zero_are_moved_like_others(self) -> None:
        """A mean of −1, 0 and 1 has the influences of a mean of 1, 2 and 3."""
        rng = np.random.default_rng(4)
        each = np.stack([np.full(20, 30.0), rng.normal(-5.0, 8.0, 20)], axis=-1)
        assert each[:, 1].sum() < 0
        counts = np.array([[np.r_[np.ones(9), np.zeros(11)], np.r_[np.zeros(9), np.ones(11)]]])

        def mean(sums: FloatArray) -> FloatArray:
            return sums[..., [1]] / sums[..., [0]]

        shifted = each + np.array([0.0, 30.0])  # every value moved up by 1
        found = permutation._linearised_by_group(counts, each, mean)[1]
        above = permutation._linearised_by_group(counts, shifted, mean)[1]
        np.testing.assert_allclose(found, above, rtol=1e-6)
        own = each[:9, 1] / each[:9, 0]
        assert found[0, 0, 0] == pytest.approx(own.var(ddof=1) / 9, rel=1e-6)

    def test_drawing_counts_is_shuffling_labels(self) -> None:
        """Multivariate hypergeometric against shuffled units, cell by cell in distribution."""
        multiplicity, sizes = np.array([5, 1, 9, 3]), np.array([7, 6, 5])
        rng = np.random.default_rng(0)
        counts = permutation._hypergeometric(multiplicity, sizes, 4000, rng)
        assert (counts.sum(1) == multiplicity).all()
        assert (counts.sum(2) == sizes).all()
        units, labels = np.repeat(np.arange(4), multiplicity), np.repeat(np.arange(3), sizes)
        shuffled = np.zeros_like(counts)
        for draw in shuffled:
            np.add.at(draw, (rng.permutation(labels), units), 1)
        np.testing.assert_allclose(counts.mean(0), shuffled.mean(0), atol=0.1)
        np.testing.assert_allclose(counts.var(0), shuffled.var(0), atol=0.15)

    def test_chunks_do_not_change_the_result_of_an_enumeration(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        given = world([4, 5], skills=(0.5, 0.7), seed=2)

        def result() -> object:
            return permutation_test(
                given.sums(), {"a": accuracy}, {"a": ("a",)}, permutations=200, seed=0
            )

        whole = result()
        monkeypatch.setattr(permutation, "_CHUNK_CELLS", 100)
        assert result() == whole


def test_the_seed_decides() -> None:
    given = world([10, 10], skills=(0.55, 0.6), seed=1)
    assert p_value(given, permutations=99, seed=4) == p_value(given, permutations=99, seed=4)
    assert len({p_value(given, permutations=99, seed=seed) for seed in range(6)}) > 1


def test_more_draws_come_closer_to_the_whole() -> None:
    given = world([6, 6], skills=(0.5, 0.65), seed=5)
    whole = permutation_test(
        given.sums(), {"a": accuracy}, {"a": ("a",)}, permutations=1000, seed=0
    )
    assert whole.exact
    drawn = np.mean([p_value(given, permutations=900, seed=seed) for seed in range(12)])
    assert drawn == pytest.approx(whole.p_values["a"], abs=0.02)
