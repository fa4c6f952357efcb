"""A language model whose answers can be counted: a few whole texts, each with its probability.

Its tokens are letters. How probable a beginning is, is a sum over the texts that begin so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from equivoice.models import Decoding, Draw, OptionScores, Question, Said

__all__ = ["WholeAnswers"]


@dataclass
class WholeAnswers:
    """A model that gives one of some texts.

    Args:
        texts: from each text to its probability; of one utterance or, by its name, of each.
        name: of the system.
    """

    texts: Mapping[str, float] | Mapping[str, Mapping[str, float]]
    name: str = "whole-answers"
    family: str = "scripted"
    modalities: frozenset[str] = frozenset({"speech", "speech+transcript", "transcript"})
    read: list[tuple[str, int]] = field(default_factory=list)

    def describe(self) -> Mapping[str, Any]:
        return {"weights": "none: the answers are counted"}

    def option_tokens(self, option: str) -> list[int]:
        return [ord(letter) for letter in option]

    def prepare(self, questions: Sequence[Question]) -> list[Mapping[str, float]]:
        return [self._own(question) for question in questions]

    def _own(self, question: Question) -> Mapping[str, float]:
        own = self.texts.get(question.utterance_id, self.texts)
        return own if isinstance(own, Mapping) else {}

    def answer(
        self, questions: Sequence[Question], draws: Sequence[Sequence[Draw]], decoding: Decoding
    ) -> list[list[Said]]:
        return self.sample(self.prepare(questions), draws, decoding)

    def sample(
        self,
        prefix: Sequence[Mapping[str, float]],
        draws: Sequence[Sequence[Draw]],
        decoding: Decoding,
    ) -> list[list[Said]]:
        """The likeliest text, whatever the temperature, cut as answers are."""
        best = [max(texts, key=lambda text: texts[text]) for texts in prefix]
        return [
            [Said(text[: decoding.max_new_tokens])] * len(wanted)
            for text, wanted in zip(best, draws, strict=True)
        ]

    def option_logprobs(
        self,
        prefix: Sequence[Mapping[str, float]],
        options: Sequence[str],
        temperatures: Sequence[float],
        decoding: Decoding,
    ) -> OptionScores:
        shape = (len(prefix), len(temperatures), len(options))
        shares = np.zeros(shape)
        for row, texts in enumerate(prefix):
            for t, temperature in enumerate(temperatures):
                for k, option in enumerate(options):
                    self.read.append((option, decoding.max_new_tokens))
                    shares[row, t, k] = _beginning(texts, option, temperature, decoding)
        with np.errstate(divide="ignore"):
            return OptionScores(np.log(shares), np.clip(1 - shares.sum(axis=2), 0, 1))


def _beginning(
    texts: Mapping[str, float], option: str, temperature: float, decoding: Decoding
) -> float:
    most = max(texts.values())
    best = max(texts, key=lambda text: texts[text])
    weights = (
        {best: 1.0}
        if temperature == 0
        else {text: np.exp(np.log(share / most) / temperature) for text, share in texts.items()}
    )
    total = sum(weights.values())
    limit = decoding.max_new_tokens
    if len(option) < limit:
        found = weights.get(option, 0.0)
    else:
        found = sum(weight for text, weight in weights.items() if text[:limit] == option[:limit])
    return float(found / total)
