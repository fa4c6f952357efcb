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

__all__ = ["SYSTEMS", "audit", "data_at_hand", "quickstart", "real_corpus", "synthetic_corpus"]

SYSTEMS = ("prior", "acoustic")
_GROUPINGS = {
    "synthetic": ("gender", "language", "gender x language"),
    "ravdess": ("gender",),
}


def quickstart(out: Path, *, data: Path | None = None, seed: int = 0) -> RunFolder:
    """Make or prepare a corpus, benchmark the baselines on it, and score them.

    Args:
        out: the folder for corpus and run.
        data: real data; the synthetic corpus is made where none are given.
        seed: decides everything that is drawn.

    Returns:
        the run, to read from.
    """
    corpus = synthetic_corpus(out, seed=seed) if data is None else real_corpus(data, out)
    return audit(corpus, out, seed=seed)


def data_at_hand() -> Path | None:
    """The folder that the variable ``EQUIVOICE_DATA`` names; ``None`` where it is not set."""
    named = os.environ.get("EQUIVOICE_DATA")
    return Path(named) if named else None


def synthetic_corpus(
    out: Path,
    *,
    seed: int = 0,
    speakers: int = 24,
    per_speaker: int = 18,
    progress: Callable[[int, int], None] | None = None,
) -> Corpus:
    """Speech that we make, in ``out/synthetic``; see :func:`make_synthetic`."""
    return make_synthetic(
        out / "synthetic",
        seed=seed,
        speakers=speakers,
        per_speaker=per_speaker,
        progress=progress,
    )


def real_corpus(data: Path, out: Path) -> Corpus:
    """RAVDESS, prepared in ``out/ravdess`` from its sound and EmoBox's metadata.

    Args:
        data: a folder with ``audio/ravdess`` and ``emobox/ravdess``.
        out: the folder for corpus and run.

    Raises:
        CorpusError: a folder or a file is missing.
    """
    return prepare(
        "ravdess",
        audio=data / "audio" / "ravdess",
        metadata=data / "emobox" / "ravdess",
        out=out / "ravdess",
    )


def audit(
    corpus: Corpus,
    out: Path,
    *,
    seed: int = 0,
    replicates: int = 10_000,
    render: Render | None = None,
    progress: Progress | None = None,
    command: str = "",
) -> RunFolder:
    """Benchmark the baselines on a corpus and score them by groups of speakers.

    What an earlier call has done in ``out`` is not done again.

    Args:
        corpus: what is listened to.
        out: the folder; the run goes to ``out/run-CORPUS``.
        seed: decides everything that is drawn.
        replicates: of the bootstrap.
        render: makes the report out of the finished run.
        progress: is told how far the benchmark is.
        command: the command line as typed, for the record.

    Returns:
        the run, to read from.
    """
    return benchmark(
        SYSTEMS,
        corpus,
        out=out / f"run-{corpus.name}",
        seed=seed,
        group_by=_GROUPINGS[corpus.name],
        replicates=replicates,
        render=render,
        progress=progress,
        command=command,
    )
