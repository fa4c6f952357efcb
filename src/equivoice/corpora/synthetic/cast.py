"""Who speaks: language, gender, age, voice, and personal habits of expression."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from equivoice.audio.synthesis import Delivery, Voice
from equivoice.corpora.synthetic.recipe import (
    EMOTIONS,
    EXPRESSIVENESS,
    GENDERS,
    LANGUAGES,
    SPREAD,
    VARIANTS,
    VOICE_PITCH,
    Spread,
)
from equivoice.corpora.synthetic.streams import stream
from equivoice.errors import ConfigError

__all__ = ["Speaker", "cast_speakers", "fold_count", "varied"]

_YOUNGEST, _OLDEST = 20, 75
_MOST_FOLDS = 4
_SLOWEST, _FASTEST = 0.78, 1.35


@dataclass(frozen=True)
class Speaker:
    """One speaker.

    Args:
        name: unique within the corpus, such as ``en-f1``.
        gender: ``female`` or ``male``.
        age: years; it has **no** effect on the voice, so a gap by age is chance.
        voice: the voice when speaking neutrally.
        manners: how this speaker delivers each emotion.
        fold: the fold in which this speaker is tested; ``None`` where there are too
            few speakers for folds.
    """

    name: str
    gender: str
    age: int
    voice: Voice
    manners: dict[str, Delivery]
    fold: str | None

    @property
    def language(self) -> str:
        """The BCP 47 tag of what is spoken."""
        return self.voice.language

    def as_record(self) -> dict[str, Any]:
        """All that was drawn for this speaker, for ``corpus.json``."""
        return asdict(self)


def cast_speakers(speakers: int, seed: int) -> tuple[Speaker, ...]:
    """The speakers, a woman and a man of each pair sharing language, age and fold.

    Pair ``p`` speaks language ``p mod 3`` and is tested in fold ``p mod 4`` (of four,
    from 24 speakers on) or ``p mod 2``: as 3 and 4, and 3 and 2, have no common
    divisor, folds are balanced by language whenever the pairs come out even.

    Args:
        speakers: how many; even, as women and men are as many.
        seed: the corpus's seed.

    Raises:
        ConfigError: an odd number, or fewer than two.

    Example:
        >>> [(speaker.name, speaker.fold) for speaker in cast_speakers(4, seed=0)]
        [('en-f1', '1'), ('en-m1', '1'), ('de-f1', '2'), ('de-m1', '2')]
    """
    if speakers < 2 or speakers % 2:
        raise ConfigError(
            "speakers must be an even number from 2 on", value=speakers, hint="24 is the default"
        )
    pairs = speakers // 2
    folds = fold_count(speakers)
    ages = stream(seed, "ages").permutation(np.linspace(_YOUNGEST, _OLDEST, pairs).round())
    return tuple(
        _speaker(
            gender,
            number=pair // len(LANGUAGES),
            language=LANGUAGES[pair % len(LANGUAGES)],
            age=int(ages[pair]),
            fold=str(pair % folds + 1) if folds else None,
            seed=seed,
        )
        for pair in range(pairs)
        for gender in GENDERS
    )


def fold_count(speakers: int) -> int:
    """How many folds so many speakers are divided into: 4, 2, or 0 where they are too few.

    Example:
        >>> fold_count(24), fold_count(12), fold_count(2)
        (4, 2, 0)
    """
    pairs = speakers // 2
    if pairs >= len(LANGUAGES) * _MOST_FOLDS:
        return _MOST_FOLDS
    return 2 if pairs >= 2 else 0


def _speaker(
    gender: str, *, number: int, language: str, age: int, fold: str | None, seed: int
) -> Speaker:
    name = f"{language}-{gender[0]}{number + 1}"
    rng = stream(seed, "speaker", name)
    variants = stream(seed, "variants", language, gender).permutation(VARIANTS[gender])
    low, high = VOICE_PITCH[gender]
    voice = Voice(
        language=language,
        variant=str(variants[number % len(variants)]),
        pitch=_rounded(math.exp(rng.uniform(math.log(low), math.log(high)))),
        range=_rounded(rng.uniform(1.6, 2.4)),
        tract=_rounded(rng.uniform(0.95, 1.05)),
        rate=_rounded(rng.uniform(155.0, 185.0)),
        breath=_rounded(rng.uniform(28.0, 38.0)),
        tilt=_rounded(rng.uniform(-1.0, 1.0)),
        level=_rounded(rng.normal(0.0, 1.0)),
    )
    habit = SPREAD["habit"]
    expressiveness = math.exp(rng.normal(0.0, EXPRESSIVENESS))
    manners = {
        emotion: varied(_scaled(delivery, expressiveness), habit, rng)
        for emotion, delivery in EMOTIONS.items()
    }
    return Speaker(name, gender, age, voice, manners, fold)


def varied(delivery: Delivery, spread: Spread, rng: np.random.Generator) -> Delivery:
    """A delivery drawn around another.

    Args:
        delivery: the centre.
        spread: how far to go from it.
        rng: where the draws come from.
    """
    factor = math.exp(rng.normal(0.0, spread.quality))
    return Delivery(
        pitch=_rounded(delivery.pitch + rng.normal(0.0, spread.pitch)),
        range=_rounded(delivery.range * math.exp(rng.normal(0.0, spread.range))),
        rate=_rounded(
            min(max(delivery.rate * math.exp(rng.normal(0.0, spread.rate)), _SLOWEST), _FASTEST)
        ),
        level=_rounded(delivery.level + rng.normal(0.0, spread.level)),
        tilt=_rounded(delivery.tilt + rng.normal(0.0, spread.tilt)),
        breath=_rounded(delivery.breath + rng.normal(0.0, spread.breath)),
        jitter=_rounded(delivery.jitter * factor),
        shimmer=_rounded(delivery.shimmer * factor),
        tremor=_rounded(delivery.tremor * factor),
        slope=_rounded(delivery.slope + rng.normal(0.0, spread.slope)),
    )


def _scaled(delivery: Delivery, factor: float) -> Delivery:
    """Every amount times a factor: what is multiplied already is raised to its power."""
    return Delivery(
        pitch=delivery.pitch * factor,
        range=delivery.range**factor,
        rate=delivery.rate**factor,
        level=delivery.level * factor,
        tilt=delivery.tilt * factor,
        breath=delivery.breath * factor,
        jitter=delivery.jitter * factor,
        shimmer=delivery.shimmer * factor,
        tremor=delivery.tremor * factor,
        slope=delivery.slope * factor,
    )


def _rounded(value: float) -> float:
    """Four decimals: what ``corpus.json`` shows is what was used."""
    return round(float(value), 4)
