"""Whisper's log-mel of zero-padded sound, without computing the padding.

Models that descend from Whisper take the log-mel of a waveform padded with zeros to
30 s. Its frames do not depend on zeros that they do not touch, so those up to the
end of the speech, and a few more, can be had alone. Two things tie a frame to the
whole clip, and neither is harmed:

- the first frames reach back beyond the start, where the waveform is reflected;
- the level is clamped to 8 below the clip's maximum. A frame of zeros stands at the
  floor, and no maximum lies below the floor.

The log-mel of the *unpadded* clip is something else: it is reflected at its end, and
may have a token less.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from equivoice.errors import ConfigError
from equivoice.models.hearing.clips import Wave

if TYPE_CHECKING:
    import torch

__all__ = ["LogMel"]


class LogMel:
    """The log-mel of a checkpoint's feature extractor.

    Args:
        extractor: a ``WhisperFeatureExtractor``.

    Raises:
        ConfigError: it adds noise (dither), so that no two runs would agree.
    """

    def __init__(self, extractor: Any) -> None:
        if getattr(extractor, "dither", 0.0):
            raise ConfigError(
                "the checkpoint's feature extractor adds noise to the sound",
                value=f"dither={extractor.dither}",
                hint="set dither to 0 in its preprocessor_config.json",
            )
        self.hop = int(extractor.hop_length)
        self.window = int(extractor.n_fft)
        self.most_samples = int(extractor.n_samples)
        self.most_frames = int(extractor.nb_max_frames)
        self._filters = np.asarray(extractor.mel_filters, dtype=np.float32)

    def frames(self, samples: int) -> int:
        """How many frames are valid: those that begin within the sound."""
        return min(-(-samples // self.hop), self.most_frames)

    def __call__(self, waves: Sequence[Wave], frames: int | None = None) -> torch.Tensor:
        """The first frames of some clips, as if each were padded to the full length.

        Args:
            waves: the samples, none longer than the full length.
            frames: how many frames; ``None`` for all of the full length.

        Returns:
            (n, mel bands, frames) float32, on the CPU.
        """
        count = self.most_frames if frames is None else min(frames, self.most_frames)
        return self._levels(waves, count, windows=1)

    def windowed(self, wave: Wave) -> torch.Tensor:
        """One clip of any length, padded to full windows and taken as a whole, in windows.

        Returns:
            (windows, mel bands, frames of a window) float32, on the CPU.
        """
        import torch

        windows = max(1, -(-len(wave) // self.most_samples))
        total = windows * self.most_frames
        heard = min(-(-len(wave) // self.hop) + 2, total)
        levels = self._levels([wave], heard, windows=windows)[0]
        # what follows is zeros: the floor, or the clamp where that is higher
        silent = torch.maximum(_log10(torch.zeros(1)), levels.max() * 4.0 - 12.0)
        filler = ((silent + 4.0) / 4.0).expand(len(levels), total - heard)
        whole = torch.cat([levels, filler], dim=1)
        return whole.reshape(len(levels), windows, self.most_frames).transpose(0, 1)

    def _levels(self, waves: Sequence[Wave], count: int, *, windows: int) -> torch.Tensor:
        """(n, mel bands, count): the first frames of clips padded to so many windows."""
        import torch

        half = self.window // 2
        whole = count == windows * self.most_frames
        length = windows * self.most_samples if whole else (count - 1) * self.hop + half
        padded = torch.zeros(len(waves), max(length, half + 1))
        for row, wave in zip(padded, waves, strict=True):
            kept = min(len(wave), len(row))
            row[:kept] = torch.from_numpy(np.ascontiguousarray(wave[:kept]))
        # the full length is reflected at its end too, as frames reach beyond it
        sides = (half, half if whole else 0)
        reflected = torch.nn.functional.pad(padded[:, None], sides, mode="reflect")[:, 0]
        spectrum = torch.stft(
            reflected,
            self.window,
            self.hop,
            window=torch.hann_window(self.window),
            center=False,
            return_complex=True,
        )[..., :count]
        power = (spectrum.abs() ** 2).contiguous()
        # half precision, in which a model may be trained, is too coarse for energies
        with torch.autocast("cpu", enabled=False):
            level = _log10(torch.from_numpy(self._filters).T @ power)
        level = torch.maximum(level, level.amax(dim=(1, 2), keepdim=True) - 8.0)
        return (level + 4.0) / 4.0


def _log10(power: torch.Tensor) -> torch.Tensor:
    return power.clamp(min=1e-10).log10()
