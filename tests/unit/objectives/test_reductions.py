"""Two ways from items to one number, by name."""

from __future__ import annotations

import pytest
import torch

from equivoice.errors import ConfigError, InputError
from equivoice.objectives.reductions import reduced

LOSSES, WEIGHTS = torch.tensor([2.0, 1.0, 3.0]), torch.tensor([0.5, 0.5, 2.0])


def test_by_items() -> None:
    assert reduced(LOSSES, WEIGHTS).item() == 2.0


def test_by_weights() -> None:
    assert reduced(LOSSES, WEIGHTS, "weights").item() == 2.0


def test_they_differ_where_the_mean_weight_is_not_one() -> None:
    assert reduced(LOSSES, WEIGHTS * 2).item() == 2.0
    assert reduced(LOSSES, WEIGHTS * 2, "weights").item() == 1.0


def test_only_by_items_do_batches_of_one_size_add_up() -> None:
    losses, weights = torch.tensor([1.0, 2.0, 6.0, 7.0]), torch.tensor([1.0, 1.0, 3.0, 5.0])
    halves = [(losses[:2], weights[:2]), (losses[2:], weights[2:])]
    for rule, same in (("items", True), ("weights", False)):
        mean = sum(reduced(*half, rule).item() for half in halves) / 2
        assert (mean == pytest.approx(reduced(losses, weights, rule).item())) is same


def test_an_unknown_rule_names_the_choices() -> None:
    with pytest.raises(ConfigError, match="items, weights"):
        reduced(LOSSES, WEIGHTS, "mean")


@pytest.mark.parametrize("weights", [torch.ones(3, 1), torch.ones(2), torch.ones(())])
def test_one_weight_an_item(weights: torch.Tensor) -> None:
    with pytest.raises(InputError, match="must both be"):
        reduced(LOSSES, weights)


def test_no_items_have_no_mean() -> None:
    with pytest.raises(InputError, match="one item or more"):
        reduced(torch.zeros(0), torch.zeros(0))
