"""Frames of two encoders side by side, in windows: what the Q-Former of SALMONN looks at.

Whisper's encoder gives 1,500 frames for 30 s, padding included, and BEATs fewer, for the
sound alone. A window is a row of frames of both; where BEATs has none, the row says so,
since zeros stand there only *after* the layer norm. A row holds, one after the other,
the frames of Whisper, those of BEATs, and a 1 for each frame that BEATs has.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

__all__ = ["Windows", "packed", "unpacked", "window_count", "windowed"]

# frames of Whisper in 30 s, from which the release reckons the frames of a window
_FRAMES, _SECONDS = 1500, 30.0


@dataclass(frozen=True)
class Windows:
    """How frames are cut into windows.

    Args:
        kernel: frames of a window.
        stride: frames from one window's beginning to the next one's.
    """

    kernel: int
    stride: int

    @classmethod
    def of_seconds(cls, window: float, stride: float) -> Windows:
        """As the release reckons them: 1,500 frames are 30 s.

        Example:
            >>> Windows.of_seconds(0.333333, 0.333333)
            Windows(kernel=17, stride=17)
        """
        return cls(
            kernel=round(_FRAMES * window / _SECONDS), stride=round(_FRAMES * stride / _SECONDS)
        )


def window_count(frames: int, windows: Windows) -> int:
    """How many whole windows there are; frames after the last one are left out.

    Example:
        >>> window_count(1500, Windows(17, 17))
        88
    """
    return 0 if frames < windows.kernel else 1 + (frames - windows.kernel) // windows.stride


def windowed(frames: torch.Tensor, windows: Windows) -> torch.Tensor:
    """(…, frames, width) as (…, windows, kernel, width)."""
    return frames.unfold(-2, windows.kernel, windows.stride).transpose(-1, -2)


def packed(speech: torch.Tensor, audio: torch.Tensor, windows: Windows) -> torch.Tensor:
    """The windows of one clip as rows.

    Args:
        speech: (T, S) frames of Whisper's encoder, padding included.
        audio: (A, B) frames of BEATs, A at most T.
        windows: how they are cut.

    Returns:
        (windows, kernel × (S + B + 1)).
    """
    missing = len(speech) - len(audio)
    real = torch.nn.functional.pad(audio.new_ones(len(audio), 1), (0, 0, 0, missing))
    filled = torch.nn.functional.pad(audio, (0, 0, 0, missing))
    parts = [windowed(each, windows).flatten(1) for each in (speech, filled.to(speech), real)]
    return torch.cat([each.to(speech) for each in parts], dim=1)


def unpacked(
    rows: torch.Tensor, windows: Windows, speech_width: int, audio_width: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """What :func:`packed` put together.

    Args:
        rows: (N, kernel × (S + B + 1)).
        windows: as they were cut.
        speech_width: S.
        audio_width: B.

    Returns:
        (N, kernel, S) of Whisper, (N, kernel, B) of BEATs, and (N, kernel, 1) bool, true
        where BEATs has a frame.
    """
    widths = [windows.kernel * width for width in (speech_width, audio_width, 1)]
    speech, audio, real = (
        part.reshape(len(part), windows.kernel, -1) for part in torch.split(rows, widths, dim=1)
    )
    return speech, audio, real > 0.5
