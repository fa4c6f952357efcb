"""A language model that learns to write the right answers: what of it is trained, and its losses.

Scores of the validation part are the probabilities of the options as whole answers, or,
where answers say what is heard and why, of the labels given what stands before them; see
:mod:`equivoice.training.learner` for what is the same for every kind of model.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from equivoice.errors import ConfigError
from equivoice.inference import Cell
from equivoice.inference.label_scores import label_scores
from equivoice.inference.replies import OptionScore, Reply, reply_rows
from equivoice.inference.seeds import seed_for
from equivoice.models import Decoding, Draw, FloatArray, cuts_of
from equivoice.models.decoding.adapters import (
    LoraSettings,
    attach_lora,
    save_adapter,
    trainable_parameters,
    unfreeze,
)
from equivoice.models.decoding.learning_model import LearningModel
from equivoice.models.hearing.backend import PromptedModel
from equivoice.models.hearing.sound_cache import SoundCache
from equivoice.objectives.answer_nll import mean_answer_nll, weighted_answer_nll
from equivoice.objectives.class_counts import class_weights
from equivoice.prompting.explained import before_answer, emotion_word
from equivoice.training.data import Example, TrainingData
from equivoice.training.learner import Heard, reseed
from equivoice.training.lessons import Lessons, option_texts
from equivoice.training.settings import ModelSettings, TrainingSettings

if TYPE_CHECKING:
    import torch
    from torch.nn import Module, Parameter

__all__ = ["AnswerLearner", "make_answer_learner"]

_LONGEST_ANSWER = 64
_LONGEST_EXPLANATION = 512
_TEMPERATURES = (1.0,)


@dataclass(frozen=True)
class AnswerLearner:
    """A language model with what of it is trained.

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
    def model(self) -> Module:
        """All weights, also those that are frozen."""
        return self.backend.model  # type: ignore[no-any-return]

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(iter(self.parameters.values())).device

    @property
    def count(self) -> int:
        """How many numbers are trained."""
        return sum(parameter.numel() for parameter in self.parameters.values())

    @property
    def width(self) -> int:
        """The most options that an example is asked with."""
        return max(len(self.lessons.options(name).shown) for name in self.lessons.spaces)

    @property
    def tuning(self) -> str:
        """``lora``, ``partial`` or ``full``."""
        return self.settings.model.tuning

    @property
    def prompt(self) -> str | None:
        """The name of the prompt."""
        return self.settings.data.prompt

    @property
    def base_model(self) -> str | None:
        """The checkpoint that is trained further."""
        return self.backend.options.model

    def shown(self, corpus: str) -> tuple[str, ...]:
        """The labels of a corpus in the first order in which they are displayed."""
        return self.lessons.options(corpus).labels

    def scale(self, examples: Sequence[Example]) -> float:  # noqa: ARG002 - the protocol has it
        """1: the losses of answers are divided by the number of items."""
        return 1.0

    def loss(self, examples: Sequence[Example], *, epoch: int | None) -> torch.Tensor:
        """The loss of each example, (n,), differentiable."""
        lessons = [self.lessons.lesson(example, epoch) for example in examples]
        with self.precision():
            found = self.backend.answer_losses(lessons, on=self.settings.objective.tokens)
        if self.weights is None:
            return mean_answer_nll(found.nll, found.mask)
        return weighted_answer_nll(found.nll, found.mask, self.class_weights(examples))

    def class_weights(self, examples: Sequence[Example]) -> torch.Tensor:
        """The weight of each example's class, (n,); 1 where the loss has none."""
        import torch

        held = self.weights or {}
        values = [held.get(example.item.label or "", 1.0) for example in examples]
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

    def scored(self, examples: Sequence[Example]) -> FloatArray:
        """(n, 2 + K): the loss, what is outside the options, and each option's log-probability.

        The loss of an example is minus the log-probability of its right answer, by token: one
        pass gives scores and losses. Where the loss counts all tokens, or the checkpoint knows
        several tokens that end an answer, of which one is learnt, it has a pass of its own.

        Args:
            examples: of one corpus; their options are scored in the first label order.
        """
        if self.lessons.form is not None:
            return np.stack([self._explained(each) for each in examples])
        with self.precision():
            texts = option_texts(self.lessons.options(examples[0].corpus))
            prefix = self.backend.prepare([self.lessons.question(each) for each in examples])
            # as in training, nothing forbids an answer to end before it has begun
            decoding = Decoding.neutral(max_new_tokens=_LONGEST_ANSWER, min_new_tokens=0)
            scores = self.backend.option_logprobs(prefix, texts, _TEMPERATURES, decoding)
            table = np.full((len(examples), self.width + 2), -np.inf)
            table[:, 1] = scores.outside[:, 0]
            table[:, 2 : 2 + len(texts)] = scores.logprobs[:, 0]
            table[:, 0] = self._plain_losses(examples, table[:, 2:])
        return table

    def answers(
        self, examples: Sequence[Example], heard: Heard, data: TrainingData, system: str
    ) -> pl.DataFrame:
        """What the model said of the validation part, as a predictions table."""
        parts: dict[tuple[str, str], list[int]] = {}
        for row, each in enumerate(examples):
            parts.setdefault((each.corpus, each.modality), []).append(row)
        tables = []
        for (corpus, modality), rows in parts.items():
            options = self.lessons.options(corpus)
            replies = [_reply(examples[row], heard, row, len(options.shown)) for row in rows]
            cell = Cell(
                system,
                corpus,
                data.folds[corpus],
                self.lessons.prompt.name,
                self.lessons.orders[0],
                modality,
            )
            seeds: dict[str, list[list[int]]] = {reply.utterance_id: [[]] for reply in replies}
            made = reply_rows(
                replies,
                cell,
                options,
                temperatures=_TEMPERATURES,
                seeds=seeds,
                parser="equivoice",
                scored=True,
            )
            tables.append(made)
        return pl.concat(tables)

    def calibrate(self, examples: Sequence[Example]) -> None:
        """Nothing: a language model begins with the weights of its checkpoint."""

    def training_mode(self, on: bool) -> None:
        """Switch dropout on or off."""
        self.backend.training_mode(on=on)

    def keep_sounds(self, cache: SoundCache) -> None:
        """Let a frozen encoder hear each clip once."""
        if isinstance(self.backend, PromptedModel):
            self.backend.keep_sounds(cache)

    def save_best(self, folder: Path) -> None:
        """Write the adapter, or what else was trained."""
        save_adapter(self.backend, folder)

    def cuts(self) -> Mapping[str, int]:
        """What the model cut so far of what was too long for it."""
        return cuts_of(self.backend)

    def describe(self) -> Mapping[str, Any]:
        """What the backend says of itself, and how it is tuned."""
        trained = {"tuning": self.tuning, "parameters": self.count}
        return {**self.backend.describe(), "trained": trained}

    def inputs(self, data: TrainingData) -> Mapping[str, str]:
        """The prompt as shown."""
        firsts = {each.corpus: each for each in data.train}
        shown = [str(self.lessons.question(example).turns) for example in firsts.values()]
        digest = hashlib.sha256("\n".join(shown).encode()).hexdigest()
        found = {f"prompt {self.lessons.prompt.name}": digest}
        return found if data.reasons is None else {**found, "rationales": data.reasons}

    def precision(self) -> AbstractContextManager[Any]:
        """The context in which the model is run."""
        import torch

        return torch.autocast(
            self.device.type, dtype=torch.bfloat16, enabled=self.autocast, cache_enabled=False
        )

    def _explained(self, example: Example) -> FloatArray:
        """(2 + K,) as :meth:`scored`, where an answer says what is heard and why.

        A label is scored given what the model is told stands before it: the transcript of
        the corpus. With the reason first it is what the model itself writes at temperature
        0, if that opens an answer. The loss is that of the label alone.
        """
        lessons = self.lessons
        options = lessons.options(example.corpus)
        question = lessons.question(example)
        words = tuple(map(emotion_word, options.shown))
        decoding = Decoding.neutral(max_new_tokens=_LONGEST_EXPLANATION, min_new_tokens=0)
        with self.precision():
            before = before_answer(lessons.lesson(example, None).answer) or ""
            if lessons.form == "reason_first":
                ((said,),) = self.backend.answer([question], [[Draw(0.0, seed=0)]], decoding)
                before = before_answer(said.text or "") or before
            found = label_scores(self.backend, question, before, words, _TEMPERATURES, decoding)
        row = np.full(self.width + 2, -np.inf)
        row[1] = found.outside[0, 0]
        row[2 : 2 + len(words)] = found.logprobs[0, 0]
        right = row[2 + options.labels.index(example.item.label)]
        row[0] = -right * (self.weights or {}).get(example.item.label or "", 1.0)
        return row

    def _plain_losses(self, examples: Sequence[Example], logprobs: FloatArray) -> FloatArray:
        several = len(set(self.backend.eos_ids)) > 1  # each ends an option; one is learnt
        if several or self.settings.objective.tokens == "all":
            return np.asarray(self.loss(examples, epoch=None).double().cpu())
        weights = self.class_weights(examples).double().cpu().numpy()
        options = self.lessons.options(examples[0].corpus)
        texts = option_texts(options)
        right = [options.labels.index(each.item.label) for each in examples]
        lengths = np.array([self.answer_length(texts[place]) for place in right])
        found: FloatArray = -weights * logprobs[np.arange(len(right)), right] / lengths
        return found


def _reply(example: Example, heard: Heard, row: int, size: int) -> Reply:
    own = slice(row, row + 1)
    score = OptionScore(heard.logprobs[own, :size], heard.outside[own], heard.logprobs[own, :size])
    return Reply(example.item.utterance_id, ((),), score)


def make_answer_learner(
    backend: LearningModel, settings: TrainingSettings, data: TrainingData, lessons: Lessons
) -> AnswerLearner:
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
    return AnswerLearner(backend, lessons, settings, trained, weights, autocast)


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
