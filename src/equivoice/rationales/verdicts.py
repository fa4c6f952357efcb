"""What measurements say of a claim: supported, contradicted, or too close to call.

Every claim that can be tested has a *strength* in each utterance: 1 and more
supports it, −1 and less contradicts it, between them the utterance is too close
to the middle to say. A denied claim turns the sign.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from equivoice.errors import ConfigError
from equivoice.rationales.measurements import LETTER_RATE, Standing

__all__ = ["CHECKS", "Check", "GroundingRules", "outcome_of", "strengths", "value_and_share"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class GroundingRules:
    """Where the lines are drawn.

    Args:
        clear: a claim like *high* is supported from this far above the median of
            the others on, in shares of them, and contradicted from as far below.
        usual: a claim like *normal* is supported within this far of the median.
        unusual: and contradicted from this far on.
        pitch_course: semitones from start to end that a rise or fall has at least.
        loudness_course: dB from start to end that a rise or fall has at least.
        fewest: utterances that a speaker must have to be compared with nobody else.
        quote: similarity from which on the words of a quotation count as said.

    Raises:
        ConfigError: a number out of range.
    """

    clear: float = 0.10
    usual: float = 0.20
    unusual: float = 0.30
    pitch_course: float = 1.0
    loudness_course: float = 2.0
    fewest: int = 8
    quote: float = 0.90

    def __post_init__(self) -> None:
        problems = []
        if not 0 < self.clear < 0.5:
            problems.append(f"rules.clear: {self.clear} is not between 0 and 0.5")
        if not 0 < self.usual < self.unusual < 0.5:
            problems.append("rules.usual must be above 0 and below rules.unusual, that below 0.5")
        if self.pitch_course <= 0 or self.loudness_course <= 0:
            problems.append("rules.pitch_course and rules.loudness_course must be above 0")
        if self.fewest < 2:
            problems.append(f"rules.fewest: {self.fewest} leaves nobody to compare with")
        if not 0 < self.quote <= 1:
            problems.append(f"rules.quote: {self.quote} is not between 0 and 1")
        if problems:
            raise ConfigError.from_problems(problems)


@dataclass(frozen=True)
class Check:
    """How one kind of claim is tested.

    Args:
        measure: the measure that it is held against.
        side: 1 where the claim says much of it, −1 where little, 0 where the usual.
        course: whether the measure itself has a sign, and the others do not matter.
    """

    measure: str
    side: int
    course: bool = False


def _both(claim: str, measure: str, much: str, little: str) -> dict[tuple[str, str], Check]:
    course = measure.endswith("_course")
    return {
        (claim, much): Check(measure, 1, course),
        (claim, little): Check(measure, -1, course),
    }


CHECKS: dict[tuple[str, str], Check] = {
    **_both("pitch", "pitch", "high", "low"),
    ("pitch", "normal"): Check("pitch", 0),
    **_both("pitch_range", "pitch_range", "varied", "flat"),
    **_both("pitch_course", "pitch_course", "rising", "falling"),
    **_both("loudness", "loudness", "high", "low"),
    ("loudness", "normal"): Check("loudness", 0),
    **_both("loudness", "loudness_range", "varied", "flat"),
    **_both("loudness", "loudness_course", "rising", "falling"),
    **_both("rate", "rate", "high", "low"),
    ("rate", "normal"): Check("rate", 0),
    **_both("pauses", "pauses", "many", "few"),
    **_both("tremor", "tremor", "present", "absent"),
    **_both("breathiness", "breathiness", "present", "absent"),
    **_both("harshness", "harshness", "present", "absent"),
}
"""How claims are tested, by measure and direction; a claim that is not here is not testable."""


def strengths(found: Standing, check: Check, rules: GroundingRules) -> FloatArray:
    """The strength of one kind of claim in each utterance: (n,); NaN where not measured."""
    column = _column(found, check.measure)
    values = found.values[:, column]
    if check.course:
        least = getattr(rules, check.measure)
        return np.asarray(check.side * values / least)
    shares = found.shares[:, column]
    if check.side == 0:
        middle = (rules.usual + rules.unusual) / 2
        half = (rules.unusual - rules.usual) / 2
        return np.asarray((middle - np.abs(shares - 0.5)) / half)
    strength = np.asarray(check.side * (shares - 0.5) / rules.clear)
    if check.measure == "pauses":  # without any pause nobody pauses much, whatever others do
        strength = np.where(values == 0, -np.inf * check.side, strength)
    return strength


def _column(found: Standing, measure: str) -> int:
    """The column of a measure; rates are in letters where every transcript is known."""
    if measure == "rate":
        letters = found.names.index(LETTER_RATE)
        rate = found.names.index("rate")
        known = np.isfinite(found.values[:, letters]) | ~np.isfinite(found.values[:, rate])
        return letters if known.all() else rate
    return found.names.index(measure)


def value_and_share(found: Standing, row: int, measure: str) -> tuple[float, float]:
    """What was measured of an utterance, and where that stands among the others."""
    column = _column(found, measure)
    return float(found.values[row, column]), float(found.shares[row, column])


def outcome_of(strength: float) -> str:
    """The outcome of a claim by its strength.

    Example:
        >>> outcome_of(2.0), outcome_of(-1.0), outcome_of(0.3)
        ('supported', 'contradicted', 'not testable')
    """
    # places are counts over counts: what lies on a line up to rounding lies on it
    if strength >= 1 - 1e-9:
        return "supported"
    return "contradicted" if strength <= -1 + 1e-9 else "not testable"
