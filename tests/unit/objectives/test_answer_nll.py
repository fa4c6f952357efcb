"""The loss of an item is the mean over its answer, and nothing else counts."""

from __future__ import annotations

import math

import pytest
import torch

from equivoice.errors import InputError
from equivoice.objectives.answer_nll import class_weights, mean_answer_nll, weighted_answer_nll

NLL = torch.tensor([[9.0, 9.0, 1.0, 2.0], [9.0, 0.5, 1.5, 4.0], [9.0, 9.0, 9.0, 7.0]])
MASK = torch.tensor([[0, 0, 1, 1], [0, 1, 1, 1], [0, 0, 0, 1]])


def test_each_item_has_the_mean_of_its_own_answer() -> None:
    assert mean_answer_nll(NLL, MASK).tolist() == [1.5, 2.0, 7.0]


def test_a_long_answer_weighs_no_more_than_a_short_one() -> None:
    short = mean_answer_nll(torch.tensor([[3.0]]), torch.tensor([[1]]))
    long = mean_answer_nll(torch.full((1, 8), 3.0), torch.ones(1, 8))
    assert short.tolist() == long.tolist()


@pytest.mark.parametrize("kind", [torch.bool, torch.int64, torch.float32])
def test_a_mask_of_any_kind_is_read(kind: torch.dtype) -> None:
    assert mean_answer_nll(NLL, MASK.to(kind)).tolist() == [1.5, 2.0, 7.0]


@pytest.mark.parametrize("elsewhere", [0.0, -5.0, math.inf, math.nan])
def test_what_does_not_count_may_be_anything(elsewhere: float) -> None:
    nll = NLL.masked_fill(MASK == 0, elsewhere).requires_grad_()
    losses = mean_answer_nll(nll, MASK)
    assert losses.tolist() == [1.5, 2.0, 7.0]
    losses.sum().backward()
    assert nll.grad is not None
    assert torch.equal(nll.grad != 0, MASK.bool())


def test_each_answer_token_has_its_share_of_the_gradient() -> None:
    nll = NLL.clone().requires_grad_()
    (mean_answer_nll(nll, MASK) * torch.tensor([1.0, 6.0, 1.0])).sum().backward()
    assert nll.grad is not None
    assert nll.grad.tolist() == [[0, 0, 0.5, 0.5], [0, 2, 2, 2], [0, 0, 0, 1]]


def test_an_item_without_an_answer_is_an_error_that_names_its_row() -> None:
    with pytest.raises(InputError, match=r"no answer tokens(.|\n)*row: 2"):
        mean_answer_nll(NLL, torch.tensor([[0, 0, 0, 1], [0, 0, 0, 0], [0, 0, 0, 1]]))


@pytest.mark.parametrize("mask", [torch.ones(3, 3), torch.ones(3), torch.ones(4, 3)])
def test_other_shapes_are_refused_even_where_they_could_be_stretched(mask: torch.Tensor) -> None:
    with pytest.raises(InputError, match="must both be"):
        mean_answer_nll(NLL, mask)


def test_weights_multiply_items_and_leave_their_number() -> None:
    losses = weighted_answer_nll(NLL, MASK, torch.tensor([2.0, 0.5, 1.0]))
    assert losses.tolist() == [3.0, 1.0, 7.0]


def test_weights_of_one_change_nothing() -> None:
    assert torch.equal(weighted_answer_nll(NLL, MASK, torch.ones(3)), mean_answer_nll(NLL, MASK))


@pytest.mark.parametrize("shape", [(1,), (3, 1), (4,), ()])
def test_weights_are_one_an_item(shape: tuple[int, ...]) -> None:
    # a column of weights would make (n, n) losses: the released code of one paper did
    with pytest.raises(InputError, match="one weight an item"):
        weighted_answer_nll(NLL, MASK, torch.ones(shape))


# --------------------------------------------------------------------------- by class


def test_weights_by_class_of_a_published_corpus() -> None:
    # ABHINAYA's training counts, and its weights by the formula, rounded to three places
    numbers = (6728, 2495, 1432, 1120, 16712, 29239, 6303, 2948)
    counts = dict(zip("ACDFHNSU", numbers, strict=True))
    rounded = (1.244, 3.356, 5.846, 7.475, 0.501, 0.286, 1.328, 2.840)
    published = dict(zip("ACDFHNSU", rounded, strict=True))
    weights = class_weights(counts)
    assert list(weights) == list(counts)
    assert weights == pytest.approx(published, abs=5e-4)


def test_the_mean_weight_over_items_is_one() -> None:
    counts = {"a": 5, "b": 11, "c": 84}
    weights = class_weights(counts)
    assert sum(weights[label] * n for label, n in counts.items()) == pytest.approx(100)


def test_each_class_weighs_the_same_in_all() -> None:
    counts = {"a": 5, "b": 11, "c": 84}
    weights = class_weights(counts)
    assert [weights[label] * n for label, n in counts.items()] == pytest.approx([100 / 3] * 3)


def test_balanced_classes_weigh_one() -> None:
    assert class_weights({0: 7, 1: 7, 2: 7}) == {0: 1.0, 1: 1.0, 2: 1.0}


def test_a_class_without_items_has_no_weight() -> None:
    with pytest.raises(InputError, match="without items") as caught:
        class_weights({"happy": 3, "calm": 0})
    assert "'calm'" in str(caught.value)


def test_no_classes_have_no_weights() -> None:
    with pytest.raises(InputError, match="at least one class"):
        class_weights({})
