"""What learns, as the loop knows it: losses of examples by whatever kind of model.

A :class:`Learner` is a model with what of it is trained and how its examples are put to
it. There are two: :mod:`~equivoice.training.answer_learner` for language models, which
learn to write the right answer, and :mod:`~equivoice.training.class_learner` for
classifiers, which learn a label or a distribution over labels. Steps, gaps between
groups, evaluations, checkpoints and curves are the same for both.

Every random number has a seed by hash: the first weights, and the dropout of each
micro-batch by the step and the rows in it. So it does not matter how many processes
there are, by which road the gradient is had, or whether the training was cut off.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import polars as pl

from equivoice.inference.seeds import seed_for
from equivoice.models import FloatArray
from equivoice.models.hearing.sound_cache import SoundCache
from equivoice.training.data import Example, TrainingData
from equivoice.training.effective_batches import EffectiveBatch, MicroBatch
from equivoice.training.settings import TrainingSettings

if TYPE_CHECKING:
    import torch
    from torch.nn import Module, Parameter

__all__ = ["Heard", "Learner", "reseed", "step_losses"]


@dataclass(frozen=True)
class Heard:
    """What the model said of n examples.

    Args:
        losses: (n,) as the objective has them, dropout switched off.
        logprobs: (n, K) of each label, in the order of :meth:`Learner.shown`; −inf beyond
            an example's labels.
        outside: (n,) the probability of all other answers.
    """

    losses: FloatArray
    logprobs: FloatArray
    outside: FloatArray


class Learner(Protocol):
    """A model with what of it is trained."""

    @property
    def settings(self) -> TrainingSettings:
        """Of the training."""

    @property
    def model(self) -> Module:
        """All weights, also those that are frozen."""

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        """Those that are trained, by name, in float32."""

    @property
    def device(self) -> torch.device:
        """Where the model is."""

    @property
    def count(self) -> int:
        """How many numbers are trained."""

    @property
    def width(self) -> int:
        """K: the most labels that an example is asked with."""

    @property
    def tuning(self) -> str:
        """What of the model is trained: ``lora``, ``partial``, ``full`` or ``classifier``."""

    @property
    def prompt(self) -> str | None:
        """The name of the prompt; ``None`` where nothing is asked in words."""

    @property
    def base_model(self) -> str | None:
        """What is trained further: a folder or a name; ``None`` where all weights are new."""

    def shown(self, corpus: str) -> tuple[str, ...]:
        """The labels that a corpus is asked with, in the order of the log-probabilities."""

    def loss(self, examples: Sequence[Example], *, epoch: int | None) -> torch.Tensor:
        """The loss of each example before the reduction, (n,), differentiable.

        Args:
            examples: in any order.
            epoch: which drawn label orders follow; ``None`` for the first order.
        """

    def scale(self, examples: Sequence[Example]) -> float:
        """By what the losses of these examples are multiplied before their mean is taken.

        1 but where the objective divides by the sum of weights and not by the number of
        items.
        """

    def scored(self, examples: Sequence[Example]) -> FloatArray:
        """(n, 2 + K): loss, what is outside the labels, each label's log-probability.

        Args:
            examples: of one corpus, run together as one batch, without gradients.
        """

    def answers(
        self, examples: Sequence[Example], heard: Heard, data: TrainingData, system: str
    ) -> pl.DataFrame:
        """What the model said, as a predictions table.

        Args:
            examples: n of them.
            heard: what it said of them.
            data: of the training.
            system: the name that the table has.
        """

    def calibrate(self, examples: Sequence[Example]) -> None:
        """Set first weights that depend on speech, once, before the first step.

        Args:
            examples: of the training part.
        """

    def training_mode(self, on: bool) -> None:
        """Switch dropout (and what else is random in training) on or off."""

    def keep_sounds(self, cache: SoundCache) -> None:
        """Let what is frozen hear each clip once, where there is such a part."""

    def save_best(self, folder: Path) -> None:
        """Write what the training is for into an empty folder.

        Raises:
            StorageError: it could not be written.
        """

    def cuts(self) -> Mapping[str, int]:
        """What was cut so far of what was too long: from what it was to how often."""

    def describe(self) -> Mapping[str, Any]:
        """What the run record says of the model."""

    def inputs(self, data: TrainingData) -> Mapping[str, str]:
        """Hashes of what the training depends on besides its corpora."""


def step_losses(
    learner: Learner, examples: Sequence[Example], batch: EffectiveBatch, *, step: int, epoch: int
) -> Callable[[MicroBatch], torch.Tensor]:
    """What gives the loss of each row of a micro-batch, for one step.

    Args:
        learner: the model.
        examples: the rows are positions among them.
        batch: what the step learns from.
        step: the number of the step, which the seeds of dropout follow.
        epoch: which the drawn label orders follow.
    """
    scale = learner.scale([examples[row] for row in batch.rows])

    def losses(micro: MicroBatch) -> torch.Tensor:
        reseed(seed_for(learner.settings.seed, "dropout", step, *micro.rows))
        return learner.loss([examples[row] for row in micro.rows], epoch=epoch) * scale

    return losses


def reseed(seed: int) -> None:
    """Set every source of random numbers that a model may draw from.

    Dropout draws from torch; masks over features draw from numpy's global stream.

    Args:
        seed: from 0 to 2**63 − 1.
    """
    import torch

    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - transformers draws from this stream
    random.seed(seed)
