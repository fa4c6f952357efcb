"""Metrics that other packages bring."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import Any

import numpy as np
import pytest

from equivoice.errors import ConfigError
from equivoice.evaluation.score import score
from equivoice.metrics import FloatArray, Metric, plugged

ANSWERS = ["happy", "sad", "sad", "sad"] * 6
TRUTH = ["happy", "sad"] * 12


def half_accuracy(sums: FloatArray) -> FloatArray:
    return np.asarray(sums[..., :2].sum(-1) / sums[..., 2:4].sum(-1) / 2)


HALF = Metric("half_accuracy", half_accuracy, 0.0, 0.5, True, "no predictions")
NAMESAKE = Metric("accuracy", half_accuracy, 0.0, 0.5, True, "no predictions")
NO_METRIC = 7


def plug(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    points = [EntryPoint(name, f"{__name__}:{name}", "equivoice.metrics") for name in names]
    monkeypatch.setattr(EntryPoint, "load", lambda point: globals()[point.name])
    monkeypatch.setattr(plugged, "entry_points", lambda **_: points)


def scored(**options: Any) -> Any:
    return score(ANSWERS, TRUTH, replicates=0, **options).estimates


def test_it_is_scored_like_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    plug(monkeypatch, "HALF")
    table = scored(groups={"gender": ["female", "male"] * 12}, group_by="gender")
    whole = table.filter(quantity="score", metric="half_accuracy")["value"].item()
    assert whole == table.filter(quantity="score", metric="accuracy")["value"].item() / 2
    for quantity in ("group_score", "pair_gap", "gap", "worst_group"):
        assert table.filter(quantity=quantity, metric="half_accuracy").height


def test_none_is_the_rule() -> None:
    assert "half_accuracy" not in set(scored()["metric"])


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        (["NO_METRIC"], "names no metric"),
        (["HALF", "HALF"], "two packages"),
        (["NAMESAKE"], "a name of ours"),
    ],
)
def test_what_is_refused(monkeypatch: pytest.MonkeyPatch, names: list[str], problem: str) -> None:
    plug(monkeypatch, *names)
    with pytest.raises(ConfigError, match=problem):
        scored()
