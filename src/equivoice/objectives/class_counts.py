"""Weights of classes by how many items of the *training* data each has.

Counts of validation or test data never belong here: a weight made of them would tell
the model how common each class is where it is tested. Shared by the losses beside it.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from equivoice.errors import InputError

if TYPE_CHECKING:
    import torch

__all__ = ["class_weights", "counts_above_chance", "effective_number_weights", "inverse_weights"]

Label = TypeVar("Label", bound=Hashable)

# the tolerance of records and metrics for "above 1/C", widened to what float32 keeps
_ROUNDING = 1e-7


def class_weights(counts: Mapping[Label, float]) -> dict[Label, float]:
    """Weights against imbalance: w_c = N / (N_c C).

    The mean weight over the items is 1. A classifier that ignores its input pays the
    same for each class.

    Args:
        counts: how many items of the training data each class has; sums of shares where items
            have several.

    Returns:
        The weight of each class, in the order of ``counts``.

    Raises:
        InputError: there is no class, or a class without items.

    Example:
        >>> class_weights({"angry": 1, "neutral": 3})
        {'angry': 2.0, 'neutral': 0.6666666666666666}
    """
    if not counts:
        raise InputError("weights by class need at least one class")
    empty = [label for label, count in counts.items() if count <= 0]
    if empty:
        raise InputError(
            "a class without items in the training data has no weight",
            value=empty[0],
            choices=[label for label, count in counts.items() if count > 0],
            hint="leave the class out of the weights, or choose other training data",
        )
    total = sum(counts.values())
    return {label: total / (count * len(counts)) for label, count in counts.items()}


def inverse_weights(counts: Sequence[float]) -> tuple[float, ...]:
    """:func:`class_weights` of classes in order.

    Args:
        counts: the items of each class in the training data, or sums of their shares.

    Raises:
        InputError: there is no class, or a class without items.

    Example:
        >>> inverse_weights([1, 3])
        (2.0, 0.6666666666666666)
    """
    return tuple(class_weights(dict(enumerate(counts))).values())


def effective_number_weights(counts: Sequence[int], items: int) -> tuple[float, ...]:
    """Weights by the effective number of items: (1 − β) / (1 − β^n_c), scaled to the sum C.

    β = (N − 1) / N; a class without items counts as one with 1.

    Args:
        counts: n_c, the items that show each class; an item may show several.
        items: N, the items of the training data.

    Raises:
        InputError: there is no class, a count is negative, or N is below 1.

    Reference:
        Cui et al. 2019; with soft labels in EMO-SUPERB and EMO-Debias.

    Example:
        >>> [round(weight, 6) for weight in effective_number_weights([4, 2, 1, 1], 8)]
        [0.426134, 0.752393, 1.410737, 1.410737]
    """
    if not counts or min(counts) < 0 or items < 1:
        raise InputError(
            "class-balanced weights need counts from 0 and at least one item",
            value=f"{list(counts)} of {items}",
        )
    beta = (items - 1) / items
    raw = [(1 - beta) / (1 - beta ** max(count, 1)) for count in counts]
    return tuple(weight * len(raw) / sum(raw) for weight in raw)


def counts_above_chance(shares: torch.Tensor) -> list[int]:
    """How many items show each class: those in which its share lies above 1/C.

    Args:
        shares: (N, C) of the training data.

    Returns:
        n_c for each class. An item of which all shares are equal shows none.

    Raises:
        InputError: it is no table.

    Example:
        >>> import torch
        >>> counts_above_chance(torch.tensor([[1.0, 0.0], [0.5, 0.5], [0.4, 0.6]]))
        [1, 1]
    """
    if shares.ndim != 2:
        raise InputError("shares must be (items, classes)", value=tuple(shares.shape))
    # 1/3 in float32 lies above 1/3 in float64: equal within rounding is not above
    above = shares.double() > 1 / shares.shape[1] + _ROUNDING
    return [int(count) for count in above.sum(dim=0)]
