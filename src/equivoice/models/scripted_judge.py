"""A fake judge of reasons whose taste can be written down.

It counts phrases: each that stands in a reason gives it points. It can be given a liking
for what is shown first, a range within which it calls a tie, noise that belongs to a text
(the same wherever it is shown), lapses that do not, and answers that nobody can read. So
tests can compute win rates, position bias and what is left out by hand.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from scipy import special

from equivoice.errors import ConfigError
from equivoice.models.language import Decoding, Draw, Question, Said

__all__ = ["ScriptedJudge"]

_PHRASES: Mapping[str, float] = MappingProxyType(
    dict.fromkeys(("pitch", "tone", "loud", "quiet", "fast", "slow", "pause", "says", '"'), 1.0)
)
_SIDE = re.compile(r'Explanation (?P<side>[AB]):\n"""\n(?P<text>.*?)\n"""', re.DOTALL)
_QUOTED = re.compile(r'"""\n(?P<text>.*?)\n"""', re.DOTALL)
_SCALE = re.compile(r"Verdict: a whole number from (\d+) to (\d+)")


@dataclass
class ScriptedJudge:
    r"""A fake judge that counts phrases; it answers in the form that Equivoice's rubrics ask for.

    Args:
        phrases: from a phrase to the points that it gives, once a text, case ignored.
        first_bias: points that the explanation shown first gets for its place.
        tie_within: at most this difference in points is a tie.
        noise: standard deviation of points that a text has for no reason; the same text of
            the same utterance always has the same.
        lapse: how often it answers A or B (accept or reject) by the toss of a coin.
        accept_from: so many points are accepted.
        garbled: how often nobody can read its answer.
        seed: root of the noise; lapses are drawn by the seed of the answer.
        name: the name of the system.
        family: which wording of a prompt it is given.
        modalities: what it can be given.

    Raises:
        ConfigError: a share or a spread out of range.

    Example:
        >>> from equivoice.prompting.turns import Turn
        >>> text = ('Explanation A:\n\"\"\"\nsad\n\"\"\"\n\n'
        ...         'Explanation B:\n\"\"\"\nThe pitch is low.\n\"\"\"')
        >>> judge, question = ScriptedJudge(), Question("a/1", (Turn("user", (text,)),))
        >>> judge.answer([question], [[Draw(0.0, 1)]], Decoding())[0][0].text.splitlines()[-1]
        'Verdict: B'
    """

    phrases: Mapping[str, float] = field(default_factory=lambda: _PHRASES)
    first_bias: float = 0.0
    tie_within: float = 0.0
    noise: float = 0.0
    lapse: float = 0.0
    accept_from: float = 1.0
    garbled: float = 0.0
    seed: int = 0
    name: str = "scripted-judge"
    family: str = "scripted"
    modalities: frozenset[str] = frozenset(("speech", "speech+transcript", "transcript"))

    def __post_init__(self) -> None:
        self.modalities = frozenset(self.modalities)
        wrong = [
            f"{name}: {value} is not within 0 and 1"
            for name in ("lapse", "garbled")
            if not 0 <= (value := getattr(self, name)) <= 1
        ]
        wrong += [
            f"{name}: {value} is negative"
            for name in ("noise", "tie_within")
            if (value := getattr(self, name)) < 0
        ]
        if wrong:
            raise ConfigError.from_problems(wrong)

    def describe(self) -> Mapping[str, Any]:
        """That the verdicts are scripted, and by which numbers."""
        return {
            "weights": "none: the verdicts are scripted",
            "phrases": dict(self.phrases),
            "first_bias": self.first_bias,
            "tie_within": self.tie_within,
            "noise": self.noise,
            "lapse": self.lapse,
            "accept_from": self.accept_from,
            "garbled": self.garbled,
        }

    def answer(
        self, questions: Sequence[Question], draws: Sequence[Sequence[Draw]], decoding: Decoding
    ) -> list[list[Said]]:
        """Verdicts by the script; nothing of the decoding shapes them."""
        del decoding
        return [
            [Said(self._verdict(question, draw), finished=True) for draw in wanted]
            for question, wanted in zip(questions, draws, strict=True)
        ]

    def points(self, utterance: str, text: str) -> float:
        """How much the judge thinks of a text about an utterance."""
        folded = text.casefold()
        found = sum(worth for phrase, worth in self.phrases.items() if phrase.casefold() in folded)
        if not self.noise:
            return float(found)
        luck = _share("text", self.seed, utterance, text)
        return float(found + self.noise * special.ndtri(luck))

    def _verdict(self, question: Question, draw: Draw) -> str:
        text = question.turns[-1].text
        if _share("garbled", draw.seed) < self.garbled:
            return "It depends on how one looks at it."
        lapsed = _share("lapse", draw.seed) < self.lapse
        coin = _share("coin", draw.seed) < 0.5
        sides = {match["side"]: match["text"] for match in _SIDE.finditer(text)}
        if len(sides) == 2:
            return f"I counted.\nVerdict: {self._preferred(question, sides, lapsed, coin)}"
        shown = [match["text"] for match in _QUOTED.finditer(text)] or [text]
        points = self.points(question.utterance_id, shown[-1])
        scale = _SCALE.search(text)
        if scale is not None:
            low, high = int(scale[1]), int(scale[2])
            return f"I counted.\nVerdict: {min(high, max(low, low + round(points)))}"
        accepted = coin if lapsed else points >= self.accept_from
        return f"I counted.\nVerdict: {'accept' if accepted else 'reject'}"

    def _preferred(
        self, question: Question, sides: Mapping[str, str], lapsed: bool, coin: bool
    ) -> str:
        if lapsed:
            return "A" if coin else "B"
        one, two = (self.points(question.utterance_id, sides[side]) for side in "AB")
        ahead = one + self.first_bias - two
        if abs(ahead) <= self.tie_within:
            return "tie"
        return "A" if ahead > 0 else "B"


def _share(*parts: object) -> float:
    """A number between 0 and 1, both excluded, by hash."""
    text = "\n".join(map(str, parts))
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return ((int.from_bytes(digest, "big") >> 11) + 0.5) / 2**53
