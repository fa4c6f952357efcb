"""The recipe as data: how each emotion sounds, which voices there are, how people vary.

**Directions** (higher or lower, wider or narrower) follow the table on the
Wikibooks page at :data:`DIRECTIONS_SOURCE`; what that page draws on was not
read. The **amounts** are ours, chosen so that an acoustic classifier that has not heard a speaker does
neither perfectly nor by luck. They claim nothing about real speech.
"""

from __future__ import annotations

from dataclasses import dataclass

from equivoice.audio.synthesis import Delivery

__all__ = [
    "DIRECTIONS",
    "DIRECTIONS_SOURCE",
    "EMOTIONS",
    "EXPRESSIVENESS",
    "GENDERS",
    "LANGUAGES",
    "RECIPE_VERSION",
    "SPREAD",
    "VARIANTS",
    "VOICE_PITCH",
    "Spread",
]

RECIPE_VERSION = 2
"""Raised whenever the same seed would give other bytes."""

LANGUAGES = ("en", "de", "ja")

GENDERS = ("female", "male")

DIRECTIONS_SOURCE = "https://en.wikibooks.org/wiki/Hypnosis/Chapters/Methods/Voice_Emotions_Table"

DIRECTIONS: dict[str, dict[str, str]] = {
    "angry": {
        "pitch": "very much higher",
        "range": "much wider",
        "rate": "slightly faster",
        "intensity": "higher",
        "quality": "breathy with chest tone; here tense, as the articulation column says",
    },
    "happy": {
        "pitch": "much higher",
        "range": "much wider",
        "rate": "faster or slower",
        "intensity": "higher",
        "quality": "breathy and blaring; upward inflections",
    },
    "sad": {
        "pitch": "slightly lower",
        "range": "slightly narrower",
        "rate": "slightly slower",
        "intensity": "lower",
        "quality": "resonant; downward inflections",
    },
    "neutral": {},
    "fear": {
        "pitch": "very much higher",
        "range": "much wider",
        "rate": "much faster",
        "intensity": "normal",
        "quality": "irregular",
    },
    "disgust": {
        "pitch": "very much lower",
        "range": "slightly wider",
        "rate": "very much slower",
        "intensity": "lower",
        "quality": "grumbled with chest tone; wide downward terminal inflections",
    },
}
"""What the page at :data:`DIRECTIONS_SOURCE` says, relative to neutral speech."""

EMOTIONS: dict[str, Delivery] = {
    "angry": Delivery(
        pitch=4.5,
        range=1.7,
        rate=1.1,
        level=6.0,
        tilt=2.0,
        breath=2.0,
        jitter=0.01,
        shimmer=0.08,
        slope=-1.5,
    ),
    "happy": Delivery(pitch=4.0, range=1.7, rate=1.04, level=2.5, breath=5.0, slope=3.0),
    "sad": Delivery(pitch=-1.5, range=0.7, rate=0.88, level=-4.0, tilt=-1.0, slope=-1.5),
    "neutral": Delivery(),
    "fear": Delivery(pitch=5.0, range=1.5, rate=1.22, jitter=0.02, shimmer=0.1, tremor=0.5),
    "disgust": Delivery(
        pitch=-3.0, range=1.2, rate=0.8, level=-2.5, jitter=0.015, shimmer=0.12, slope=-3.0
    ),
}
"""The manner of each emotion, in the order of the label space; the amounts are ours."""


@dataclass(frozen=True)
class Spread:
    """How far people and takes differ: standard deviations of normal draws.

    Args:
        pitch: semitones.
        range: of the logarithm of the factor.
        rate: of the logarithm of the factor.
        level: dB.
        tilt: dB per octave.
        breath: dB.
        slope: semitones.
        quality: of the logarithm of the factor on jitter, shimmer and tremor.
    """

    pitch: float
    range: float
    rate: float
    level: float
    tilt: float
    breath: float
    slope: float
    quality: float


EXPRESSIVENESS = 0.15
"""Standard deviation of the logarithm of a speaker's factor on every amount of the recipe."""

SPREAD: dict[str, Spread] = {
    "habit": Spread(0.7, 0.10, 0.03, 1.0, 0.3, 2.0, 0.5, 0.15),
    "take": Spread(0.7, 0.10, 0.03, 1.0, 0.3, 2.0, 0.5, 0.15),
}
"""``habit``: how one speaker expresses one emotion; ``take``: from utterance to utterance."""

VARIANTS: dict[str, tuple[str, ...]] = {
    "female": ("Female1", "Female2", "Female3", "Female4", "Female5", "Annie", "Linda", "Auntie"),
    "male": ("Male1", "Male2", "Male3", "Male4", "Male5", "Male6", "Male7", "Michael"),
}
"""Praat's voice variants by gender of the voice."""

VOICE_PITCH: dict[str, tuple[float, float]] = {"female": (185.0, 235.0), "male": (98.0, 130.0)}
"""Lowest and highest neutral median F0 of a speaker in Hz, by gender."""
