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
from equivoice.models import Classifiable
from equivoice.models.decoding.learning_model import LearningModel
from equivoice.models.hearing.backend import HearingModel
from equivoice.models.registry import classifies, load_model, system_factory
from equivoice.prompting import load_prompt
from equivoice.records import UTTERANCES
from equivoice.training.answer_learner import make_answer_learner
from equivoice.training.class_learner import make_class_learner
from equivoice.training.data import TrainingData, gather_data
from equivoice.training.effective_batches import EffectiveBatch, plan_epoch, steps_per_epoch
from equivoice.training.evaluating import WORST_GAP, check_metric
from equivoice.training.learner import Learner
from equivoice.training.lessons import Lessons
from equivoice.training.losses import ANSWER_LOSSES, check_loss
from equivoice.training.recipes import default_recipe, resolve_settings
from equivoice.training.settings import TrainingSettings
from equivoice.training.tracking import check_trackers

__all__ = ["TrainingTask", "loaded_corpora", "place_of", "plan_settings", "plan_training"]


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
    system: str | LearningModel | Classifiable,
    corpora: str | Path | Corpus | Sequence[str | Path | Corpus],
    *,
    recipe: str | Path | None = None,
    options: Mapping[str, Any] | None = None,
    fold: str | Mapping[str, str] | None = None,
    **changes: Any,
) -> TrainingTask:
    """What :func:`~equivoice.training.train` would do with these arguments.

    Args:
        system: the name of a system, ``ALIAS=NAME``, or a loaded one; a loaded language
            model is changed in place.
        corpora: prepared corpora: folders, or objects.
        recipe: a recipe by name, or the path of a file; ``None`` for the one that suits
            the system.
        options: of the system, such as ``model``.
        fold: whose training part is learnt from; one for all corpora, or one for each.
        changes: what is to be otherwise than in the recipe: ``optimiser={"epochs": 3}``.

    Raises:
        InputError: what cannot be, by name: settings, corpora, labels, transcripts,
            groups that a batch cannot hold, sounds, checkpoints.
        MissingDependencyError: torch, transformers or peft is not installed.
    """
    given = [corpora] if isinstance(corpora, (str, Path, Corpus)) else list(corpora)
    name = system if isinstance(system, str) else system.name
    settings = plan_settings(
        system,
        recipe,
        {key: value for key, value in changes.items() if value is not None},
        corpora=tuple(map(place_of, given)),
        options=dict(options or {}),
        fold=fold,
    )
    if _classifies(system):
        loaded = _loaded_system(system, settings)
        return _classifier_task(
            _alias(name) or loaded.name, loaded, settings, loaded_corpora(given)
        )
    return _language_task(system, settings, loaded_corpora(given))


def plan_settings(
    system: str | LearningModel | Classifiable,
    recipe: str | Path | None,
    changes: Mapping[str, Any],
    **settings: Any,
) -> TrainingSettings:
    """The settings of a training, checked as far as they can be without data and weights.

    Args:
        system: the name of a system, ``ALIAS=NAME``, or a loaded one.
        recipe: by name or path; ``None`` for the one that suits the system.
        changes: what is to be otherwise than in the recipe.
        settings: corpora, options of the system, fold.

    Raises:
        ConfigError: an unknown system, recipe, setting, metric, loss or tracker.
        MissingDependencyError: a tracker that is not installed.
    """
    classifier = _classifies(system)
    name = system if isinstance(system, str) else system.name
    maker = system_factory(name.rpartition("=")[2]) if isinstance(system, str) else system
    chosen = recipe or default_recipe(maker, classifies=classifier)
    found = resolve_settings(chosen, changes, system=name, **settings)
    check_metric(found.selection.metric, setting="selection.metric")
    check_metric(found.weight.gap, setting="weight.gap")
    check_trackers(found.tracking)
    if classifier:
        _check_classifier(found, changes)
    else:
        _check_language(found)
    return found


def _classifies(system: object) -> bool:
    if isinstance(system, str):
        return classifies(system.rpartition("=")[2])
    return isinstance(system, Classifiable) and not isinstance(system, LearningModel)


def _alias(name: str) -> str | None:
    return name.rpartition("=")[0] or None


def _language_task(
    system: object, settings: TrainingSettings, corpora: Mapping[str, Corpus]
) -> TrainingTask:
    """A language model, which is loaded only once the data are known to do."""
    if not settings.data.modalities:
        settings = _with_modality(settings, "speech")
    prompt = load_prompt(settings.data.prompt)
    data = _gathered(settings, corpora)
    name, backend = _system(system, settings)
    lessons = Lessons(
        prompt,
        backend.family,
        data.spaces,
        settings.data.orders,
        settings.data.order_seed,
        settings.seed,
        settings.data.form,
    )
    _check_modalities(name, backend.modalities, settings)
    _check_asking(backend, lessons, data, settings)
    _check_lengths(backend, data)
    learner = make_answer_learner(backend, settings, data, lessons)
    return TrainingTask(settings, name, data, learner)


def _classifier_task(
    name: str, system: Classifiable, settings: TrainingSettings, corpora: Mapping[str, Corpus]
) -> TrainingTask:
    """A classifier, of which only the network for the labels found needs weights."""
    if not settings.data.modalities:
        several = sorted(system.modalities)
        chosen = "speech" if "speech" in several else several[0]
        settings = _with_modality(settings, chosen)
    _check_modalities(name, system.modalities, settings)
    data = _gathered(settings, corpora)
    return TrainingTask(settings, name, data, make_class_learner(system, settings, data))


def _with_modality(settings: TrainingSettings, modality: str) -> TrainingSettings:
    data = settings.data.model_copy(update={"modalities": (modality,)})
    return settings.model_copy(update={"data": data})


def _gathered(settings: TrainingSettings, corpora: Mapping[str, Corpus]) -> TrainingData:
    data = gather_data(settings, corpora)
    _planned(settings, data, 1)  # refuses a batch that cannot hold the groups
    _check_groups(settings, data)
    return data


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


def _system(system: object, settings: TrainingSettings) -> tuple[str, LearningModel]:
    if isinstance(system, LearningModel):
        return system.name, system
    name = str(system).rpartition("=")[2]
    backend = load_model(name, **{**settings.options, **_own_device(settings.options)})
    if not isinstance(backend, LearningModel):
        raise ConfigError(
            f"the system {name!r} cannot be trained here: its weights are not at hand",
            value=type(backend).__name__,
            hint="classifiers, speech LLMs and text LLMs can; 'equivoice models' lists systems",
        )
    return _alias(str(system)) or backend.name, backend


def _loaded_system(system: object, settings: TrainingSettings) -> Classifiable:
    """A classifier before it is fitted."""
    if isinstance(system, str):
        own = settings.options
        system = load_model(system.rpartition("=")[2], **{**own, **_own_device(own)})
    if not isinstance(system, Classifiable):
        raise ConfigError("the system is no classifier", value=type(system).__name__)
    return system


def _own_device(options: Mapping[str, Any]) -> dict[str, str]:
    """Of several processes, each takes the accelerator of its own number."""
    import torch

    local = os.environ.get("LOCAL_RANK")
    if local is None or not torch.cuda.is_available() or options.get("device") is not None:
        return {}
    return {"device": f"cuda:{local}"}


# ----------------------------------------------------------------------------- checks


def _check_language(settings: TrainingSettings) -> None:
    """Refuse what only a classifier can learn."""
    objective, data = settings.objective, settings.data
    if objective.loss not in ANSWER_LOSSES:
        raise ConfigError(
            "there is no such loss for a language model",
            value=objective.loss,
            choices=ANSWER_LOSSES,
            hint="name it with objective.loss; losses over classes are for classifiers",
        )
    plain = type(objective)()
    for name in ("options", "reduction", "smoothing"):
        if getattr(objective, name) != getattr(plain, name):
            raise ConfigError(
                f"objective.{name} is for classifiers, and a language model is trained",
                value=getattr(objective, name),
            )
    if data.targets == "rationales" and settings.objective.tokens == "all":
        raise ConfigError(
            "of an answer with reasons the answer alone is learnt",
            value="objective.tokens=all",
            hint="objective.tokens=answer",
        )
    if data.targets == "votes" and data.rule == "all_inclusive":
        raise ConfigError(
            "a language model learns to write one answer, not a distribution",
            value="data.rule=all_inclusive",
            hint="data.rule=majority or plurality",
        )


def _check_classifier(settings: TrainingSettings, changes: Mapping[str, Any]) -> None:
    """Refuse what only a language model can be asked for, where it was asked for."""
    check_loss(settings.objective)
    if settings.data.targets == "rationales":
        raise ConfigError(
            "a classifier gives labels and no reasons",
            value="data.targets=rationales",
            hint="train a speech LLM; 'equivoice models' lists systems",
        )
    asked = changes.get("model")
    foreign = sorted(set(asked) - {"precision", "keep_sounds"}) if asked else []
    if foreign:
        raise ConfigError(
            "what of a classifier is trained is an option of the system",
            value=f"model.{foreign[0]}",
            hint=f"options.{settings.system.partition('=')[0]}.…, which 'equivoice models' shows",
        )


def _check_modalities(name: str, able: frozenset[str], settings: TrainingSettings) -> None:
    for modality in settings.data.modalities:
        if modality not in able:
            raise ConfigError(
                f"the system {name!r} cannot be given this modality",
                value=modality,
                choices=sorted(able),
            )


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
    firsts = {(example.corpus, example.modality): example for example in reversed(data.train)}
    for example in firsts.values():
        for order in settings.data.orders:
            lessons.question(example, order)
        backend.lesson_tokens(lessons.lesson(example, 1))
    if lessons.form is not None:
        for example in data.train:  # each answer is another, and any may hold an end token
            backend.answer_tokens(lessons.lesson(example, 1))


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
