"""Journals of trainings as points: sums over sums, worked by hand."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from equivoice.errors import SchemaError
from equivoice.evaluation.training_progress import (
    PROGRESS_COLUMNS,
    chosen_step,
    training_data,
    training_progress,
)
from equivoice.records import TRAINING_EVALUATIONS, TRAINING_LOSSES, TRAINING_STEPS

NO_STEPS = TRAINING_STEPS.empty()
NO_LOSSES = TRAINING_LOSSES.empty()
NO_EVALUATIONS = TRAINING_EVALUATIONS.empty()


def steps(*rows: dict[str, Any]) -> pl.DataFrame:
    base = {"epoch": 1, "items": 4, "weight": 0.0, "gap": None}
    return pl.DataFrame([base | row for row in rows], infer_schema_length=None)


def losses(*rows: tuple[int, str, str, str | None, float | None, int]) -> pl.DataFrame:
    names = ["step", "split", "cell", "group", "loss", "n"]
    return pl.DataFrame(list(rows), schema=names, orient="row", infer_schema_length=None)


def evaluations(*rows: tuple[Any, ...]) -> pl.DataFrame:
    names = ["step", "epoch", "metric", "cell", "group", "value", "n", "best"]
    return pl.DataFrame(list(rows), schema=names, orient="row", infer_schema_length=None)


def points(frame: pl.DataFrame, **wanted: Any) -> list[dict[str, Any]]:
    found = frame.filter(**{name: value for name, value in wanted.items() if value is not None})
    for name, value in wanted.items():
        if value is None:
            found = found.filter(pl.col(name).is_null())
    return found.to_dicts()


def test_the_table_has_the_columns_that_are_promised() -> None:
    made = training_progress(steps({"step": 1, "loss": 1.0}), NO_LOSSES, NO_EVALUATIONS)
    assert dict(made.schema) == PROGRESS_COLUMNS
    empty = training_progress(NO_STEPS, NO_LOSSES, NO_EVALUATIONS)
    assert dict(empty.schema) == PROGRESS_COLUMNS
    assert empty.is_empty()


def test_losses_between_evaluations_are_means_over_items() -> None:
    journal = steps(
        {"step": 1, "loss": 4.0, "items": 1},
        {"step": 2, "loss": 1.0, "items": 3},
        {"step": 3, "loss": 2.0, "items": 4},
    )
    held_out = losses((2, "validation", "en", "female", 1.5, 10))
    made = training_progress(journal, held_out, NO_EVALUATIONS)
    found = points(made, split="train", measure="loss", kind="level")
    # (4·1 + 1·3) / 4, and what comes behind the last evaluation by itself
    assert [(row["step"], row["value"], row["n"]) for row in found] == [(2, 1.75, 4), (3, 2.0, 4)]


def test_without_evaluations_an_epoch_is_a_stretch() -> None:
    journal = steps(
        {"step": 1, "loss": 3.0},
        {"step": 2, "loss": 1.0},
        {"step": 3, "loss": 1.0, "epoch": 2},
    )
    made = training_progress(journal, NO_LOSSES, NO_EVALUATIONS)
    found = points(made, kind="level")
    assert [(row["step"], row["epoch"], row["value"]) for row in found] == [
        (2, 1, 2.0),
        (3, 2, 1.0),
    ]


def test_the_weight_is_that_at_the_end_and_batch_gaps_are_means() -> None:
    journal = steps(
        {"step": 1, "loss": 1.0, "weight": 0.5, "gap": 0.4},
        {"step": 2, "loss": 1.0, "weight": 0.7, "gap": None},
        {"step": 3, "loss": 1.0, "weight": 0.9, "gap": 0.1},
    )
    made = training_progress(journal, NO_LOSSES, NO_EVALUATIONS)
    assert [row["value"] for row in points(made, kind="weight")] == [0.9]
    (gap,) = points(made, kind="batch_gap")
    assert (gap["value"], gap["n"]) == (0.25, 2)


def test_two_groups_have_a_signed_gap_in_each_cell() -> None:
    held_out = losses(
        (5, "validation", "en", "female", 1.0, 10),
        (5, "validation", "en", "male", 1.25, 30),
        (5, "validation", "ja", "female", 2.0, 20),
        (5, "validation", "ja", "male", 1.5, 20),
    )
    made = training_progress(NO_STEPS, held_out, NO_EVALUATIONS)
    gaps = points(made, kind="gap")
    assert [(row["cell"], row["groups"], row["value"], row["n"]) for row in gaps] == [
        ("en", "female − male", -0.25, 40),
        ("ja", "female − male", 0.5, 40),
    ]
    (largest,) = points(made, kind="largest_gap")
    assert (largest["cell"], largest["value"], largest["n"]) == ("ja", 0.5, 40)
    (level,) = points(made, kind="level", cell=None)
    # (10·1 + 30·1.25 + 20·2 + 20·1.5) / 80
    assert level["value"] == pytest.approx(1.46875)


def test_training_gaps_are_of_sums_and_not_means_of_gaps() -> None:
    own = losses(
        (1, "train", "en", "female", 4.0, 1),
        (1, "train", "en", "male", 1.0, 3),
        (2, "train", "en", "female", 1.0, 3),
        (2, "train", "en", "male", 4.0, 1),
    )
    journal = steps({"step": 1, "loss": 1.75, "gap": 3.0}, {"step": 2, "loss": 1.75, "gap": 3.0})
    made = training_progress(journal, own, NO_EVALUATIONS)
    # both groups have (4 + 3) / 4, though every batch has a gap of 3
    assert [row["value"] for row in points(made, kind="gap")] == [0.0]
    assert [row["value"] for row in points(made, kind="batch_gap")] == [3.0]


def test_more_than_two_groups_are_as_far_apart_as_the_outermost() -> None:
    held_out = losses(
        (1, "validation", "en", "old", 1.0, 5),
        (1, "validation", "en", "young", 1.5, 5),
        (1, "validation", "en", "middle", 3.0, 5),
    )
    (gap,) = points(training_progress(NO_STEPS, held_out, NO_EVALUATIONS), kind="gap")
    assert (gap["value"], gap["groups"]) == (2.0, None)


def test_a_missing_group_is_named_and_no_cell_is_worst() -> None:
    held_out = losses(
        (1, "validation", "en", "female", 1.0, 5),
        (1, "validation", "ja", "male", 1.0, 5),
    )
    made = training_progress(NO_STEPS, held_out, NO_EVALUATIONS)
    reasons = [row["undefined"] for row in points(made, kind="gap")]
    assert reasons == ["nothing of male", "nothing of female"]
    (largest,) = points(made, kind="largest_gap")
    assert (largest["value"], largest["undefined"]) == (None, "no cell has two groups")


def test_the_first_of_equal_cells_is_the_worst() -> None:
    rows = [
        (1, "validation", cell, group, value, 5)
        for cell in ("en", "ja")
        for group, value in (("female", 1.0), ("male", 2.0))
    ]
    (largest,) = points(
        training_progress(NO_STEPS, losses(*rows), NO_EVALUATIONS), kind="largest_gap"
    )
    assert largest["cell"] == "en"


def test_items_without_a_group_count_in_the_loss_and_in_no_gap() -> None:
    held_out = losses(
        (1, "validation", "en", "female", 1.0, 1),
        (1, "validation", "en", "male", 1.0, 1),
        (1, "validation", "en", None, 4.0, 2),
    )
    made = training_progress(NO_STEPS, held_out, NO_EVALUATIONS)
    assert [row["value"] for row in points(made, kind="gap")] == [0.0]
    (level,) = points(made, kind="level", cell=None)
    assert level["value"] == 2.5


def test_a_loss_that_was_not_recorded_is_no_number_and_leaves_no_trace_in_means() -> None:
    journal = steps({"step": 1, "loss": None}, {"step": 2, "loss": 3.0}, {"step": 3, "loss": None})
    held_out = losses(
        (2, "validation", "en", "female", None, 4), (2, "validation", "en", "male", 1.0, 4)
    )
    made = training_progress(journal, held_out, NO_EVALUATIONS)
    found = points(made, split="train", measure="loss", kind="level")
    assert [(row["value"], row["undefined"]) for row in found] == [
        (3.0, None),
        (None, "no value was recorded"),
    ]
    (gap,) = points(made, kind="gap")
    assert (gap["value"], gap["undefined"]) == (None, "nothing of female")


def test_metrics_have_levels_and_gaps_of_their_own() -> None:
    given = evaluations(
        (4, 1, "macro_f1", None, None, 0.5, 40, True),
        (4, 1, "macro_f1", "en", None, 0.5, 40, False),
        (4, 1, "macro_f1", "en", "female", 0.4, 20, False),
        (4, 1, "macro_f1", "en", "male", 0.6, 20, False),
        (4, 1, "loss", None, None, 9.0, 40, False),
        (4, 1, "worst_gap", None, None, 9.0, 40, False),
    )
    made = training_progress(NO_STEPS, NO_LOSSES, given)
    assert set(made.get_column("measure")) == {"macro_f1"}
    (gap,) = points(made, kind="gap")
    assert (gap["value"], gap["epoch"]) == (pytest.approx(-0.2), 1)
    (whole,) = points(made, kind="level", cell=None)
    assert (whole["value"], whole["n"]) == (0.5, 40)


def test_the_evaluation_before_the_first_step_has_no_training_behind_it() -> None:
    journal = steps({"step": 1, "loss": 1.0}, {"step": 2, "loss": 2.0})
    held_out = losses(*((at, "validation", "en", "female", 3.0 - at, 4) for at in (0, 2)))
    made = training_progress(journal, held_out, NO_EVALUATIONS)
    assert [row["step"] for row in points(made, split="train", kind="level")] == [2]
    found = points(made, split="validation", kind="level", cell=None)
    assert [(row["step"], row["epoch"]) for row in found] == [(0, 0), (2, 1)]


def test_long_trainings_are_put_into_few_stretches_that_lose_nothing() -> None:
    journal = steps(*({"step": at, "loss": float(at), "items": 1} for at in range(1, 1001)))
    given = evaluations(*((at, 1, "macro_f1", None, None, 0.5, 4, False) for at in range(1, 1001)))
    made = training_progress(journal, NO_LOSSES, given, most=50)
    found = points(made, split="train", measure="loss", kind="level")
    assert len(found) <= 50
    assert found[-1]["step"] == 1000
    assert sum(row["n"] for row in found) == 1000
    total = sum(row["value"] * row["n"] for row in found)
    assert total == pytest.approx(1000 * 1001 / 2)


def test_the_chosen_step_is_the_last_best() -> None:
    given = evaluations(
        (2, 1, "macro_f1", None, None, 0.4, 4, True),
        (4, 2, "macro_f1", None, None, 0.6, 4, True),
        (6, 3, "macro_f1", None, None, 0.5, 4, False),
    )
    assert chosen_step(given) == 4
    assert chosen_step(NO_EVALUATIONS) is None


def test_speakers_are_counted_by_corpus_and_unknown_where_one_is() -> None:
    items = pl.DataFrame(
        {
            "split": ["train"] * 4,
            "cell": ["en", "en", "en", "ja"],
            "group": ["female", "female", "female", None],
            "corpus": ["a", "b", "a", "a"],
            "speaker": ["1", "1", "1", None],
        }
    )
    assert training_data(items).rows() == [
        ("train", "en", "female", 3, 2),
        ("train", "ja", None, 1, None),
    ]


def test_a_table_of_other_columns_is_refused() -> None:
    with pytest.raises(SchemaError, match="step"):
        training_progress(pl.DataFrame({"loss": [1.0]}), NO_LOSSES, NO_EVALUATIONS)
