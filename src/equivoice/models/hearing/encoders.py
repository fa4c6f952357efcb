"""Whisper-like encoders that mask their padding, run on the valid part alone.

Qwen2-Audio and Audio Flamingo 3 pad each clip to 3,000 frames, run all of them and
hide the padding from every valid frame. Only the two convolutions reach over the
edge: the last valid position sees two frames beyond the last valid one. With those
two, nothing else of the padding is needed. The stock encoder insists on all 3,000,
hence a forward of our own over its submodules.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

__all__ = [
    "REACH",
    "by_length",
    "known_structure",
    "padding_mask",
    "token_count",
    "trimmed_forward",
]

REACH = 2
"""Frames beyond the last valid one that the two convolutions see."""

_PARTS = ("conv1", "conv2", "embed_positions", "layers", "avg_pooler", "layer_norm")
# a batch is encoded together while its longest clip is at most so much longer
_WIDEST = 1.25


def token_count(frames: int) -> int:
    """How many audio tokens the model makes of valid frames, by its own formula.

    Example:
        >>> token_count(3000), token_count(297), token_count(1)
        (750, 74, 0)
    """
    return max(0, (_after_convolutions(frames) - 2) // 2 + 1)


def known_structure(tower: Any) -> str | None:
    """Why an encoder is not of the structure that is known to be exact; ``None``: it is."""
    missing = [part for part in _PARTS if not hasattr(tower, part)]
    if missing:
        return f"the encoder has no {', '.join(missing)}"
    shapes = [
        (conv.kernel_size[0], conv.stride[0], conv.padding[0])
        for conv in (tower.conv1, tower.conv2)
    ]
    if shapes != [(3, 1, 1), (3, 2, 1)]:
        return f"the encoder's convolutions are of another shape ({shapes})"
    return None


def trimmed_forward(tower: Any, features: torch.Tensor, frames: Sequence[int]) -> torch.Tensor:
    """What the stock encoder gives for the valid frames, from those frames alone.

    Args:
        tower: the audio encoder of Qwen2-Audio or Audio Flamingo 3.
        features: (n, mel bands, F) log-mel of the *padded* sound, cut at F frames,
            at least :data:`REACH` beyond each clip's last valid one (or at the end).
        frames: how many frames of each clip are valid.

    Returns:
        (n, tokens of the longest clip, width); rows of shorter clips end in values
        without meaning.
    """
    import torch

    weight = tower.conv1.weight
    hidden = features.to(dtype=weight.dtype, device=weight.device)
    hidden = torch.nn.functional.gelu(tower.conv1(hidden))
    hidden = torch.nn.functional.gelu(tower.conv2(hidden)).transpose(1, 2)
    longest = max(_after_convolutions(count) for count in frames)
    hidden = hidden[:, :longest] + tower.embed_positions.weight[:longest]
    if tower.training:
        hidden = torch.nn.functional.dropout(hidden, p=tower.dropout)
    mask = padding_mask(tower, frames, longest)
    for layer in tower.layers:
        out = layer(hidden, mask)
        # a tuple in older releases of transformers
        hidden = out[0] if isinstance(out, tuple) else out
    pooled = tower.avg_pooler(hidden.transpose(1, 2)).transpose(1, 2)
    encoded: torch.Tensor = tower.layer_norm(pooled)
    return encoded


def frame_mask(features: torch.Tensor, frames: Sequence[int]) -> torch.Tensor:
    """(n, F) 1 where a frame of (n, mel bands, F) features is valid, else 0."""
    import torch

    lengths = torch.tensor(list(frames), device=features.device)
    return (torch.arange(features.shape[-1], device=features.device) < lengths[:, None]).long()


def padding_mask(tower: Any, frames: Sequence[int], positions: int) -> torch.Tensor | None:
    """Hides the padding of each clip from all, in the form that the attention kernel takes.

    Args:
        tower: the encoder.
        frames: how many frames of each clip are valid.
        positions: how many positions there are after the convolutions.

    Returns:
        (n, 1, positions, positions); ``None`` where there is no padding.
    """
    import torch

    weight = tower.conv1.weight
    lengths = torch.tensor([_after_convolutions(count) for count in frames], device=weight.device)
    if bool((lengths == positions).all()):
        return None
    valid = torch.arange(positions, device=weight.device) < lengths[:, None]
    seen = valid[:, None, None, :].expand(-1, 1, positions, -1)
    if getattr(tower.config, "_attn_implementation", None) != "eager":
        return seen
    nothing = torch.zeros((), dtype=weight.dtype, device=weight.device)
    return torch.where(seen, nothing, torch.finfo(weight.dtype).min)


def by_length(lengths: Sequence[int], most: int = 64) -> list[list[int]]:
    """Groups of like length, shortest first: what is encoded together.

    Args:
        lengths: of each clip.
        most: the largest group.

    Example:
        >>> by_length([100, 400, 110, 390])
        [[0, 2], [3, 1]]
    """
    order = sorted(range(len(lengths)), key=lambda number: (lengths[number], number))
    bounds = [0]
    for at, number in enumerate(order):
        first = lengths[order[bounds[-1]]]
        if lengths[number] > _WIDEST * first or at - bounds[-1] >= most:
            bounds.append(at)
    return [order[low:high] for low, high in pairwise([*bounds, len(order)]) if low < high]


def _after_convolutions(frames: int) -> int:
    return (frames - 1) // 2 + 1
