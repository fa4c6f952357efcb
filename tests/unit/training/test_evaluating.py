"""Scores and gaps on the validation part, against counts made by hand."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest

from equivoice.errors import ConfigError
from equivoice.models import Clip
from equivoice.prompting import load_prompt
from equivoice.records import Label, LabelSpace
from equivoice.training.data import Example
from equivoice.training.effective_batches import Item
from equivoice.training.evaluating import (
    Evaluation,
    better,
    check_metric,
    evaluate,
    stratum_rows,
)
from equivoice.training.lessons import Lessons
from equivoice.training.validating import Heard

SPACES = {
    "one": LabelSpace("one", (Label("angry"), Label("sad"))),
    "two": LabelSpace("two", (Label("sad"), Label("calm"), Label("angry"))),
}
LABELS = LabelSpace("one+two", (Label("angry"), Label("sad"), Label("calm")))
# cell, group, corpus, right answer, the model's, loss
ROWS = [
    ("en", "f", "one", "angry", "angry", 1.0),
    ("en", "f", "one", "sad", "angry", 3.0),
    ("en", "m", "one", "angry", "angry", 0.5),
    ("en", "m", "one", "sad", "sad", 0.5),
    ("de", "f", "two", "calm", "calm", 1.0),
    ("de", "m", "two", "sad", "calm", 2.0),
    ("de", None, "two", "sad", "sad", 4.0),
]


def evaluated(
    rows: list[tuple[str, str | None, str, str, str, float]] = ROWS, gap: str = "loss"
) -> Evaluation:
    lessons = Lessons(load_prompt("user_labels"), "qwen2_audio", SPACES, ("alphabetical",))
    examples = [
        Example(Item(f"{corpus}/{k}", cell, group, right, 1.0), corpus, "speech", Clip("/a"), None)
        for k, (cell, group, corpus, right, _, _) in enumerate(rows)
    ]
    logprobs = np.full((len(rows), 3), -np.inf)
    for k, (_, _, corpus, _, said, _) in enumerate(rows):
        shown = lessons.options(corpus).labels
        logprobs[k, : len(shown)] = -2.0
        logprobs[k, shown.index(said)] = -0.5
    losses = np.array([row[-1] for row in rows])
    heard = Heard(losses, logprobs, np.zeros(len(rows)))
    shown = {corpus: lessons.options(corpus).labels for corpus in SPACES}
    return evaluate(examples, heard, shown, LABELS, metrics=["micro_f1"], gap=gap)


def test_scores_by_cell_and_group() -> None:
    found = evaluated().values["accuracy"]
    assert found[None, None] == pytest.approx(5 / 7)
    assert (found["en", None], found["de", None]) == (0.75, pytest.approx(2 / 3))
    assert (found["en", "f"], found["en", "m"], found["de", "f"], found["de", "m"]) == (
        0.5,
        1,
        1,
        0,
    )
    assert ("de", None) in found
    # en, f: angry has recall 1 and precision 1/2, sad was never said
    assert evaluated().values["macro_f1"]["en", "f"] == pytest.approx((2 / 3 + 0) / 2)
    assert set(evaluated().values) >= {"loss", "macro_f1", "weighted_f1", "micro_f1"}


def test_losses_by_stratum_and_their_worst_gap() -> None:
    found = evaluated()
    assert found.values["loss"][None, None] == pytest.approx(12 / 7)
    assert found.sums == {
        ("de", "f"): 1.0,
        ("de", "m"): 2.0,
        ("de", None): 4.0,
        ("en", "f"): 4.0,
        ("en", "m"): 1.0,
    }
    assert found.gap == pytest.approx(2.0 - 0.5)
    assert found.value("worst_gap") == found.gap
    rows = found.loss_rows(step=3)
    assert rows.filter(pl.col("group").is_null())["n"].to_list() == [1]
    assert rows["loss"].to_list() == [4.0, 1.0, 2.0, 2.0, 0.5]
    assert rows["split"].unique().to_list() == ["validation"]


def test_the_gap_may_be_one_of_a_metric() -> None:
    assert evaluated(gap="accuracy").gap == pytest.approx(1.0)
    alone = [row for row in ROWS if row[1] != "m"]
    assert evaluated(alone).gap is None
    assert evaluated(alone).value("worst_gap") is None


def test_only_the_selecting_metrics_row_says_best() -> None:
    rows = evaluated().rows(step=3, epoch=1, metric="macro_f1", best=True)
    best = rows.filter(pl.col("best"))
    assert best.select("metric", "cell", "group").rows() == [("macro_f1", None, None)]
    assert rows.filter(metric="worst_gap")["value"].to_list() == [pytest.approx(1.5)]
    assert rows.filter(metric="loss", cell="en", group="f")["n"].to_list() == [2]
    assert not evaluated().rows(step=3, epoch=1, metric="loss", best=False)["best"].any()


def test_the_worst_group_is_that_of_the_least_macro_f1() -> None:
    # de, m: sad was called calm; without that row: en, f as above
    assert evaluated().value("worst_group") == 0
    rest = [row for row in ROWS if row[:2] != ("de", "m")]
    assert evaluated(rest).value("worst_group") == pytest.approx((2 / 3 + 0) / 2)
    nobody = [row for row in ROWS if row[1] is None]
    assert evaluated(nobody).value("worst_group") is None
    rows = evaluated(rest).rows(step=3, epoch=1, metric="worst_group", best=True)
    assert rows.filter("best").select("metric", "value").rows() == [
        ("worst_group", pytest.approx(1 / 3))
    ]
    others = evaluated(rest).rows(step=3, epoch=1, metric="loss", best=True)
    assert others.filter(metric="worst_group").is_empty()


@pytest.mark.parametrize(
    ("metric", "new", "old", "said"),
    [
        ("macro_f1", 0.5, 0.5, False),
        ("macro_f1", 0.6, 0.5, True),
        ("loss", 0.6, 0.5, False),
        ("worst_gap", 0.4, 0.5, True),
        ("worst_group", 0.4, 0.5, False),
        ("accuracy", None, None, False),
        ("loss", math.nan, None, False),
        ("loss", 9.0, None, True),
    ],
)
def test_what_is_better(metric: str, new: float | None, old: float | None, said: bool) -> None:
    assert better(metric, new, old) is said


def test_metrics_that_cannot_select() -> None:
    check_metric("worst_gap", setting="selection.metric")
    check_metric("worst_group", setting="selection.metric")
    check_metric("loss", setting="weight.gap")
    with pytest.raises(ConfigError, match=r"no such metric for selection\.metric") as caught:
        check_metric("recall", setting="selection.metric")
    assert "macro_f1" in (caught.value.choices or ())
    with pytest.raises(ConfigError, match=r"weight\.gap"):
        check_metric("worst_gap", setting="weight.gap")


def test_strata_without_items_have_no_row() -> None:
    sums, counts = {("en", "f"): 3.0, ("en", None): 0.0}, {("en", "f"): 2, ("en", None): 0}
    rows = stratum_rows(1, "train", sums, counts)
    assert rows.select("cell", "group", "loss", "n").rows() == [("en", "f", 1.5, 2)]
