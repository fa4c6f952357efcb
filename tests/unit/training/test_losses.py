"""Losses by name: each is the objective it is named after, with counts of the training part."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import Any

import numpy as np
import pytest
import torch

from equivoice import objectives, plugins
from equivoice.errors import ConfigError, InputError
from equivoice.objectives import ItemLoss
from equivoice.training import losses
from equivoice.training.losses import TrainingTargets, check_loss, loss_names, make_loss
from equivoice.training.settings import ObjectiveSettings

# three items show the first class, one the second; the last is shared by both
SHARES = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.75, 0.25]])
TARGETS = TrainingTargets(("angry", "sad"), SHARES)
LOGITS = torch.tensor([[1.0, -0.5], [0.2, 0.3]])
CLASSES = torch.tensor([0, 1])


def made(name: str, **options: Any) -> ItemLoss:
    return make_loss(ObjectiveSettings(loss=name, options=options), TARGETS)


def test_what_a_loss_may_know_is_counted_from_the_targets() -> None:
    assert TARGETS.counts == (2.75, 1.25)
    assert TARGETS.shows.tolist() == [[True, False], [True, False], [False, True], [True, False]]
    even = TrainingTargets(("a", "b"), np.array([[0.5, 0.5]]))
    assert not even.shows.any()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cross_entropy", objectives.CrossEntropy()),
        ("mean", objectives.CrossEntropy()),
        ("weighted_cross_entropy", objectives.WeightedCrossEntropy((2.75, 1.25))),
        ("class_weighted", objectives.WeightedCrossEntropy((2.75, 1.25))),
        ("weighted_focal", objectives.WeightedFocal((2.75, 1.25), 2.0)),
        ("vector_scaling", objectives.VectorScaling((2.75, 1.25), 0.3, 1.0)),
        ("soft_cross_entropy", objectives.SoftCrossEntropy()),
        ("kl_divergence", objectives.KLDivergence()),
        ("class_balanced", objectives.ClassBalancedSoftCrossEntropy((3, 1), 4)),
        ("penalisation", objectives.Penalisation(((0.0, 1.0), (1.0, 0.0)))),
        ("generalised_cross_entropy", objectives.GeneralisedCrossEntropy(0.7)),
    ],
)
def test_names_and_their_objectives(name: str, expected: ItemLoss) -> None:
    assert made(name) == expected


def test_options_are_those_of_the_objective() -> None:
    assert made("weighted_focal", gamma=1, convention="abhinaya_code") == (
        objectives.WeightedFocal((2.75, 1.25), 1, "abhinaya_code")
    )
    assert made("vector_scaling", gamma=0, tau=0, weighted=False)(LOGITS, CLASSES).tolist() == (
        pytest.approx(objectives.CrossEntropy()(LOGITS, CLASSES).tolist())
    )
    assert made("penalisation", form="pairwise") == (
        objectives.Penalisation(((0.0, 1.0), (1.0, 0.0)), "pairwise")
    )
    assert made("generalised_cross_entropy", q=1) == objectives.GeneralisedCrossEntropy(1)


def test_votes_shown_together_make_a_penalty_smaller() -> None:
    together = TrainingTargets(
        ("a", "b", "c"), np.array([[0.5, 0.5, 0.0], [1.0, 0, 0], [0, 0, 1.0]])
    )
    loss: Any = make_loss(ObjectiveSettings(loss="penalisation"), together)
    assert loss.matrix == ((0.0, 0.5, 1.0), (0.0, 0.0, 1.0), (1.0, 1.0, 0.0))


def test_smoothed_labels() -> None:
    smoothed = make_loss(ObjectiveSettings(loss="cross_entropy", smoothing=0.1), TARGETS)
    own = -(torch.tensor([[0.9, 0.1], [0.1, 0.9]]) * LOGITS.log_softmax(1)).sum(1)
    assert smoothed(LOGITS, CLASSES).tolist() == pytest.approx(own.tolist())


def test_all_names_are_losses() -> None:
    assert set(loss_names()) >= set(losses._BUILT_IN)
    for name in losses._BUILT_IN:
        shares = torch.tensor([[0.9, 0.1], [0.3, 0.7]])
        found = made(name)(LOGITS, shares)
        assert found.shape == (2,)
        assert bool(torch.isfinite(found).all())
        assert made(name).item_weights(shares).shape == (2,)


# ------------------------------------------------------------------- other packages


def third(targets: TrainingTargets, *, power: float = 1.0) -> ItemLoss:
    class Own(objectives.CrossEntropy):
        def __call__(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            return super().__call__(logits, targets) ** power

    assert targets.labels == ("angry", "sad")
    return Own()


@pytest.fixture
def plugged(monkeypatch: pytest.MonkeyPatch) -> None:
    def points(*, group: str) -> list[EntryPoint]:
        assert group == "equivoice.objectives"
        own = f"{__name__}:third"
        return [
            EntryPoint("third", own, group),
            EntryPoint("gone", "no_such_package:loss", group),
            EntryPoint("number", f"{__name__}:NUMBER", group),
            EntryPoint("mean", own, group),
        ]

    import sys

    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or _this_module())
    monkeypatch.setattr(plugins, "entry_points", points)


def _this_module() -> Any:
    from types import SimpleNamespace

    return SimpleNamespace(third=third, NUMBER=NUMBER)


NUMBER = 3


@pytest.mark.usefixtures("plugged")
def test_another_package_brings_a_loss() -> None:
    assert "third" in loss_names()
    plain = objectives.CrossEntropy()(LOGITS, CLASSES)
    assert made("third", power=2.0)(LOGITS, CLASSES).tolist() == pytest.approx((plain**2).tolist())
    assert made("mean") == objectives.CrossEntropy()  # a built-in name cannot be taken


@pytest.mark.usefixtures("plugged")
@pytest.mark.parametrize(
    ("name", "said"), [("gone", "cannot be loaded"), ("number", "is not callable")]
)
def test_a_loss_that_another_package_broke_is_named(name: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        made(name)


# ---------------------------------------------------------------------------- refusals


def test_unknown_losses_and_options_are_known_before_there_are_data() -> None:
    with pytest.raises(ConfigError, match="no such loss") as caught:
        check_loss(ObjectiveSettings(loss="focal"))
    assert "weighted_focal" in (caught.value.choices or ())
    with pytest.raises(ConfigError, match="no such option") as caught:
        check_loss(ObjectiveSettings(loss="vector_scaling", options={"sigma": 1}))
    assert caught.value.choices == ("gamma", "tau", "weighted")


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("weighted_focal", {"gamma": -1.0}),
        ("weighted_focal", {"convention": "code"}),
        ("vector_scaling", {"tau": float("nan")}),
        ("generalised_cross_entropy", {"q": 0}),
        ("generalised_cross_entropy", {"q": "half"}),
        ("penalisation", {"form": "triangular"}),
    ],
)
def test_values_that_a_loss_refuses(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        made(name, **options)


def test_a_class_without_training_items_has_no_weight() -> None:
    empty = TrainingTargets(("angry", "sad"), np.array([[1.0, 0.0]]))
    with pytest.raises(InputError, match="class without items"):
        make_loss(ObjectiveSettings(loss="weighted_focal"), empty)
