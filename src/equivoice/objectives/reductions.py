"""From the losses of items to one number, by a named rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from equivoice.errors import ConfigError, InputError

if TYPE_CHECKING:
    import torch

__all__ = ["REDUCTIONS", "reduced"]

REDUCTIONS = ("items", "weights")
"""What the sum of the losses is divided by."""


def reduced(losses: torch.Tensor, weights: torch.Tensor, reduction: str = "items") -> torch.Tensor:
    """The sum of the losses over the number of items, or over the sum of their weights: ().

    ``items`` is what papers write, and what adds up over batches of one size;
    ``weights`` is what frameworks' weighted cross-entropy does where it is given classes:
    a batch of common classes counts as much as a batch of rare ones.

    Args:
        losses: (n,) of the items, their weights already in them.
        weights: (n,) of the items, as ``loss.item_weights`` gives them.
        reduction: one of :data:`REDUCTIONS`.

    Raises:
        ConfigError: an unknown reduction.
        InputError: there are no items, or not one weight each.

    Example:
        >>> import torch
        >>> losses, weights = torch.tensor([2.0, 1.0]), torch.tensor([0.5, 3.5])
        >>> reduced(losses, weights).item(), reduced(losses, weights, "weights").item()
        (1.5, 0.75)
    """
    if reduction not in REDUCTIONS:
        raise ConfigError("unknown reduction of losses", value=reduction, choices=REDUCTIONS)
    if losses.ndim != 1 or losses.shape != weights.shape or not len(losses):
        raise InputError(
            "losses and weights must both be (items,), one item or more",
            value=f"{tuple(losses.shape)} and {tuple(weights.shape)}",
        )
    return losses.sum() / (len(losses) if reduction == "items" else weights.sum())
