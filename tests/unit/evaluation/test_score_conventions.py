"""FairALM's conventions end to end, on two folds worked by hand.

Fold 1 has women and men, fold 2 women only, as RAVDESS fold 2 (papers.md).
FairALM's code counts statistical parity of such a fold as 0 and leaves it out
of equal opportunity and overall accuracy equality; unparsed answers are
dropped before fairness, and macro-F1 runs over K + 1 classes as soon as there
is one. The ± of its tables is a standard deviation (ddof 1) over folds.
"""

from __future__ import annotations

import statistics
from functools import cache

import polars as pl
import pytest

from equivoice.evaluation.score import score
from equivoice.records import Label, LabelSpace
from oracles.worlds import cell

LABELS = LabelSpace("two", (Label("happy"), Label("sad")))
H, S, N = "happy", "sad", None

# (fold, speaker, gender, reference, answer)
ROWS: list[tuple[str, str, str, str, str | None]] = [
    *[("1", "f1", "female", H, answer) for answer in (H, H, H, S)],
    *[("1", "f1", "female", S, answer) for answer in (S, S, H, H)],
    *[("1", "m1", "male", H, answer) for answer in (H, H, S, N)],
    *[("1", "m1", "male", S, answer) for answer in (S, S, S, S)],
    *[("2", "f2", "female", H, answer) for answer in (H, H, H, H)],
    *[("2", "f2", "female", S, answer) for answer in (S, S, S, H)],
]


def estimates(convention: str, rows: list[tuple[str, str, str, str, str | None]]) -> pl.DataFrame:
    frame = pl.DataFrame(
        rows, schema=["fold", "speaker", "gender", "emotion", "answer"], orient="row"
    ).with_columns(utterance_id=pl.format("c/{}", pl.int_range(pl.len())), corpus=pl.lit("c"))
    return score(
        frame.select("utterance_id", "fold", emotion="answer"),
        frame.drop("fold", "answer"),
        label_space=LABELS,
        group_by=["gender"],
        convention=convention,
        replicates=50,
        permutations=50,
    ).estimates


@pytest.fixture
def found(request: pytest.FixtureRequest) -> pl.DataFrame:
    """Both folds under the convention of the test's class."""
    return both_folds(request.cls.CONVENTION)


@cache
def both_folds(convention: str) -> pl.DataFrame:
    return estimates(convention, ROWS)


def gap(found: pl.DataFrame, measure: str, over_classes: str | None = "mean") -> dict[str, object]:
    return dict(
        cell(
            found,
            quantity="gap",
            metric=measure,
            group_aggregator="mean",
            class_aggregator=over_classes,
            fold="all",
        )
    )


class TestCode:
    CONVENTION = "fairalm_code"

    def test_macro_f1_is_over_three_classes_where_an_answer_is_unparsed(
        self, found: pl.DataFrame
    ) -> None:
        # fold 1: happy c 5, r 8, p 7 -> 10/15; sad c 6, r 8, p 8 -> 12/16; unparsed 0
        first = (10 / 15 + 12 / 16 + 0) / 3
        # fold 2: happy c 4, r 4, p 5 -> 8/9; sad c 3, r 4, p 3 -> 6/7
        second = (8 / 9 + 6 / 7) / 2
        row = cell(found, quantity="score", metric="macro_f1", fold="all")
        assert row["value"] == pytest.approx((first + second) / 2, abs=1e-12)
        assert row["sd_folds"] == pytest.approx(statistics.stdev([first, second]), abs=1e-12)

    def test_accuracy_counts_the_unparsed_answer_as_wrong(self, found: pl.DataFrame) -> None:
        row = cell(found, quantity="score", metric="accuracy", fold="all")
        assert row["value"] == pytest.approx((11 / 16 + 7 / 8) / 2, abs=1e-12)

    def test_parity_of_the_fold_of_women_counts_0(self, found: pl.DataFrame) -> None:
        # fold 1, unparsed dropped: women happy 5/8, men happy 2/7
        first = abs(5 / 8 - 2 / 7)
        row = gap(found, "statistical_parity")
        assert row["value"] == pytest.approx((first + 0) / 2, abs=1e-12)
        assert row["sd_folds"] == pytest.approx(statistics.stdev([first, 0]), abs=1e-12)

    def test_equal_opportunity_of_the_fold_of_women_is_left_out(self, found: pl.DataFrame) -> None:
        # women .75, .5; men, unparsed dropped, 2/3, 1
        expected = (abs(3 / 4 - 2 / 3) + abs(1 / 2 - 1)) / 2
        row = gap(found, "equal_opportunity")
        assert row["value"] == pytest.approx(expected, abs=1e-12)
        assert row["sd_folds"] is None

    def test_overall_accuracy_equality_is_the_sum_of_recalls(self, found: pl.DataFrame) -> None:
        row = gap(found, "overall_accuracy_equality", None)
        assert row["value"] == pytest.approx((2 / 3 + 1) - (3 / 4 + 1 / 2), abs=1e-12)

    def test_averages_have_no_interval_and_say_why(self, found: pl.DataFrame) -> None:
        pooled = found.filter((pl.col("fold") == "all") & (pl.col("quantity") != "confusion"))
        averaged = pooled.filter(pl.col("value").is_not_null() & pl.col("low").is_null())
        assert averaged.height > 0
        assert averaged["undefined"].null_count() == 0

    def test_dropped_answers_are_counted(self, found: pl.DataFrame) -> None:
        row = cell(found, quantity="group_score", metric="accuracy", groups="male", fold="all")
        assert "unparsed (dropped)" in str(row["left_out"])
        assert row["value"] == pytest.approx(6 / 7)

    def test_the_convention_stands_in_every_row(self, found: pl.DataFrame) -> None:
        assert set(found["convention"]) == {"fairalm_code"}


class TestPaper:
    CONVENTION = "fairalm_paper"

    def test_unparsed_answers_are_wrong_also_between_groups(self, found: pl.DataFrame) -> None:
        row = gap(found, "equal_opportunity")
        expected = (abs(3 / 4 - 2 / 4) + abs(1 / 2 - 1)) / 2
        assert row["value"] == pytest.approx(expected, abs=1e-12)

    def test_overall_accuracy_equality_is_accuracy(self, found: pl.DataFrame) -> None:
        row = gap(found, "overall_accuracy_equality", None)
        assert row["value"] == pytest.approx(6 / 8 - 5 / 8, abs=1e-12)

    def test_parity_is_undefined_in_the_fold_of_women(self, found: pl.DataFrame) -> None:
        # happy 5/8 v 2/8, sad 3/8 v 5/8
        row = gap(found, "statistical_parity")
        assert row["value"] == pytest.approx((3 / 8 + 2 / 8) / 2, abs=1e-12)

    def test_macro_f1_is_over_the_labels(self, found: pl.DataFrame) -> None:
        row = cell(found, quantity="score", metric="macro_f1", fold="all")
        first, second = (10 / 15 + 12 / 16) / 2, (8 / 9 + 6 / 7) / 2
        assert row["value"] == pytest.approx((first + second) / 2, abs=1e-12)


class TestOurs:
    CONVENTION = "equivoice"

    def test_folds_are_pooled(self, found: pl.DataFrame) -> None:
        row = cell(found, quantity="score", metric="accuracy", fold="all")
        assert row["value"] == pytest.approx(18 / 24)
        assert row["sd_folds"] == pytest.approx(statistics.stdev([11 / 16, 7 / 8]))
        row = gap(found, "overall_accuracy_equality", None)
        assert row["value"] == pytest.approx(abs(12 / 16 - 6 / 8))

    def test_the_fold_of_women_has_undefined_gaps_that_say_so(self, found: pl.DataFrame) -> None:
        gaps = found.filter(quantity="gap", fold="2")
        assert gaps["value"].null_count() == gaps.height
        assert gaps["undefined"].null_count() == 0

    def test_and_name_the_group_that_is_alone(self, found: pl.DataFrame) -> None:
        assert set(found.filter(quantity="gap", fold="2")["undefined"]) == {
            "only one group: female"
        }


class TestSingleFold:
    """One fold alone follows the same rules as one of several."""

    WOMEN = ROWS[16:]

    def test_parity_counts_0_under_the_code(self) -> None:
        found = estimates("fairalm_code", self.WOMEN)
        row = cell(
            found,
            quantity="gap",
            metric="statistical_parity",
            group_aggregator="mean",
            class_aggregator="mean",
        )
        assert row["value"] == 0.0

    def test_the_score_is_the_same_with_and_without_a_name_of_the_fold(self) -> None:
        named = estimates("fairalm_code", self.WOMEN)
        nameless = estimates("fairalm_code", [(None, *row[1:]) for row in self.WOMEN])  # type: ignore[misc]
        for metric in ("accuracy", "macro_f1"):
            one, other = (
                cell(found, quantity="score", metric=metric)["value"] for found in (named, nameless)
            )
            assert one == other


def test_folds_of_one_gender_each_have_no_gap_under_the_code() -> None:
    """Speaker-disjoint folds with a woman here and a man there: nothing to compare anywhere."""
    apart = [(gender, speaker, gender, *rest) for _, speaker, gender, *rest in ROWS]
    found = estimates("fairalm_code", apart)  # type: ignore[arg-type]
    row = gap(found, "equal_opportunity")
    assert row["value"] is None
    assert row["undefined"]
