"""The acoustic baseline on real speech, every fold, cold and with cached features.

Run by hand (``make evidence``)::

    python benchmarks/acoustic_baseline.py --data ../shared/data ravdess emovo nemo urdu

Writes ``benchmarks/results/acoustic_baseline.md`` with the command, the commit
and the machine. Macro-F1 is pooled over the test parts of all folds. CPU time
counts this process and the processes that measured features; other work on the
machine lengthens wall time, hardly CPU time.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from joblib.externals.loky import get_reusable_executor
from sklearn.metrics import f1_score, recall_score

from equivoice.corpora.corpus import Corpus
from equivoice.corpora.folds import split
from equivoice.corpora.prepare import prepare
from equivoice.models.acoustic import AcousticBaseline
from equivoice.models.acoustic_features import forget_recent
from equivoice.store.provenance import git_revision, machine

RESULTS = Path(__file__).parent / "results" / "acoustic_baseline.md"
HEADER = (
    "| corpus | system | folds | utterances | macro-F1 | UA | folds' sd | wall cold | CPU cold "
    "| wall cached | CPU cached | chosen (folds) |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
)


@dataclass(frozen=True)
class Outcome:
    """Pooled scores, and what a pass over all folds took, in seconds."""

    macro_f1: float
    unweighted_accuracy: float
    sd_folds: float
    utterances: int
    wall: float
    cpu: float
    chosen: Counter[str]


def main() -> None:
    """Run the corpora named on the command line and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpora", nargs="*", default=["ravdess"])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for name in options.corpora:
            corpus = prepared(name, options.data, Path(folder) / name)
            for transductive in (False, True):
                baseline = AcousticBaseline(transductive, cache=Path(folder) / f"{name}-cache")
                lines.append(row(corpus, baseline, options.seed))
                sys.stdout.write(lines[-1])
    command = "python " + " ".join(sys.argv)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(
        f"# Acoustic baseline\n\n`{command}`, commit {git_revision()}, "
        f"{', '.join(machine().values())}\n\n"
        f"Seed {options.seed}. Times in seconds. The second system of each corpus is transductive "
        "and finds its features cached.\n\n" + HEADER + "".join(lines)
    )


def prepared(name: str, data: Path, out: Path) -> Corpus:
    """A corpus of the shared data."""
    audio, metadata = data / "audio" / name, data / "emobox" / name
    if name != "nemo":
        return prepare(name, audio=audio, metadata=metadata, out=out)
    return prepare("nemo", audio=audio, metadata=audio / "data.tsv", out=out)


def row(corpus: Corpus, baseline: AcousticBaseline, seed: int) -> str:
    """One line of the table: a pass with what the cache holds, then one from the cache."""
    cold, cached = (one_pass(corpus, baseline, seed) for _ in range(2))
    if cold.macro_f1 != cached.macro_f1:
        raise SystemExit("cached features gave another result")
    chosen = "; ".join(f"{what} ({count})" for what, count in cold.chosen.most_common())
    return (
        f"| {corpus.name} | {baseline.name} | {len(corpus.fold_names)} | {cold.utterances} "
        f"| {cold.macro_f1:.3f} | {cold.unweighted_accuracy:.3f} | {cold.sd_folds:.3f} "
        f"| {cold.wall:.0f} | {cold.cpu:.0f} | {cached.wall:.0f} | {cached.cpu:.0f} | {chosen} |\n"
    )


def one_pass(corpus: Corpus, baseline: AcousticBaseline, seed: int) -> Outcome:
    """Fit and predict every fold."""
    forget_recent()
    wall, cpu = time.perf_counter(), cpu_seconds()
    truth: list[str] = []
    guess: list[str] = []
    by_fold, chosen = [], Counter[str]()
    names = corpus.label_space.names
    for fold in corpus.fold_names:
        parts = split(corpus, fold)
        fitted = baseline.fit(parts.train, None, label_space=corpus.label_space, seed=seed)
        test = parts.test.drop("emotion")
        fitted.prepare(test)
        guessed = [names[k] for k in fitted.predict(test).argmax(axis=1)]
        true = parts.test.get_column("emotion").to_list()
        truth += true
        guess += guessed
        by_fold.append(f1_score(true, guessed, average="macro"))
        chosen.update(
            entry["chosen"] for entry in fitted.selection if entry["what"] == "classifier"
        )
    get_reusable_executor().shutdown(wait=True)
    return Outcome(
        macro_f1=float(f1_score(truth, guess, average="macro")),
        unweighted_accuracy=float(recall_score(truth, guess, average="macro")),
        sd_folds=float(np.std(by_fold, ddof=1)) if len(by_fold) > 1 else float("nan"),
        utterances=len(truth),
        wall=time.perf_counter() - wall,
        cpu=cpu_seconds() - cpu,
        chosen=chosen,
    )


def cpu_seconds() -> float:
    """CPU time of this process and of its finished children."""
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(part.ru_utime + part.ru_stime for part in usage)


if __name__ == "__main__":
    main()
