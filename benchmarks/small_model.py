"""A small speech LLM from scratch on RAVDESS, every fold, without a GPU.

Run by hand (``make evidence``)::

    python benchmarks/small_model.py --data ../shared/data

For each fold, from its training speakers alone:

1. a checkpoint with random weights is written (``make_small_speech_llm``);
2. its tower and projector get a start from the training sound and labels in closed form
   (``small_model_start.py``); the strength of the ridge regression is chosen on training
   speakers, left out in turn;
3. the language model is trained by gradient on the label tokens.

The test speakers are then asked with the prompt ``direct`` through the system
``qwen2-audio``, from their sound files, by option scoring. Writes the upper part of
``benchmarks/results/small_model.md``; what stands there from the line
"## What was found" on is written by hand, and kept. With ``--keep``, folds can be run apart.
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
import torch
from acoustic_baseline import cpu_seconds, prepared
from sklearn.metrics import f1_score, recall_score
from small_model_start import (
    CHANGES,
    SIZE,
    Ridge,
    hear,
    start_answers,
    start_tower,
    unit_means,
)

from equivoice.corpora.corpus import Corpus
from equivoice.corpora.folds import split
from equivoice.models import Clip, Decoding, Question
from equivoice.models.decoding.adapters import unfreeze
from equivoice.models.hearing.sound_cache import SoundCache
from equivoice.models.learning import Lesson
from equivoice.models.registry import load_model
from equivoice.models.speech_llms.small import make_small_speech_llm
from equivoice.prompting.options import Options
from equivoice.prompting.prompts import load_prompt
from equivoice.prompting.turns import Turn
from equivoice.store.provenance import git_revision, machine

RESULTS = Path(__file__).parent / "results" / "small_model.md"
BY_HAND = "## What was found"
EPOCHS, BATCH, RATE = 3, 16, 2e-3


def train_answers(
    backend: Any, lessons: Sequence[Lesson], lengths: Sequence[int], seed: int
) -> list[float]:
    """Train the language model on the label tokens, the tower kept; the loss of each epoch."""
    unfreeze(backend, ["language"])
    weights = [each for each in backend.model.parameters() if each.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=RATE, weight_decay=0.01)
    generator = torch.Generator().manual_seed(seed)
    steps = EPOCHS * -(-len(lessons) // BATCH)
    slower = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    losses = []
    for _ in range(EPOCHS):
        total = 0.0
        for batch in _batches(lengths, generator):
            found = backend.answer_losses([lessons[number] for number in batch])
            loss = (found.nll.sum(1) / found.mask.sum(1)).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            slower.step()
            total += float(loss.detach()) * len(batch)
        losses.append(total / len(lessons))
    return losses


def _batches(lengths: Sequence[int], generator: torch.Generator) -> list[list[int]]:
    """Batches of like length within shares of the data drawn anew."""
    drawn = torch.randperm(len(lengths), generator=generator)
    batches = []
    for share in drawn.split(8 * BATCH):
        ordered = sorted(share.tolist(), key=lambda number: lengths[number])
        batches += [ordered[at : at + BATCH] for at in range(0, len(ordered), BATCH)]
    order = torch.randperm(len(batches), generator=generator).tolist()
    return [batches[number] for number in order]


@dataclass
class Outcome:
    """What a fold came to."""

    fold: str
    truth: list[int]
    guess: list[int]
    outside: float
    held_out: float
    strength: float
    losses: list[float]
    cpu: float
    wall: float
    weights: int


def one_fold(corpus: Corpus, fold: str, folder: Path, seed: int) -> Outcome:
    """Train on the fold's training speakers from nothing, and ask about its test speakers."""
    cpu, wall = cpu_seconds(), time.perf_counter()
    space, prompt = corpus.label_space, load_prompt("direct")
    options = prompt.options(space)
    turns = prompt.render(options, family="qwen2_audio", modality="speech")
    made = make_small_speech_llm(
        folder / fold,
        labels=options.shown,
        texts=[part for turn in turns for part in turn.parts if isinstance(part, str)],
        size=SIZE,
        seed=seed,
    )
    backend: Any = load_model("qwen2-audio", model=str(made))
    parts = split(corpus, fold)
    sounds = hear(backend, parts.train, space.names)
    start_tower(backend.tower, sounds.some(3), torch.Generator().manual_seed(seed))
    views = [sounds, *(sounds.changed(bands, speed) for bands, speed in CHANGES)]
    regression = Ridge(torch.cat([unit_means(backend.tower, each) for each in views]), sounds)
    strength, held_out = regression.chosen()
    start_answers(backend, *regression.weights(strength))
    words = dict(zip(options.labels, options.shown, strict=True))
    lessons = [
        Lesson(question(path, turns), words[space.names[label]])
        for path, label in zip(sounds.paths, sounds.labels, strict=True)
    ]
    backend.keep_sounds(SoundCache(folder / f"{fold}-sounds"))
    losses = train_answers(backend, lessons, sounds.frames, seed)
    backend.model.save_pretrained(made)
    truth, guess, outside = ask(str(made), parts.test, turns, options)
    return Outcome(
        fold=fold,
        truth=truth,
        guess=guess,
        outside=outside,
        held_out=held_out,
        strength=strength,
        losses=losses,
        cpu=cpu_seconds() - cpu,
        wall=time.perf_counter() - wall,
        weights=sum(each.numel() for each in backend.model.parameters()),
    )


def question(path: str, turns: tuple[Turn, ...]) -> Question:
    """The prompt about one sound."""
    return Question(path, turns, Clip(path))


def ask(
    model: str, rows: pl.DataFrame, turns: tuple[Turn, ...], options: Options
) -> tuple[list[int], list[int], float]:
    """True and most probable labels of test speakers, and the mean mass outside the options."""
    backend: Any = load_model("qwen2-audio", model=model)
    truth = [options.labels.index(each) for each in rows.get_column("emotion")]
    guess, outside = [], []
    paths = rows.get_column("audio").to_list()
    for at in range(0, len(paths), 16):
        prefix = backend.prepare([question(path, turns) for path in paths[at : at + 16]])
        scores = backend.option_logprobs(prefix, options.shown, [1.0], Decoding.neutral())
        guess += scores.logprobs[:, 0].argmax(axis=1).tolist()
        outside += scores.outside[:, 0].tolist()
    return truth, guess, float(np.mean(outside))


def main() -> None:
    """Run the folds and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folds", nargs="*")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--keep", type=Path, help="where finished folds are kept and found")
    options = parser.parse_args()
    outcomes = []
    with tempfile.TemporaryDirectory() as place:
        kept = options.keep or Path(place)
        corpus = prepared("ravdess", options.data, Path(place) / "ravdess")
        for fold in options.folds or corpus.fold_names:
            found = kept / f"fold-{fold}.json"
            if not found.exists():
                outcome = one_fold(corpus, fold, Path(place), options.seed)
                found.write_text(json.dumps(asdict(outcome)))
            outcomes.append(Outcome(**json.loads(found.read_text())))
            sys.stdout.write(line(outcomes[-1]))
            sys.stdout.flush()
    before = options.out.read_text() if options.out.exists() else ""
    by_hand = before.partition(BY_HAND)[2]
    options.out.write_text(page(outcomes, options.seed) + (by_hand and f"\n{BY_HAND}{by_hand}"))


def line(outcome: Outcome) -> str:
    """A fold as a row of the table."""
    return (
        f"| {outcome.fold} | {len(outcome.truth)} "
        f"| {f1_score(outcome.truth, outcome.guess, average='macro'):.3f} "
        f"| {recall_score(outcome.truth, outcome.guess, average='macro'):.3f} "
        f"| {outcome.held_out:.3f} | {outcome.strength} | {outcome.outside:.4f} "
        f"| {outcome.losses[0]:.2f} to {outcome.losses[-1]:.2f} "
        f"| {outcome.wall:.0f} | {outcome.cpu:.0f} |\n"
    )


def page(outcomes: Sequence[Outcome], seed: int) -> str:
    """The results as Markdown."""
    truth = [label for outcome in outcomes for label in outcome.truth]
    guess = [label for outcome in outcomes for label in outcome.guess]
    score, recall = (each(truth, guess, average="macro") for each in (f1_score, recall_score))
    command = "python " + " ".join(sys.argv)
    return (
        f"# A small speech LLM from scratch on RAVDESS\n\n`{command}`, commit {git_revision()}, "
        f"{', '.join(machine().values())}\n\nSeed {seed}, {outcomes[0].weights:,} weights. "
        f"**Macro-F1 {score:.3f}, UA {recall:.3f}**, pooled over the test parts of "
        f"{len(outcomes)} folds ({len(truth)} utterances). Times in seconds.\n\n"
        "| fold | utterances | macro-F1 | UA | ridge, training speakers left out | its strength "
        "| mass outside the options | loss of an answer token | wall | CPU |\n"
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
        + "".join(line(outcome) for outcome in outcomes)
    )


if __name__ == "__main__":
    main()
