"""The model that learns: what of it is trained, and the losses of its lessons.

Every random number has a seed by hash: the adapter's first weights, and the dropout of
each micro-batch by the step and the rows in it. So it does not matter how many processes
there are, by which road the gradient is had, or whether the training was cut off.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from equivoice.errors import ConfigError
from equivoice.inference.seeds import seed_for
from equivoice.models.decoding.adapters import (
    LoraSettings,
    attach_lora,
    trainable_parameters,
    unfreeze,
)
from equivoice.models.decoding.learning_model import LearningModel
from equivoice.objectives.answer_nll import class_weights, mean_answer_nll, weighted_answer_nll
from equivoice.training.data import Example, TrainingData
from equivoice.training.effective_batches import MicroBatch
from equivoice.training.lessons import Lessons
from equivoice.training.settings import ModelSettings, TrainingSettings

if TYPE_CHECKING:
    import torch
    from torch.nn import Parameter

__all__ = ["Learner", "make_learner"]


@dataclass(frozen=True)
class Learner:
    """A model with what of it is trained.

    Args:
        backend: the model; changed in place.
        lessons: how examples are asked.
        settings: of the training.
        parameters: those that are trained, by name, in float32.
        weights: of the classes, where the loss has such.
        autocast: whether arithmetic is in bfloat16 where it may be.
    """

    backend: LearningModel
    lessons: Lessons
    settings: TrainingSettings
    parameters: Mapping[str, Parameter]
    weights: Mapping[str, float] | None = None
    autocast: bool = False
    _texts: dict[str, int] = field(init=False, default_factory=dict, repr=False, compare=False)

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(iter(self.parameters.values())).device

    @property
    def count(self) -> int:
        """How many numbers are trained."""
        return sum(parameter.numel() for parameter in self.parameters.values())

    def losses(
        self, examples: tuple[Example, ...], *, step: int, epoch: int
    ) -> Callable[[MicroBatch], torch.Tensor]:
        """What gives the loss of each row of a micro-batch, for one step.

        Args:
            examples: the rows are positions among them.
            step: the number of the step, which the seeds of dropout follow.
            epoch: which the drawn label orders follow.
        """

        def losses(micro: MicroBatch) -> torch.Tensor:
            reseed(seed_for(self.settings.seed, "dropout", step, *micro.rows))
            return self.loss([examples[row] for row in micro.rows], epoch=epoch)

        return losses

    def loss(self, examples: list[Example], *, epoch: int | None) -> torch.Tensor:
        """The loss of each example, (n,), differentiable.

        Args:
            examples: in any order.
            epoch: which drawn label orders follow; ``None`` for the first order.
        """
        lessons = [self.lessons.lesson(example, epoch) for example in examples]
        with self.precision():
            found = self.backend.answer_losses(lessons, on=self.settings.objective.tokens)
        if self.weights is None:
            return mean_answer_nll(found.nll, found.mask)
        return weighted_answer_nll(found.nll, found.mask, self.class_weights(examples))

    def class_weights(self, examples: list[Example]) -> torch.Tensor:
        """The weight of each example's class, (n,); 1 where the loss has none."""
        import torch

        held = self.weights or {}
        values = [held.get(example.item.label, 1.0) for example in examples]
        return torch.tensor(values, device=self.device)

    def answer_length(self, text: str) -> int:
        """How many tokens an answer and its end have."""
        from equivoice.models import Question
        from equivoice.models.learning import Lesson
        from equivoice.prompting.turns import Turn

        if text not in self._texts:
            plain = Lesson(Question("", (Turn("user", ("?",)),)), text)
            self._texts[text] = len(self.backend.lesson_tokens(plain).answer)
        return self._texts[text]

    def precision(self) -> AbstractContextManager[Any]:
        """The context in which the model is run."""
        import torch

        return torch.autocast(
            self.device.type, dtype=torch.bfloat16, enabled=self.autocast, cache_enabled=False
        )


def make_learner(
    backend: LearningModel, settings: TrainingSettings, data: TrainingData, lessons: Lessons
) -> Learner:
    """Choose what of a model is trained, in place.

    Args:
        backend: as loaded, all of it frozen.
        settings: of the training.
        data: whose counts give the weights of the classes.
        lessons: how examples are asked.

    Raises:
        ConfigError: names of modules or parameters that the model does not have, or a
            precision that it is not held in.
        MissingDependencyError: peft is not installed.
    """
    model = settings.model
    autocast = _autocast(backend, model)
    if model.tuning == "lora":
        reseed(seed_for(settings.seed, "adapter"))
        attach_lora(
            backend, LoraSettings(model.rank, model.alpha, model.dropout, _targets(model.targets))
        )
    patterns = ("all",) if model.tuning == "full" else model.unfreeze
    if patterns:
        unfreeze(backend, patterns)
    if model.gradient_checkpointing:
        backend.checkpoint_gradients(on=True)
    trained = dict(trainable_parameters(backend))
    for parameter in trained.values():
        # in half precision, small steps would be rounded away
        parameter.data = parameter.data.float()
    weighted = settings.objective.loss == "class_weighted"
    weights = class_weights(data.counts("train")) if weighted else None
    return Learner(backend, lessons, settings, trained, weights, autocast)


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


def _targets(given: str | tuple[str, ...]) -> str | tuple[str, ...]:
    """``q_proj,v_proj`` on the command line means both modules."""
    if isinstance(given, str) and given not in ("language", "all-linear"):
        return tuple(part.strip() for part in given.split(",") if part.strip())
    return given


def _autocast(backend: LearningModel, model: ModelSettings) -> bool:
    held = str(backend.model.dtype).removeprefix("torch.")
    if held == "float16":
        raise ConfigError(
            "a model in float16 cannot be trained: its gradients would vanish",
            value="float16",
            hint="dtype=bfloat16 or float32 among the options of the system",
        )
    if model.precision == "float32" and held != "float32":
        raise ConfigError(
            "model.precision is float32, and the model is held in another",
            value=held,
            hint="dtype=float32 among the options of the system",
        )
    return "bfloat16" in (held if model.precision == "auto" else model.precision)
