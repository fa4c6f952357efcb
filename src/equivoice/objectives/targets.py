"""What losses over classes take, checked: scores of n items, and the class or the shares of each.

Shared by the losses beside it, which do not know each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from equivoice.errors import InputError

if TYPE_CHECKING:
    import torch

__all__ = ["ItemLoss", "class_shares", "item_weights", "log_probabilities", "row_like"]

# how far the shares of an item may lie from a sum of 1: rounding of float32 and of tables
_TOLERANCE = 1e-4


class ItemLoss(Protocol):
    """A loss over classes, which gives one value an item."""

    def __call__(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The loss of each item: (n,), differentiable by the scores.

        Args:
            logits: (n, C) scores before the softmax, in natural-logarithm units.
            targets: (n,) the class of each item, counted from 0; or (n, C) floats, the
                share of each class in an item, each row with the sum 1.

        Raises:
            InputError: shapes do not fit, a class lies outside, or shares are none.
        """

    def item_weights(self, targets: torch.Tensor) -> torch.Tensor:
        """The weight that the classes give each item: (n,), 1 where classes have none.

        The reduction ``weights`` divides by their sum.
        """


def log_probabilities(logits: torch.Tensor) -> torch.Tensor:
    """Logarithms of the softmax: (n, C), float32 for halves, never below that of the scores.

    Args:
        logits: (n, C).

    Raises:
        InputError: they are no table of two classes or more.

    Example:
        >>> import torch
        >>> log_probabilities(torch.tensor([[0.0, 0.0]])).exp().tolist()
        [[0.5, 0.5]]
    """
    import torch

    if logits.ndim != 2 or logits.shape[1] < 2:
        raise InputError("scores must be (items, classes), two classes or more", value=logits.shape)
    exact = logits if logits.dtype == torch.float64 else logits.float()
    return torch.log_softmax(exact, dim=1)


def class_shares(targets: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """The share of each class in each item: (n, C); one 1 in a row where a class was given.

    Args:
        targets: (n,) whole numbers from 0 to C − 1, or (n, C) floats.
        like: (n, C), whose type and device the shares have.

    Raises:
        InputError: the shapes differ, a class lies outside, or a row is no distribution.

    Example:
        >>> import torch
        >>> class_shares(torch.tensor([2, 0]), torch.zeros(2, 3)).tolist()
        [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """
    import torch

    items, classes = like.shape
    targets = targets.to(like.device)
    if targets.ndim == 1 and len(targets) == items and not targets.is_floating_point():
        _check_classes(targets, classes)
        return torch.nn.functional.one_hot(targets.long(), classes).to(like.dtype)
    if targets.shape != like.shape or not targets.is_floating_point():
        raise InputError(
            "targets must be one class an item, or the shares of all classes as floats",
            value=f"{tuple(targets.shape)} {targets.dtype} for scores {tuple(like.shape)}",
        )
    shares = targets.to(like.dtype)
    wrong = (shares < 0).any(dim=1) | ~((shares.sum(dim=1) - 1).abs() <= _TOLERANCE)
    if bool(wrong.any()):
        row = int(wrong.nonzero()[0, 0])
        raise InputError(
            "an item's shares of the classes must be from 0 and have the sum 1",
            row=row + 1,
            value=shares[row].tolist(),
        )
    return shares


def item_weights(targets: torch.Tensor, weights: Sequence[float] | None) -> torch.Tensor:
    """The weight of each item: that of its class, or the mean over its shares: (n,).

    Args:
        targets: as for :func:`class_shares`.
        weights: of each class; ``None`` for 1 each.

    Raises:
        InputError: as for :func:`class_shares`.

    Example:
        >>> import torch
        >>> item_weights(torch.tensor([1, 0]), (0.5, 3.0)).tolist()
        [3.0, 0.5]
        >>> item_weights(torch.tensor([[0.5, 0.5]]), (0.5, 3.0)).tolist()
        [1.75]
    """
    import torch

    kind = targets.dtype if targets.is_floating_point() else torch.float32
    if weights is None:
        return torch.ones(len(targets), device=targets.device, dtype=kind)
    shape = torch.zeros(len(targets), len(weights), device=targets.device, dtype=kind)
    return class_shares(targets, shape) @ row_like(weights, shape)


def row_like(values: Sequence[float], like: torch.Tensor) -> torch.Tensor:
    """One number a class as a tensor: (C,), of the type and on the device of ``like``.

    Args:
        values: C numbers.
        like: (n, C).

    Raises:
        InputError: there is another number of classes.
    """
    if len(values) != like.shape[1]:
        raise InputError(
            f"the loss knows {len(values)} classes and the model scores {like.shape[1]}",
            hint="both must come from one label space, in its order",
        )
    return like.new_tensor(list(values))


def _check_classes(targets: torch.Tensor, classes: int) -> None:
    outside = (targets < 0) | (targets >= classes)
    if bool(outside.any()):
        row = int(outside.nonzero()[0, 0])
        raise InputError(
            "no such class", row=row + 1, value=int(targets[row]), choices=range(classes)
        )
