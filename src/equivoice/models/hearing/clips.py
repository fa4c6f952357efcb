"""Sound files in, as every speech LLM takes them: mono, 16 kHz, no longer than it can hear."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equivoice.audio.decode import Channels, decode, probe
from equivoice.errors import AudioError, ConfigError
from equivoice.models.language import Clip

__all__ = ["LONGER", "RATE", "ClipReader", "Wave"]

RATE = 16_000
"""Samples a second."""

LONGER = ("refuse", "cut")
"""What may be done with a clip that is too long."""

Wave = NDArray[np.float32]


class ClipReader:
    """Decodes clips, and says what becomes of those that are too long.

    Args:
        longest: what the model can hear, in seconds.
        max_seconds: a lower limit, where one is wanted.
        longer: ``refuse`` a clip beyond the limit with an error, or ``cut`` it there;
            what was cut is counted.
        channels: ``mean`` of several channels, or the ``first`` alone.

    Raises:
        ConfigError: an unknown choice, or a limit that the model cannot hear.

    Example:
        >>> ClipReader(30.0).describe()["max_seconds"]
        30.0
    """

    def __init__(
        self,
        longest: float,
        *,
        max_seconds: float | None = None,
        longer: str = "refuse",
        channels: Channels = "mean",
    ) -> None:
        problems = []
        if longer not in LONGER:
            problems.append(f"longer: unknown choice {longer!r} ({', '.join(LONGER)})")
        if max_seconds is not None and not 0 < max_seconds <= longest:
            problems.append(f"max_seconds: {max_seconds:g} is not within 0 and {longest:g}")
        if problems:
            raise ConfigError.from_problems(problems)
        self.limit = longest if max_seconds is None else float(max_seconds)
        self.longer = longer
        self.channels: Channels = channels
        self.cut: dict[tuple[str, float | None, float | None], float] = {}
        """The clips that were cut, each with its full length in seconds."""
        self._ends: dict[Clip, float | None] = {}

    def read(self, clip: Clip) -> Wave:
        """The samples of a clip.

        Raises:
            AudioError: it is missing, broken, empty, or too long to be heard whole.
        """
        wave = decode(
            clip.path,
            start=clip.start,
            end=self.end(clip),
            rate=RATE,
            longest=self.limit,
            channels=self.channels,
        )
        most = round(self.limit * RATE)
        # resampling may round up by a sample
        return wave[:most]

    def end(self, clip: Clip) -> float | None:
        """Where a clip ends for the model, in seconds of its file; that it is cut is noted.

        To be asked also of a clip of which all is known without its sound.

        Raises:
            AudioError: the file cannot be opened.
        """
        if self.longer != "cut":
            return clip.end
        if clip not in self._ends:
            self._ends[clip] = self._limited(clip)
        return self._ends[clip]

    def too_short(self, clip: Clip) -> AudioError:
        """The error for a clip that gives the model nothing to hear."""
        return AudioError(
            "too short: the model's encoder makes nothing of it",
            file=clip.path,
            hint="speech lasts longer than 30 ms",
        )

    def cuts(self) -> Mapping[str, int]:
        """What was cut so far, as :class:`~equivoice.models.protocols.Cuts` tells it."""
        return {f"end of a clip longer than {self.limit:g} s": len(self.cut)} if self.cut else {}

    def describe(self) -> Mapping[str, Any]:
        """The policy, and how many clips it cut so far."""
        return {
            "max_seconds": self.limit,
            "longer": self.longer,
            "channels": self.channels,
            "clips_cut": len(self.cut),
        }

    def _limited(self, clip: Clip) -> float | None:
        begin = clip.start or 0.0
        seconds = (probe(clip.path).duration if clip.end is None else clip.end) - begin
        if seconds <= self.limit:
            return clip.end
        self.cut[(clip.path, clip.start, clip.end)] = round(seconds, 3)
        return begin + self.limit
