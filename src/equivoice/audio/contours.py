"""How level, pitch and rhythm move over an utterance.

All functions take tracks on the 10 ms grid, cut to the speech. What cannot be
measured is NaN; the names that come back never depend on the sound.
"""

from __future__ import annotations

import numpy as np

from equivoice.audio.features import STEP_SECONDS, Flags, Floats, statistics

__all__ = ["level_contour", "pitch_contour", "syllable_nuclei", "timing"]

_NAN = float("nan")
_FEWEST_VOICED = 20
_FEWEST_FOR_SLOPE = 4
# Steps of 3 semitones within 10 ms are octave errors, not speech.
_LARGEST_STEP_SEMITONES = 3.0
_SHORTEST_STRETCH = 6
_ROUGHNESS_FRAMES = 7
_NUCLEUS_DIP_DB = 2.0
_NUCLEUS_PERCENTILE = 40
_SMOOTHING_FRAMES = 9


def level_contour(level: Floats, speech: Flags) -> dict[str, float]:
    """Statistics and movement of the level.

    Args:
        level: shape (frames,), dB re full scale.
        speech: which frames hold sound.

    Returns:
        ``level.absolute.*`` (dB re full scale; the only values here that
        depend on the gain), ``level.range90`` and ``.range60`` (dB), ``.slope``
        (dB per second), mean ``.rise`` and ``.fall`` (dB per frame), ``.peak_time``
        (fraction of the duration).
    """
    features = statistics("level.absolute", level[speech])
    features |= _ranges("level", level[speech])
    features["level.slope"] = _slope(np.where(speech, level, np.nan))
    steps = np.diff(level)
    features["level.rise"] = _mean(steps[steps > 0])
    features["level.fall"] = _mean(steps[steps < 0])
    features["level.peak_time"] = float(np.argmax(level) / len(level)) if len(level) else _NAN
    return features


def pitch_contour(semitones: Floats, level: Floats) -> dict[str, float]:
    """Statistics and movement of the pitch.

    Args:
        semitones: shape (frames,), pitch re 100 Hz; NaN where unvoiced.
        level: shape (frames,), dB.

    Returns:
        ``pitch.semitones.*``, ``pitch.range90`` and ``.range60`` (semitones),
        ``.slope`` (semitones per second), movement per frame (``.up``,
        ``.down``, ``.movement``, ``.movement_sd``, ``.up_share``), slope and
        curvature of the voiced stretches (``.stretch_slope.*``,
        ``.stretch_curve.*``), ``.start`` and ``.end`` re the median
        (semitones), ``.peak_time``, ``.level_correlation``, ``.roughness``
        (mean distance to its own 70 ms average, semitones).
    """
    voiced = np.isfinite(semitones)
    features = statistics("pitch.semitones", semitones)
    features |= _ranges("pitch", semitones[voiced])
    features["pitch.slope"] = _slope(semitones)
    features |= _pitch_steps(semitones)
    slopes, curves = _stretch_shapes(semitones, voiced)
    features |= statistics("pitch.stretch_slope", slopes)
    features |= statistics("pitch.stretch_curve", curves)
    features |= _pitch_course(semitones, level, voiced)
    features["pitch.roughness"] = _roughness(semitones, voiced)
    return features


def timing(speech: Flags, voiced: Flags, nuclei: Floats) -> dict[str, float]:
    """Duration, pauses, voiced stretches and syllable rate.

    Args:
        speech: which frames hold sound.
        voiced: which of them have a pitch.
        nuclei: frames of the syllable nuclei, from :func:`syllable_nuclei`.

    Returns:
        ``timing.duration`` (s), ``.speech_share``, ``.voiced_share``, voiced
        stretches and syllables per second (``.stretch_rate``,
        ``.syllable_rate``; ``.articulation_rate`` per second of sound), mean,
        spread and longest of stretches (s), ``.syllable_spread`` (s).
    """
    seconds = len(speech) * STEP_SECONDS
    starts, ends = _stretches(voiced)
    gap_starts, gap_ends = _stretches(~voiced)
    lengths, gaps = (ends - starts) * STEP_SECONDS, (gap_ends - gap_starts) * STEP_SECONDS
    known = seconds > 0
    sounding = max(float(speech.sum()) * STEP_SECONDS, 0.05)
    return {
        "timing.duration": seconds if known else _NAN,
        "timing.speech_share": _mean(speech.astype(np.float64)),
        "timing.voiced_share": _mean(voiced.astype(np.float64)),
        "timing.stretch_rate": len(starts) / seconds if known else _NAN,
        "timing.stretch_mean": _mean(lengths),
        "timing.stretch_sd": float(lengths.std()) if len(lengths) else _NAN,
        "timing.gap_mean": float(gaps.mean()) if len(gaps) else 0.0 if known else _NAN,
        "timing.gap_sd": float(gaps.std()) if len(gaps) else 0.0 if known else _NAN,
        "timing.gap_longest": float(gaps.max()) if len(gaps) else 0.0 if known else _NAN,
        "timing.syllable_rate": len(nuclei) / seconds if known else _NAN,
        "timing.articulation_rate": len(nuclei) / sounding if known else _NAN,
        "timing.syllable_spread": (
            float(np.diff(nuclei).std() * STEP_SECONDS) if len(nuclei) > 2 else _NAN
        ),
    }


def syllable_nuclei(level: Floats, voiced: Flags) -> Floats:
    """Frames of syllable nuclei: voiced peaks of the level with dips between them.

    After de Jong and Wempe (2009, doi:10.3758/BRM.41.2.385), on a smoothed
    level: a peak counts where it is voiced, above the 40th percentile, and at
    least 2 dB above the lowest point since the nucleus before it; of two
    peaks without such a dip the higher one stays.

    Args:
        level: shape (frames,), dB.
        voiced: which frames have a pitch.

    Returns:
        Frame numbers in rising order.

    Example:
        >>> beats = 10 * np.sin(2 * np.pi * 4 * np.arange(100) / 100)
        >>> len(syllable_nuclei(beats, np.ones(100, dtype=bool)))
        4
    """
    if len(level) < _SMOOTHING_FRAMES:
        return np.empty(0)
    kernel = np.hanning(_SMOOTHING_FRAMES + 2)[1:-1]
    padded = np.pad(level, _SMOOTHING_FRAMES // 2, mode="edge")
    smooth = np.convolve(padded, kernel / kernel.sum(), mode="valid")
    rising = np.concatenate([[False], smooth[1:] > smooth[:-1]])
    falling = np.concatenate([smooth[:-1] >= smooth[1:], [False]])
    loud = smooth > np.percentile(smooth, _NUCLEUS_PERCENTILE)
    nuclei: list[int] = []
    for peak in np.flatnonzero(rising & falling & loud & voiced):
        if not nuclei:
            nuclei.append(int(peak))
            continue
        last = nuclei[-1]
        dip = smooth[last:peak].min()
        if dip < min(smooth[last], smooth[peak]) - _NUCLEUS_DIP_DB:
            nuclei.append(int(peak))
        elif smooth[peak] > smooth[last]:
            nuclei[-1] = int(peak)
    return np.array(nuclei, dtype=np.float64)


def _pitch_steps(semitones: Floats) -> dict[str, float]:
    steps = np.diff(semitones)
    steps = steps[np.isfinite(steps)]
    steps = steps[np.abs(steps) < _LARGEST_STEP_SEMITONES]
    if len(steps) < _FEWEST_FOR_SLOPE:
        names = ("up", "down", "movement", "movement_sd", "up_share")
        return {f"pitch.{name}": _NAN for name in names}
    return {
        "pitch.up": float(steps[steps > 0].mean()) if (steps > 0).any() else 0.0,
        "pitch.down": float(steps[steps < 0].mean()) if (steps < 0).any() else 0.0,
        "pitch.movement": float(np.abs(steps).mean()),
        "pitch.movement_sd": float(steps.std()),
        "pitch.up_share": float((steps > 0).mean()),
    }


def _stretch_shapes(semitones: Floats, voiced: Flags) -> tuple[Floats, Floats]:
    """Slope (semitones per second) and curvature of each voiced stretch of 60 ms or more."""
    slopes, curves = [], []
    for start, end in zip(*_stretches(voiced), strict=True):
        if end - start < _SHORTEST_STRETCH:
            continue
        places = np.linspace(-1, 1, end - start)
        curve, slope, _ = np.polyfit(places, semitones[start:end], 2)
        slopes.append(slope / ((end - start) * STEP_SECONDS))
        curves.append(curve)
    return np.array(slopes, dtype=np.float64), np.array(curves, dtype=np.float64)


def _pitch_course(semitones: Floats, level: Floats, voiced: Flags) -> dict[str, float]:
    names = ("start", "end", "peak_time", "level_correlation")
    where = np.flatnonzero(voiced)
    if len(where) < _FEWEST_VOICED:
        return {f"pitch.{name}": _NAN for name in names}
    pitch = semitones[where]
    fifth = len(where) // 5
    median = np.median(pitch)
    numbers = (
        pitch[:fifth].mean() - median,
        pitch[-fifth:].mean() - median,
        where[np.argmax(pitch)] / len(semitones),
        _correlation(pitch, level[where]),
    )
    return {f"pitch.{name}": float(number) for name, number in zip(names, numbers, strict=True)}


def _correlation(first: Floats, second: Floats) -> float:
    a, b = first - first.mean(), second - second.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    # A flat contour goes with nothing: no co-movement is 0 by convention here.
    return float(a @ b) / scale if scale > 1e-9 else 0.0


def _roughness(semitones: Floats, voiced: Flags) -> float:
    half = _ROUGHNESS_FRAMES // 2
    kernel = np.ones(_ROUGHNESS_FRAMES) / _ROUGHNESS_FRAMES
    distances = [
        np.abs(
            semitones[start + half : end - half]
            - np.convolve(semitones[start:end], kernel, "valid")
        )
        for start, end in zip(*_stretches(voiced), strict=True)
        if end - start >= _ROUGHNESS_FRAMES
    ]
    return _mean(np.concatenate(distances)) if distances else _NAN


def _stretches(flags: Flags) -> tuple[np.ndarray, np.ndarray]:
    """First and behind-last frame of each run of true flags."""
    edges = np.diff(np.concatenate([[0], flags.astype(np.int8), [0]]))
    return np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)


def _ranges(name: str, values: Floats) -> dict[str, float]:
    if len(values) < _FEWEST_FOR_SLOPE:
        return {f"{name}.range90": _NAN, f"{name}.range60": _NAN}
    p5, p20, p80, p95 = np.percentile(values, [5, 20, 80, 95])
    return {f"{name}.range90": float(p95 - p5), f"{name}.range60": float(p80 - p20)}


def _slope(values: Floats) -> float:
    """Least-squares slope of a track, per second."""
    known = np.isfinite(values)
    if known.sum() < _FEWEST_FOR_SLOPE:
        return _NAN
    times = np.flatnonzero(known) * STEP_SECONDS
    centred = times - times.mean()
    return float(centred @ values[known] / (centred @ centred))


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else _NAN
