"""How probable each label is in an answer that says more than a label.

An answer with a transcript, a label and a reason is not one of a few texts, so that its
probability as a whole says nothing of the label. What can be had exactly is the
probability of each label *given what stands before it*: of the answers that begin in one
way, the share that goes on with this label. It is the quotient of the probabilities of two
beginnings, and a beginning is an answer of which no more than so many tokens are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

import numpy as np

from equivoice.errors import ConfigError
from equivoice.models import Decoding, FloatArray, OptionScores, PrefixBackend, Question
from equivoice.prompting.explained import answer_ending

__all__ = ["Spelling", "label_scores"]

_NEARLY_GREEDY = 1e-4  # where the most probable tokens are another beginning


@runtime_checkable
class Spelling(PrefixBackend, Protocol):
    """A model that says by which tokens it writes a text."""

    def option_tokens(self, option: str) -> list[int]:
        """A text as the model would write it: token ids, without an end token."""


def label_scores(
    backend: Spelling,
    question: Question,
    before: str,
    words: Sequence[str],
    temperatures: Sequence[float],
    decoding: Decoding,
) -> OptionScores:
    """The probability of each label, given what an answer says before it.

    Args:
        backend: the model.
        question: what is asked.
        before: the beginning, up to the label; see
            :func:`~equivoice.prompting.explained.before_answer`.
        words: K words for the labels.
        temperatures: T values. At 0, where the most probable answer begins otherwise, the
            labels are scored very near to it.
        decoding: top-p, top-k and repetition penalty apply at each token.

    Returns:
        (1, T, K) log-probabilities of the labels, and (1, T) the probability that after
        this beginning something else follows.

    Raises:
        ConfigError: there is no beginning, or two labels are written alike.
    """
    texts = [before + answer_ending(word) for word in words]
    tokens = [backend.option_tokens(text) for text in texts]
    shared = min(_common(tokens), len(backend.option_tokens(before)))
    if not shared:
        raise ConfigError("an answer has no beginning before its label", value=before)
    reader = _Reader(backend, backend.prepare([question]), decoding)
    rows = [_row(reader, texts, tokens, shared, heat) for heat in temperatures]
    logprobs = np.stack(rows)[None]
    outside = np.clip(1 - np.exp(logprobs).sum(axis=2), 0.0, 1.0)
    return OptionScores(logprobs, outside)


class _Reader:
    """Reads how probable beginnings are."""

    def __init__(self, backend: PrefixBackend, prefix: Any, decoding: Decoding) -> None:
        self.backend, self.prefix, self.decoding = backend, prefix, decoding

    def beginnings(self, texts: Sequence[str], length: int, temperature: float) -> FloatArray:
        """(k,) log-probability that an answer begins with so many tokens of each text."""
        cut = replace(self.decoding, max_new_tokens=length, min_new_tokens=0)
        found = self.backend.option_logprobs(self.prefix, texts, [temperature], cut)
        row: FloatArray = found.logprobs[0, 0]
        return row


def _row(
    reader: _Reader,
    texts: Sequence[str],
    tokens: Sequence[Sequence[int]],
    shared: int,
    temperature: float,
) -> FloatArray:
    """(K,) log-probabilities at one temperature, given the shared tokens."""
    given = float(reader.beginnings(texts[:1], shared, temperature)[0])
    if np.isneginf(given):
        temperature = temperature or _NEARLY_GREEDY
        given = float(reader.beginnings(texts[:1], shared, temperature)[0])
    whole = np.full(len(texts), -np.inf)
    for length in sorted({len(each) for each in tokens}):
        rows = [row for row, each in enumerate(tokens) if len(each) == length]
        whole[rows] = reader.beginnings([texts[row] for row in rows], length, temperature)
    if np.isneginf(given):
        return np.full(len(texts), -np.inf)
    # a quotient of two roundings may exceed 1 by as little
    return np.minimum(whole - given, 0.0)


def _common(tokens: Sequence[Sequence[int]]) -> int:
    """How many tokens all sequences begin with."""
    columns = zip(*tokens, strict=False)
    for length, column in enumerate(columns):
        if len(set(column)) > 1:
            return length
    return min(map(len, tokens), default=0)
