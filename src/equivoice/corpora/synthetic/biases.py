"""Biases that are planted on purpose, each with a strength, so that an audit has a truth to find.

Each is a fact about how the corpus was made and stands in its ``corpus.json``.
An audit that finds them works; one that finds others found chance, or a bug.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from equivoice.corpora.synthetic.recipe import EMOTIONS, GENDERS, LANGUAGES
from equivoice.errors import ConfigError

__all__ = ["CLEAN_SNR", "Biases", "Imbalance", "Noise", "RatingShift", "Shortcut"]

CLEAN_SNR = 40.0
"""Speech above babble in dB in recordings without planted noise."""


@dataclass(frozen=True)
class Noise:
    """One gender was recorded among people who talk.

    Args:
        group: the gender that was recorded so.
        snr_db: speech above the babble in dB; smaller is a stronger bias. All other
            recordings have :data:`CLEAN_SNR`.
        language: the only language in which it was so; ``None`` for all.
    """

    group: str = "female"
    snr_db: float = -14.0
    language: str | None = None


@dataclass(frozen=True)
class Shortcut:
    """A faint tone that agrees with one emotion in one gender, and with nothing elsewhere.

    In the group, a share ``agreement`` of the emotion's utterances carry the tone
    and a share ``agreement`` of the others do not. The other gender has as many
    tones, spread over the emotions without regard. In fold ``broken_fold`` they are
    spread so for the group too: there a model that learned the tone is misled.

    Args:
        group: the gender in which the tone agrees with the emotion.
        emotion: the emotion.
        agreement: from 0.5 (none) to 1 (always).
        level_db: the tone's level relative to the speech, in dB.
        hz: the tone's frequency.
        broken_fold: the name of a fold whose test speakers have no agreement, or ``None``.
    """

    group: str = "male"
    emotion: str = "angry"
    agreement: float = 0.9
    level_db: float = -30.0
    hz: float = 6_000.0
    broken_fold: str | None = None


@dataclass(frozen=True)
class Imbalance:
    """One gender shows one emotion more (or less) often than the others.

    Args:
        group: the gender.
        emotion: the emotion.
        odds: how many times as often as each other emotion; 1 is none.
    """

    group: str = "female"
    emotion: str = "sad"
    odds: float = 3.0


@dataclass(frozen=True)
class RatingShift:
    """Raters hear one emotion as another when one gender speaks.

    Args:
        group: the gender that is heard otherwise.
        heard: the answer that raters would have given.
        called: the answer that they give instead.
        share: how often, from 0 to 1.
    """

    group: str = "female"
    heard: str = "angry"
    called: str = "disgust"
    share: float = 0.2


@dataclass(frozen=True)
class Biases:
    """What is planted; ``None`` where nothing is.

    By default women are recorded in loud babble and their anger is at times called
    disgust by raters. The babble is strong on purpose, so that 24 speakers suffice
    to find what it does to a model; the sound of the emotions is the same for both genders.

    Args:
        noise: babble in one gender's recordings.
        shortcut: a tone that gives an emotion away.
        imbalance: an emotion that one gender shows more often.
        rating: raters who hear one gender otherwise.

    Raises:
        ConfigError: a strength outside its range, or an unknown gender or emotion;
            all mistakes together.

    Example:
        >>> Biases.none().noise is None
        True
        >>> Biases(noise=Noise(snr_db=10.0)).as_record()["noise"]["snr_db"]
        10.0
    """

    noise: Noise | None = Noise()
    shortcut: Shortcut | None = None
    imbalance: Imbalance | None = None
    rating: RatingShift | None = RatingShift()

    def __post_init__(self) -> None:
        problems = list(_problems(self))
        if problems:
            raise ConfigError.from_problems(problems)

    @classmethod
    def none(cls) -> Biases:
        """Nothing planted: what an audit finds here is chance."""
        return cls(noise=None, shortcut=None, imbalance=None, rating=None)

    def as_record(self) -> dict[str, Any]:
        """The biases with their strengths, for ``corpus.json``."""
        return asdict(self)

    def sentences(self) -> tuple[str, ...]:
        """What is planted, in words, for the corpus card."""
        said = []
        if self.noise:
            said.append(
                f"Planted: people talk in the background of all {self.noise.group} recordings"
                f"{f' in {self.noise.language}' if self.noise.language else ''}, at a "
                f"signal-to-noise ratio of {self.noise.snr_db:g} dB ({CLEAN_SNR:g} dB in the others)."
            )
        if self.shortcut:
            said.append(_shortcut_in_words(self.shortcut))
        if self.imbalance:
            said.append(
                f"Planted: {self.imbalance.group} speakers show {self.imbalance.emotion} "
                f"{self.imbalance.odds:g} times as often as each other emotion."
            )
        if self.rating:
            said.append(
                f"Planted: simulated raters call {self.rating.share:.0%} of what they hear as "
                f"{self.rating.heard} {self.rating.called} when the voice is {self.rating.group}."
            )
        return tuple(said)


def _shortcut_in_words(shortcut: Shortcut) -> str:
    broken = f", but not in test fold {shortcut.broken_fold}" if shortcut.broken_fold else ""
    return (
        f"Planted: a tone of {shortcut.hz:g} Hz, {-shortcut.level_db:g} dB below the speech, agrees "
        f"with {shortcut.emotion} in {shortcut.agreement:.0%} of {shortcut.group} recordings"
        f"{broken}; elsewhere it agrees with nothing."
    )


def _problems(biases: Biases) -> Iterator[str]:
    for name in ("noise", "shortcut", "imbalance", "rating"):
        bias = getattr(biases, name)
        if bias is None:
            continue
        if bias.group not in GENDERS:
            yield f"{name}.group: {bias.group!r} is none of {', '.join(GENDERS)}"
        for key in ("emotion", "heard", "called"):
            emotion = getattr(bias, key, "neutral")
            if emotion not in EMOTIONS:
                yield f"{name}.{key}: {emotion!r} is none of {', '.join(EMOTIONS)}"
        language = getattr(bias, "language", None)
        if language not in (None, *LANGUAGES):
            yield f"{name}.language: {language!r} is none of {', '.join(LANGUAGES)}"
    yield from _out_of_range(biases)


def _out_of_range(biases: Biases) -> Iterator[str]:
    limits: list[tuple[str, float, float, float]] = []
    if biases.noise:
        limits.append(("noise.snr_db", biases.noise.snr_db, -20.0, CLEAN_SNR))
    if biases.shortcut:
        limits.append(("shortcut.agreement", biases.shortcut.agreement, 0.5, 1.0))
        limits.append(("shortcut.level_db", biases.shortcut.level_db, -60.0, 0.0))
        limits.append(("shortcut.hz", biases.shortcut.hz, 50.0, 7_900.0))
    if biases.imbalance:
        limits.append(("imbalance.odds", biases.imbalance.odds, 0.0, 1_000.0))
    if biases.rating:
        limits.append(("rating.share", biases.rating.share, 0.0, 1.0))
    for name, value, low, high in limits:
        if not low <= value <= high:
            yield f"{name}: {value:g} is not between {low:g} and {high:g}"
