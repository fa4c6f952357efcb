"""Fake speech LLMs that really listen, and each of the ways in which one can be broken."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import soundfile

from equivoice.errors import AudioError
from equivoice.models import Decoding, Draw, OptionScores, Question, Said

WORDS = ("Angry", "Happy", "Neutral", "Sad", "I cannot tell")


@dataclass
class ListeningServer:
    """It answers by what it hears; ``flaws`` names what is wrong with it.

    deaf: the sound is ignored · leaks: neighbours in a batch shift the answer · pads: the length
    of the longest neighbour does · cuts: only 30 s are heard · refuses: longer clips are refused ·
    one-seed: all draws share a seed · unseeded: seeds are ignored · crowded: a draw depends on how
    many are drawn with it · stubborn: one answer to everything · silent-record: no settings told.
    """

    flaws: frozenset[str] = frozenset()
    name: str = "listener"
    family: str = "scripted"
    modalities: frozenset[str] = frozenset({"speech"})
    described: Mapping[str, Any] = field(default_factory=dict)
    calls: int = 0

    def describe(self) -> Mapping[str, Any]:
        known: dict[str, Any] = {"generation": {"temperature": 1.0}}
        return ({} if "silent-record" in self.flaws else known) | dict(self.described)

    def shares(self, questions: Sequence[Question]) -> list[np.ndarray]:
        sounds = [self.heard(question) for question in questions]
        longest = max(len(sound) for sound in sounds)
        found = []
        for sound in sounds:
            content = sound.tobytes()
            if "deaf" in self.flaws:
                content = str(len(sound)).encode()  # a deaf model may still know how long it was
            disturbed = "leaks" in self.flaws and len(sounds) > 1
            disturbed |= "pads" in self.flaws and longest > len(sound)
            # another word is the likeliest then, not just perhaps
            found.append(np.roll(self.distribution(content), int(disturbed)))
        return found

    def heard(self, question: Question) -> np.ndarray:
        assert question.clip is not None
        sound, rate = soundfile.read(question.clip.path, dtype="int16")
        if "refuses" in self.flaws and len(sound) > 30 * rate:
            raise AudioError("too long: 35 s", file=question.clip.path)
        return sound[: 30 * rate] if "cuts" in self.flaws else sound

    def distribution(self, content: bytes) -> np.ndarray:
        if "stubborn" in self.flaws:
            return np.array([1.0, 0, 0, 0, 0])
        digest = hashlib.sha256(content).digest()
        order, little = (np.frombuffer(digest[at : at + 5], dtype=np.uint8) for at in (0, 5))
        # far apart, or sixteen draws could all be equal for two sounds, as they once were
        logits = np.linspace(0.0, 2.0, 5)[order.argsort(kind="stable")] + little / 2560.0
        raised = np.exp(logits)
        return raised / raised.sum()

    def answer(
        self,
        questions: Sequence[Question],
        draws: Sequence[Sequence[Draw]],
        decoding: Decoding,  # noqa: ARG002
    ) -> list[list[Said]]:
        self.calls += 1
        return [
            [self.said(shares, draw, len(wanted)) for draw in wanted]
            for shares, wanted in zip(self.shares(questions), draws, strict=True)
        ]

    def said(self, shares: np.ndarray, draw: Draw, crowd: int) -> Said:
        if draw.temperature == 0:
            return Said(WORDS[int(shares.argmax())])
        shaped = shares ** (1 / draw.temperature)
        seed = 7 if "one-seed" in self.flaws else draw.seed
        seed = self.calls * 1000 + draw.seed if "unseeded" in self.flaws else seed
        seed = seed + crowd if "crowded" in self.flaws else seed
        place = np.random.default_rng(seed).choice(len(WORDS), p=shaped / shaped.sum())
        return Said(WORDS[int(place)])


@dataclass
class Listener(ListeningServer):
    """The same with prefixes.

    A further flaw: huddled: options scored together take from each other.
    """

    def prepare(self, questions: Sequence[Question]) -> list[np.ndarray]:
        return self.shares(questions)

    def sample(
        self,
        prefix: list[np.ndarray],
        draws: Sequence[Sequence[Draw]],
        decoding: Decoding,  # noqa: ARG002
    ) -> list[list[Said]]:
        return [
            [self.said(shares, draw, len(wanted)) for draw in wanted]
            for shares, wanted in zip(prefix, draws, strict=True)
        ]

    def option_logprobs(
        self,
        prefix: list[np.ndarray],
        options: Sequence[str],
        temperatures: Sequence[float],
        decoding: Decoding,  # noqa: ARG002
    ) -> OptionScores:
        logprobs = np.full((len(prefix), len(temperatures), len(options)), -np.inf)
        for row, shares in enumerate(prefix):
            for t, temperature in enumerate(temperatures):
                shaped = shares ** (1 / temperature)
                shaped = shaped / shaped.sum()
                with np.errstate(divide="ignore"):
                    logprobs[row, t] = np.log([shaped[WORDS.index(word)] for word in options])
        if "huddled" in self.flaws:
            logprobs -= 0.1 * (len(options) - 1)
        return OptionScores(logprobs, 1 - np.exp(logprobs).sum(-1))
