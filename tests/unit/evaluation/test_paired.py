"""Two systems on the same utterances: signed, paired by speaker, and antisymmetric."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from scipy import stats

from equivoice.errors import InputError
from equivoice.evaluation.paired import compare_predictions
from equivoice.records import ESTIMATES
from oracles import resampling as slow
from oracles.worlds import CLASSES, World, cell, world

QUICK = {"replicates": 2000, "permutations": 999}


def second_system(given: World, *, better: float = 0.0, seed: int = 9) -> World:
    """Mostly the same answers, so that what is hard for one is hard for the other."""
    rng = np.random.default_rng(seed)
    other = given.predicted.copy()
    changed = rng.random(len(other)) < 0.2
    other[changed] = rng.integers(0, given.classes, int(changed.sum()))
    mended = rng.random(len(other)) < better
    other[mended] = given.reference[mended]
    return World(
        given.reference, other, given.groups, given.speakers, given.classes, given.n_groups
    )


FIRST = world([10, 10], skills=(0.6,), each=18, spread=3.0, seed=4)
SECOND = second_system(FIRST, better=0.3)


def compared(first: World = FIRST, second: World = SECOND, **options: object) -> pl.DataFrame:
    asked = {"label_space": FIRST.labels, **QUICK} | options
    return compare_predictions(
        first.predictions(),
        second.predictions(),
        first.utterances(),
        **asked,  # type: ignore[arg-type]
    )


@pytest.fixture(scope="module")
def found() -> pl.DataFrame:
    return compared()


class TestRows:
    def test_a_valid_table_of_comparisons(self, found: pl.DataFrame) -> None:
        ESTIMATES.validate(found)
        assert set(found["quantity"]) == {"comparison"}
        assert set(found["system"]) == {"A − B"}
        assert set(found["unit"]) == {"speaker"}
        assert set(found["reference"]) == {"given"}

    def test_first_minus_second(self, found: pl.DataFrame) -> None:
        for name, score in (("accuracy", slow.accuracy), ("macro_f1", slow.macro_f1)):
            expected = score(FIRST.reference, FIRST.predicted) - score(
                SECOND.reference, SECOND.predicted
            )
            assert cell(found, metric=name, class_=None)["value"] == pytest.approx(expected)
        assert float(cell(found, metric="accuracy")["value"]) < 0  # type: ignore[arg-type]

    def test_the_names_given(self) -> None:
        assert set(compared(names=("small", "large"))["system"]) == {"small − large"}

    def test_sums_of_recalls_are_compared_only_where_the_convention_speaks_of_them(
        self, found: pl.DataFrame
    ) -> None:
        assert "recall_sum" not in set(found["metric"])
        assert "recall_sum" in set(compared(convention="fairalm_code", replicates=50)["metric"])

    def test_speakers_count_once(self, found: pl.DataFrame) -> None:
        assert set(found["clusters"]) == {20}

    def test_every_row_has_a_value_or_a_reason(self, found: pl.DataFrame) -> None:
        assert found.filter(pl.col("value").is_null() & pl.col("undefined").is_null()).is_empty()


class TestPairing:
    def test_swapping_the_systems_turns_the_sign(self, found: pl.DataFrame) -> None:
        turned = compared(SECOND, FIRST)
        key = ["metric", "class"]
        both = found.join(turned, on=key, nulls_equal=True, suffix="_turned")
        assert both.height == found.height
        for row in both.filter(pl.col("value").is_not_null()).iter_rows(named=True):
            assert row["value_turned"] == pytest.approx(-row["value"], abs=1e-12)
            assert row["p_value_turned"] == pytest.approx(row["p_value"], abs=0.03)
            if row["low"] is not None:
                assert row["low_turned"] == pytest.approx(-row["high"], abs=0.02)
                assert row["high_turned"] == pytest.approx(-row["low"], abs=0.02)

    def test_a_system_against_itself(self) -> None:
        same = compared(FIRST, FIRST).filter(pl.col("value").is_not_null())
        assert (same["value"] == 0).all()
        assert (same["low"].drop_nulls().abs() < 1e-9).all()
        assert same.filter(pl.col("low").is_null() & pl.col("undefined").is_null()).is_empty()
        assert set(same["p_value"].drop_nulls()) == {1.0}

    def test_the_interval_is_that_of_a_paired_t_test(self) -> None:
        one, other = ((w.reference == w.predicted).reshape(20, 18).mean(1) for w in (FIRST, SECOND))
        expected = stats.ttest_rel(one, other).confidence_interval(0.95)
        row = cell(compared(replicates=20_000), metric="accuracy")
        assert (row["low"], row["high"]) == pytest.approx(tuple(expected), abs=0.008)

    def test_the_p_value_is_that_of_swapped_speakers(self) -> None:
        small = world([8], skills=(0.6,), each=18, spread=3.0, seed=6)
        other = second_system(small, better=0.1)
        one, two = ((w.reference == w.predicted).reshape(8, 18).mean(1) for w in (small, other))

        def paired_t(a: np.ndarray, b: np.ndarray, axis: int) -> np.ndarray:
            d = a - b
            return np.abs(d.mean(axis)) / np.maximum(np.sqrt(d.var(axis, ddof=1) / 8), 1e-9)

        expected = stats.permutation_test(
            (one, two),
            paired_t,
            permutation_type="samples",
            vectorized=True,
            n_resamples=np.inf,
            alternative="greater",
        ).pvalue
        row = cell(compared(small, other, label_space=small.labels), metric="accuracy")
        assert row["p_floor"] == pytest.approx(2 / 2**8)
        assert row["p_value"] == pytest.approx(expected, abs=1e-9)

    def test_pairing_shortens_the_interval(self, found: pl.DataFrame) -> None:
        """Against two independent samples of the same speakers."""
        one, other = ((w.reference == w.predicted).reshape(20, 18).mean(1) for w in (FIRST, SECOND))
        apart = np.ptp(stats.ttest_ind(one, other, equal_var=False).confidence_interval(0.95))
        row = cell(found, metric="accuracy")
        assert float(row["high"]) - float(row["low"]) < 0.6 * apart  # type: ignore[arg-type]

    def test_without_speakers_utterances_are_paired(self) -> None:
        reference = FIRST.utterances().drop("speaker")
        rows = compare_predictions(
            FIRST.predictions(), SECOND.predictions(), reference, label_space=FIRST.labels, **QUICK
        )
        row = cell(rows, metric="accuracy")
        assert row["unit"] == "utterance"
        difference = (FIRST.reference == FIRST.predicted).astype(float)
        difference -= SECOND.reference == SECOND.predicted
        expected = stats.t.interval(
            0.95, len(difference) - 1, difference.mean(), stats.sem(difference)
        )
        assert (row["low"], row["high"]) == pytest.approx(expected, abs=0.01)


class TestPartners:
    def test_order_of_rows_does_not_matter(self, found: pl.DataFrame) -> None:
        rng = np.random.default_rng(1)
        order = rng.permutation(len(FIRST.reference)).tolist()
        shuffled = compare_predictions(
            FIRST.predictions()[order],
            SECOND.predictions(),
            FIRST.utterances()[order[::-1]],
            label_space=FIRST.labels,
            **QUICK,
        )
        assert shuffled.select("metric", "class", "value", "low", "high").equals(
            found.select("metric", "class", "value", "low", "high")
        )

    def test_what_only_one_system_answered_is_left_out_and_counted(self) -> None:
        rows = compare_predictions(
            FIRST.predictions().head(300),
            SECOND.predictions().tail(300),
            FIRST.utterances(),
            label_space=FIRST.labels,
            **QUICK,
        )
        row = cell(rows, metric="accuracy")
        kept = slice(60, 300)
        expected = slow.accuracy(FIRST.reference[kept], FIRST.predicted[kept]) - slow.accuracy(
            SECOND.reference[kept], SECOND.predicted[kept]
        )
        assert row["value"] == pytest.approx(expected)
        assert json.loads(str(row["left_out"]))["prediction without partner"] == 120

    def test_nothing_in_common(self) -> None:
        with pytest.raises(InputError, match="no utterance in common"):
            compare_predictions(
                FIRST.predictions().head(100),
                SECOND.predictions().tail(100),
                FIRST.utterances(),
                label_space=FIRST.labels,
            )

    def test_an_answer_without_a_label_is_an_answer(self) -> None:
        silent = World(
            FIRST.reference, np.full_like(FIRST.predicted, -1), FIRST.groups, FIRST.speakers, 3, 2
        )
        row = cell(compared(FIRST, silent), metric="accuracy")
        assert row["value"] == pytest.approx(slow.accuracy(FIRST.reference, FIRST.predicted))

    def test_few_speakers_have_no_interval_and_a_floor(self) -> None:
        few = world([3], each=18)
        row = cell(compared(few, second_system(few), label_space=few.labels), metric="accuracy")
        assert row["low"] is None
        assert "too few speakers" in str(row["undefined"])
        assert row["p_floor"] == pytest.approx(2 / 2**3)


class TestGroups:
    def test_within_each_group(self) -> None:
        rows = compared(group_by=["gender"])
        for group, name in enumerate(("female", "male")):
            own = FIRST.groups == group
            expected = slow.accuracy(FIRST.reference[own], FIRST.predicted[own]) - slow.accuracy(
                SECOND.reference[own], SECOND.predicted[own]
            )
            row = cell(rows, metric="accuracy", group_by="gender", groups=name)
            assert row["value"] == pytest.approx(expected)
            assert row["clusters"] == 10

    def test_everybody_is_still_there(self, found: pl.DataFrame) -> None:
        everybody = compared(group_by=["gender"]).filter(pl.col("group_by").is_null())
        assert everybody.select("metric", "value").equals(found.select("metric", "value"))


def test_labels_are_those_of_the_reference_where_none_are_declared() -> None:
    rows = compare_predictions(
        FIRST.predictions(), SECOND.predictions(), FIRST.utterances(), **QUICK
    )
    assert set(rows["class"].drop_nulls()) == set(CLASSES[:3])
