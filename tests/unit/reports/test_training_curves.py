"""Figures of a training: what is drawn where, told apart without colour, and in words."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import polars as pl
import pytest

from equivoice.evaluation.training_progress import PROGRESS_COLUMNS
from equivoice.reports.document import Figure
from equivoice.reports.training_curves import (
    MOST_PANELS,
    gap_figures,
    group_figures,
    numbers,
    overview,
    score_figure,
)
from equivoice.reports.training_inputs import Point, TrainingInputs, read_points, select
from oracles.trained import training_inputs


@pytest.fixture(scope="module")
def inputs() -> TrainingInputs:
    return training_inputs()


@pytest.fixture(scope="module")
def points(inputs: TrainingInputs) -> tuple[Point, ...]:
    return read_points(inputs.progress)


def drawn(figure: Figure) -> ET.Element:
    return ET.fromstring(f"<svg>{figure.body}</svg>")  # noqa: S314 - our own drawing


def of_class(figure: Figure, name: str) -> list[ET.Element]:
    return [each for each in drawn(figure).iter() if name in each.get("class", "").split()]


def headings(figure: Figure) -> list[str]:
    return [each.text or "" for each in of_class(figure, "heading")]


def made(*rows: dict[str, object]) -> tuple[Point, ...]:
    full = [dict.fromkeys(PROGRESS_COLUMNS) | row for row in rows]
    return read_points(pl.DataFrame(full, schema=PROGRESS_COLUMNS))


# ---------------------------------------------------------------------- overview


def test_loss_gap_and_weight_stand_over_the_same_steps(
    inputs: TrainingInputs, points: tuple[Point, ...]
) -> None:
    figure = overview(inputs, points)
    assert figure is not None
    assert headings(figure) == [
        "Loss, nats",
        "Largest gap over languages, nats",
        "Weight λ of the penalty",
    ]
    assert figure.key[:3] == (
        "● training (solid line)",
        "■ validation (dashed line)",
        "▲ within training batches (dotted line)",
    )
    assert "Dashed level line: the tolerance ε, 0.02." in figure.key
    assert "Dotted upright line: the chosen checkpoint, step 36." in figure.key


def test_the_chosen_checkpoint_is_marked_in_every_panel_at_its_step(
    inputs: TrainingInputs, points: tuple[Point, ...]
) -> None:
    figure = overview(inputs, points)
    assert figure is not None
    marks = of_class(figure, "chosen")
    assert len(marks) == 3
    assert len({each.get("x1") for each in marks}) == 1
    last = overview(replace(inputs, chosen=48), points)
    assert last is not None
    at = [float(of_class(each, "chosen")[0].attrib["x1"].rstrip("%")) for each in (figure, last)]
    assert at[0] < at[1]
    none = overview(replace(inputs, chosen=None), points)
    assert none is not None
    assert of_class(none, "chosen") == []


def test_the_description_says_how_each_curve_began_and_ended(
    inputs: TrainingInputs, points: tuple[Point, ...]
) -> None:
    figure = overview(inputs, points)
    assert figure is not None
    losses = select(points, measure="loss", kind="level", split="train", cell=None)
    for point in (losses[0], losses[-1]):
        assert f"{point.value:.3f} at step {point.step}" in figure.description
    assert "Marked: the chosen checkpoint, at step 36." in figure.description


def test_a_weight_that_stays_at_nothing_is_not_drawn(points: tuple[Point, ...]) -> None:
    inputs = training_inputs(adaptive=False)
    figure = overview(inputs, read_points(inputs.progress))
    assert figure is not None
    assert "Weight λ of the penalty" not in headings(figure)


def test_the_largest_weight_is_drawn_only_where_it_is_reached(inputs: TrainingInputs) -> None:
    rows = [
        {"step": step, "split": "train", "measure": "weight", "kind": "weight", "value": value}
        for step, value in ((1, 2.0), (2, 9.9))
    ]
    reached = overview(inputs, made(*rows))
    below = overview(inputs, made(*rows[:1]))
    assert reached is not None
    assert below is not None
    assert any("the largest weight, 10" in line for line in reached.key)
    assert not any("the largest weight" in line for line in below.key)


def test_a_weight_moved_by_a_metric_shows_the_gap_in_that_metric(
    inputs: TrainingInputs, points: tuple[Point, ...]
) -> None:
    figure = overview(replace(inputs, compared="macro_f1", tolerance=0.05), points)
    assert figure is not None
    assert "Largest gap in macro-F1, points" in headings(figure)
    # the tolerance is one of macro-F1, not of the loss
    assert len(of_class(figure, "front")) == 1
    assert "The tolerance ε, 5.0 points: 5.0." in figure.description


def test_nothing_known_makes_no_figure(inputs: TrainingInputs) -> None:
    assert overview(inputs, ()) is None
    assert score_figure(inputs, ()) is None
    assert list(gap_figures(inputs, ())) == []
    assert list(group_figures(inputs, ())) == []


# -------------------------------------------------------------------------- gaps


def test_each_cell_has_a_panel_and_all_have_the_same_heights(
    inputs: TrainingInputs, points: tuple[Point, ...]
) -> None:
    loss, score = gap_figures(inputs, points)
    assert headings(loss) == [f"Language {cell}: loss, nats" for cell in ("de", "en", "ja")]
    assert headings(score) == [f"Language {cell}: macro-F1, points" for cell in ("de", "en", "ja")]
    ticks = [each.text for each in of_class(loss, "tick")]
    heights = [tick for tick in ticks if (tick and not tick.isdigit()) or tick == "0"]
    third = len(heights) // 3
    assert heights[:third] == heights[third : 2 * third] == heights[2 * third :]
    assert len(of_class(loss, "zero")) == 3


def test_signed_gaps_say_which_group_is_which(
    inputs: TrainingInputs, points: tuple[Point, ...]
) -> None:
    loss, score = gap_figures(inputs, points)
    assert "(female − male)" in loss.title
    assert "Above zero the loss of female is higher, below zero that of male." in loss.key
    assert "Above zero the score of female is higher, below zero that of male." in score.key
    ends = select(points, measure="macro_f1", kind="gap", cell="ja")
    assert ends[-1].value is not None
    shown = f"{ends[-1].value * 100:+.1f}".replace("-", "−")
    assert f"{shown} at step 48" in score.description


def test_validation_has_the_same_sign_in_every_figure(
    inputs: TrainingInputs, points: tuple[Point, ...]
) -> None:
    figures = [overview(inputs, points), score_figure(inputs, points), *gap_figures(inputs, points)]
    for figure in figures:
        assert figure is not None
        assert "■ validation (dashed line)" in figure.key


def test_gaps_of_many_groups_begin_at_zero_and_have_no_sign(inputs: TrainingInputs) -> None:
    rows = [
        {
            "step": step,
            "split": "validation",
            "measure": "loss",
            "kind": "gap",
            "cell": "en",
            "value": 0.2,
        }
        for step in (1, 2)
    ]
    level = {"step": 1, "split": "validation", "measure": "loss", "kind": "level", "value": 1.0}
    (figure,) = gap_figures(inputs, made(level, *rows))
    assert "largest pair of groups" in figure.title
    assert of_class(figure, "zero") == []
    assert of_class(figure, "tick")[0].text == "0"


def test_a_gap_that_does_not_exist_is_a_cross_with_its_reason(inputs: TrainingInputs) -> None:
    row = {"split": "validation", "measure": "loss", "kind": "gap", "cell": "en"}
    level = {"step": 1, "split": "validation", "measure": "loss", "kind": "level", "value": 1.0}
    (figure,) = gap_figures(
        inputs,
        made(
            level,
            {"step": 1, "value": None, "undefined": "nothing of male"} | row,
            {"step": 2, "value": 0.1} | row,
        ),
    )
    assert "×1 not defined: nothing of male" in figure.key


def test_many_cells_are_not_drawn_one_by_one(inputs: TrainingInputs) -> None:
    rows = [
        {
            "step": 1, "split": "validation", "measure": "loss", "kind": "gap",
            "cell": f"cell {at}", "value": 0.1,
        }
        for at in range(MOST_PANELS + 1)
    ]  # fmt: skip
    level = {"step": 1, "split": "validation", "measure": "loss", "kind": "level", "value": 1.0}
    assert list(gap_figures(inputs, made(level, *rows))) == []


# ------------------------------------------------------------------ groups, tables


def test_groups_are_told_apart_by_shape(inputs: TrainingInputs, points: tuple[Point, ...]) -> None:
    loss, score = group_figures(inputs, points)
    for figure in (loss, score):
        assert figure.key[:2] == ("● female (solid line)", "■ male (dashed line)")
        assert len(headings(figure)) == 3


def test_of_the_metrics_that_chose_nothing_only_the_tables_tell(
    inputs: TrainingInputs, points: tuple[Point, ...]
) -> None:
    further = [
        replace(point, measure="accuracy") for point in points if point.measure == "macro_f1"
    ]
    both = (*points, *further)
    figure = score_figure(inputs, both)
    assert figure is not None
    assert headings(figure) == ["Macro-F1, %"]
    captions = [block.caption for block in numbers(inputs, both).blocks if block.kind == "table"]
    assert "Accuracy, %" in captions


def test_every_point_stands_in_a_table(inputs: TrainingInputs, points: tuple[Point, ...]) -> None:
    tables = [block for block in numbers(inputs, points).blocks if block.kind == "table"]
    cells = {
        table.caption: [cell.text for body in table.bodies for row in body.rows for cell in row]
        for table in tables
    }
    for point in points:
        if point.value is None:
            continue
        texts = [text for caption in cells.values() for text in caption]
        if point.measure in ("loss", "weight"):
            assert f"{abs(point.value):.3f}" in " ".join(texts)
        else:
            assert f"{abs(point.value) * 100:.1f}" in " ".join(texts)
    total = sum(len(body.rows) for table in tables for body in table.bodies)
    assert total == len(points)


def test_tables_say_what_was_counted_and_where_the_worst_gap_was(
    inputs: TrainingInputs, points: tuple[Point, ...]
) -> None:
    tables = {
        block.caption: block for block in numbers(inputs, points).blocks if block.kind == "table"
    }
    worst = tables["Largest gap in loss over the cells, nats"]
    assert worst.columns == ("Step", "Epoch", "Language with it", "Value", "Utterances")
    (first, *_) = worst.bodies[0].rows
    assert re.fullmatch(r"(de|en|ja), female − male", first[2].text)
    weights = tables["Weight λ of the penalty at the end of each stretch"]
    assert weights.columns[-1] == "Steps"


def test_undefined_values_have_a_letter_and_a_reason(inputs: TrainingInputs) -> None:
    rows = made(
        {
            "step": 1, "split": "train", "measure": "loss", "kind": "level", "value": None,
            "undefined": "no value was recorded",
        }
    )  # fmt: skip
    (table,) = numbers(inputs, rows).blocks
    assert table.kind == "table"
    assert table.bodies[0].rows[0][2].text == "not defined (a)"
    assert table.note == "(a) no value was recorded"


def test_names_of_cells_and_groups_stay_text(inputs: TrainingInputs) -> None:
    bad = "<script>alert(1)</script>"
    rows = [
        {
            "step": step, "split": "validation", "measure": "loss", "kind": kind,
            "cell": bad, "groups": groups, "value": 0.5,
        }
        for step in (1, 2)
        for kind, groups in (("gap", None), ("level", bad))
    ]  # fmt: skip
    for figure in (*gap_figures(inputs, made(*rows)), *group_figures(inputs, made(*rows))):
        assert "<script>" not in figure.body
