"""Caches of keys and values that are grown aside and never spoiled.

A prompt's cache serves any number of continuations. It is not cropped afterwards
(what ``crop`` means differs between releases of transformers, and recurrent states
cannot be cropped): each continuation grows a fork. A fork of an attention cache
costs nothing, for growing it makes new tensors; only what a model overwrites in
place is copied.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

__all__ = ["attends_to_all", "bytes_per_row", "fork", "select_rows"]

# Layers whose `update` concatenates into new tensors, so that a shallow copy is enough.
_CONCATENATING = ("DynamicLayer", "DynamicSlidingWindowLayer")


def fork(cache: Any) -> Any:
    """A cache that starts as ``cache`` stands and can be grown without touching it.

    Args:
        cache: a ``DynamicCache`` of transformers, of any kind of layer.
    """
    if not hasattr(cache, "layers"):
        return copy.deepcopy(cache)
    twin = copy.copy(cache)
    twin.layers = [_fork_layer(layer) for layer in cache.layers]
    return twin


def select_rows(cache: Any, rows: torch.Tensor) -> Any:
    """A fork that holds some rows of the batch, in this order; a row may come twice.

    Args:
        cache: as for :func:`fork`.
        rows: (R,) indices into the batch.
    """
    twin = fork(cache)
    twin.reorder_cache(rows)
    return twin


def attends_to_all(cache: Any) -> bool:
    """Whether every layer keeps the keys of the whole past, in order.

    Only then has each column a place that a mask can name: not with a sliding
    window, which drops columns, nor with a recurrent state, which has none.
    """
    kinds = {type(layer).__name__ for layer in getattr(cache, "layers", ())}
    return kinds == {"DynamicLayer"}


def bytes_per_row(cache: Any) -> int:
    """The memory that one row of the batch takes in a cache, in bytes."""
    total = 0
    for layer in getattr(cache, "layers", ()):
        for value in _tensors(vars(layer)):
            if value.dim() > 1:
                total += value.nbytes // max(1, value.shape[0])
    return total


def _fork_layer(layer: Any) -> Any:
    twin = copy.copy(layer)
    if type(layer).__name__ in _CONCATENATING:
        return twin
    for name, value in vars(layer).items():
        if isinstance(value, dict):
            setattr(twin, name, {key: _clone(each) for key, each in value.items()})
        else:
            setattr(twin, name, _clone(value))
    return twin


def _clone(value: Any) -> Any:
    import torch

    return value.clone() if isinstance(value, torch.Tensor) else value


def _tensors(values: dict[str, Any]) -> list[torch.Tensor]:
    import torch

    found: list[torch.Tensor] = []
    for value in values.values():
        if isinstance(value, torch.Tensor):
            found.append(value)
        elif isinstance(value, dict):
            found += [each for each in value.values() if isinstance(each, torch.Tensor)]
    return found
