"""How much is evaluated at once, by the memory at hand.

Limits change only which tokens share a call of the model, never which are drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

__all__ = ["Budget", "split_counts"]

_MEGABYTE = 2**20
_CPU_LOGITS = 256 * _MEGABYTE
_CPU_CACHE = 4096 * _MEGABYTE
_GPU_LOGITS = (256 * _MEGABYTE, 4096 * _MEGABYTE)
_LOGIT_BYTES = 4
# scores and what is made of them, each of the size of the vocabulary
_WARPING_BYTES = 32


class Budget:
    """Limits for one device and vocabulary.

    Args:
        device: where tensors live.
        vocabulary: how many tokens there are.
        row_bytes: of the cache, for one row of the batch.
        logits_bytes: memory for the logits of one call; ``None``: by the device.

    Example:
        >>> from types import SimpleNamespace
        >>> cpu = SimpleNamespace(type="cpu")
        >>> Budget(cpu, vocabulary=152_000, row_bytes=2**20).positions
        441
    """

    def __init__(
        self,
        device: torch.device,
        *,
        vocabulary: int,
        row_bytes: int = 0,
        logits_bytes: int | None = None,
    ) -> None:
        free = _free(device)
        if logits_bytes is None:
            least, most = _GPU_LOGITS
            logits_bytes = _CPU_LOGITS if free is None else min(most, max(least, free // 16))
        cache = _CPU_CACHE if free is None else free // 2
        self.positions = max(1, logits_bytes // (vocabulary * _LOGIT_BYTES))
        """How many positions one call of the model may give logits for."""
        self.distributions = max(1, logits_bytes // (vocabulary * _WARPING_BYTES))
        """How many distributions may be computed at once."""
        self.rows = max(1, cache // row_bytes) if row_bytes else self.positions
        """How many rows of the cache may be copied for one call."""


def split_counts(counts: Sequence[int], limit: int) -> list[list[tuple[int, int, int]]]:
    """Groups of utterances that are evaluated together, padded to the longest among them.

    Args:
        counts: how many nodes each utterance has, in order.
        limit: the most positions of a group, padding included.

    Returns:
        Groups of (utterance, first node, one beyond the last). An utterance with more
        nodes than the limit is cut in several groups of its own.

    Example:
        >>> split_counts([2, 2, 1, 5], 4)
        [[(0, 0, 2), (1, 0, 2)], [(2, 0, 1)], [(3, 0, 4)], [(3, 4, 5)]]
    """
    groups: list[list[tuple[int, int, int]]] = []
    longest = 0
    for number, count in enumerate(counts):
        if count > limit:
            cuts = range(0, count, limit)
            groups += [[(number, cut, min(count, cut + limit))] for cut in cuts]
            longest = limit
            continue
        wider = max(longest, count)
        if not groups or (len(groups[-1]) + 1) * wider > limit:
            groups.append([])
            wider = count
        groups[-1].append((number, 0, count))
        longest = wider
    return groups


def _free(device: torch.device) -> int | None:
    """Free memory of a GPU in bytes; ``None`` for the CPU."""
    if device.type != "cuda":
        return None
    import torch

    held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(torch.cuda.mem_get_info(device)[0]) + held
