"""Prompts that were run one by one, put beside each other as one prefix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from equivoice.models.decoding.caches import attends_to_all
from equivoice.models.decoding.prefix import Prefix

if TYPE_CHECKING:
    import torch

__all__ = ["can_be_stacked", "stacked"]


def can_be_stacked(prefix: Prefix) -> bool:
    """Whether the cache of a prompt is nothing but keys and values, a column a token."""
    return attends_to_all(prefix.cache)


def stacked(prefixes: Sequence[Prefix]) -> Prefix:
    """One prefix of all prompts, padded on the left.

    What a prompt was run to does not depend on the others: keys carry their positions,
    and the columns that padding adds are masked.

    Args:
        prefixes: of one model, one prompt or more each; all :func:`can_be_stacked`.
    """
    import torch

    if len(prefixes) == 1:
        return prefixes[0]
    length = max(int(prefix.mask.shape[1]) for prefix in prefixes)
    width = max(int(prefix.input_ids.shape[1]) for prefix in prefixes)
    return replace(
        prefixes[0],
        cache=_stacked_caches([prefix.cache for prefix in prefixes], length),
        mask=torch.cat([_widened(prefix.mask, length) for prefix in prefixes]),
        next_position=torch.cat([prefix.next_position for prefix in prefixes]),
        logits=torch.cat([prefix.logits for prefix in prefixes]),
        input_ids=torch.cat([_widened(prefix.input_ids, width) for prefix in prefixes]),
        input_mask=torch.cat([_widened(_real(prefix), width) for prefix in prefixes]),
    )


def _real(prefix: Prefix) -> torch.Tensor:
    return prefix.mask if prefix.input_mask is None else prefix.input_mask


def _widened(values: torch.Tensor, length: int, axis: int = 1) -> torch.Tensor:
    """Zeros before the values, along one axis."""
    import torch

    missing = length - values.shape[axis]
    if not missing:
        return values
    shape = list(values.shape)
    shape[axis] = missing
    return torch.cat([values.new_zeros(shape), values], dim=axis)


def _stacked_caches(caches: Sequence[Any], length: int) -> Any:
    import torch
    from transformers import DynamicCache

    whole = DynamicCache()
    for number in range(len(caches[0].layers)):
        layers = [cache.layers[number] for cache in caches]
        whole.update(
            torch.cat([_widened(layer.keys, length, axis=2) for layer in layers]),
            torch.cat([_widened(layer.values, length, axis=2) for layer in layers]),
            number,
        )
    return whole
