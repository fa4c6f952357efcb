"""Small models from nothing, trained by each method; what is done in the folder is not done again."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from equivoice.corpora import Corpus
from equivoice.models.registry import load_model
from equivoice.models.speech_llms.small import SmallSize, make_small_speech_llm
from equivoice.prompting import load_prompt
from equivoice.store import TrainingFolder
from equivoice.store.training_folder import part_beside, replace_folder
from equivoice.studies.fair.settings import FairSettings, Method
from equivoice.training import TrainingTask, plan_training, run_training
from equivoice.training.progress import TrainingProgress

__all__ = ["SYSTEM", "Trained", "small_model", "train_all"]

SYSTEM = "qwen2-audio"


@dataclass(frozen=True)
class Trained:
    """A model that one method made.

    Args:
        method: how it was trained.
        seed: of its first weights and of its training.
        fold: whose training part it learnt from.
        base: the folder of the model before.
        folder: the training.
    """

    method: Method
    seed: int
    fold: str
    base: Path
    folder: TrainingFolder

    @property
    def key(self) -> str:
        """Its name in folders."""
        return _key(self.method, self.seed, self.fold)


def train_all(
    corpora: Sequence[Corpus],
    out: Path,
    settings: FairSettings,
    *,
    pretrain_on: Sequence[Corpus] = (),
    progress: TrainingProgress | None = None,
    watch: Callable[[str], None] = lambda _: None,
    command: str = "",
) -> Iterator[Trained]:
    """Train a model for each fold, seed and method, one after the other.

    Args:
        corpora: with the same labels.
        out: models go to ``out/models``, trainings to ``out/trainings``.
        settings: what is compared.
        pretrain_on: where there are any, the model of each seed learns from these by ERM
            before all else.
        progress: is told of every step.
        watch: is told which training is at work.
        command: the command line as typed, for the records.

    Raises:
        InputError: what cannot be, of whatever method, named before the first training.
        RunError: a training diverged.
    """
    methods = settings.chosen
    _check(corpora, out, settings, pretrain_on)
    bases = {seed: _base(corpora[0], out, settings, seed) for seed in settings.seeds}
    if pretrain_on:
        for seed, base in bases.items():
            watch(f"training the model that all methods of seed {seed} begin with")
            bases[seed] = _pretrained(
                pretrain_on, out, settings, seed, base, progress=progress, command=command
            )
    total = len(settings.folds) * len(settings.seeds) * len(methods)
    work = itertools.product(settings.folds, settings.seeds, methods)
    for number, (fold, seed, method) in enumerate(work, start=1):
        key = _key(method, seed, fold)
        watch(f"training {key} ({number} of {total})")
        base = bases[seed]
        folder = run_training(
            _planned(corpora, base, settings, method, seed=seed, fold=fold),
            out / "trainings" / key,
            progress=progress,
            command=command,
        )
        yield Trained(method, seed, fold, base, folder)


def _check(
    corpora: Sequence[Corpus], out: Path, settings: FairSettings, pretrain_on: Sequence[Corpus]
) -> None:
    """Plan a training of each method and fold, so that none is refused when others are done."""
    seed = settings.seeds[0]
    if pretrain_on and not (out / "trainings" / _first_key(seed)).exists():
        _planned_first(pretrain_on, _base(corpora[0], out, settings, seed), settings, seed)
    for fold, method in itertools.product(settings.folds, settings.chosen):
        if not (out / "trainings" / _key(method, seed, fold)).exists():
            base = _base(corpora[0], out, settings, seed)
            _planned(corpora, base, settings, method, seed=seed, fold=fold)


def _pretrained(
    corpora: Sequence[Corpus],
    out: Path,
    settings: FairSettings,
    seed: int,
    base: Path,
    *,
    progress: TrainingProgress | None,
    command: str,
) -> Path:
    """The model of a seed after ERM on other speech, in ``out/models``."""
    place = out / "models" / f"{settings.size}-seed-{seed}-pretrained"
    # done already, it is not done again; by another recipe, it is refused
    folder = run_training(
        _planned_first(corpora, base, settings, seed),
        out / "trainings" / _first_key(seed),
        progress=progress,
        command=command,
    )
    if place.is_dir():
        return place
    part = part_beside(place)
    shutil.copytree(base, part, dirs_exist_ok=True)
    backend: Any = load_model(SYSTEM, model=str(base), adapter=str(folder.best_path))
    backend.model.save_pretrained(part)
    replace_folder(part, place)
    return place


def _planned_first(
    corpora: Sequence[Corpus], base: Path, settings: FairSettings, seed: int
) -> TrainingTask:
    return plan_training(
        SYSTEM,
        list(corpora),
        recipe="erm",
        fold=settings.folds[0],
        seed=seed,
        options={"model": str(base.absolute())},
        **settings.pretraining_changes(),
    )


def _planned(
    corpora: Sequence[Corpus],
    base: Path,
    settings: FairSettings,
    method: Method,
    *,
    seed: int,
    fold: str,
) -> TrainingTask:
    return plan_training(
        SYSTEM,
        list(corpora),
        recipe=method.recipe,
        fold=fold,
        seed=seed,
        options={"model": str(base.absolute())},
        **settings.changes(method),
    )


def _base(corpus: Corpus, out: Path, settings: FairSettings, seed: int) -> Path:
    prompt = settings.changes(settings.chosen[0])["data"]["prompt"]
    return small_model(corpus, out, settings.size, seed, prompt=prompt)


def small_model(
    corpus: Corpus,
    out: Path,
    size: str | SmallSize,
    seed: int,
    *,
    prompt: str,
    texts: Sequence[str] = (),
) -> Path:
    """A small speech LLM with random weights, in ``out/models``; all methods begin with it.

    Args:
        corpus: whose labels it has words for.
        out: the folder of the study.
        size: of the model, by name or one's own.
        seed: of its weights.
        prompt: that it will be asked with, for its tokenizer.
        texts: what else it will write, likewise.
    """
    place = out / "models" / f"{size if isinstance(size, str) else 'own'}-seed-{seed}"
    if place.is_dir():
        return place
    asked = load_prompt(prompt)
    options = asked.options(corpus.label_space)
    turns = asked.render(options, family="qwen2_audio", modality="speech")
    part = part_beside(place)
    make_small_speech_llm(
        part,
        labels=options.shown,
        texts=[
            *(each for turn in turns for each in turn.parts if isinstance(each, str)),
            *texts,
        ],
        size=size,
        seed=seed,
    )
    replace_folder(part, place)
    return place


def _first_key(seed: int) -> str:
    return f"pretraining-seed-{seed}"


def _key(method: Method, seed: int, fold: str) -> str:
    return f"{method.key}-fold-{fold}-seed-{seed}"
