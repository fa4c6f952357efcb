"""Log-mel of labelled utterances, and copies of them in other voices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from equivoice.metrics import IntArray
from equivoice.models.hearing.encoders import REACH, by_length, trimmed_forward
from equivoice.models.language import Clip

if TYPE_CHECKING:
    import torch

__all__ = ["Sounds", "given_to", "hear", "stretched"]

_AT_ONCE = 16


@dataclass(frozen=True)
class Sounds:
    """Utterances as a model's extractor gives them.

    Args:
        mels: of each, (bands, frames or more) log-mel.
        frames: how many frames of each are valid.
    """

    mels: Sequence[torch.Tensor]
    frames: Sequence[int]

    def some(self, every: int) -> Sounds:
        """Each so many-th of them."""
        return replace(self, mels=self.mels[::every], frames=self.frames[::every])

    def chosen(self, rows: IntArray) -> Sounds:
        """Those at some places."""
        return Sounds([self.mels[row] for row in rows], [self.frames[row] for row in rows])

    def changed(self, bands: float, speed: float) -> Sounds:
        """The same utterances with bands stretched and at another speed."""
        mels = [
            stretched(mel[:, :frames], bands, speed)
            for mel, frames in zip(self.mels, self.frames, strict=True)
        ]
        return Sounds(mels, [mel.shape[1] for mel in mels])


def hear(backend: Any, clips: Sequence[Clip]) -> Sounds:
    """The log-mel of clips by the checkpoint's own extractor.

    Args:
        backend: a Qwen2-Audio.
        clips: on disk.

    Raises:
        AudioError: a clip cannot be used.
    """
    mels, frames = [], []
    for clip in clips:
        wave = backend.wave(clip)
        frames.append(backend.mel.frames(len(wave)))
        mels.append(backend.mel([wave], frames[-1] + REACH)[0])
    return Sounds(mels, frames)


def stretched(mel: torch.Tensor, bands: float, speed: float) -> torch.Tensor:
    """A log-mel with other bands and at another speed, by linear interpolation.

    Args:
        mel: (bands, frames).
        bands: above 1, what stood in high bands comes to stand in lower ones.
        speed: above 1, fewer frames.

    Returns:
        (bands, frames / speed).

    Example:
        >>> import torch
        >>> stretched(torch.arange(8.0).expand(2, 8), 1.0, 2.0)[0]
        tensor([0.5000, 2.5000, 4.5000, 6.5000])
    """
    import torch

    count, frames = mel.shape
    rows = (torch.arange(count) + 0.5) * bands / count * 2 - 1
    columns = (torch.arange(max(1, int(frames / speed))) + 0.5) * speed / frames * 2 - 1
    grid = torch.stack([columns.expand(count, -1), rows[:, None].expand(-1, len(columns))], dim=-1)
    return torch.nn.functional.grid_sample(
        mel[None, None], grid[None], padding_mode="border", align_corners=False
    )[0, 0]


def loud(mel: torch.Tensor, frames: int) -> torch.Tensor:
    """Which positions after the convolutions lie in speech: (positions,) bool.

    Those whose mean level is .3 of the way from the clip's lowest to its highest.
    """
    level = mel[:, :frames].mean(0)[::2]
    lowest, highest = level.min(), level.max()
    return level >= lowest + 0.3 * (highest - lowest)


def windows(mel: torch.Tensor, frames: int, width: int, step: int) -> torch.Tensor:
    """(positions, bands × width): consecutive frames around each so many-th frame."""
    import torch

    padded = torch.nn.functional.pad(mel[:, :frames], (width // 2, width // 2), mode="replicate")
    return padded.unfold(1, width, step).permute(1, 0, 2).flatten(1)


def given_to(tower: Any, part: Any, sounds: Sounds) -> Iterator[tuple[int, torch.Tensor]]:
    """What a part of the encoder is given: of each clip its number, and (positions, width).

    Args:
        tower: the encoder.
        part: a module within it.
        sounds: what it hears.

    Yields:
        In groups of like length; the last positions of a shorter clip are padding.
    """
    import torch

    found: list[torch.Tensor] = []
    hook = part.register_forward_pre_hook(lambda _, given: found.append(given[0]))
    try:
        for group in by_length(sounds.frames, most=_AT_ONCE):
            lengths = [sounds.frames[number] for number in group]
            batch = [_filled(sounds.mels[number], max(lengths) + REACH) for number in group]
            with torch.no_grad():
                trimmed_forward(tower, torch.stack(batch), lengths)
            yield from zip(group, found.pop(), strict=True)
    finally:
        hook.remove()


def _filled(mel: torch.Tensor, frames: int) -> torch.Tensor:
    import torch

    missing = frames - mel.shape[1]
    if missing <= 0:
        return mel[:, :frames]
    return torch.cat([mel, mel[:, -1:].expand(-1, missing)], 1)


def as_codes(names: Sequence[str]) -> tuple[list[str], IntArray]:
    """Names once each in order, and the place of each.

    Example:
        >>> as_codes(["b", "a", "b"])
        (['a', 'b'], array([1, 0, 1]))
    """
    distinct = sorted(set(names))
    return distinct, np.array([distinct.index(name) for name in names])
