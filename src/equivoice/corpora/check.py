"""Check a corpus: its sound, its folds, its balance, its votes. Nothing is repaired here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from equivoice.corpora.balance import check_balance
from equivoice.corpora.corpus import Corpus
from equivoice.corpora.finding import SEVERITIES, Finding
from equivoice.corpora.separation import check_folds
from equivoice.corpora.soundness import Limits, Progress, check_sound
from equivoice.corpora.voting import check_voting
from equivoice.records import UTTERANCES

__all__ = ["Finding", "check"]


def check(
    corpus: Corpus,
    *,
    audio: bool = True,
    groups: Sequence[str] = ("gender",),
    limits: Limits | None = None,
    workers: int = 2,
    progress: Progress | None = None,
) -> list[Finding]:
    """All that is remarkable about a corpus, the worst first.

    Args:
        corpus: the corpus.
        audio: whether to read the sound files (a few seconds an hour of speech).
        groups: the attributes by which fairness will be looked at.
        limits: from when on a sound is very short, very long or clipped.
        workers: how many files are read at a time.
        progress: called with (files done, files in all).

    Raises:
        MissingDependencyError: soundfile is not installed and audio is to be read.

    Example:
        >>> import polars as pl
        >>> from equivoice.corpora.labels import label_space
        >>> rows = pl.DataFrame({"utterance_id": ["a"], "speaker": ["x"], "gender": ["male"],
        ...                      "emotion": ["sad"]})
        >>> [f.code for f in check(Corpus("demo", label_space(["sad"]), rows), audio=False)]
        ['few-speakers', 'no-folds']
    """
    corpus = replace(corpus, utterances=UTTERANCES.validate(corpus.utterances))
    found = [*_left_out(corpus), *_recorded(corpus), *check_balance(corpus, tuple(groups))]
    found += check_folds(corpus, tuple(groups))
    found += check_voting(corpus)
    if audio:
        found += check_sound(corpus.utterances, limits=limits, workers=workers, progress=progress)
    return sorted(found, key=lambda one: SEVERITIES.index(one.severity))


def _left_out(corpus: Corpus) -> list[Finding]:
    return [
        Finding("note", "left-out", f"left out when it was prepared: {count} × {reason}", (), count)
        for reason, count in corpus.left_out.items()
    ]


def _recorded(corpus: Corpus) -> list[Finding]:
    """Numbers by part that preparing found out, such as how a join with other tables went."""
    record = corpus.provenance.get("record") or {}
    tables = {what: parts for what, parts in record.items() if isinstance(parts, dict)}
    return [
        Finding("note", "prepared", f"{what}, {part}: {_numbers(numbers)}")
        for what, parts in tables.items()
        for part, numbers in parts.items()
        if isinstance(numbers, dict)
    ]


def _numbers(numbers: dict[str, int]) -> str:
    return ", ".join(f"{number:,} {what}" for what, number in numbers.items())
