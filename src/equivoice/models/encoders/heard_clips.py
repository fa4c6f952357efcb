"""The spectra of clips: decoded once, and kept in memory and on disk.

A spectrum is kept in half precision, and is what the network hears in any case, whether
it was found or made: training and predictions do not depend on what is kept.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equivoice.errors import ConfigError, MissingDependencyError
from equivoice.models.encoders.log_mel import LogMelSettings, Spectrum, log_mel
from equivoice.models.hearing.clips import RATE, ClipReader, Wave
from equivoice.models.hearing.sound_cache import SoundCache
from equivoice.models.language import Clip

__all__ = ["HeardClips", "at_speed"]

_MEBIBYTE = 2**20


class HeardClips:
    """Spectra of clips at several speeds.

    Args:
        clips: decodes.
        settings: of the spectrum.
        memory: the most mebibytes that are kept; the longest unused goes first.

    Raises:
        ConfigError: memory below 0.
    """

    def __init__(self, clips: ClipReader, settings: LogMelSettings, *, memory: int = 1024) -> None:
        if memory < 0:
            raise ConfigError("memory is below 0", value=memory)
        self.clips = clips
        self.settings = settings
        self.decoded = 0
        """How many clips were decoded so far."""
        self.cache: SoundCache | None = None
        self._most = memory * _MEBIBYTE
        self._size = 0
        self._kept: OrderedDict[tuple[Clip, float], NDArray[np.float16]] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, clip: Clip, speed: float = 1.0) -> Spectrum:
        """The spectrum of a clip at a speed: (frames, bands) float32.

        Raises:
            AudioError: the clip cannot be used.
            StorageError: the cache on disk cannot be written.
        """
        key = (clip, speed)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key].astype(np.float32)
        found = self._from_disk(clip, speed)
        self._keep(key, found)
        return found.astype(np.float32)

    def describe(self) -> Mapping[str, Any]:
        """How clips are read and spectra made."""
        return {"clips": self.clips.describe(), "log_mel": asdict(self.settings)}

    def _keep(self, key: tuple[Clip, float], spectrum: NDArray[np.float16]) -> None:
        with self._lock:
            if key not in self._kept:
                self._kept[key] = spectrum
                self._size += spectrum.nbytes
            while self._size > self._most:
                _, oldest = self._kept.popitem(last=False)
                self._size -= oldest.nbytes

    def _from_disk(self, clip: Clip, speed: float) -> NDArray[np.float16]:
        """From the cache, else from the sound itself."""
        import torch

        if self.cache is None:
            return self._made(clip, speed)
        told = {"log_mel": asdict(self.settings), "speed": speed, "seconds": self.clips.limit}
        name = self.cache.key(clip, json.dumps(told, sort_keys=True))
        known = None if name is None else self.cache.get(name)
        if known is not None:
            self.clips.end(clip)
            return np.asarray(known.numpy(), dtype=np.float16)
        made = self._made(clip, speed)
        if name is not None:
            self.cache.put(name, torch.from_numpy(made))
        return made

    def _made(self, clip: Clip, speed: float) -> NDArray[np.float16]:
        self.decoded += 1
        wave = at_speed(self.clips.read(clip), speed)
        return log_mel(wave, self.settings).astype(np.float16)


def at_speed(wave: Wave, speed: float) -> Wave:
    """A clip played faster or slower, by resampling: pitch and formants move with it.

    Args:
        wave: (samples,).
        speed: 2 is twice as fast and an octave higher.

    Raises:
        MissingDependencyError: soxr is not installed.

    Example:
        >>> at_speed(np.zeros(16000, dtype=np.float32), 1.25).shape
        (12800,)
    """
    if speed == 1.0:
        return wave
    try:
        import soxr
    except ImportError:
        raise MissingDependencyError("soxr", extra="audio", purpose="changing speed") from None
    changed = soxr.resample(wave, RATE * speed, RATE, quality="HQ")
    return np.asarray(changed, dtype=np.float32)
