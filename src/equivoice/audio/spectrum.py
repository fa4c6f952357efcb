"""The shape of each frame's spectrum: tilt, balance, noise, prominence of the pitch.

All measures but :func:`level` do not depend on the gain. Only numpy and scipy
are used.
"""

from __future__ import annotations

import numpy as np
import scipy.fft

from equivoice.audio.features import (
    RATE,
    STEP_SECONDS,
    Floats,
    decibels,
    frames,
)

__all__ = ["cepstral_peak_prominence", "level", "level_near", "spectral_shape"]

_TINY = 1e-12
_CEPSTRUM_SECONDS = 0.050
_PITCH_RANGE_HZ = (60.0, 650.0)


def level(power: Floats) -> Floats:
    """Mean-square level of each frame, in dB re full scale.

    By Parseval's theorem from the one-sided :func:`~.features.power_spectra`;
    a sine of full scale has −3.01 dB.

    Returns:
        Shape (frames,).
    """
    two_sided = 2 * power.sum(axis=1) - power[:, 0] - power[:, -1]
    return decibels(two_sided / (2 * (power.shape[1] - 1)))


def spectral_shape(power: Floats, rate: int = RATE) -> dict[str, Floats]:
    """Tracks that describe the balance of each frame's spectrum.

    Args:
        power: shape (frames, bins), from :func:`~.features.power_spectra`.
        rate: samples per second.

    Returns:
        From name to a track of shape (frames,):

        - ``centroid``, ``rolloff25``, ``rolloff50``, ``rolloff85`` in Hz;
        - ``alpha``: level of 1–5 kHz over that of 50–1000 Hz, dB;
        - ``hammarberg``: strongest of 0–2 kHz over strongest of 2–5 kHz, dB;
        - ``slope_low``, ``slope_middle``, ``slope_high``: least-squares slope
          of the dB spectrum at 0–500, 500–1500, 1500–5000 Hz, dB per kHz;
        - ``flatness``: geometric over arithmetic mean power, dB (0 is noise);
        - ``flux``: distance to the frame before, of amplitude spectra that sum
          to 1 (0 for the first frame).
    """
    bins = np.arange(power.shape[1]) * rate / (2 * (power.shape[1] - 1))
    total = power.sum(axis=1) + _TINY
    cumulated = np.cumsum(power, axis=1) / total[:, None]
    spectrum = decibels(power)
    tracks = {"centroid": power @ bins / total}
    for share in (25, 50, 85):
        below = (cumulated < share / 100).sum(axis=1)
        tracks[f"rolloff{share}"] = bins[np.minimum(below, len(bins) - 1)]
    tracks["alpha"] = _band_level(power, bins, 1000, 5000) - _band_level(power, bins, 50, 1000)
    peaks = [spectrum[:, _within(bins, *band)].max(axis=1) for band in ((0, 2000), (2000, 5000))]
    tracks["hammarberg"] = peaks[0] - peaks[1]
    for name, low, high in (("low", 0, 500), ("middle", 500, 1500), ("high", 1500, 5000)):
        tracks[f"slope_{name}"] = _slope(spectrum, bins, low, high)
    speech_band = _within(bins, 100, 7600)
    tracks["flatness"] = spectrum[:, speech_band].mean(axis=1) - decibels(
        power[:, speech_band].mean(axis=1)
    )
    tracks["flux"] = _flux(power)
    return tracks


def cepstral_peak_prominence(samples: Floats, rate: int = RATE) -> Floats:
    """How far the pitch's peak in the cepstrum rises over the trend, in dB.

    The cepstrum of 50 ms Hann frames; the trend is a least-squares line over
    the quefrencies of 60–650 Hz. High for a clear voice, low for a breathy
    one or noise.

    Returns:
        Shape (frames,).
    """
    length, step = round(_CEPSTRUM_SECONDS * rate), round(STEP_SECONDS * rate)
    size = 1 << (length - 1).bit_length()
    spectra = scipy.fft.rfft(frames(samples, length, step) * np.hanning(length), size, axis=1)
    spectrum = decibels(spectra.real**2 + spectra.imag**2)
    # The dB spectrum is even: its cosine transform is the cepstrum.
    cepstrum = scipy.fft.dct(spectrum - spectrum.mean(axis=1, keepdims=True), type=1, axis=1)
    quefrency = np.arange(cepstrum.shape[1]) / rate
    voice = (quefrency > 1 / _PITCH_RANGE_HZ[1]) & (quefrency < 1 / _PITCH_RANGE_HZ[0])
    heights = 20 * np.log10(np.abs(cepstrum[:, voice]) + 1e-9)
    centred = quefrency[voice] - quefrency[voice].mean()
    slopes = heights @ centred / (centred @ centred)
    trend = heights.mean(axis=1, keepdims=True) + slopes[:, None] * centred
    return np.asarray((heights - trend).max(axis=1), dtype=np.float64)


def level_near(spectrum_db: Floats, frequency: Floats, rate: int = RATE, reach: int = 3) -> Floats:
    """The highest level within ``reach`` bins of a frequency, frame by frame.

    Args:
        spectrum_db: shape (frames, bins).
        frequency: shape (frames,), in Hz; NaN where unknown.
        rate: samples per second.
        reach: bins on either side.

    Returns:
        Shape (frames,), dB; NaN where the frequency is unknown.
    """
    last = spectrum_db.shape[1] - 1
    centre = np.rint(np.nan_to_num(frequency) * 2 * last / rate).astype(np.int64)
    near = np.clip(centre[:, None] + np.arange(-reach, reach + 1), 0, last)
    highest = np.take_along_axis(spectrum_db, near, axis=1).max(axis=1)
    return np.where(np.isfinite(frequency), highest, np.nan)


def _within(bins: Floats, low: float, high: float) -> np.ndarray:
    return (bins >= low) & (bins < high)


def _band_level(power: Floats, bins: Floats, low: float, high: float) -> Floats:
    return decibels(power[:, _within(bins, low, high)].sum(axis=1))


def _slope(spectrum: Floats, bins: Floats, low: float, high: float) -> Floats:
    band = _within(bins, low, high)
    kilohertz = bins[band] / 1000
    centred = kilohertz - kilohertz.mean()
    return np.asarray(spectrum[:, band] @ centred / (centred @ centred), dtype=np.float64)


def _flux(power: Floats) -> Floats:
    amplitude = np.sqrt(power)
    shares = amplitude / (amplitude.sum(axis=1, keepdims=True) + _TINY)
    change = np.sqrt((np.diff(shares, axis=0) ** 2).sum(axis=1))
    return np.concatenate([[0.0], change])
