"""Short-time measures of a sound: level, log-mel bands, cepstra, their movement.

Everything stands on one grid: frame i is centred on sample ``i * step`` with
zeros beyond both ends, so a sound of n samples has ``1 + n // step`` frames of
25 ms, 10 ms apart. Powers are those of a Hann-windowed frame divided by the
window's own power, so that neither the window nor its length changes a level.
Logarithms are decibels re full scale, never below :data:`FLOOR_DB`; a change of
gain by g dB moves every level by g and leaves every difference as it was.

Only numpy and scipy are used.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import scipy.fft
from numpy.typing import NDArray

__all__ = [
    "FLOOR_DB",
    "FRAME_SECONDS",
    "MEL_BANDS",
    "RATE",
    "STEP_SECONDS",
    "deltas",
    "frames",
    "log_mel",
    "mel_filterbank",
    "mfcc",
    "power_spectra",
    "speech_extent",
    "speech_frames",
    "statistics",
]

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

RATE = 16_000
"""The rate, in Hz, that all measures are taken at."""
FRAME_SECONDS = 0.025
"""Length of a frame in seconds."""
STEP_SECONDS = 0.010
"""Distance of two frames in seconds."""
FLOOR_DB = -120.0
"""No level is lower, in dB re full scale."""
MEL_BANDS = 40
"""Number of log-mel bands, from 50 Hz to 7800 Hz."""

_FFT_SIZE = 1024
_MEL_RANGE_HZ = (50.0, 7800.0)
# A frame is speech where its level lies within 35 dB of the loud frames and
# above the noise of a digital recording.
_SPEECH_RANGE_DB = 35.0
_SPEECH_FLOOR_DB = -85.0
_SHORTEST_RUN = 5
_STATISTICS = ("mean", "sd", "p5", "p25", "p50", "p75", "p95")
_FEWEST_FOR_STATISTICS = 3


def frames(samples: NDArray[np.floating], length: int, step: int) -> Floats:
    """Overlapping frames, centred on every ``step``-th sample.

    Args:
        samples: shape (n,).
        length: samples in a frame.
        step: samples between the centres of two frames.

    Returns:
        Shape (1 + n // step, length); zeros stand beyond both ends.

    Example:
        >>> frames(np.array([1.0, 2.0, 3.0, 4.0]), length=2, step=2).tolist()
        [[0.0, 1.0], [2.0, 3.0], [4.0, 0.0]]
    """
    before = length // 2
    padded = np.pad(np.asarray(samples, dtype=np.float64), (before, length - before))
    count = 1 + len(samples) // step
    return np.lib.stride_tricks.sliding_window_view(padded, length)[::step][:count]


def power_spectra(samples: NDArray[np.floating], rate: int = RATE) -> Floats:
    """Power per frame and frequency bin, for 25 ms Hann frames every 10 ms.

    ``P[i, k] = |Σ_t w_t x_t e^(−2πikt/N)|² / Σ_t w_t²`` with N = 1024.

    Args:
        samples: shape (n,), full scale ±1.
        rate: samples per second.

    Returns:
        Shape (frames, 513); bin k lies at ``k * rate / 1024`` Hz.
    """
    length, step = round(FRAME_SECONDS * rate), round(STEP_SECONDS * rate)
    window = np.hanning(length)
    spectra = scipy.fft.rfft(frames(samples, length, step) * window, _FFT_SIZE, axis=1)
    return (spectra.real**2 + spectra.imag**2) / (window @ window)


@cache
def mel_filterbank(
    bands: int = MEL_BANDS,
    rate: int = RATE,
    low: float = _MEL_RANGE_HZ[0],
    high: float = _MEL_RANGE_HZ[1],
) -> Floats:
    """Triangular filters, equally wide in mel = 1127 ln(1 + f / 700 Hz).

    Each triangle peaks at 1 and reaches 0 at its neighbours' peaks.

    Args:
        bands: number of filters.
        rate: samples per second.
        low: lower edge of the first filter in Hz.
        high: upper edge of the last filter in Hz.

    Returns:
        Shape (bands, 513), to be multiplied with :func:`power_spectra`.
    """
    edges_mel = np.linspace(1127 * np.log1p(low / 700), 1127 * np.log1p(high / 700), bands + 2)
    edges = 700 * np.expm1(edges_mel / 1127)
    left, peak, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    bins = np.arange(_FFT_SIZE // 2 + 1)[None] * rate / _FFT_SIZE
    bank = np.clip(np.minimum((bins - left) / (peak - left), (right - bins) / (right - peak)), 0, 1)
    bank.setflags(write=False)
    return np.asarray(bank, dtype=np.float64)


def log_mel(power: Floats, rate: int = RATE, bands: int = MEL_BANDS) -> Floats:
    """Log-mel spectrogram in dB from :func:`power_spectra`.

    Returns:
        Shape (frames, bands).

    Example:
        >>> noise = np.random.default_rng(0).normal(size=16000) / 10
        >>> quiet, loud = (log_mel(power_spectra(gain * noise)) for gain in (0.1, 1.0))
        >>> float(np.round((loud - quiet).mean(), 6))
        20.0
    """
    return decibels(power @ mel_filterbank(bands, rate).T)


def decibels(power: Floats) -> Floats:
    """Ten times the decimal logarithm, not below :data:`FLOOR_DB`."""
    return np.asarray(10 * np.log10(np.maximum(power, 10 ** (FLOOR_DB / 10))), dtype=np.float64)


def mfcc(mel_db: Floats, count: int = 20) -> Floats:
    """Mel-frequency cepstral coefficients: the orthonormal DCT-II of log-mel bands.

    Coefficient 0 carries the level, the others only the shape of the spectrum.

    Args:
        mel_db: shape (frames, bands), in dB.
        count: how many coefficients are kept.

    Returns:
        Shape (frames, count).
    """
    return np.asarray(scipy.fft.dct(mel_db, type=2, norm="ortho", axis=1)[:, :count])


def deltas(tracks: Floats, reach: int = 4) -> Floats:
    """Slope per frame: the least-squares line through ``2 * reach + 1`` frames.

    The first and last frame are repeated beyond the ends.

    Args:
        tracks: shape (frames, tracks).
        reach: frames on either side.

    Returns:
        The same shape, in units per frame.

    Example:
        >>> ramp = 3.0 * np.arange(20.0)[:, None]
        >>> deltas(ramp)[10].round(6).tolist()
        [3.0]
    """
    padded = np.pad(tracks, ((reach, reach), (0, 0)), mode="edge")
    offsets = np.arange(-reach, reach + 1)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=0)
    return np.asarray(windows @ offsets / (offsets @ offsets), dtype=np.float64)


def speech_frames(level: Floats) -> Flags:
    """Which frames hold sound: within 35 dB of the loud ones, above −85 dB.

    The loud level is the 97th percentile, so one click does not set it. The
    answer does not depend on the gain as long as the sound is above the floor.

    Args:
        level: shape (frames,), in dB re full scale.

    Returns:
        Flags of shape (frames,).
    """
    loud = float(np.percentile(level, 97))
    return np.asarray(level > max(loud - _SPEECH_RANGE_DB, _SPEECH_FLOOR_DB))


def speech_extent(speech: Flags) -> slice:
    """From the first to the last stretch of speech of at least 50 ms; empty where there is none.

    Example:
        >>> flags = np.zeros(100, dtype=bool)
        >>> flags[20:60] = flags[90] = True
        >>> speech_extent(flags)
        slice(20, 60, None)
    """
    edges = np.diff(np.concatenate([[0], speech.astype(np.int8), [0]]))
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    long = ends - starts >= _SHORTEST_RUN
    if long.any():
        starts, ends = starts[long], ends[long]
    return slice(int(starts[0]), int(ends[-1])) if len(starts) else slice(0, 0)


def statistics(name: str, values: Floats) -> dict[str, float]:
    """Mean, standard deviation and percentiles of what is known of a track.

    Args:
        name: goes before the name of each statistic.
        values: shape (n,); NaN stands for unknown and is left out.

    Returns:
        ``name.mean``, ``.sd``, ``.p5``, ``.p25``, ``.p50``, ``.p75``, ``.p95``;
        all NaN where fewer than three values are known.

    Example:
        >>> statistics("f0", np.array([1.0, 2.0, 3.0, np.nan]))["f0.p50"]
        2.0
    """
    known = values[np.isfinite(values)]
    if len(known) < _FEWEST_FOR_STATISTICS:
        return {f"{name}.{statistic}": float("nan") for statistic in _STATISTICS}
    numbers = [known.mean(), known.std(), *np.percentile(known, [5, 25, 50, 75, 95])]
    return {
        f"{name}.{statistic}": float(number)
        for statistic, number in zip(_STATISTICS, numbers, strict=True)
    }
