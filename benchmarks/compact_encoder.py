"""The compact encoder from scratch on RAVDESS, six speaker-disjoint folds; and imbalance losses.

Run by hand (``make evidence``), about an hour for the folds and two for the losses on one
core (``OMP_NUM_THREADS=1``; a second thread costs more than it brings)::

    python benchmarks/compact_encoder.py --data ../shared/data
    python benchmarks/compact_encoder.py --data ../shared/data --keep /tmp/compact imbalance

Both go through the public ``benchmark``: one training a fold inside the run folder, the
best checkpoint chosen on validation speakers, the test part predicted once. With ``--keep``
a run that was cut off goes on.

*Folds*: the recipe ``compact`` on EmoBox's folds.

*Imbalance*: the training part is thinned out so that the largest class has 26 times the
utterances of the smallest (as in MSP-Podcast, which ABHINAYA was trained on), along a
geometric series; which class is rare is drawn by the seed. Validation speakers, four of the
training speakers, and test speakers are left whole and so are balanced, as ABHINAYA's. Cross-
entropy and three losses against imbalance, two folds, three seeds. A score is the mean over
the seeds of the score over both folds' test parts; the interval resamples the test speakers.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from acoustic_baseline import cpu_seconds, prepared
from numpy.typing import NDArray
from pages import origin, write_page

import equivoice
from equivoice.corpora.corpus import Corpus
from equivoice.corpora.folds import split
from equivoice.metrics import classification_metrics, classification_statistics
from equivoice.store import RunFolder

RESULTS = Path(__file__).parent / "results" / "compact_encoder.md"
SYSTEM = "compact-encoder"
RATIO, RAREST = 26, 3
FOLDS, SEEDS, REPLICATES = ("1", "2"), (1, 2, 3), 10_000
# intervals of the runs' own reports are not read here
FEW: Mapping[str, int] = {"replicates": 200, "permutations": 200}
LOSSES: Mapping[str, Mapping[str, Any]] = {
    "cross-entropy": {"loss": "cross_entropy"},
    "weighted cross-entropy": {"loss": "weighted_cross_entropy"},
    "weighted focal": {"loss": "weighted_focal"},
    "vector scaling": {"loss": "vector_scaling", "options": {"gamma": 0.3, "tau": 1.0}},
}


# ------------------------------------------------------------------------------ folds


def folds_part(corpus: Corpus, place: Path, folds: Sequence[str] | None, seed: int) -> str:
    """Train and test every fold; the section of the page."""
    names = folds or corpus.fold_names
    wall, cpu = time.perf_counter(), cpu_seconds()
    run = equivoice.benchmark(SYSTEM, corpus, out=place / "folds", folds=names, seed=seed, **FEW)
    wall, cpu = time.perf_counter() - wall, cpu_seconds() - cpu
    told = labelled(run, corpus)
    lines = [
        f"| {fold} | {part.height} | {scores(part, corpus)['macro_f1']:.3f} "
        f"| {scores(part, corpus)['unweighted_accuracy']:.3f} |\n"
        for (fold,), part in told.group_by("fold", maintain_order=True)
    ]
    pooled = scores(told, corpus)
    return (
        f"## Folds\n\nSeed {seed}. **Macro-F1 {pooled['macro_f1']:.3f}, UA "
        f"{pooled['unweighted_accuracy']:.3f}**, pooled over the test parts of {len(names)} folds "
        f"({told.height} utterances). {wall / 60:.1f} minutes wall, {cpu / 60:.1f} minutes CPU "
        "(a run that goes on counts what remained).\n\n"
        "| fold | utterances | macro-F1 | UA |\n| --- | --- | --- | --- |\n" + "".join(lines)
    )


def labelled(run: RunFolder, corpus: Corpus) -> pl.DataFrame:
    """Predictions of a run with the true label and the speaker."""
    truth = corpus.utterances.select("utterance_id", "speaker", truth="emotion")
    return run.predictions().join(truth, on="utterance_id", how="inner", maintain_order="left")


def scores(told: pl.DataFrame, corpus: Corpus) -> dict[str, float]:
    """Scores over some predictions, by our own metrics."""
    names = corpus.label_space.names
    codes = [
        np.array([names.index(label) for label in told.get_column(column)])
        for column in ("truth", "emotion")
    ]
    statistics = classification_statistics(*codes, len(names))
    sums = statistics.sums(np.zeros(told.height, dtype=np.int64), 1)[0]
    known = classification_metrics()
    return {name: float(known[name].finish(sums)) for name in ("macro_f1", "unweighted_accuracy")}


# -------------------------------------------------------------------------- imbalance


@dataclass(frozen=True)
class Thinned:
    """A corpus whose training part is imbalanced.

    Args:
        corpus: of one fold.
        counts: of each class in its training part.
        rare: the rarest classes.
    """

    corpus: Corpus
    counts: dict[str, int]
    rare: tuple[str, ...]


def thinned(corpus: Corpus, fold: str, seed: int) -> Thinned:
    """One fold with an imbalanced training part and a whole validation part.

    The k-th class keeps the share 26^(−k / (C − 1)) of the largest that every class can
    have; which utterances is drawn by the seed, from all speakers.
    """
    parts = split(corpus, fold, make_validation=True, seed=seed)
    generator = np.random.default_rng([seed, int(fold)])
    classes = [str(each) for each in generator.permutation(corpus.label_space.names)]
    largest = parts.train.filter(pl.col("emotion") == classes[0]).height
    kept, counts = [], {}
    for place, label in enumerate(classes):
        rows = parts.train.filter(pl.col("emotion") == label).get_column("utterance_id").to_list()
        wanted = largest * RATIO ** (-place / (len(classes) - 1))
        count = min(len(rows), max(1, math.floor(wanted + 0.5)))
        kept += [str(each) for each in generator.permutation(rows)[:count]]
        counts[label] = count
    entries = [
        pl.DataFrame({"utterance_id": ids}).with_columns(fold=pl.lit(fold), split=pl.lit(part))
        for part, ids in (
            ("train", kept),
            ("validation", parts.validation.get_column("utterance_id").to_list()),
            ("test", parts.test.get_column("utterance_id").to_list()),
        )
    ]
    own = replace(corpus, folds=pl.concat(entries).select(corpus.folds.columns))
    rare = tuple(sorted(counts, key=lambda label: counts[label])[:RAREST])
    return Thinned(own, counts, rare)


def imbalance_part(corpus: Corpus, place: Path) -> str:
    """Train every loss on every fold and seed; the section of the page."""
    names = corpus.label_space.names
    cells = [(fold, seed) for seed in SEEDS for fold in FOLDS]
    tables: dict[str, list[NDArray[np.int64]]] = {name: [] for name in LOSSES}
    rare = []
    speakers: list[tuple[str, str]] = []
    shown = ""
    for fold, seed in cells:
        made = thinned(corpus, fold, seed)
        shown = shown or ", ".join(f"{label} {count}" for label, count in made.counts.items())
        rare.append([names.index(label) for label in made.rare])
        for name, loss in LOSSES.items():
            run = equivoice.benchmark(
                SYSTEM,
                made.corpus,
                out=place / "imbalance" / f"{fold}-{seed}-{name.replace(' ', '-')}",
                seed=seed,
                folds=[fold],
                training={SYSTEM: {"objective": {**loss, "smoothing": 0.0}}},
                **FEW,
            )
            own, found = by_speaker(labelled(run, corpus), names)
            speakers += [] if (fold, own[0]) in speakers else [(fold, each) for each in own]
            tables[name].append(found)
    return imbalance_page(tables, cells, rare, speakers, shown)


def by_speaker(told: pl.DataFrame, names: Sequence[str]) -> tuple[list[str], NDArray[np.int64]]:
    """The speakers, and (speakers, C, C) true by predicted counts."""
    speakers = sorted(told.get_column("speaker").unique())
    counts = np.zeros((len(speakers), len(names), len(names)), dtype=np.int64)
    for speaker, truth, guess in told.select("speaker", "truth", "emotion").iter_rows():
        counts[speakers.index(speaker), names.index(truth), names.index(guess)] += 1
    return speakers, counts


def f1_scores(counts: NDArray[Any]) -> NDArray[np.float64]:
    """(…, C) F1 of each class from (…, C, C); 0 where a class is never right."""
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    over = counts.sum(-1) + counts.sum(-2)
    return np.asarray(2 * hits / np.maximum(over, 1), dtype=np.float64)


def scored(
    tables: Sequence[NDArray[np.int64]],
    cells: Sequence[tuple[str, int]],
    rare: Sequence[Sequence[int]],
    weights: Mapping[str, NDArray[np.int64]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(R,) macro-F1 and rare-class F1: over both folds, then the mean over the seeds.

    Rare classes differ from fold to fold, so theirs is the mean over folds as well.

    Args:
        tables: of each cell, (speakers, C, C).
        cells: fold and seed.
        rare: the rare classes of each cell.
        weights: from each fold to how often each speaker is drawn, (R, speakers).
    """
    summed = [
        np.tensordot(weights[fold], table, 1)
        for (fold, _), table in zip(cells, tables, strict=True)
    ]
    seeds = sorted({seed for _, seed in cells})
    whole = [
        sum(one for one, (_, own) in zip(summed, cells, strict=True) if own == seed)
        for seed in seeds
    ]
    macro = np.mean([f1_scores(one).mean(-1) for one in whole], axis=0)
    few = np.mean(
        [f1_scores(one)[:, list(own)].mean(-1) for one, own in zip(summed, rare, strict=True)],
        axis=0,
    )
    return macro, few


def drawn(speakers: Sequence[tuple[str, str]], seed: int = 0) -> dict[str, NDArray[np.int64]]:
    """From each fold to how often each of its speakers is drawn, (1 + R, speakers).

    The first row is the test part as it is.
    """
    generator = np.random.default_rng(seed)
    found = {}
    for fold in FOLDS:
        size = sum(own == fold for own, _ in speakers)
        rows = generator.multinomial(size, np.full(size, 1 / size), REPLICATES)
        found[fold] = np.vstack([np.ones((1, size), dtype=np.int64), rows])
    return found


def imbalance_page(
    tables: Mapping[str, Sequence[NDArray[np.int64]]],
    cells: Sequence[tuple[str, int]],
    rare: Sequence[Sequence[int]],
    speakers: Sequence[tuple[str, str]],
    shown: str,
) -> str:
    """The section of the page."""
    weights = drawn(speakers)
    found = {name: scored(each, cells, rare, weights) for name, each in tables.items()}
    plain = found["cross-entropy"]
    lines = []
    for name, values in found.items():
        columns = [interval(value) for value in values]
        columns += [
            "" if name == "cross-entropy" else interval(value - base)
            for value, base in zip(values, plain, strict=True)
        ]
        lines.append(f"| {name} | " + " | ".join(columns) + " |\n")
    return (
        f"## Losses against imbalance, {RATIO}:1\n\nFolds {', '.join(FOLDS)}, seeds "
        f"{', '.join(map(str, SEEDS))}; without label smoothing. Counts of the first training part: "
        f"{shown}. Rare classes: the {RAREST} with the fewest utterances. Intervals (95 %) resample "
        f"the {len(speakers)} test speakers within their folds, the same draw for all losses; so few "
        "speakers make them too narrow.\n\n"
        "| loss | macro-F1 | rare-class F1 | macro-F1 minus cross-entropy's | rare-class F1 minus "
        "cross-entropy's |\n| --- | --- | --- | --- | --- |\n" + "".join(lines)
    )


def interval(values: NDArray[np.float64]) -> str:
    """A value and the percentiles of its replicates."""
    low, high = np.percentile(values[1:], [2.5, 97.5])
    return f"{values[0]:.3f} [{low:.3f}, {high:.3f}]"


# ------------------------------------------------------------------------------- main


def main() -> None:
    """Run the parts and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=["folds", "imbalance", []])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folds", nargs="*")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--keep", type=Path, help="where runs are kept and go on")
    options = parser.parse_args()
    wanted = options.parts or ["folds", "imbalance"]
    with tempfile.TemporaryDirectory() as folder:
        place = options.keep or Path(folder)
        corpus = prepared("ravdess", options.data, place / "prepared" / "ravdess")
        sections = []
        if "folds" in wanted:
            sections.append(folds_part(corpus, place, options.folds, options.seed))
        if "imbalance" in wanted:
            sections.append(imbalance_part(corpus, place))
    write_page(
        options.out,
        f"# The compact encoder from scratch on RAVDESS\n\n{origin()}\n\n" + "\n".join(sections),
    )


if __name__ == "__main__":
    main()
