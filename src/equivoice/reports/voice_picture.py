"""A recording as a picture: its waveform, and its pitch above."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from equivoice.reports.document import Figure

__all__ = ["voice_picture"]

_COLUMNS = 400
_PITCH_PX, _WAVE_PX, _GAP_PX = 70, 50, 18
_LEAST_SPAN = 6.0  # semitones that the height shows at least, so that a flat pitch looks flat
_STEP = 0.010


def voice_picture(
    samples: NDArray[np.floating], rate: int, semitones: NDArray[np.floating], *, told: str = ""
) -> Figure:
    """Waveform and pitch of an utterance, with what they show in words.

    Args:
        samples: (n,), full scale ±1.
        rate: samples per second.
        semitones: the pitch re 100 Hz every 10 ms; NaN where unvoiced.
        told: what else the text alternative says.
    """
    seconds = len(samples) / rate
    known = semitones[np.isfinite(semitones)]
    where = f"{seconds:.1f} s"
    if len(known):
        low, middle, high = (100 * 2 ** (np.percentile(known, [10, 50, 90]) / 12)).round()
        pitch = f"pitch {low:.0f} to {high:.0f} Hz, median {middle:.0f} Hz"
    else:
        pitch = "no pitch found"
    body = Markup("").join([*_pitch(semitones, seconds), *_wave(samples)])
    return Figure(
        "Pitch (line) and waveform (below)",
        f"{where}; {pitch}. {told}".strip(),
        body,
        _PITCH_PX + _GAP_PX + _WAVE_PX,
        (f"{capitalised(pitch)}; {where}.",),
    )


def capitalised(text: str) -> str:
    """The text with a large first letter."""
    return text[:1].upper() + text[1:]


def _frame(content: Markup, top: int, height: int) -> Markup:
    """An inner drawing of 1000 by 100 units, stretched to the width of the page."""
    return Markup(
        '<svg x="0" y="{}" width="100%" height="{}" viewBox="0 0 1000 100" '
        'preserveAspectRatio="none">{}</svg>'
    ).format(top, height, content)


def _pitch(semitones: NDArray[np.floating], seconds: float) -> Iterator[Markup]:
    known = np.flatnonzero(np.isfinite(semitones))
    if not len(known) or not seconds:
        return
    low, high = float(semitones[known].min()), float(semitones[known].max())
    middle, span = (low + high) / 2, max(high - low, _LEAST_SPAN)
    across = known * _STEP / seconds * 1000
    down = 50 - (semitones[known] - middle) / span * 96
    parts = []
    for number, at in enumerate(known):
        follows = number and at - known[number - 1] == 1
        parts.append(f"{'L' if follows else 'M'}{across[number]:.1f} {down[number]:.1f}")
    path = Markup('<path class="curve" d="{}"/>').format(" ".join(parts))
    yield _frame(Markup('<g class="series">{}</g>').format(path), 0, _PITCH_PX)


def _wave(samples: NDArray[np.floating]) -> Iterator[Markup]:
    if not len(samples):
        return
    pieces = np.array_split(np.abs(samples), min(_COLUMNS, len(samples)))
    tops = np.array([float(piece.max()) for piece in pieces])
    tops = tops / max(float(tops.max()), 1e-9) * 48
    across = np.linspace(0, 1000, len(tops))
    over = " ".join(f"{x:.0f},{50 - y:.1f}" for x, y in zip(across, tops, strict=True))
    under = " ".join(f"{x:.0f},{50 + y:.1f}" for x, y in zip(across[::-1], tops[::-1], strict=True))
    shape = Markup('<polygon class="wave" points="{} {}"/>').format(over, under)
    yield _frame(shape, _PITCH_PX + _GAP_PX, _WAVE_PX)
