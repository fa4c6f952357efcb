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
# Reading a model's weights takes as long as computing about so many positions.
_CALL_COST = {"cpu": 16, "cuda": 256}
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
        self.call_cost = _CALL_COST.get(device.type, 16)
        """What a call costs beside its positions, in positions."""


def split_counts(
    counts: Sequence[int], limit: int, *, call_cost: int = 0
) -> list[list[tuple[int, int, int]]]:
    """Groups of utterances that are evaluated together, padded to the longest among them.

    One utterance in doubt must not make all sure ones pay: groups are such that the
    positions, padding included, and the calls cost least.

    Args:
        counts: how many nodes each utterance has.
        limit: the most positions of a group, padding included.
        call_cost: what one call costs beside its positions, in positions.

    Returns:
        Groups of (utterance, first node, one beyond the last). An utterance with more
        nodes than the limit is cut in several groups of its own.

    Example:
        >>> split_counts([2, 2, 1, 9], 8, call_cost=4)
        [[(0, 0, 2), (1, 0, 2), (2, 0, 1)], [(3, 0, 8)], [(3, 8, 9)]]
    """
    order = sorted(range(len(counts)), key=lambda number: counts[number])
    short = [number for number in order if counts[number] <= limit]
    groups = [
        sorted((number, 0, counts[number]) for number in short[low:high])
        for low, high in _cheapest([counts[number] for number in short], limit, call_cost)
    ]
    for number in order[len(short) :]:
        cuts = range(0, counts[number], limit)
        groups += [[(number, cut, min(counts[number], cut + limit))] for cut in cuts]
    return groups


def _cheapest(counts: Sequence[int], limit: int, call_cost: int) -> list[tuple[int, int]]:
    """The cuts of an ascending list that cost least, by dynamic programming."""
    cost, begin = [0], [0]
    for end, longest in enumerate(counts, 1):
        ways = [
            (cost[low] + call_cost + (end - low) * longest, low)
            for low in range(max(0, end - limit // longest), end)
        ]
        least, low = min(ways)
        cost.append(least)
        begin.append(low)
    spans = []
    end = len(counts)
    while end:
        spans.append((begin[end], end))
        end = begin[end]
    return spans[::-1]


def _free(device: torch.device) -> int | None:
    """Free memory of a GPU in bytes; ``None`` for the CPU."""
    if device.type != "cuda":
        return None
    import torch

    held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(torch.cuda.mem_get_info(device)[0]) + held
