"""Negative log-likelihood of the answers: one value an item.

An item's loss is the mean over its answer tokens, so that a label of three tokens
counts no more than a label of one. Weights by class multiply the items' losses and
leave the number of items, by which they are divided later, as it is: frameworks'
weighted cross-entropy divides by the sum of the weights instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from equivoice.errors import InputError

if TYPE_CHECKING:
    import torch

__all__ = ["mean_answer_nll", "weighted_answer_nll"]


def mean_answer_nll(nll: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The mean over each item's answer tokens: (n,), differentiable.

    Args:
        nll: (n, T) negative log-likelihood of each token, of any value where it does not count.
        mask: (n, T) whether the token is part of the answer.

    Raises:
        InputError: the shapes differ, or an item has no answer token.

    Example:
        >>> import torch
        >>> nll = torch.tensor([[9.0, 1.0, 2.0], [9.0, 9.0, 4.0]])
        >>> mean_answer_nll(nll, torch.tensor([[0, 1, 1], [0, 0, 1]])).tolist()
        [1.5, 4.0]
    """
    if nll.ndim != 2 or nll.shape != mask.shape:
        raise InputError(
            "losses and mask of answer tokens must both be (items, tokens)",
            value=f"{tuple(nll.shape)} and {tuple(mask.shape)}",
        )
    counted = mask.bool()
    tokens = counted.sum(dim=1)
    if bool((tokens == 0).any()):
        raise InputError(
            "an item has no answer tokens, so it has no loss",
            row=int((tokens == 0).nonzero()[0, 0]) + 1,
            hint="look for an empty label, or a mask that covers the prompt only",
        )
    # chosen, not multiplied: what does not count may be infinite, and 0 × inf is no number
    return nll.where(counted, nll.new_zeros(())).sum(dim=1) / tokens


def weighted_answer_nll(
    nll: torch.Tensor, mask: torch.Tensor, weights: torch.Tensor
) -> torch.Tensor:
    """Each item's mean over its answer tokens, times the item's weight: (n,).

    Args:
        nll: (n, T) as for :func:`mean_answer_nll`.
        mask: (n, T) likewise.
        weights: (n,) such as those of the items' labels.

    Raises:
        InputError: the shapes differ, or an item has no answer token.

    Example:
        >>> import torch
        >>> nll, mask = torch.tensor([[1.0], [2.0]]), torch.tensor([[1], [1]])
        >>> weighted_answer_nll(nll, mask, torch.tensor([0.5, 3.0])).tolist()
        [0.5, 6.0]
    """
    if weights.shape != nll.shape[:1]:
        raise InputError(
            "there must be one weight an item",
            value=f"{tuple(weights.shape)} weights for {tuple(nll.shape)} losses",
        )
    return mean_answer_nll(nll, mask) * weights
