"""The score of the expected confusion table: against hand sums, one-hot answers, and sampling."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equivoice.errors import ConfigError, InputError
from equivoice.evaluation import score
from equivoice.records import Label, LabelSpace

SPACE = LabelSpace("demo", (Label("angry"), Label("happy"), Label("sad")))
NAMES = np.array(SPACE.names)
QUICK: dict[str, Any] = {"label_space": SPACE, "replicates": 200, "permutations": 50}


def world(count: int = 60, seed: int = 0) -> tuple[pl.DataFrame, pl.DataFrame]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, count)
    reference = pl.DataFrame(
        {
            "utterance_id": [f"demo/{i}" for i in range(count)],
            "emotion": NAMES[truth].tolist(),
            "speaker": [f"s{i % 12}" for i in range(count)],
            "gender": ["female" if i % 2 else "male" for i in range(count)],
        }
    )
    shares = rng.dirichlet(np.ones(4), count)[:, :3]
    predictions = reference.select("utterance_id", system=pl.lit("llm/expected")).with_columns(
        probabilities=pl.Series(shares.tolist()),
        outside=pl.Series(1 - shares.sum(-1)),
        status=pl.lit("parsed"),
        emotion=pl.Series(NAMES[shares.argmax(-1)].tolist()),
    )
    return predictions, reference


def value(estimates: pl.DataFrame, metric: str, **where: Any) -> float:
    rows = estimates.filter(metric=metric, **({"quantity": "score"} | where))
    assert rows.height == 1
    return float(rows.get_column("value")[0])


def test_accuracy_and_recall_are_means_of_the_probability_of_the_reference() -> None:
    predictions, reference = world()
    found = score(predictions, reference, answers="expected", **QUICK).estimates
    shares = np.array(predictions["probabilities"].to_list())
    truth = np.array([SPACE.index(name) for name in reference["emotion"]])
    right = shares[np.arange(60), truth]
    assert value(found, "accuracy") == pytest.approx(right.mean())
    assert value(found, "coverage") == pytest.approx(shares.sum(-1).mean())
    for code, name in enumerate(SPACE.names):
        own = found.filter(metric="recall", quantity="score").filter(pl.col("class") == name)
        assert own["value"][0] == pytest.approx(right[truth == code].mean())
    rows = found.filter(quantity="confusion").filter(
        pl.col("class") == "sad", pl.col("predicted_class") == "angry"
    )
    assert rows["value"][0] == pytest.approx(shares[truth == 2, 0].mean())
    assert rows["n"][0] == round(shares[truth == 2, 0].sum())


def test_macro_f1_is_that_of_the_expected_table() -> None:
    predictions, reference = world()
    found = score(predictions, reference, answers="expected", **QUICK).estimates
    shares = np.array(predictions["probabilities"].to_list())
    truth = np.array([SPACE.index(name) for name in reference["emotion"]])
    f1 = []
    for code in range(3):
        correct = shares[truth == code, code].sum()
        f1.append(2 * correct / ((truth == code).sum() + shares[:, code].sum()))
    assert value(found, "macro_f1") == pytest.approx(np.mean(f1))


@pytest.mark.parametrize("unparsed", ["wrong", "drop", "extra_class"])
@pytest.mark.parametrize("speakers", [True, False])
def test_certain_probabilities_give_the_scores_of_their_labels(
    unparsed: Any, speakers: bool
) -> None:
    """Every number agrees: values, intervals, tests, confusions, gaps."""
    predictions, reference = world()
    if not speakers:
        reference = reference.drop("speaker")
    rng = np.random.default_rng(1)
    code = rng.integers(-1, 3, 60)  # -1: none of the labels
    shares = np.eye(4)[code][:, :3]
    said = [None if each < 0 else str(NAMES[each]) for each in code]
    sure = predictions.with_columns(
        probabilities=pl.Series(shares.tolist()),
        emotion=pl.Series(said),
        status=pl.Series(["unparsed" if each is None else "parsed" for each in said]),
    )
    arguments = {**QUICK, "group_by": "gender", "unparsed": unparsed}
    by_label = score(sure, reference, **arguments).estimates
    expected = score(sure, reference, answers="expected", **arguments).estimates
    for column in ("value", "low", "high", "p_value", "detectable", "noise_floor"):
        first, second = (
            np.array(each[column].fill_null(np.nan).to_list()) for each in (by_label, expected)
        )
        if speakers or column == "value":
            np.testing.assert_allclose(first, second, rtol=0, atol=1e-9, err_msg=column)
    same = ["quantity", "metric", "n", "left_out", "clusters"]
    # without speakers equal units are one row with a count, so other draws are made
    for column in [*same, *(["undefined"] if speakers else [])]:
        assert by_label[column].equals(expected[column], null_equal=True), column


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000))
def test_sampled_answers_come_to_the_expected_table(seed: int) -> None:
    """Hoeffding over n = 60 × 200 independent answers: a share is off by the bound once in 10⁸."""
    predictions, reference = world(seed=seed)
    found = score(predictions, reference, answers="expected", **(QUICK | {"replicates": 0}))
    shares = np.array(predictions["probabilities"].to_list())
    cumulated = shares.cumsum(-1)
    rng = np.random.default_rng(seed)
    drawn = (rng.random((200, 60, 1)) > cumulated).sum(-1)  # 3: none of the labels
    said = [None if code == 3 else str(NAMES[code]) for code in drawn.reshape(-1)]
    sampled = pl.concat([predictions.select("utterance_id")] * 200).with_columns(
        emotion=pl.Series(said, dtype=pl.String),
        run=pl.Series(np.repeat(np.arange(200), 60)),
        system=pl.lit("llm"),
        status=pl.Series(["unparsed" if each is None else "parsed" for each in said]),
    )
    truth = [SPACE.index(name) for name in reference["emotion"]]
    right = (drawn == np.array(truth)).mean()
    bound = math.sqrt(math.log(2e8) / (2 * 200 * 60))
    assert abs(value(found.estimates, "accuracy") - right) <= bound
    one_run = score(sampled.filter(run=0), reference, **(QUICK | {"replicates": 0}))
    assert value(one_run.estimates, "accuracy") == pytest.approx(
        (drawn[0] == np.array(truth)).mean()
    )


def test_repeated_predictions_change_no_score() -> None:
    predictions, reference = world(count=3000)
    wide = pl.concat([predictions] * 20).with_columns(
        temperature=pl.lit(1.0), run=pl.Series(np.repeat(np.arange(20), 3000))
    )
    found = score(wide, reference, answers="expected", **(QUICK | {"replicates": 20}))
    once = score(predictions, reference, answers="expected", **(QUICK | {"replicates": 20}))
    assert value(found.estimates, "accuracy") == pytest.approx(value(once.estimates, "accuracy"))


def test_what_is_left_out_is_counted() -> None:
    predictions, reference = world()
    shares = pl.when(pl.int_range(pl.len()) < 50).then(pl.col("probabilities"))
    found = score(
        predictions.with_columns(probabilities=shares), reference, answers="expected", **QUICK
    )
    assert found.left_out == {"prediction without probabilities": 10}


@pytest.mark.parametrize(
    ("shares", "match"),
    [
        ([0.5, 0.5], "not shares of 1 over the 3 labels"),
        ([0.9, 0.9, 0.0], "not shares of 1"),
        ([-0.5, 0.5, 0.5], "not shares of 1"),
        (None, "no prediction has probabilities"),
    ],
)
def test_what_is_no_distribution_is_refused(shares: Any, match: str) -> None:
    predictions, reference = world()
    given_shares = pl.Series([shares] * 60, dtype=pl.List(pl.Float64))
    with pytest.raises(InputError, match=match):
        score(
            predictions.with_columns(probabilities=given_shares),
            reference,
            answers="expected",
            **QUICK,
        )


def test_an_unknown_reading_is_refused() -> None:
    predictions, reference = world()
    with pytest.raises(ConfigError, match="label, expected"):
        score(predictions, reference, answers="guess", **QUICK)  # type: ignore[arg-type]
