"""Samples as the bytes of a sound file of 16 bits, mono."""

from __future__ import annotations

import io
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from equivoice.errors import MissingDependencyError

__all__ = ["Coding", "encode"]

Coding = Literal["wav", "flac"]
_FULL_SCALE = 32_768.0


def encode(samples: NDArray[np.float32], rate: int, coding: Coding = "wav") -> bytes:
    """A sound file; samples of a file of 16 bits come out as they went in.

    Args:
        samples: (n,), full scale is ±1; what is louder is clipped.
        rate: samples per second.
        coding: ``wav`` or ``flac``.

    Raises:
        MissingDependencyError: soundfile is not installed.

    Example:
        >>> encode(np.zeros(8, dtype=np.float32), 16_000)[:4]
        b'RIFF'
    """
    try:
        import soundfile
    except ImportError:
        raise MissingDependencyError(
            "soundfile", extra="audio", purpose="writing sound files"
        ) from None
    scaled = np.rint(samples * _FULL_SCALE)
    whole = np.clip(scaled, -_FULL_SCALE, _FULL_SCALE - 1).astype(np.int16)
    stream = io.BytesIO()
    soundfile.write(stream, whole, rate, format=coding.upper(), subtype="PCM_16")
    return stream.getvalue()
