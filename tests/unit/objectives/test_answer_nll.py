"""The loss of an item is the mean over its answer, and nothing else counts."""

from __future__ import annotations

import math

import pytest
import torch

from equivoice.errors import InputError
from equivoice.objectives.answer_nll import mean_answer_nll, weighted_answer_nll

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
