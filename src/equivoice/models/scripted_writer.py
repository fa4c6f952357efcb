"""A fake language model that writes longer texts: one an utterance, from a table.

It stands in for a teacher that explains labels, or for anything else whose answer is no
option: every stage can be tested without a model.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from equivoice.errors import AudioError
from equivoice.models.language import Decoding, Draw, Question, Said
from equivoice.models.scripted_tables import told_utterances
from equivoice.records import MODALITIES

__all__ = ["ScriptedWriter"]

_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass
class ScriptedWriter:
    """Writes what a table says; draws and decoding change nothing.

    Args:
        texts: the file of a table with ``utterance_id`` and ``text``, or a mapping.
        otherwise: what it writes about an utterance that is not in ``texts``; ``None``
            where it then gives no answer.
        name: the name of the system.
        family: which wording of a prompt it is given.
        modalities: what it can be given.
        fail_on: utterances whose sound cannot be used.
        cost: what an answer costs, where it is to cost something.

    Example:
        >>> fake = ScriptedWriter({"a/1": "A low voice."})
        >>> fake.answer([Question("a/1", ())], [[Draw(0.0, 1)]], Decoding())[0][0].text
        'A low voice.'
    """

    texts: str | Path | Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    otherwise: str | None = None
    name: str = "scripted-writer"
    family: str = "scripted"
    modalities: frozenset[str] = frozenset(MODALITIES)
    fail_on: Sequence[str] = ()
    cost: float | None = None
    asked: list[Question] = field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        self.modalities = frozenset(self.modalities)
        self._texts = _table(self.texts)

    def describe(self) -> Mapping[str, Any]:
        """That the texts are scripted, and their hash."""
        told = "\n".join(f"{name}\t{self._texts[name]}" for name in sorted(self._texts))
        return {
            "weights": "none: the texts are scripted",
            "texts": hashlib.sha256(told.encode()).hexdigest(),
        }

    def answer(
        self, questions: Sequence[Question], draws: Sequence[Sequence[Draw]], decoding: Decoding
    ) -> list[list[Said]]:
        """The text of each question, once a draw.

        Raises:
            AudioError: one of the utterances is in ``fail_on``.
        """
        del decoding
        broken = sorted({each.utterance_id for each in questions} & set(self.fail_on))
        if broken:
            raise AudioError("the script says that this sound cannot be used", value=broken[0])
        self.asked.extend(questions)
        return [
            [self._said(question)] * len(wanted)
            for question, wanted in zip(questions, draws, strict=True)
        ]

    def _said(self, question: Question) -> Said:
        text = self._texts.get(question.utterance_id, self.otherwise)
        if text is None:
            return Said(None, "the script says nothing")
        return Said(text, finished=True, cost=self.cost)


def _table(given: str | Path | Mapping[str, str]) -> dict[str, str]:
    if isinstance(given, Mapping):
        return dict(given)
    known = told_utterances(given, "text", what="texts")
    return dict(known.select("utterance_id", "text").iter_rows())
