"""A training made concrete: data, model, lessons; all that can be wrong is found here.

Nothing is written and no step is made: what cannot be is named before the first one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from equivoice.corpora.corpus import Corpus, load_corpus
from equivoice.errors import AudioError, ConfigError
from equivoice.inference.seeds import seed_for
from equivoice.models.decoding.learning_model import LearningModel
from equivoice.models.hearing.backend import HearingModel
from equivoice.models.registry import load_model
from equivoice.prompting import load_prompt
from equivoice.records import UTTERANCES
from equivoice.training.data import TrainingData, gather_data
from equivoice.training.effective_batches import EffectiveBatch, plan_epoch, steps_per_epoch
from equivoice.training.evaluating import WORST_GAP, check_metric
from equivoice.training.learner import Learner, make_learner
from equivoice.training.lessons import Lessons
from equivoice.training.recipes import resolve_settings
from equivoice.training.settings import TrainingSettings
from equivoice.training.tracking import check_trackers

__all__ = ["TrainingTask", "loaded_corpora", "place_of", "plan_training"]


@dataclass(frozen=True)
class TrainingTask:
    """All that a training works on.

    Args:
        settings: what was asked.
        name: what the system is called.
        data: what is learnt from and chosen on.
        learner: the model, with what of it is trained.
    """

    settings: TrainingSettings
    name: str
    data: TrainingData
    learner: Learner

    @property
    def steps_an_epoch(self) -> int:
        """How many effective batches an epoch has."""
        return steps_per_epoch(len(self.data.train), batch=self.settings.optimiser.batch)

    @property
    def steps(self) -> int:
        """How many steps there are at most."""
        return self.settings.optimiser.epochs * self.steps_an_epoch

    def epoch(self, number: int) -> list[EffectiveBatch]:
        """The effective batches of an epoch, which are numbered from 1."""
        return _planned(self.settings, self.data, number)


def plan_training(
    system: str | LearningModel,
    corpora: str | Path | Corpus | Sequence[str | Path | Corpus],
    *,
    recipe: str | Path = "erm",
    options: Mapping[str, Any] | None = None,
    fold: str | Mapping[str, str] | None = None,
    **changes: Any,
) -> TrainingTask:
    """What :func:`~equivoice.training.train` would do with these arguments.

    Args:
        system: the name of a system, ``ALIAS=NAME``, or a loaded model, which is changed
            in place.
        corpora: prepared corpora: folders, or objects.
        recipe: a recipe by name, or the path of a file.
        options: of the system, such as ``model``.
        fold: whose training part is learnt from; one for all corpora, or one for each.
        changes: what is to be otherwise than in the recipe: ``optimiser={"epochs": 3}``.

    Raises:
        InputError: what cannot be, by name: settings, corpora, labels, transcripts,
            groups that a batch cannot hold, sounds, checkpoints.
        MissingDependencyError: torch, transformers or peft is not installed.
    """
    given = [corpora] if isinstance(corpora, (str, Path, Corpus)) else list(corpora)
    settings = resolve_settings(
        recipe,
        {name: value for name, value in changes.items() if value is not None},
        system=system if isinstance(system, str) else system.name,
        corpora=tuple(map(place_of, given)),
        options=dict(options or {}),
        fold=fold,
    )
    check_metric(settings.selection.metric, setting="selection.metric")
    check_metric(settings.weight.gap, setting="weight.gap")
    check_trackers(settings.tracking)
    prompt = load_prompt(settings.data.prompt)
    data = gather_data(settings, loaded_corpora(given))
    _planned(settings, data, 1)  # refuses a batch that cannot hold the groups
    _check_groups(settings, data)
    name, backend = _system(system, settings)
    lessons = Lessons(
        prompt,
        backend.family,
        data.spaces,
        settings.data.orders,
        settings.data.order_seed,
        settings.seed,
    )
    _check_asking(backend, lessons, data, settings)
    _check_lengths(backend, data)
    return TrainingTask(settings, name, data, make_learner(backend, settings, data, lessons))


def _planned(settings: TrainingSettings, data: TrainingData, epoch: int) -> list[EffectiveBatch]:
    return plan_epoch(
        [example.item for example in data.train],
        batch=settings.optimiser.batch,
        micro=settings.optimiser.micro,
        seed=seed_for(settings.seed, "batches"),
        epoch=epoch,
        keep_groups=settings.groups.keep,
        mixed=settings.objective.scope == "microbatch" and settings.objective.penalty == "gap",
    )


# ---------------------------------------------------------------------------- corpora


def place_of(corpus: str | Path | Corpus) -> str:
    """What settings name a corpus by: its folder, or the name of one that has none."""
    if isinstance(corpus, Corpus):
        return corpus.name if corpus.root is None else str(corpus.root)
    return str(Path(corpus).absolute())


def loaded_corpora(given: Sequence[str | Path | Corpus]) -> dict[str, Corpus]:
    """Corpora by name, their tables checked.

    Raises:
        InputError: one cannot be read, or two have the same name.
    """
    loaded = [one if isinstance(one, Corpus) else load_corpus(Path(one)) for one in given]
    names = [corpus.name for corpus in loaded]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError("two corpora have the same name", value=twice[0])
    checked = [replace(one, utterances=UTTERANCES.validate(one.utterances)) for one in loaded]
    return dict(zip(names, checked, strict=True))


# ----------------------------------------------------------------------------- system


def _system(system: str | LearningModel, settings: TrainingSettings) -> tuple[str, LearningModel]:
    if isinstance(system, LearningModel):
        return system.name, system
    alias, _, name = system.rpartition("=")
    options = {**settings.options, **_own_device(settings.options)}
    backend = load_model(name, **options)
    if not isinstance(backend, LearningModel):
        raise ConfigError(
            f"the system {name!r} cannot be trained here: its weights are not at hand",
            value=type(backend).__name__,
            hint="speech LLMs and text LLMs of transformers can; 'equivoice models' lists systems",
        )
    return alias or backend.name, backend


def _own_device(options: Mapping[str, Any]) -> dict[str, str]:
    """Of several processes, each takes the accelerator of its own number."""
    import torch

    local = os.environ.get("LOCAL_RANK")
    if local is None or not torch.cuda.is_available() or options.get("device") is not None:
        return {}
    return {"device": f"cuda:{local}"}


# ----------------------------------------------------------------------------- checks


def _check_groups(settings: TrainingSettings, data: TrainingData) -> None:
    """A gap needs a cell with two groups, where something hangs on it."""
    penalised = settings.objective.penalty == "gap"
    parts = {
        "train": penalised,
        "validation": settings.selection.metric == WORST_GAP
        or (penalised and settings.weight.kind == "adaptive"),
    }
    for part, needed in parts.items():
        if not needed:
            continue
        examples = data.train if part == "train" else data.validation
        held: dict[str, set[str]] = {}
        for item in (example.item for example in examples):
            held.setdefault(item.cell, set()).update([] if item.group is None else [item.group])
        if max(map(len, held.values())) < 2:
            shown = "; ".join(f"{cell}: {', '.join(sorted(of))}" for cell, of in held.items())
            raise ConfigError(
                f"no cell of the {part} part has two groups of {settings.groups.attribute}, so "
                "there is no gap",
                value=shown,
                hint="take another groups.attribute or groups.cell, or objective.penalty=none",
            )


def _check_asking(
    backend: LearningModel, lessons: Lessons, data: TrainingData, settings: TrainingSettings
) -> None:
    """Render a lesson of each corpus and modality in each order: wordings, orders, answers."""
    for modality in settings.data.modalities:
        if modality not in backend.modalities:
            raise ConfigError(
                f"the system {backend.name!r} cannot be given this modality",
                value=modality,
                choices=sorted(backend.modalities),
            )
    firsts = {(example.corpus, example.modality): example for example in reversed(data.train)}
    for example in firsts.values():
        for order in settings.data.orders:
            lessons.question(example, order)
        backend.lesson_tokens(lessons.lesson(example, 1))


def _check_lengths(backend: LearningModel, data: TrainingData) -> None:
    """A clip that the model refuses would end the training in the middle of it."""
    if not isinstance(backend, HearingModel) or backend.clips.longer != "refuse":
        return
    limit = backend.clips.limit
    for example in (*data.train, *data.validation):
        seconds = example.item.length
        if example.clip is not None and limit < seconds < float("inf"):
            raise AudioError(
                f"{example.item.utterance_id} lasts {seconds:.1f} s, and {backend.name} hears "
                f"{limit:g} s at most",
                file=example.clip.path,
                hint="longer=cut among the options of the system",
            )
