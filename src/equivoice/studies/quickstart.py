"""The main job, end to end: speech in, a fairness report out.

1. Make a corpus whose biases are planted and known, or take RAVDESS where real
   data are at hand.
2. Benchmark a baseline that listens, and one that does not: it shows what is
   reached by always naming the commonest emotion.
3. Score both by groups of speakers, with intervals over speakers.
4. Write the report.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from equivoice.corpora import Corpus, prepare
from equivoice.corpora.synthetic import make_synthetic
from equivoice.evaluation import benchmark
from equivoice.evaluation.sweep import Render
from equivoice.inference import Progress
from equivoice.store import RunFolder

__all__ = ["SYSTEMS", "data_at_hand", "quickstart", "real_corpus"]

SYSTEMS = ("prior", "acoustic")
_GROUPINGS_SYNTHETIC = ("gender", "language", "gender x language")
_GROUPINGS_REAL = ("gender",)


def data_at_hand() -> Path | None:
    """The folder that the variable ``EQUIVOICE_DATA`` names; ``None`` where it is not set."""
    named = os.environ.get("EQUIVOICE_DATA")
    return Path(named) if named else None


def real_corpus(data: Path, out: Path) -> Corpus:
    """RAVDESS, prepared from its sound and EmoBox's metadata.

    Args:
        data: a folder with ``audio/ravdess`` and ``emobox/ravdess``.
        out: where the prepared corpus goes.

    Raises:
        CorpusError: a folder or a file is missing.
    """
    return prepare(
        "ravdess", audio=data / "audio" / "ravdess", metadata=data / "emobox" / "ravdess", out=out
    )


def quickstart(
    out: Path,
    *,
    data: Path | None = None,
    seed: int = 0,
    speakers: int = 24,
    per_speaker: int = 18,
    replicates: int = 10_000,
    render: Render | None = None,
    progress: Progress | None = None,
    making: Callable[[int, int], None] | None = None,
) -> RunFolder:
    """Make or prepare a corpus, benchmark the baselines on it, score and report.

    What is already done in ``out`` is not done again.

    Args:
        out: the folder for corpus, run and report.
        data: real data; the synthetic corpus is made where none are given.
        seed: decides everything that is drawn.
        speakers: of the synthetic corpus.
        per_speaker: utterances of each of them.
        replicates: of the bootstrap.
        render: makes the report out of the finished run.
        progress: is told how far the benchmark is.
        making: is told how many speakers are made, and of how many.

    Returns:
        the run, to read from.
    """
    if data is None:
        corpus = make_synthetic(
            out / "synthetic",
            seed=seed,
            speakers=speakers,
            per_speaker=per_speaker,
            progress=making,
        )
    else:
        corpus = real_corpus(data, out / "ravdess")
    return benchmark(
        SYSTEMS,
        corpus,
        out=out / f"run-{corpus.name}",
        seed=seed,
        group_by=_GROUPINGS_SYNTHETIC if data is None else _GROUPINGS_REAL,
        replicates=replicates,
        render=render,
        progress=progress,
    )
