"""A small speech LLM from scratch on RAVDESS, every fold, without a GPU.

Run by hand (``make evidence``)::

    python benchmarks/small_model.py --data ../shared/data --seeds 0 1

For each fold and seed a model is made as ``equivoice train --from-scratch`` makes it:
weights set from the training speech in closed form, then the recipe ``small``. Its test
speakers are asked with the prompt ``direct`` through the system ``qwen2-audio``, from
their sound files, by option scoring. Writes the upper part of
``benchmarks/results/small_model.md``; what stands there from the line "## What was found"
on is written by hand, and kept. With ``--keep``, what is done is not done again, and folds
can be run apart.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from acoustic_baseline import cpu_seconds, prepared
from pages import write_page

import equivoice
from equivoice.corpora.corpus import Corpus
from equivoice.corpora.folds import split
from equivoice.models import Clip, Decoding, Question
from equivoice.models.registry import load_model
from equivoice.prompting import load_prompt
from equivoice.store import TrainingFolder
from equivoice.store.provenance import git_revision, machine
from equivoice.training import train_from_scratch

RESULTS = Path(__file__).parent / "results" / "small_model.md"
AT_ONCE = 16


@dataclass
class Outcome:
    """What a model came to on the test speakers of its fold."""

    seed: int
    fold: str
    speakers: list[str]
    truth: list[str]
    guess: list[str]
    confidence: list[float]
    outside: float
    left_out: float
    strength: float
    best_step: str
    cpu: float
    wall: float
    commit: str

    def right(self) -> list[bool]:
        """Which answers are right."""
        return [a == b for a, b in zip(self.truth, self.guess, strict=True)]


def one_model(corpus: Corpus, fold: str, seed: int, out: Path) -> Outcome:
    """Train on the fold's training speakers from nothing, and ask about its test speakers."""
    cpu, wall = cpu_seconds(), time.perf_counter()
    run = train_from_scratch(corpus, out=out / f"seed-{seed}-fold-{fold}", fold=fold, seed=seed)
    made = json.loads((run.model_path / "from_scratch.json").read_text())["start"]
    rows = split(corpus, fold).test
    guess, confidence, outside = ask(run, rows, corpus)
    return Outcome(
        seed=seed,
        fold=fold,
        speakers=rows.get_column("speaker").to_list(),
        truth=rows.get_column("emotion").to_list(),
        guess=guess,
        confidence=confidence,
        outside=outside,
        left_out=made["macro_f1"],
        strength=made["strength"],
        best_step=run.record.selection[0]["chosen"],
        cpu=cpu_seconds() - cpu,
        wall=time.perf_counter() - wall,
        commit=str(git_revision()),
    )


def ask(
    run: TrainingFolder, rows: pl.DataFrame, corpus: Corpus
) -> tuple[list[str], list[float], float]:
    """The most probable label of each test clip and its probability, and the mean mass outside."""
    prompt = load_prompt("direct")
    options = prompt.options(corpus.label_space)
    turns = prompt.render(options, family="qwen2_audio", modality="speech")
    model, adapter = str(run.model_path), str(run.best_path)
    backend: Any = load_model("qwen2-audio", model=model, adapter=adapter)
    guess, confidence, outside = [], [], []
    paths = rows.get_column("audio").to_list()
    for at in range(0, len(paths), AT_ONCE):
        questions = [Question(path, turns, Clip(path)) for path in paths[at : at + AT_ONCE]]
        prefix = backend.prepare(questions)
        scores = backend.option_logprobs(prefix, options.shown, [1.0], Decoding.neutral())
        found = scores.logprobs[:, 0]
        guess += [options.labels[best] for best in found.argmax(axis=1)]
        confidence += np.exp(found.max(axis=1)).tolist()
        outside += scores.outside[:, 0].tolist()
    return guess, confidence, float(np.mean(outside))


def macro_f1(outcomes: Sequence[Outcome], corpus: Corpus) -> tuple[float, float, float, float]:
    """Macro-F1 of some outcomes together with its interval over speakers, and UA."""
    truth, guess, who = (
        [each for outcome in outcomes for each in getattr(outcome, what)]
        for what in ("truth", "guess", "speakers")
    )
    found = equivoice.score(
        guess, truth, speakers=who, label_space=corpus.label_space, permutations=1
    )
    rows = {row["metric"]: row for row in found.estimates.iter_rows(named=True)}
    score, recall = rows["macro_f1"], rows["unweighted_accuracy"]
    return score["value"], score["low"], score["high"], recall["value"]


def main() -> None:
    """Run folds and seeds and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1])
    parser.add_argument("--folds", nargs="*")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--keep", type=Path, help="where finished models are kept and found")
    options = parser.parse_args()
    outcomes = []
    with tempfile.TemporaryDirectory() as place:
        kept = options.keep or Path(place)
        corpus = prepared("ravdess", options.data, Path(place) / "ravdess")
        for seed in options.seeds:
            for fold in options.folds or corpus.fold_names:
                file = kept / f"seed-{seed}-fold-{fold}.json"
                if not file.exists():
                    outcome = one_model(corpus, fold, seed, kept)
                    file.write_text(json.dumps(asdict(outcome)))
                outcomes.append(Outcome(**json.loads(file.read_text())))
                sys.stdout.write(line(outcomes[-1], corpus))
                sys.stdout.flush()
    write_page(options.out, page(outcomes, corpus))


def line(outcome: Outcome, corpus: Corpus) -> str:
    """A fold as a row of the table."""
    score, _, _, recall = macro_f1([outcome], corpus)
    return (
        f"| {outcome.seed} | {outcome.fold} | {len(outcome.truth)} | {score:.3f} | {recall:.3f} "
        f"| {outcome.left_out:.3f} | {outcome.strength} | {outcome.best_step} "
        f"| {np.mean(outcome.confidence):.2f} | {outcome.outside:.5f} "
        f"| {outcome.wall:.0f} | {outcome.cpu:.0f} |\n"
    )


def page(outcomes: Sequence[Outcome], corpus: Corpus) -> str:
    """The results as Markdown."""
    seeds = sorted({outcome.seed for outcome in outcomes})
    by_seed = {seed: [each for each in outcomes if each.seed == seed] for seed in seeds}
    pooled = {seed: macro_f1(own, corpus) for seed, own in by_seed.items()}
    values = [score for score, *_ in pooled.values()]
    spread = f", sd over seeds {np.std(values, ddof=1):.3f}" if len(values) > 1 else ""
    commits = ", ".join(sorted({outcome.commit for outcome in outcomes}))
    return (
        f"# A small speech LLM from scratch on RAVDESS\n\n`python {' '.join(sys.argv)}`, "
        f"commit {commits}, {', '.join(machine().values())}\n\n"
        f"**Macro-F1 {np.mean(values):.3f}**{spread} ({len(values)} seed{'s' if len(values) > 1 else ''}), pooled over the test "
        f"parts of {len(by_seed[seeds[0]])} folds. Times in seconds.\n\n"
        "| seed | macro-F1, pooled | 95 % interval over speakers | UA | right "
        "| mean confidence |\n| --- | --- | --- | --- | --- | --- |\n"
        + "".join(seed_line(seed, by_seed[seed], pooled[seed]) for seed in seeds)
        + "\n| seed | fold | utterances | macro-F1 | UA | training speakers left out "
        "| ridge | best checkpoint | mean confidence | mass outside the options | wall | CPU |\n"
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
        + "".join(line(outcome, corpus) for outcome in outcomes)
    )


def seed_line(
    seed: int, outcomes: Sequence[Outcome], pooled: tuple[float, float, float, float]
) -> str:
    """The folds of a seed together, as a row."""
    score, low, high, recall = pooled
    right = np.mean([each for outcome in outcomes for each in outcome.right()])
    sure = np.mean([each for outcome in outcomes for each in outcome.confidence])
    return (
        f"| {seed} | {score:.3f} | {low:.3f} to {high:.3f} | {recall:.3f} "
        f"| {right:.3f} | {sure:.3f} |\n"
    )


if __name__ == "__main__":
    main()
