"""What a vote of speech, acoustic and text members gains on RAVDESS, six speaker-disjoint folds.

Run by hand (``make evidence``) after ``compact_encoder.py``, whose run it can use::

    python benchmarks/ensemble.py --data ../shared/data --compact /tmp/compact/folds

Members are trained and tested by the public ``benchmark``: the compact encoder, the acoustic
baseline, and a small LLaMA from scratch with a head, which reads the transcript. RAVDESS has
two sentences, each in every emotion, so the text tells nothing: that member shows what a vote
makes of a member that guesses. Stacking is fitted to the other folds.

Writes the upper part of ``benchmarks/results/ensemble.md``; what stands there from the line
"## What was found" on is written by hand, and kept.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Mapping
from itertools import starmap
from pathlib import Path
from typing import Any

import polars as pl
from acoustic_baseline import prepared
from pages import origin, write_page

import equivoice
from equivoice.corpora.corpus import Corpus
from equivoice.evaluation.ensemble import Ensemble, ensemble
from equivoice.models.text_llms.small import make_small_llama
from equivoice.records.ensemble import EnsembleFindings
from equivoice.store import RunFolder

RESULTS = Path(__file__).parent / "results" / "ensemble.md"
FEW = {"replicates": 200, "permutations": 200}
# two sentences are learnt in an epoch, and hold nothing more
TEXT = {
    "recipe": "compact",
    "groups": {"keep": False},
    "optimiser": {"epochs": 2, "lr": 1e-3},
    "tracking": {"tensorboard": False},
}


def members(corpus: Corpus, place: Path, compact: Path | None, seed: int) -> dict[str, RunFolder]:
    """The run of each member over all folds; those that stand there are taken."""
    llama = place / "llama"
    if not llama.is_dir():
        make_small_llama(
            llama, texts=corpus.utterances.get_column("transcript").unique().sort(), seed=seed
        )
    options = {"text-classifier": {"model": str(llama), "trained": "all", "head_width": 64}}
    training = {"text-classifier": TEXT}

    def run(system: str, out: Path) -> RunFolder:
        return equivoice.benchmark(
            system,
            corpus,
            out=out,
            folds=corpus.fold_names,
            seed=seed,
            options={name: own for name, own in options.items() if name == system},
            training={name: own for name, own in training.items() if name == system},
            **FEW,
        )

    return {
        "compact": run("compact-encoder", compact or place / "compact"),
        "acoustic": run("acoustic", place / "acoustic"),
        "text": run("text-classifier", place / "text"),
    }


def page(found: Ensemble) -> Iterator[str]:
    """Scores, gains, agreement, subsets, and what must be known."""
    overall = found.estimates.filter(
        pl.col("group_by").is_null(),
        pl.col("class").is_null(),
        pl.col("metric") == "macro_f1",
        pl.col("fold") == "all",
    )
    yield "| system | macro-F1 [95 %] | n | speakers |\n| --- | --- | --- | --- |\n"
    for row in overall.filter(quantity="score").iter_rows(named=True):
        yield f"| {row['system']} | {told(row)} | {row['n']} | {row['clusters']} |\n"
    yield "\n| gain in macro-F1, paired over speakers | points [95 %] | p |\n| --- | --- | --- |\n"
    for row in overall.filter(quantity="comparison").iter_rows(named=True):
        p = "–" if row["p_value"] is None else f"{row['p_value']:.4f}"
        yield f"| {row['system']} | {told(row, sign='+')} | {p} |\n"
    yield from together(found.findings)
    yield "\n"
    yield from starmap("- left out, {}: {}\n".format, found.left_out.items())
    yield from map("- {}\n".format, found.notes)


def together(found: EnsembleFindings) -> Iterator[str]:
    """Agreement, what the oracle has right, and each subset's majority vote (Table 4)."""
    yield (
        "\n| members | same answer, % [95 %] | Cohen's kappa | only the first is right | only the "
        "second |\n| --- | --- | --- | --- | --- |\n"
    )
    for pair in found.pairs:
        kappa = "not defined" if pair.kappa is None else f"{pair.kappa:.2f}"
        yield (
            f"| {pair.first}, {pair.second} | {told(pair.agree.model_dump())} | {kappa} "
            f"| {pair.only_first} | {pair.only_second} |\n"
        )
    yield "\n| majority vote of | macro-F1 [95 %] | ties |\n| --- | --- | --- |\n"
    for subset in found.subsets:
        score = told(subset.scores["macro_f1"].model_dump())
        yield f"| {', '.join(subset.members)} | {score} | {subset.ties} |\n"
    yield f"| oracle: right wherever a member is | {told(found.oracle['macro_f1'].model_dump())} | |\n"
    yield f"\n{found.learnt_from} Best member: {found.best_member}, {found.best_by}\n"


def told(row: Mapping[str, Any], sign: str = "") -> str:
    """A value with its interval, in percent or points."""
    value, low, high = (row[name] for name in ("value", "low", "high"))
    if value is None:
        return f"not defined ({row['undefined']})"
    if low is None or high is None:
        return f"{100 * value:{sign}.1f} (no interval)"
    return f"{100 * value:{sign}.1f} [{100 * low:{sign}.1f}, {100 * high:{sign}.1f}]"


def main() -> None:
    """Run the members, let them vote, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--compact", type=Path, help="a run of compact_encoder.py over all folds")
    parser.add_argument("--keep", type=Path, help="where runs are kept and go on")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--replicates", type=int, default=10_000)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = options.keep or Path(folder)
        corpus = prepared("ravdess", options.data, place / "prepared" / "ravdess")
        runs = members(corpus, place, options.compact, options.seed)
        found = ensemble(
            runs,
            method=("majority", "soft", "stacking"),
            learn_from="folds",
            replicates=options.replicates,
            out=place / "vote",
            overwrite=True,
        )
    write_page(
        options.out,
        "# Votes on RAVDESS: compact encoder, acoustic baseline, text\n\n"
        f"{origin()}\n\n"
        f"Seed {options.seed}, {len(corpus.fold_names)} folds.\n\n" + "".join(page(found)),
    )


if __name__ == "__main__":
    main()
