"""Metrics of transcripts: errors over words of the reference, summed over a whole corpus.

====================  ======================================================================
word_error_rate       (S + D + I) / N: words replaced, left out and added, by words said
substitution_rate     S / N
deletion_rate         D / N
insertion_rate        I / N
transcript_error      the share of utterances whose transcript has any error
====================  ======================================================================

The alignment is jiwer's (Levenshtein over words). Rates are of sums, so long utterances
weigh more than short ones, and a rate may exceed 1. In languages that are written without
spaces a character counts as a word. Before words are compared, case, punctuation and the
forms of Unicode are levelled; numbers and abbreviations are not.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from equivoice.errors import MissingDependencyError
from equivoice.metrics.core import FloatArray, Metric, ratio

__all__ = ["levelled", "transcript_metrics", "transcript_statistics"]

_WORDS, _SUBSTITUTED, _DELETED, _INSERTED, _ONE, _WRONG = range(6)
_WITHOUT_SPACES = frozenset({"zh", "ja", "yue", "th", "lo", "km", "my"})
_APOSTROPHES = str.maketrans("’ʼ`´", "''''")
_EDGE = re.compile(r"(?<!\w)'|'(?!\w)")
_NO_WORDS = "no words were said"
_KINDS = {"substitute": _SUBSTITUTED, "delete": _DELETED, "insert": _INSERTED}


def levelled(text: str, language: str | None = None) -> str:
    """A transcript as it is compared: words in small letters with a space between.

    Args:
        text: as it stands.
        language: as a BCP 47 tag; in those that are written without spaces every
            character stands alone.

    Example:
        >>> levelled("  Don't  STOP, now… ")
        "don't stop now"
        >>> levelled("你好，吗", "zh-CN")
        '你 好 吗'
    """
    folded = unicodedata.normalize("NFKC", text).translate(_APOSTROPHES).casefold()
    kept = "".join(
        c if c.isalnum() or c == "'" or unicodedata.category(c).startswith("M") else " "
        for c in folded
    )
    words = _EDGE.sub(" ", kept).split()
    if (language or "").casefold().split("-")[0] in _WITHOUT_SPACES:
        return " ".join("".join(words))
    return " ".join(words)


def transcript_statistics(
    reference: Sequence[str],
    heard: Sequence[str],
    languages: Sequence[str | None] | None = None,
) -> FloatArray:
    """What each utterance adds to the sums.

    Args:
        reference: (n,) what was said.
        heard: (n,) the transcripts.
        languages: (n,) of the utterances, where they are known.

    Returns:
        (n, 6): words said, words replaced, left out and added, 1, and whether there is an error.

    Raises:
        ValueError: arrays of other lengths.
        MissingDependencyError: jiwer is not installed.

    Example:
        >>> transcript_statistics(["A b, c d."], ["a c e"]).tolist()
        [[4.0, 1.0, 1.0, 0.0, 1.0, 1.0]]
    """
    tongues = [None] * len(reference) if languages is None else list(languages)
    said, written = (
        [levelled(text, tongue) for text, tongue in zip(texts, tongues, strict=True)]
        for texts in (reference, heard)
    )
    rows = np.zeros((len(said), 6))
    rows[:, _WORDS] = [len(text.split()) for text in said]
    rows[:, _ONE] = 1.0
    for number, kind, size in _errors(said, written):
        rows[number, kind] += size
    rows[:, _WRONG] = rows[:, _SUBSTITUTED : _INSERTED + 1].sum(-1) > 0
    return rows


def transcript_metrics() -> dict[str, Metric]:
    """The metrics of transcripts by name.

    Example:
        >>> sums = transcript_statistics(["a b c d", "e"], ["a c e", "e"]).sum(0)
        >>> {name: float(metric.finish(sums)) for name, metric in transcript_metrics().items()}
        ... # doctest: +NORMALIZE_WHITESPACE
        {'word_error_rate': 0.4, 'substitution_rate': 0.2, 'deletion_rate': 0.2,
         'insertion_rate': 0.0, 'transcript_error': 0.5}
    """
    errors = slice(_SUBSTITUTED, _INSERTED + 1)
    metrics = (
        Metric("word_error_rate", _rate(errors), 0.0, np.inf, False, _NO_WORDS),
        Metric("substitution_rate", _rate(_SUBSTITUTED), 0.0, 1.0, False, _NO_WORDS),
        Metric("deletion_rate", _rate(_DELETED), 0.0, 1.0, False, _NO_WORDS),
        Metric("insertion_rate", _rate(_INSERTED), 0.0, np.inf, False, _NO_WORDS),
        Metric("transcript_error", _share, 0.0, 1.0, False, "no transcripts"),
    )
    return {metric.name: metric for metric in metrics}


def _rate(columns: int | slice) -> Callable[[FloatArray], FloatArray]:
    def finish(sums: FloatArray) -> FloatArray:
        errors = sums[..., columns]
        above = errors.sum(-1) if isinstance(columns, slice) else errors
        return ratio(np.asarray(above), sums[..., _WORDS])

    return finish


def _share(sums: FloatArray) -> FloatArray:
    return ratio(sums[..., _WRONG], sums[..., _ONE])


def _errors(said: Sequence[str], written: Sequence[str]) -> Iterator[tuple[int, int, int]]:
    """Stretches of errors: in which utterance, of which kind, over how many words."""
    for number, steps in enumerate(_alignments(said, written)):
        for step in steps:
            if step.type in _KINDS:
                in_said = step.ref_end_idx - step.ref_start_idx
                in_written = step.hyp_end_idx - step.hyp_start_idx
                yield number, _KINDS[step.type], max(in_said, in_written)


def _alignments(said: Sequence[str], written: Sequence[str]) -> list[list[Any]]:
    """The alignment of each utterance, in steps; none where there are no utterances."""
    try:
        import jiwer
    except ImportError as error:
        raise MissingDependencyError(
            "jiwer", extra="transcripts", purpose="word error rates"
        ) from error
    if not said:
        return []
    return list(jiwer.process_words(list(said), list(written)).alignments)
