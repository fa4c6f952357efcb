"""What must not change a score: orders, names, copies, additions."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from equivoice.evaluation.score import score
from equivoice.records import LabelSpace
from oracles.codes import EXAMPLES, TIGHT, Answers, answers, group_values, values
from oracles.worlds import World, world

FEW = settings(max_examples=12, deadline=None, derandomize=True)
GIVEN = world([6, 7], skills=(0.75, 0.5), classes=3, each=8, unparsed=0.05, seed=1)
KEY = ["quantity", "metric", "group_aggregator", "class_aggregator", "group_by", "groups",
       "class", "predicted_class", "fold"]  # fmt: skip
POINTS = [*KEY, "value", "n", "undefined"]
INTERVALS = [*POINTS, "low", "high", "clusters", "p_value"]


def estimates(
    predictions: pl.DataFrame,
    utterances: pl.DataFrame,
    *,
    labels: LabelSpace = GIVEN.labels,
    replicates: int = 100,
) -> pl.DataFrame:
    return score(
        predictions,
        utterances,
        label_space=labels,
        group_by=["gender"],
        replicates=replicates,
        permutations=50,
    ).estimates


@pytest.fixture(scope="module")
def plain() -> pl.DataFrame:
    return estimates(GIVEN.predictions(), GIVEN.utterances())


def same(found: pl.DataFrame, expected: pl.DataFrame, columns: list[str]) -> None:
    """Equal rows, whatever their order."""
    assert_frame_equal(
        found.select(columns).sort(KEY, nulls_last=True),
        expected.select(columns).sort(KEY, nulls_last=True),
        abs_tol=1e-12,
        rel_tol=0,
    )


def shuffled(frame: pl.DataFrame, seed: int) -> pl.DataFrame:
    return frame.sample(fraction=1.0, shuffle=True, seed=seed)


class TestWholeTables:
    @FEW
    @given(st.integers(0, 2**16), st.integers(0, 2**16))
    def test_the_order_of_rows(self, plain: pl.DataFrame, one: int, other: int) -> None:
        found = estimates(shuffled(GIVEN.predictions(), one), shuffled(GIVEN.utterances(), other))
        same(found, plain, INTERVALS)

    @FEW
    @given(st.permutations(GIVEN.labels.labels))
    def test_the_order_of_the_label_space(self, plain: pl.DataFrame, order: list[object]) -> None:
        labels = LabelSpace("turned", tuple(order))  # type: ignore[arg-type]
        same(estimates(GIVEN.predictions(), GIVEN.utterances(), labels=labels), plain, POINTS)

    def test_intervals_neither(self, plain: pl.DataFrame) -> None:
        labels = LabelSpace("turned", GIVEN.labels.labels[::-1])
        found = estimates(GIVEN.predictions(), GIVEN.utterances(), labels=labels)
        scalars = pl.col("class").is_null() & (pl.col("quantity") != "gap")
        same(found.filter(scalars), plain.filter(scalars), INTERVALS)

    @FEW
    @given(st.permutations(["angry", "happy", "neutral"]))
    def test_the_names_of_labels(self, plain: pl.DataFrame, names: list[str]) -> None:
        """Labels change places everywhere: numbers of classes follow, the rest stays."""
        meaning = dict(zip(GIVEN.labels.names, names, strict=True))
        found = estimates(
            *(
                frame.with_columns(pl.col("emotion").replace(meaning))
                for frame in (GIVEN.predictions(), GIVEN.utterances())
            )
        )
        expected = plain.with_columns(pl.col("class", "predicted_class").replace(meaning))
        same(found, expected, POINTS)

    def test_names_of_groups_in_the_same_order(self, plain: pl.DataFrame) -> None:
        renamed = GIVEN.utterances(("anna − x", "bob | y"))
        new = {"female": "anna − x", "male": "bob | y", "female − male": "anna − x − bob | y"}
        expected = plain.with_columns(pl.col("groups").replace(new))
        found = estimates(GIVEN.predictions(), renamed)
        reason = pl.col("undefined").str.contains("female|anna").fill_null(value=False)
        same(found.filter(~reason), expected.filter(~reason), INTERVALS)

    def test_names_of_groups_in_another_order_turn_signs_only(self, plain: pl.DataFrame) -> None:
        found = estimates(GIVEN.predictions(), GIVEN.utterances(("women", "men")))
        turned = found.filter(quantity="pair_gap").select("metric", "class", value=-pl.col("value"))
        expected = plain.filter(quantity="pair_gap").select("metric", "class", "value")
        assert_frame_equal(turned, expected, abs_tol=1e-12, rel_tol=0)
        for quantity in ("score", "gap"):
            assert_frame_equal(
                found.filter(quantity=quantity).select("metric", "value"),
                plain.filter(quantity=quantity).select("metric", "value"),
                abs_tol=1e-12,
                rel_tol=0,
            )

    def test_another_column(self, plain: pl.DataFrame) -> None:
        more = GIVEN.utterances().with_columns(room=pl.lit("a"), take=pl.int_range(pl.len()))
        same(estimates(GIVEN.predictions(), more), plain, INTERVALS)

    def test_utterances_that_nobody_was_asked_about(self, plain: pl.DataFrame) -> None:
        more = GIVEN.utterances().with_columns(utterance_id="x" + pl.col("utterance_id"))
        found = estimates(GIVEN.predictions(), pl.concat([GIVEN.utterances(), more]))
        same(found, plain, INTERVALS)
        assert found["left_out"].str.contains("utterance without prediction").all()

    def test_predictions_without_reference(self, plain: pl.DataFrame) -> None:
        more = GIVEN.predictions().with_columns(utterance_id="x" + pl.col("utterance_id"))
        found = estimates(pl.concat([GIVEN.predictions(), more]), GIVEN.utterances())
        same(found, plain, INTERVALS)

    def test_names_of_speakers_in_the_same_order(self, plain: pl.DataFrame) -> None:
        renamed = GIVEN.utterances().with_columns(speaker="speaker-" + pl.col("speaker"))
        same(estimates(GIVEN.predictions(), renamed), plain, INTERVALS)

    def test_names_of_speakers_in_another_order(self) -> None:
        """The draw follows the sorted names: points are equal, intervals close."""
        turned = GIVEN.utterances().with_columns(
            speaker=pl.format("z{}", 99 - pl.col("speaker").str.slice(1).cast(pl.Int64))
        )
        found, expected = (
            estimates(GIVEN.predictions(), frame, replicates=4000)
            for frame in (turned, GIVEN.utterances())
        )
        same(found, expected, POINTS)
        direct = pl.col("quantity").is_in(["score", "group_score"]) & pl.col("low").is_not_null()
        one, other = (
            frame.filter(direct & pl.col("class").is_null()) for frame in (found, expected)
        )
        for end in ("low", "high"):
            assert (one[end] - other[end]).abs().max() < 0.04

    def test_a_prefix_of_every_id(self, plain: pl.DataFrame) -> None:
        found = estimates(
            *(
                frame.with_columns(utterance_id="p/" + pl.col("utterance_id"))
                for frame in (GIVEN.predictions(), GIVEN.utterances())
            )
        )
        same(found, plain, INTERVALS)


class TestCopies:
    """Every answer twice, by the same speakers: the same knowledge."""

    TWICE = World(
        *(
            np.tile(part, 2)
            for part in (GIVEN.reference, GIVEN.predicted, GIVEN.groups, GIVEN.speakers)
        ),
        GIVEN.classes,
        GIVEN.n_groups,
    )

    def test_values_and_intervals_over_speakers_stay(self, plain: pl.DataFrame) -> None:
        found = estimates(self.TWICE.predictions(), self.TWICE.utterances())
        columns = [*KEY, "value", "low", "high", "clusters"]
        kept = pl.col("quantity") != "confusion"
        same(found.filter(kept), plain.filter(kept), columns)

    def test_counts_double(self, plain: pl.DataFrame) -> None:
        found = estimates(self.TWICE.predictions(), self.TWICE.utterances())
        same(found.with_columns(pl.col("n") // 2), plain, [*KEY, "n"])

    def test_without_speakers_intervals_shorten(self) -> None:
        """There copies do count as knowledge, which is why the report warns."""
        lengths = []
        for one in (GIVEN, self.TWICE):
            frame = one.utterances().drop("speaker")
            row = estimates(one.predictions(), frame, replicates=2000).filter(
                quantity="score", metric="accuracy"
            )
            lengths.append(float((row["high"] - row["low"])[0]))
        assert lengths[1] == pytest.approx(lengths[0] / 2**0.5, rel=0.15)


class TestCodes:
    @EXAMPLES
    @given(answers(fewest_groups=2), st.randoms(use_true_random=False))
    def test_order_of_items(self, asked: Answers, random: object) -> None:
        order = np.arange(len(asked.reference))
        random.shuffle(order)  # type: ignore[attr-defined]
        for name, expected in group_values(asked).items():
            np.testing.assert_array_equal(group_values(asked.where(order))[name], expected)

    @EXAMPLES
    @given(answers(fewest_classes=2), st.integers(0, 99))
    def test_permuted_labels_permute_classes(self, asked: Answers, seed: int) -> None:
        turn = np.random.default_rng(seed).permutation(asked.classes)
        turned = Answers(
            asked.classes,
            turn[asked.reference],
            np.where(asked.predicted >= 0, turn[asked.predicted], -1),
            asked.groups,
            asked.n_groups,
        )
        expected, found = values(asked), values(turned)
        for name, value in expected.items():
            moved = found[name][turn] if value.ndim else found[name]
            np.testing.assert_allclose(moved, value, **TIGHT)

    @EXAMPLES
    @given(answers(fewest_groups=2), st.integers(2, 5))
    def test_copies_change_no_value(self, asked: Answers, times: int) -> None:
        copies = asked.where(np.tile(np.arange(len(asked.reference)), times))
        expected, found = group_values(asked), group_values(copies)
        for name, value in expected.items():
            np.testing.assert_allclose(found[name], value, **TIGHT)

    @EXAMPLES
    @given(answers(fewest_groups=2))
    def test_an_empty_group_changes_no_other(self, asked: Answers) -> None:
        more = Answers(
            asked.classes, asked.reference, asked.predicted, asked.groups + 1, asked.n_groups + 1
        )
        for name, expected in group_values(asked).items():
            found = group_values(more)[name]
            np.testing.assert_array_equal(found[1:], expected)
            assert np.isnan(found[0]).all()

    @EXAMPLES
    @given(answers())
    def test_a_label_that_nobody_used_changes_no_average(self, asked: Answers) -> None:
        more = Answers(
            asked.classes + 1, asked.reference, asked.predicted, asked.groups, asked.n_groups
        )
        for support in ("exclude", "present"):
            expected = values(asked, zero_support=support)
            found = values(more, zero_support=support)
            for name in (
                "accuracy",
                "macro_f1",
                "unweighted_accuracy",
                "weighted_f1",
                "recall_sum",
            ):
                np.testing.assert_allclose(found[name], expected[name], **TIGHT)
