"""A classifier that learns labels, or distributions over labels, from its logits.

The loss is one of :mod:`equivoice.training.losses`, an item's own; which of its weights
are trained is the system's affair. See :mod:`equivoice.training.learner` for what is the
same for every kind of model.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from equivoice.errors import ConfigError
from equivoice.inference import Answer, Cell, predict_rows
from equivoice.inference.seeds import seed_for
from equivoice.models import (
    Calibrates,
    Classifiable,
    ClassifyingBackend,
    FloatArray,
    Sample,
    cuts_of,
)
from equivoice.models.hearing.sound_cache import SoundCache
from equivoice.objectives import ItemLoss
from equivoice.training.data import Example, TrainingData
from equivoice.training.learner import Heard
from equivoice.training.losses import TrainingTargets, make_loss
from equivoice.training.settings import TrainingSettings

if TYPE_CHECKING:
    import torch
    from torch.nn import Module, Parameter

__all__ = ["CLASSIFIER", "ClassLearner", "make_class_learner", "training_targets"]

CLASSIFIER = "classifier"
"""How a classifier is tuned; also the system that a trained one is loaded as."""

_CALIBRATED_ON = 64
"""Utterances that a network is calibrated on, at most."""


@dataclass(frozen=True)
class ClassLearner:
    """A classifier with its loss.

    Args:
        backend: the network; changed in place.
        settings: of the training.
        parameters: those that are trained, by name, in float32.
        objective: the loss of an item.
        autocast: whether arithmetic is in bfloat16 where it may be.
    """

    backend: ClassifyingBackend
    settings: TrainingSettings
    parameters: Mapping[str, Parameter]
    objective: ItemLoss
    autocast: bool = False

    @property
    def model(self) -> Module:
        """All weights, also those that are frozen."""
        return self.backend.model

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return self.backend.device

    @property
    def count(self) -> int:
        """How many numbers are trained."""
        return sum(parameter.numel() for parameter in self.parameters.values())

    @property
    def width(self) -> int:
        """How many labels there are."""
        return len(self.backend.label_space.names)

    @property
    def tuning(self) -> str:
        """``classifier``: what of it is trained is an option of the system."""
        return CLASSIFIER

    @property
    def prompt(self) -> str | None:
        """``None``: a classifier is not asked in words."""
        return None

    @property
    def base_model(self) -> str | None:
        """The pretrained model, as the options of the system name it."""
        told = self.backend.describe()
        named = told.get("model") or dict(told.get("options", {})).get("model")
        return None if named is None else str(named)

    def shown(self, corpus: str) -> tuple[str, ...]:  # noqa: ARG002 - the protocol has it
        """All labels, whatever the corpus."""
        return self.backend.label_space.names

    def scale(self, examples: Sequence[Example]) -> float:
        """The number of examples over the sum of their weights; 1 for the reduction ``items``."""
        if self.settings.objective.reduction == "items":
            return 1.0
        total = float(self.objective.item_weights(self.targets(examples)).double().sum())
        return len(examples) / total

    def loss(self, examples: Sequence[Example], *, epoch: int | None) -> torch.Tensor:  # noqa: ARG002 - as for answers
        """The loss of each example before its reduction, (n,) float32, differentiable."""
        return self.objective(self.logits(examples), self.targets(examples))

    def logits(self, examples: Sequence[Example]) -> torch.Tensor:
        """(n, C) float32, in the order of the labels."""
        with self.precision():
            found = self.backend.class_logits(_samples(examples))
        return found.float()

    def targets(self, examples: Sequence[Example]) -> torch.Tensor:
        """(n,) the class of each example; (n, C) shares where the votes are learnt."""
        import torch

        if self.settings.data.targets == "votes":
            shares = _shares(examples, self.backend.label_space.names)
            return torch.tensor(shares, dtype=torch.float32, device=self.device)
        places = [self.backend.label_space.index(str(each.item.label)) for each in examples]
        return torch.tensor(places, device=self.device)

    def scored(self, examples: Sequence[Example]) -> FloatArray:
        """(n, 2 + C): the loss, 0, and each label's log-probability."""
        logits = self.logits(examples)
        table = np.zeros((len(examples), self.width + 2))
        table[:, 0] = self.objective(logits, self.targets(examples)).double().cpu().numpy()
        table[:, 2:] = logits.double().log_softmax(dim=1).cpu().numpy()
        return table

    def answers(
        self, examples: Sequence[Example], heard: Heard, data: TrainingData, system: str
    ) -> pl.DataFrame:
        """What the classifier said of the validation part, as a predictions table."""
        parts: dict[tuple[str, str], list[Answer]] = {}
        for example, row in zip(examples, np.exp(heard.logprobs), strict=True):
            answer = Answer(example.item.utterance_id, row / row.sum())
            parts.setdefault((example.corpus, example.modality), []).append(answer)
        given = self.backend.label_space
        tables = [
            predict_rows(
                answers, Cell(system, corpus, data.folds[corpus]), given, data.spaces[corpus]
            ).with_columns(modality=pl.lit(modality))
            for (corpus, modality), answers in parts.items()
        ]
        return pl.concat(tables)

    def calibrate(self, examples: Sequence[Example]) -> None:
        """Let a network hear some of the training part, drawn by the seed, where it wants to.

        Args:
            examples: of the training part.
        """
        if not isinstance(self.backend, Calibrates):
            return
        seed = self.settings.seed
        drawn = sorted(examples, key=lambda each: seed_for(seed, "calibration", each.name))
        self.backend.calibrate(_samples(drawn[:_CALIBRATED_ON]))

    def training_mode(self, on: bool) -> None:
        """Switch dropout and augmentation on or off."""
        self.backend.training_mode(on)

    def keep_sounds(self, cache: SoundCache) -> None:
        """Let what is frozen hear each clip once."""
        self.backend.keep_sounds(cache)

    def save_best(self, folder: Path) -> None:
        """Write the classifier."""
        self.backend.save(folder)

    def cuts(self) -> Mapping[str, int]:
        """What the model cut so far of what was too long for it."""
        return cuts_of(self.backend)

    def describe(self) -> Mapping[str, Any]:
        """What the network says of itself."""
        trained = {"tuning": self.tuning, "parameters": self.count}
        return {**self.backend.describe(), "trained": trained}

    def inputs(self, data: TrainingData) -> Mapping[str, str]:  # noqa: ARG002 - the protocol has it
        """The hashes of pretrained weights, where the network knows them."""
        base: Mapping[str, str | None] = getattr(self.backend, "base", {})
        return {f"pretrained {name}": value for name, value in base.items() if value}

    def precision(self) -> AbstractContextManager[Any]:
        """The context in which the network is run."""
        import torch

        return torch.autocast(
            self.device.type, dtype=torch.bfloat16, enabled=self.autocast, cache_enabled=False
        )


def make_class_learner(
    system: Classifiable, settings: TrainingSettings, data: TrainingData
) -> ClassLearner:
    """A new network for the labels of the data, and its loss.

    Args:
        system: before it is fitted.
        settings: of the training.
        data: whose training part gives the weights of the classes.

    Raises:
        ConfigError: an unknown loss, or options that it refuses; nothing is trained.
        InputError: a class without training items, where the loss weights classes.
    """
    objective = make_loss(settings.objective, training_targets(data))
    backend = system.classifier(data.labels, seed=seed_for(settings.seed, "weights"))
    parameters = dict(backend.trained_parameters())
    if not parameters:
        raise ConfigError(
            f"nothing of the system {system.name!r} is trained",
            value=json.dumps(dict(backend.describe()), default=str)[:200],
            hint="its options say what is frozen",
        )
    autocast = settings.model.precision == "bfloat16"
    return ClassLearner(backend, settings, parameters, objective, autocast)


def training_targets(data: TrainingData) -> TrainingTargets:
    """What a loss may know: the targets of the training part, and nothing of another.

    Args:
        data: of the training.
    """
    return TrainingTargets(data.labels.names, _shares(data.train, data.labels.names))


def _samples(examples: Sequence[Example]) -> list[Sample]:
    return [Sample(each.item.utterance_id, each.clip, each.transcript) for each in examples]


def _shares(examples: Sequence[Example], labels: Sequence[str]) -> FloatArray:
    """(n, C) the target of each example; one 1 in a row where it is a label."""
    found = np.zeros((len(examples), len(labels)))
    for row, example in enumerate(examples):
        if example.target is not None:
            found[row] = example.target
        else:
            found[row, labels.index(str(example.item.label))] = 1.0
    return found
