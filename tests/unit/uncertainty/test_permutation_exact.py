"""Permutation tests that enumerate every arrangement, against brute force over rows."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from equivoice.metrics import FloatArray, classification_metrics
from equivoice.uncertainty import PermutationResult, permutation_test
from oracles import resampling as slow
from oracles.worlds import World, world

METRICS = classification_metrics()
SLOW = {"accuracy": slow.accuracy, "macro_f1": slow.macro_f1}


def finish(name: str):
    metric = METRICS[name]

    def columns(sums: FloatArray) -> FloatArray:
        values = metric.finish(sums)
        return values if metric.per_class else values[..., np.newaxis]

    return columns


def outcome(
    given: World, *names: str, permutations: int = 5000, seed: int = 0
) -> PermutationResult:
    return permutation_test(
        given.sums(),
        {name: finish(name) for name in names},
        {name: (name,) for name in names},
        permutations=permutations,
        seed=seed,
    )


def split(given: World) -> tuple[tuple[int, ...], tuple[int, ...]]:
    first, second = (
        tuple(sorted(set(given.speakers[given.groups == group].tolist()))) for group in (0, 1)
    )
    return first, second


class TestTwoGroups:
    @pytest.mark.parametrize("name", ["accuracy", "macro_f1"])
    @pytest.mark.parametrize(
        ("sizes", "seed"), [((3, 3), 1), ((3, 5), 2), ((4, 4), 3), ((2, 6), 4)]
    )
    def test_equals_brute_force_over_rows(
        self, name: str, sizes: tuple[int, int], seed: int
    ) -> None:
        given = world(sizes, skills=(0.5, 0.7), each=12, seed=seed)
        result = outcome(given, name)
        expected = slow.studentised_p(
            given.reference, given.predicted, given.speakers, *split(given), SLOW[name]
        )
        assert result.exact
        assert result.p_values[name] == pytest.approx(expected, abs=1e-12)

    @pytest.mark.parametrize("sizes", [(4, 4), (3, 6), (5, 5)])
    def test_equal_numbers_of_utterances_make_it_welchs_t(self, sizes: tuple[int, int]) -> None:
        """Scipy's permutation test of |t| over the speakers' own accuracies."""
        given = world(sizes, skills=(0.4, 0.7), each=24, spread=4, seed=8)
        means = np.array(
            [
                (given.reference == given.predicted)[given.speakers == speaker].mean()
                for speaker in range(sum(sizes))
            ]
        )

        def welch(one: FloatArray, other: FloatArray, axis: int) -> FloatArray:
            difference = one.mean(axis) - other.mean(axis)
            errors = (part.var(axis, ddof=1) / part.shape[axis] for part in (one, other))
            return np.abs(difference) / np.sqrt(sum(errors))

        expected = stats.permutation_test(
            (means[: sizes[0]], means[sizes[0] :]),
            welch,
            permutation_type="independent",
            vectorized=True,
            n_resamples=np.inf,
            alternative="greater",
        ).pvalue
        assert outcome(given, "accuracy").p_values["accuracy"] == pytest.approx(expected, abs=1e-9)

    def test_unequal_numbers_of_utterances(self) -> None:
        rng = np.random.default_rng(4)
        speakers = np.repeat(np.arange(8), [3, 20, 7, 11, 5, 9, 30, 4])
        reference = rng.integers(0, 3, len(speakers))
        predicted = np.where(rng.random(len(speakers)) < 0.6, reference, (reference + 1) % 3)
        given = World(reference, predicted, (speakers >= 4).astype(np.int64), speakers, 3, 2)
        expected = slow.studentised_p(reference, predicted, speakers, *split(given), slow.accuracy)
        assert outcome(given, "accuracy").p_values["accuracy"] == pytest.approx(expected, abs=1e-12)

    @pytest.mark.parametrize(
        ("sizes", "floor"),
        [((3, 3), 2 / 20), ((2, 2), 2 / 6), ((4, 5), 1 / 126), ((2, 3), 1 / 10), ((5, 5), 2 / 252)],
    )
    def test_the_floor_is_stated_and_is_reached_by_the_clearest_difference(
        self, sizes: tuple[int, int], floor: float
    ) -> None:
        """All of one group right and all of the other wrong, but for one answer each."""
        given = world(sizes, each=12)
        right = np.where(np.arange(len(given.reference)) % 12 < 11, given.groups == 0, given.groups)
        predicted = np.where(right, given.reference, (given.reference + 1) % 3)
        clear = World(given.reference, predicted, given.groups, given.speakers, 3, 2)
        result = outcome(clear, "accuracy")
        assert result.floor == pytest.approx(floor)
        assert result.p_values["accuracy"] == pytest.approx(floor)

    def test_all_speakers_alike_give_p_1(self) -> None:
        given = world([4, 4], each=9)
        alike = World(given.reference, given.reference, given.groups, given.speakers, 3, 2)
        assert outcome(alike, "accuracy", "macro_f1").p_values == {"accuracy": 1.0, "macro_f1": 1.0}

    @pytest.mark.parametrize("seed", range(40))
    def test_rounding_is_no_difference(self, seed: int) -> None:
        """Ten speakers with the same answers, some of them two or three times over."""
        rng = np.random.default_rng(seed)
        n, times = int(rng.integers(2, 9)), rng.integers(1, 4, 10)
        said = rng.integers(0, 3, n)
        answer = np.where(np.arange(n) < rng.integers(1, n + 1), said, (said + 1) % 3)
        reference, predicted = (
            np.concatenate([np.tile(part, count) for count in times]) for part in (said, answer)
        )
        speakers = np.repeat(np.arange(10), times * n)
        given = World(reference, predicted, (speakers >= 5).astype(np.int64), speakers, 3, 2)
        names = ("accuracy", "macro_f1", "weighted_f1")
        assert set(outcome(given, *names, permutations=300).p_values.values()) == {1.0}

    def test_which_group_is_named_first_does_not_matter(self) -> None:
        given = world([3, 5], skills=(0.5, 0.8), seed=3)
        swapped = World(given.reference, given.predicted, 1 - given.groups, given.speakers, 3, 2)
        assert outcome(swapped, "macro_f1").p_values == pytest.approx(
            outcome(given, "macro_f1").p_values
        )

    def test_no_seed_is_needed_where_all_are_enumerated(self) -> None:
        given = world([4, 5], seed=3)
        assert outcome(given, "accuracy", seed=1) == outcome(given, "accuracy", seed=2)

    def test_as_many_or_fewer_arrangements_than_asked_for_are_enumerated(self) -> None:
        given = world([4, 5], seed=3)
        assert outcome(given, "accuracy", permutations=126).exact
        assert not outcome(given, "accuracy", permutations=125).exact


class TestThreeGroups:
    def test_equals_brute_force(self) -> None:
        """Wald statistic of equal values, from jackknife variances, over all 90 partitions."""
        given = world([2, 2, 2], skills=(0.4, 0.6, 0.8), each=18, seed=6)

        def wald(labels: tuple[int, ...]) -> float:
            scores, weights = [], []
            for group in range(3):
                members = tuple(s for s, label in enumerate(labels) if label == group)
                value, variance = slow.leave_one_out(
                    given.reference, given.predicted, given.speakers, members, slow.accuracy
                )
                scores.append(value)
                weights.append(1 / max(variance, 1e-12))
            centre = np.average(scores, weights=weights)
            return float(np.dot(weights, (np.array(scores) - centre) ** 2))

        everyone = set(itertools.permutations((0, 0, 1, 1, 2, 2)))
        observed = wald((0, 0, 1, 1, 2, 2))
        expected = np.mean([wald(labels) >= observed * (1 - 1e-9) for labels in everyone])
        result = outcome(given, "accuracy")
        assert len(everyone) == 90
        assert result.exact
        assert result.p_values["accuracy"] == pytest.approx(expected, abs=1e-12)
        assert result.floor == pytest.approx(6 / 90)  # renaming three equal groups changes nothing

    def test_the_floor_of_unequal_groups(self) -> None:
        assert outcome(world([2, 2, 3]), "accuracy").floor == pytest.approx(2 / 210)
        assert outcome(world([2, 3, 4]), "accuracy").floor == pytest.approx(1 / 1260)


class TestPaired:
    """Speakers who stand in both groups swap their halves."""

    @staticmethod
    def both(n: int, seed: int = 0, ahead: float = 0.0) -> World:
        rng = np.random.default_rng(seed)
        speakers = np.repeat(np.arange(n), 24)
        groups = np.tile(np.repeat([0, 1], 12), n)
        skill = np.clip(rng.normal(0.55, 0.12, (n, 2)) + np.array([ahead, 0]), 0.05, 0.95)
        reference = np.tile(np.arange(12) % 3, 2 * n)
        right = rng.random(24 * n) < skill[speakers, groups]
        predicted = np.where(right, reference, (reference + rng.integers(1, 3, 24 * n)) % 3)
        return World(reference, predicted, groups, speakers, 3, 2)

    @pytest.mark.parametrize(("n", "seed"), [(5, 0), (6, 1), (8, 2)])
    def test_equals_scipys_swaps(self, n: int, seed: int) -> None:
        """Equal numbers of utterances: the paired t statistic of the speakers' differences."""
        given = self.both(n, seed)
        right = given.reference == given.predicted
        one, other = (
            np.array([right[(given.speakers == s) & (given.groups == g)].mean() for s in range(n)])
            for g in (0, 1)
        )

        def paired_t(first: FloatArray, second: FloatArray, axis: int) -> FloatArray:
            differences = first - second
            error = np.sqrt(differences.var(axis, ddof=1) / n)
            return np.abs(differences.mean(axis)) / np.maximum(error, 1e-9)

        expected = stats.permutation_test(
            (one, other),
            paired_t,
            permutation_type="samples",
            vectorized=True,
            n_resamples=np.inf,
            alternative="greater",
        ).pvalue
        result = outcome(given, "accuracy")
        assert result.exact
        assert result.p_values["accuracy"] == pytest.approx(expected, abs=1e-9)

    def test_macro_f1_equals_swaps_of_rows(self) -> None:
        n = 5
        given = self.both(n, seed=3, ahead=0.2)

        def statistic(groups: np.ndarray) -> float:
            def difference(kept: np.ndarray) -> float:
                one, other = (
                    slow.macro_f1(given.reference[own], given.predicted[own])
                    for own in (kept & (groups == 0), kept & (groups == 1))
                )
                return one - other

            everyone = np.ones(len(groups), dtype=bool)
            without = [difference(given.speakers != s) for s in range(n)]
            return difference(everyone) ** 2 / (np.var(without) * (n - 1))

        found = []
        for swaps in itertools.product((0, 1), repeat=n):
            found.append(statistic(given.groups ^ np.array(swaps)[given.speakers]))
        expected = np.mean(np.array(found) >= found[0] * (1 - 1e-9))
        assert outcome(given, "macro_f1").p_values["macro_f1"] == pytest.approx(expected, abs=1e-12)

    @pytest.mark.parametrize("n", [2, 4, 6, 10])
    def test_the_floor_is_two_in_two_to_the_n(self, n: int) -> None:
        """Swapping everybody gives the same statistic, so no p is below 2 / 2ⁿ."""
        assert outcome(self.both(n), "accuracy").floor == pytest.approx(2 / 2**n)

    def test_a_clear_difference_reaches_the_floor(self) -> None:
        n = 6
        given = self.both(n)
        right = (given.groups == 0) & (np.arange(len(given.groups)) % 12 > 0)
        right |= (given.groups == 1) & (np.arange(len(given.groups)) % 12 < given.speakers % 2 + 1)
        predicted = np.where(right, given.reference, (given.reference + 1) % 3)
        clear = World(given.reference, predicted, given.groups, given.speakers, 3, 2)
        assert outcome(clear, "accuracy").p_values["accuracy"] == pytest.approx(2 / 2**n)

    def test_many_speakers_are_sampled(self) -> None:
        result = outcome(self.both(20, ahead=0.02), "accuracy", permutations=500)
        assert not result.exact
        assert result.floor == pytest.approx(1 / 501)
        assert result.floor <= result.p_values["accuracy"] <= 1


class TestNoTest:
    def test_a_group_with_one_speaker(self) -> None:
        result = outcome(world([1, 6]), "accuracy")
        assert "fewer than two" in result.undefined
        assert math.isnan(result.p_values["accuracy"])
        assert math.isnan(result.floor)

    def test_speakers_in_one_and_speakers_in_several_groups(self) -> None:
        given = world([4, 4])
        groups = given.groups.copy()
        groups[0] = 1  # one utterance of the first speaker
        result = outcome(
            World(given.reference, given.predicted, groups, given.speakers, 3, 2), "accuracy"
        )
        assert "some speakers stand in both groups" in result.undefined

    def test_speakers_in_three_groups(self) -> None:
        given = world([6], each=12)
        groups = np.tile(np.arange(12) % 3, 6)
        result = outcome(
            World(given.reference, given.predicted, groups, given.speakers, 3, 3), "accuracy"
        )
        assert "more than two groups" in result.undefined

    def test_a_metric_that_a_group_lacks_has_no_p(self) -> None:
        given = world([4, 4])
        reference = np.where(given.groups == 1, 0, given.reference)
        lacking = World(reference, given.predicted, given.groups, given.speakers, 3, 2)
        result = permutation_test(
            lacking.sums(),
            {"recall of 2": lambda sums: finish("recall")(sums)[..., [2]]},
            {"recall of 2": ("recall of 2",)},
            permutations=500,
            seed=0,
        )
        assert math.isnan(result.p_values["recall of 2"])
        assert not result.undefined


class TestMeasures:
    def test_several_metrics_are_tested_together(self) -> None:
        """The statistics of the columns add up: brute force over a sum of two."""
        given = world([3, 3], skills=(0.5, 0.7), each=12, seed=5)
        both = permutation_test(
            given.sums(),
            {name: finish(name) for name in ("accuracy", "macro_f1")},
            {"both": ("accuracy", "macro_f1")},
            permutations=5000,
            seed=0,
        )
        found = []
        for one, other in slow.two_groups_of(list(range(6)), 3):
            total = 0.0
            for score in (slow.accuracy, slow.macro_f1):
                (a, va), (b, vb) = (
                    slow.leave_one_out(
                        given.reference, given.predicted, given.speakers, part, score
                    )
                    for part in (one, other)
                )
                total += (a - b) ** 2 / (va + vb)
            found.append((one, total))
        observed = dict(found)[0, 1, 2]
        expected = np.mean([total >= observed * (1 - 1e-9) for _, total in found])
        assert both.p_values["both"] == pytest.approx(expected, abs=1e-12)

    def test_a_test_of_one_metric_does_not_depend_on_its_companions(self) -> None:
        given = world([4, 5], skills=(0.5, 0.7), seed=2)
        alone = outcome(given, "macro_f1").p_values["macro_f1"]
        assert outcome(given, "recall", "macro_f1", "accuracy").p_values["macro_f1"] == alone
