"""What is recorded: every take of every speaker, decided before anything is rendered.

All chance falls here, by name (:mod:`.streams`), so that a plan is the same
wherever it is made and a speaker can be rendered without the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from equivoice.audio.synthesis import Delivery
from equivoice.corpora.synthetic.biases import CLEAN_SNR, Biases, Shortcut
from equivoice.corpora.synthetic.cast import Speaker, varied
from equivoice.corpora.synthetic.recipe import EMOTIONS, SPREAD
from equivoice.corpora.synthetic.sentences import SENTENCES, Sentence
from equivoice.corpora.synthetic.streams import seed_of, stream
from equivoice.errors import ConfigError

__all__ = ["CORPUS", "Take", "emotion_counts", "plan_takes"]

CORPUS = "synthetic"
"""The name of the corpus; utterance ids start with it."""


@dataclass(frozen=True)
class Take:
    """One utterance to record.

    Args:
        speaker: who speaks.
        emotion: which emotion is meant.
        number: from 1 within speaker and emotion.
        sentence: what is said.
        sentence_number: from 1 within the language.
        delivery: how this one is spoken.
        seed: of its breath, jitter, shimmer and noise.
        snr_db: speech above noise in dB.
        cue: the planted tone as (Hz, dB relative to the speech), or ``None``.
    """

    speaker: Speaker
    emotion: str
    number: int
    sentence: Sentence
    sentence_number: int
    delivery: Delivery
    seed: int
    snr_db: float
    cue: tuple[float, float] | None

    @property
    def key(self) -> str:
        """The name of the recording, unique within the corpus."""
        return f"{self.speaker.name}_{self.emotion}_{self.number:02d}"

    @property
    def utterance_id(self) -> str:
        """``corpus/key``."""
        return f"{CORPUS}/{self.key}"

    def as_job(self) -> dict[str, Any]:
        """What the renderer needs to know."""
        return {
            "key": self.key,
            "text": self.sentence.spoken,
            "delivery": asdict(self.delivery),
            "seed": self.seed,
            "snr_db": self.snr_db,
            "cue": self.cue,
        }


def plan_takes(
    cast: Sequence[Speaker], *, per_speaker: int, biases: Biases, seed: int
) -> tuple[Take, ...]:
    """Every take, speaker by speaker.

    The n-th take of each emotion of a speaker is the same sentence, so that words
    and emotions are independent; which sentences a speaker has is drawn.

    Args:
        cast: the speakers.
        per_speaker: utterances of each.
        biases: what is planted.
        seed: the corpus's seed.

    Raises:
        ConfigError: fewer utterances of a speaker than emotions, or a fold that does not exist.
    """
    if per_speaker < 1:
        raise ConfigError("a speaker needs at least one utterance", value=per_speaker)
    _check_fold(cast, biases.shortcut)
    cued = _cued(cast, per_speaker, biases, seed)
    return tuple(
        _take(speaker, emotion, number, biases=biases, cued=cued, seed=seed)
        for place, speaker in enumerate(cast)
        for emotion, count in emotion_counts(speaker, place, per_speaker, biases).items()
        for number in range(1, count + 1)
    )


def emotion_counts(speaker: Speaker, place: int, total: int, biases: Biases) -> dict[str, int]:
    """How often a speaker shows each emotion: equal shares, but for a planted imbalance.

    Shares that do not come out even are rounded by largest remainder; which emotion
    gains goes round from pair to pair, the same for the woman and the man of a pair.

    Args:
        speaker: the speaker.
        place: the speaker's place in the cast.
        total: utterances of this speaker.
        biases: what is planted.
    """
    weights = dict.fromkeys(EMOTIONS, 1.0)
    imbalance = biases.imbalance
    if imbalance and imbalance.group == speaker.gender:
        weights[imbalance.emotion] = imbalance.odds
    exact = {name: total * weight / sum(weights.values()) for name, weight in weights.items()}
    counts = {name: int(share) for name, share in exact.items()}
    turn = (place // 2 * max(total % len(EMOTIONS), 1)) % len(EMOTIONS)
    names = list(EMOTIONS)[turn:] + list(EMOTIONS)[:turn]
    by_remainder = sorted(names, key=lambda name: counts[name] - exact[name])
    for name in by_remainder[: total - sum(counts.values())]:
        counts[name] += 1
    return counts


def _take(
    speaker: Speaker, emotion: str, number: int, *, biases: Biases, cued: set[str], seed: int
) -> Take:
    names = (speaker.name, emotion, number)
    sentences = SENTENCES[speaker.language]
    order = stream(seed, "sentences", speaker.name).permutation(len(sentences))
    sentence_number = int(order[(number - 1) % len(sentences)]) + 1
    noise, shortcut = biases.noise, biases.shortcut
    noisy = (
        noise is not None
        and noise.group == speaker.gender
        and noise.language in (None, speaker.language)
    )
    return Take(
        speaker=speaker,
        emotion=emotion,
        number=number,
        sentence=sentences[sentence_number - 1],
        sentence_number=sentence_number,
        delivery=varied(speaker.manners[emotion], SPREAD["take"], stream(seed, "take", *names)),
        seed=seed_of(seed, "render", *names),
        snr_db=noise.snr_db if noise and noisy else CLEAN_SNR,
        cue=(shortcut.hz, shortcut.level_db) if shortcut and _name(*names) in cued else None,
    )


def _name(speaker: str, emotion: str, number: int) -> str:
    return f"{speaker}/{emotion}/{number}"


def _cued(cast: Sequence[Speaker], per_speaker: int, biases: Biases, seed: int) -> set[str]:
    """Which takes carry the tone: exact shares within each gender, fold and emotion."""
    shortcut = biases.shortcut
    if shortcut is None:
        return set()
    cells: dict[tuple[str, str | None, str], list[str]] = {}
    for place, speaker in enumerate(cast):
        for emotion, count in emotion_counts(speaker, place, per_speaker, biases).items():
            cell = cells.setdefault((speaker.gender, speaker.fold, emotion), [])
            cell.extend(_name(speaker.name, emotion, n) for n in range(1, count + 1))
    cued: set[str] = set()
    for (gender, fold, emotion), names in cells.items():
        rng = stream(seed, "cue", gender, fold, emotion)
        # A share that does not come out even is rounded up as often as it should be.
        count = int(_cue_share(shortcut, gender, fold, emotion) * len(names) + rng.random())
        cued.update(np.array(names)[rng.permutation(len(names))[:count]].tolist())
    return cued


def _cue_share(shortcut: Shortcut, gender: str, fold: str | None, emotion: str) -> float:
    agrees = gender == shortcut.group and (fold is None or fold != shortcut.broken_fold)
    with_emotion, without = shortcut.agreement, 1 - shortcut.agreement
    if agrees:
        return with_emotion if emotion == shortcut.emotion else without
    return (with_emotion + without * (len(EMOTIONS) - 1)) / len(EMOTIONS)


def _check_fold(cast: Sequence[Speaker], shortcut: Shortcut | None) -> None:
    folds = sorted({speaker.fold for speaker in cast if speaker.fold})
    if shortcut and shortcut.broken_fold not in (None, *folds):
        raise ConfigError("no such fold", value=shortcut.broken_fold, choices=folds)
