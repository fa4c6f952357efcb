"""Word error rates: sums worked by hand, an independent alignment, odd texts."""

from __future__ import annotations

import builtins
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equivoice.errors import MissingDependencyError
from equivoice.metrics.transcription import (
    levelled,
    transcript_metrics,
    transcript_statistics,
)

pytest.importorskip("jiwer")


def rates(reference: list[str], heard: list[str]) -> dict[str, float]:
    sums = transcript_statistics(reference, heard).sum(0)
    return {name: float(metric.finish(sums)) for name, metric in transcript_metrics().items()}


def fewest_edits(said: list[str], heard: list[str]) -> int:
    """Levenshtein's distance over words, written out."""
    row = list(range(len(heard) + 1))
    for i, word in enumerate(said, start=1):
        before, row[0] = row[0], i
        for j, other in enumerate(heard, start=1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (word != other))
    return row[-1]


# ------------------------------------------------------------------ by hand


def test_counts_worked_by_hand() -> None:
    # well is added, sat becomes sit, the is left out; word beside word there would be 5 errors
    row = transcript_statistics(["The cat sat on the mat."], ["well the cat sit on mat"])[0]
    assert row.tolist() == [6, 1, 1, 1, 1, 1]
    found = rates(["The cat sat on the mat."], ["well the cat sit on mat"])
    assert found["word_error_rate"] == 3 / 6
    assert found["substitution_rate"] == found["deletion_rate"] == found["insertion_rate"] == 1 / 6
    assert found["transcript_error"] == 1.0


def test_rates_are_of_sums_and_not_means_of_rates() -> None:
    found = rates(["a b c d e f g h i", "x"], ["a b c d e f g h i", "y"])
    assert found["word_error_rate"] == pytest.approx(1 / 10)  # the mean of rates would be 1/2
    assert found["transcript_error"] == 0.5


def test_a_rate_may_exceed_one() -> None:
    assert rates(["yes"], ["yes and so on and on"])["word_error_rate"] == 5.0


def test_silence_said_and_silence_heard() -> None:
    rows = transcript_statistics(["", "a b", ""], ["uh huh", "", ""])
    assert rows.tolist() == [[0, 0, 0, 2, 1, 1], [2, 0, 2, 0, 1, 1], [0, 0, 0, 0, 1, 0]]
    undefined = transcript_metrics()["word_error_rate"].finish(rows[0])
    assert np.isnan(undefined)


def test_nothing_at_all() -> None:
    assert transcript_statistics([], []).shape == (0, 6)
    assert np.isnan(transcript_metrics()["transcript_error"].finish(np.zeros(6)))


def test_lists_of_other_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        transcript_statistics(["a"], [])


# ------------------------------------------------------------------ levelling


@pytest.mark.parametrize(
    ("text", "language", "same"),
    [
        ("I can’t — I WON'T!", "en", "i can't i won't"),
        ("'tis the 'end'", None, "tis the end"),
        ("Straße, Grüße", "de", "strasse grüsse"),
        ("ﬁne　ｗｏｒｄｓ", "en", "fine words"),
        ("e\u0301tude", "fr", "étude"),
        ("", None, ""),
        ("…!?", None, ""),
        ("今日は、いい天気", "ja", "今 日 は い い 天 気"),
        ("नमस्ते दुनिया", "hi", "नमस्ते दुनिया"),
        ("3.5 km", "en", "3 5 km"),
    ],
)
def test_texts_are_levelled(text: str, language: str | None, same: str) -> None:
    assert levelled(text, language) == same


@given(st.text(max_size=60))
def test_levelling_twice_changes_nothing(text: str) -> None:
    once = levelled(text)
    assert levelled(once) == once


def test_case_and_punctuation_are_no_errors() -> None:
    assert rates(["Oh, well: I see."], ["oh well i see"])["word_error_rate"] == 0.0


def test_the_language_decides_what_a_word_is() -> None:
    rows = transcript_statistics(["你好吗", "你好吗"], ["你好", "你好"], ["zh", "en"])
    assert rows[:, 0].tolist() == [3, 1]
    assert rows[:, 2].tolist() == [1, 0]
    assert rows[:, 1].tolist() == [0, 1]


# ------------------------------------------------------------------ against an own alignment

WORDS = st.lists(st.sampled_from(["a", "b", "c", "dd"]), max_size=7)


@settings(deadline=None)
@given(st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=6))
def test_errors_are_the_fewest_edits(pairs: list[tuple[list[str], list[str]]]) -> None:
    rows = transcript_statistics([" ".join(a) for a, _ in pairs], [" ".join(b) for _, b in pairs])
    for row, (said, heard) in zip(rows, pairs, strict=True):
        assert row[0] == len(said)
        assert row[1] + row[2] + row[3] == fewest_edits(said, heard)
        assert row[3] - row[2] == len(heard) - len(said)
        assert row[5] == (said != heard)


# ------------------------------------------------------------------ without jiwer


def test_without_jiwer_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "jiwer":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.delitem(sys.modules, "jiwer", raising=False)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingDependencyError, match=r"jiwer is needed for word error rates"):
        transcript_statistics(["a"], ["b"])
