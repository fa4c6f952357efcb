"""Valence, arousal and dominance against given values and raters' means, beside scipy."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy import stats

from equivoice.evaluation import score
from equivoice.evaluation.scales import mean_ratings
from equivoice.records import Label, LabelSpace

SPACE = LabelSpace("demo", (Label("angry"), Label("sad")))
QUICK: dict[str, Any] = {"replicates": 100, "permutations": 50, "label_space": SPACE}
SIZE = 96


def world() -> tuple[pl.DataFrame, pl.DataFrame]:
    rng = np.random.default_rng(2)
    true = rng.normal(4.0, 1.0, (SIZE, 2))
    said = true * 0.7 + rng.normal(1.5, 0.6, (SIZE, 2))
    reference = pl.DataFrame(
        {
            "utterance_id": [f"demo/{i}" for i in range(SIZE)],
            "emotion": [("angry", "sad")[i % 2] for i in range(SIZE)],
            "speaker": [f"s{i % 16}" for i in range(SIZE)],
            "gender": [("female", "male")[i % 16 % 2] for i in range(SIZE)],
            "valence": true[:, 0],
            "arousal": true[:, 1],
        }
    )
    predictions = reference.select("utterance_id", "emotion").with_columns(
        valence=said[:, 0], arousal=said[:, 1], system=pl.lit("S")
    )
    return predictions, reference


def cell(found: pl.DataFrame, metric: str, **where: Any) -> dict[str, Any]:
    wanted = {"quantity": "score", "reference": "given", **where}
    rows = found.filter(metric=metric, **wanted)
    assert rows.height == 1
    return rows.row(0, named=True)


def concordance(x: np.ndarray, y: np.ndarray) -> float:
    covariance = ((x - x.mean()) * (y - y.mean())).mean()
    return float(2 * covariance / (x.var() + y.var() + (x.mean() - y.mean()) ** 2))


@pytest.mark.parametrize("attribute", ["valence", "arousal"])
def test_values_are_those_of_scipy(attribute: str) -> None:
    predictions, reference = world()
    found = score(predictions, reference, group_by=["gender"], **QUICK).estimates
    x, y = reference[attribute].to_numpy(), predictions[attribute].to_numpy()
    assert cell(found, f"{attribute}_pearson")["value"] == pytest.approx(stats.pearsonr(x, y)[0])
    assert cell(found, f"{attribute}_ccc")["value"] == pytest.approx(concordance(x, y))
    assert cell(found, f"{attribute}_rmse")["value"] == pytest.approx(
        np.sqrt(((x - y) ** 2).mean())
    )
    women = (reference["gender"] == "female").to_numpy()
    gap = cell(found, f"{attribute}_ccc", quantity="pair_gap")
    parts = [concordance(x[who], y[who]) for who in (women, ~women)]
    assert gap["value"] == pytest.approx(parts[0] - parts[1])
    assert gap["low"] < gap["value"] < gap["high"]
    assert 0 < gap["p_value"] <= 1
    assert not found.filter(pl.col("metric").str.starts_with("dominance")).height


def test_labels_and_numbers_stand_side_by_side_and_neither_changes_the_other() -> None:
    predictions, reference = world()
    both = score(predictions, reference, **QUICK).estimates
    labels = score(predictions.drop("valence", "arousal"), reference, **QUICK).estimates
    assert both.filter(~pl.col("metric").str.contains("valence_|arousal_")).equals(labels)


def test_a_system_that_gives_numbers_alone_was_asked_for_no_label() -> None:
    predictions, reference = world()
    numbers = predictions.drop("emotion")
    found = score(numbers, reference, **QUICK).estimates
    assert set(found["metric"].str.split("_").list.first()) == {"valence", "arousal"}
    beside = pl.concat(
        [numbers.with_columns(system=pl.lit("numbers")), predictions.drop("valence", "arousal")],
        how="diagonal",
    )
    mixed = score(beside, reference, **QUICK).estimates
    assert set(mixed.filter(metric="accuracy")["system"]) == {"S"}
    assert set(mixed.filter(metric="valence_ccc")["system"]) == {"numbers"}


def test_what_has_no_number_is_counted() -> None:
    predictions, reference = world()
    some = pl.int_range(pl.len())
    predictions = predictions.with_columns(valence=pl.when(some >= 5).then("valence"))
    reference = reference.with_columns(valence=pl.when(some < 90).then("valence"))
    found = score(predictions, reference, **QUICK).estimates
    row = cell(found, "valence_ccc")
    assert row["n"] == SIZE - 5 - 6
    assert json.loads(row["left_out"]) == {
        "prediction without valence": 5,
        "reference without valence": 6,
    }


def test_where_all_references_are_one_value_the_reason_is_stated() -> None:
    predictions, reference = world()
    row = cell(
        score(predictions, reference.with_columns(valence=pl.lit(4.0)), **QUICK).estimates,
        "valence_ccc",
    )
    assert row["value"] is None
    assert row["undefined"] == "fewer than two different references"


def ratings() -> pl.DataFrame:
    rows = [
        {"item": f"demo/{i}", "question": "valence", "number": float((i * 3 + r) % 7 + 1)}
        for i in range(SIZE)
        for r in range(i % 4)
    ]
    return pl.DataFrame(rows).with_columns(channel=pl.lit("voice"), kind=pl.lit("person"))


def test_raters_means_by_hand() -> None:
    table = ratings()
    models = table.with_columns(kind=pl.lit("model"), number=pl.lit(9.0))
    seen = table.with_columns(channel=pl.lit("face"), number=pl.lit(5.0))
    means = dict(mean_ratings(pl.concat([table, models, seen]), channel="voice").iter_rows())
    for i in range(1, SIZE):
        own = [(i * 3 + r) % 7 + 1 for r in range(i % 4)]
        if own:
            assert means[f"demo/{i}"] == pytest.approx(sum(own) / len(own))
        else:
            assert f"demo/{i}" not in means


def test_numbers_of_a_system_against_those_of_raters() -> None:
    predictions, reference = world()
    found = score(predictions, reference, votes=ratings(), channel="voice", **QUICK).estimates
    means = dict(mean_ratings(ratings(), channel="voice").iter_rows())
    ids = [name for name in predictions["utterance_id"] if name in means]
    x = np.array([means[name] for name in ids])
    y = predictions.filter(pl.col("utterance_id").is_in(ids))["valence"].to_numpy()
    row = cell(found, "valence_ccc", reference="votes")
    assert row["value"] == pytest.approx(concordance(x, y))
    assert row["n"] == len(ids)
    given = score(predictions, reference, **QUICK).estimates
    assert cell(found, "valence_ccc")["value"] == cell(given, "valence_ccc")["value"]
