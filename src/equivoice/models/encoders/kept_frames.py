"""What a frozen part makes of clips: kept on disk, and put together to a batch."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from equivoice.models.hearing.sound_cache import EncoderIdentity, SoundCache
from equivoice.models.language import Clip

if TYPE_CHECKING:
    import torch

__all__ = ["FrameKeeper", "stacked"]


class FrameKeeper:
    """Keeps what a frozen module makes of clips.

    Args:
        frozen: the module, whose weights are part of the name of what is kept.
        settings: all else that shapes it.
        found: is told of each clip that need not be heard.
    """

    def __init__(
        self,
        frozen: torch.nn.Module,
        settings: Mapping[str, Any],
        *,
        found: Callable[[Clip], object] | None = None,
    ) -> None:
        self._identity = EncoderIdentity(frozen)
        self._settings = dict(settings)
        self._found = found
        self.cache: SoundCache | None = None

    def __call__(
        self, clips: Sequence[Clip], make: Callable[[Clip], torch.Tensor]
    ) -> list[torch.Tensor]:
        """From the disk, or made and put there; each clip alone, so that no batch reaches it.

        Args:
            clips: n of them.
            make: what the module makes of one.

        Raises:
            AudioError: a clip cannot be used.
            StorageError: the cache cannot be written.
        """
        if self.cache is None:
            return [make(clip) for clip in clips]
        encoder = self._identity(self._settings)
        found = []
        for clip in clips:
            key = self.cache.key(clip, encoder)
            known = None if key is None else self.cache.get(key)
            if known is None:
                known = make(clip)
                if key is not None:
                    self.cache.put(key, known)
            elif self._found is not None:
                self._found(clip)
            found.append(known)
        return found

    def describe(self) -> Mapping[str, Any] | None:
        """The cache, and how often it was of use; ``None``: there is none."""
        return None if self.cache is None else json.loads(json.dumps(self.cache.describe()))


def stacked(
    rows: Sequence[torch.Tensor], device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows of unlike length as a batch, filled up with zeros behind.

    Args:
        rows: n tensors of (T, D), or of (L, T, D).
        device: where they go.

    Returns:
        (n, T, D) or (L, n, T, D), and (n, T) bool that is true where there is a frame.

    Example:
        >>> import torch
        >>> batch, mask = stacked([torch.ones(1, 3), torch.ones(2, 3)], torch.device("cpu"))
        >>> batch.shape, mask.tolist()
        (torch.Size([2, 2, 3]), [[True, False], [True, True]])
    """
    import torch

    first = rows[0]
    lengths = [row.shape[-2] for row in rows]
    shape = (*first.shape[:-2], len(rows), max(lengths), first.shape[-1])
    batch = torch.zeros(shape, dtype=first.dtype, device=device)
    mask = torch.zeros(len(rows), max(lengths), dtype=torch.bool, device=device)
    for number, (row, length) in enumerate(zip(rows, lengths, strict=True)):
        batch[..., number, :length, :] = row.to(device)
        mask[number, :length] = True
    return batch, mask
