"""Classifiers in a benchmark: one is trained for each fold, by ``training``, in the run folder.

A training stands in ``RUN/trainings`` and is one of ``equivoice train``: cut off, it goes
on from its last checkpoint. It sees the fold as ``training`` does: the best checkpoint is
chosen on validation speakers, and no utterance of the test part is heard before it is
predicted. What several folds share, which is what a frozen encoder hears, is computed once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from equivoice.corpora.corpus import Corpus
from equivoice.errors import ConfigError
from equivoice.inference import Cell, Progress
from equivoice.models import Classifiable, EmotionRecognizer
from equivoice.models.classifiers.files import load_weights
from equivoice.models.classifiers.recognizer import ClassifierRecognizer
from equivoice.models.hearing.sound_cache import SoundCache
from equivoice.store import RunFolder, TrainingFolder
from equivoice.training import plan_training, run_training
from equivoice.training.class_learner import ClassLearner
from equivoice.training.progress import Quiet
from equivoice.training.settings import TrainingSettings
from equivoice.training.task import TrainingTask, plan_settings

__all__ = ["ClassifierTraining", "check_training", "modality_of", "trained_classifier"]

_OF_THE_BENCHMARK = ("seed", "fold", "corpora", "system", "options")
_CHOICE = ("what", "chosen", "metric", "value", "candidates", "split", "speakers", "utterances")


@dataclass(frozen=True)
class ClassifierTraining:
    """How the classifier of a cell is trained.

    Args:
        system: before it is fitted.
        corpus: with folds.
        asked: ``recipe``, and what is to be otherwise than in it, section by section.
        options: of the system, for the record.
        seed: everything random derives from it.
        limit: at most so many utterances of each part.
    """

    system: Classifiable
    corpus: Corpus
    asked: Mapping[str, Any]
    options: Mapping[str, Any]
    seed: int
    limit: int | None = None


def check_training(system: Classifiable, asked: Mapping[str, Any], *, name: str) -> None:
    """Refuse wrong settings of a training before the first cell.

    Args:
        system: before it is fitted.
        asked: ``recipe``, and what is to be otherwise than in it.
        name: of the system, for messages.

    Raises:
        ConfigError: names what cannot be.
    """
    _settings(system, asked, name=name)


def modality_of(system: object, asked: Mapping[str, Any], *, name: str) -> str | None:
    """What a system that is fitted is given; ``None`` where it does not say.

    Args:
        system: any.
        asked: how it is trained, where it is a classifier.
        name: of the system, for messages.

    Raises:
        ConfigError: a classifier is to be trained on several modalities at once.
    """
    if not isinstance(system, Classifiable):
        return getattr(system, "modality", None)
    chosen = _settings(system, asked, name=name).data.modalities
    if len(chosen) > 1:
        raise ConfigError(
            f"a benchmark trains {name} on one modality at a time",
            value=", ".join(chosen),
            hint=f"name two systems, each with training.{name}.data.modalities",
        )
    if chosen:
        return chosen[0]
    return "speech" if "speech" in system.modalities else min(system.modalities)


def trained_classifier(
    how: ClassifierTraining, cell: Cell, run: RunFolder, progress: Progress
) -> tuple[EmotionRecognizer, list[dict[str, Any]]]:
    """Train the classifier of a cell, or what remains of it.

    Args:
        how: it is trained.
        cell: what it is trained for.
        run: in which the training stands.
        progress: is told of its steps.

    Returns:
        The best classifier as a recogniser, and what was chosen on whom.

    Raises:
        InputError: what cannot be, such as a class without training items.
        RunError: the training diverged.
        StorageError: there is no room for checkpoints.
    """
    task = _planned(how, cell, run)
    folder = run_training(task, run.training_path(cell.name), progress=_Told(progress))
    learner = task.learner
    if not isinstance(learner, ClassLearner):
        raise TypeError(type(learner).__name__)  # plan_training makes one of a Classifiable
    with TrainingFolder.open(folder.path) as own:
        own.drop_checkpoints()
    load_weights(learner.backend, folder.best_path)
    learner.training_mode(on=False)
    if task.settings.model.keep_sounds:
        learner.keep_sounds(SoundCache(run.sounds_path))
    recognizer = ClassifierRecognizer(learner.backend, name=cell.system)
    return recognizer, _choices(folder, task.settings, run)


def _planned(how: ClassifierTraining, cell: Cell, run: RunFolder) -> TrainingTask:
    asked = {key: value for key, value in how.asked.items() if key != "recipe"}
    data, model = dict(asked.pop("data", {})), dict(asked.pop("model", {}))
    if how.limit is not None:
        data["limit"] = how.limit
    if model.get("keep_sounds", True) is True:
        model["keep_sounds"] = str(run.sounds_path.absolute())
    task = plan_training(
        how.system,
        how.corpus,
        recipe=how.asked.get("recipe"),
        options=how.options,
        fold=cell.fold,
        seed=how.seed,
        data=data,
        model=model,
        **asked,
    )
    return replace(task, name=cell.system)


def _settings(system: Classifiable, asked: Mapping[str, Any], *, name: str) -> TrainingSettings:
    taken = [key for key in _OF_THE_BENCHMARK if key in asked]
    if taken:
        raise ConfigError(
            f"the benchmark itself says the {taken[0]} of each training",
            value=f"training.{name}.{taken[0]}",
            hint=f"--{taken[0]}" if taken[0] == "seed" else None,
        )
    changes = {key: value for key, value in asked.items() if key != "recipe"}
    return plan_settings(system, asked.get("recipe"), changes, corpora=("any",))


def _choices(
    folder: TrainingFolder, settings: TrainingSettings, run: RunFolder
) -> list[dict[str, Any]]:
    """What the training chose, as the run record holds choices of fitted systems."""
    place = folder.path.relative_to(run.path).as_posix()
    shown = {"recipe": settings.recipe, "training": place}
    return [
        {key: each[key] for key in _CHOICE if key in each} | shown
        for each in folder.record.selection
    ]


class _Told(Quiet):
    """Steps of a training, told to whoever waits for the benchmark.

    Args:
        progress: of the benchmark.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._steps = 0

    def planned(self, steps: int, done: int) -> None:
        """So many steps at most, of which an earlier run has made so many."""
        self._steps = steps
        self._progress.training(done, steps)

    def stepped(self, step: int, *, loss: float, weight: float, gap: float | None) -> None:  # noqa: ARG002 - the protocol has them
        """A step was made."""
        self._progress.training(step, self._steps)
