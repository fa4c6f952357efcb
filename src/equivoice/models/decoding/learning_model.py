"""What every local language model does alike when it is trained."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from equivoice.errors import ConfigError
from equivoice.models.decoding.backend import PrefixModel
from equivoice.models.decoding.lesson_states import SAVINGS
from equivoice.models.language import Question
from equivoice.models.learning import LOSS_ON, Lesson, LessonTokens, LossOn, TokenLosses
from equivoice.prompting.turns import Role, Turn

__all__ = ["LearningModel", "is_trained"]


def is_trained(module: Any) -> bool:
    """Whether any weight of a module is to be changed."""
    return any(parameter.requires_grad for parameter in module.parameters())


class LearningModel(PrefixModel):
    """A local model behind :class:`~equivoice.models.learning.LearningBackend`.

    A family gives the tokens of its prompts, the ids that end an answer
    (``eos_ids``), its ``tokenizer``, and :meth:`losses`.
    """

    name: str
    family: str
    modalities: frozenset[str]
    tokenizer: Any
    eos_ids: tuple[int, ...]

    @abstractmethod
    def text_tokens(self, question: Question) -> list[int]:
        """The token ids of a question without sound."""

    @abstractmethod
    def lesson_prompts(self, questions: Sequence[Question]) -> list[list[int]]:
        """The token ids of questions, with as many places as their sounds need."""

    @abstractmethod
    def losses(
        self, questions: Sequence[Question], answers: Sequence[list[int]], on: LossOn
    ) -> TokenLosses:
        """The losses of answers, which end in an end token, to questions."""

    def describe(self) -> Mapping[str, Any]:
        """What every local model says, and what is left out of a pass over lessons."""
        said = dict(super().describe())
        return {**said, "optimisations": {**said["optimisations"], **self.lesson_savings()}}

    def lesson_savings(self) -> Mapping[str, Any]:
        """Which savings of :mod:`~equivoice.models.decoding.lesson_states` are on, and why."""
        return {name: {"on": False, "why": "the stock forward is run"} for name in SAVINGS}

    def lesson_tokens(self, lesson: Lesson) -> LessonTokens:
        """The tokens that a lesson is made of.

        Raises:
            AudioError: the sound cannot be used.
            ConfigError: the answer is empty, or holds an end token.
        """
        (prompt,) = self.lesson_prompts([lesson.question])
        return LessonTokens(prompt, self.answer_tokens(lesson))

    def answer_losses(self, lessons: Sequence[Lesson], *, on: LossOn = "answer") -> TokenLosses:
        """The losses of some lessons, run together as one batch; differentiable.

        Args:
            lessons: one or more.
            on: the tokens that are counted: of the answer, or ``all``.

        Raises:
            AudioError: a sound cannot be used.
            ConfigError: no lessons, an unknown choice, or an answer that cannot be learned.
        """
        if on not in LOSS_ON:
            raise ConfigError("unknown tokens for a loss", value=on, choices=LOSS_ON)
        if not lessons:
            raise ConfigError("there are no lessons to learn from")
        answers = [self.answer_tokens(lesson) for lesson in lessons]
        return self.losses([lesson.question for lesson in lessons], answers, on)

    def answer_tokens(self, lesson: Lesson) -> list[int]:
        """The tokens of an answer and of its end.

        Raises:
            ConfigError: the answer is empty, or holds an end token.
        """
        tokens = self.option_tokens(lesson.answer)
        if not tokens:
            raise ConfigError("the answer is empty", row=None, value=lesson.question.utterance_id)
        if set(tokens) & set(self.eos_ids):
            raise ConfigError(
                f"the answer of {lesson.question.utterance_id} holds a token that ends answers",
                value=lesson.answer,
                hint="take the control token out of it",
            )
        return [*tokens, self.end_token]

    @property
    def end_token(self) -> int:
        """The token that ends a turn in the model's own chat template.

        A checkpoint may name several that end an answer; it was trained to write one.
        """
        if self._end is None:
            self._end = self._end_of_turn()
        return self._end

    def training_mode(self, on: bool) -> None:
        """Switch dropout on or off; an encoder that is not trained stays without."""
        self.model.train(on)
        for part in self.frozen_parts():
            part.eval()

    def keep_sounds(self, cache: Any) -> None:
        """Keep what an encoder makes of sounds, where the family runs its encoder apart.

        Args:
            cache: where; ``None``: nowhere.

        Raises:
            ConfigError: the family does not run its encoder apart.
        """
        if cache is not None:
            raise ConfigError(
                "what this system hears cannot be kept: its encoder is not run apart",
                value=type(self).__name__,
                hint="train without a cache of sounds",
            )

    def frozen_parts(self) -> list[Any]:
        """The parts of the model that are run without a graph, since nothing in them is trained."""
        return []

    def checkpoint_gradients(self, on: bool) -> None:
        """Keep only the input of each layer and compute it again for the gradients.

        Raises:
            ConfigError: the architecture does not know how.
        """
        # as releases of transformers before 5.21 named it
        kind = (
            "activation" if hasattr(self.model, "activation_checkpointing_enable") else "gradient"
        )
        if not on:
            getattr(self.model, f"{kind}_checkpointing_disable")()
            return
        settings = {"use_reentrant": False, "context_fn": self.layer_contexts}
        how = {f"{kind}_checkpointing_kwargs": settings}
        try:
            getattr(self.model, f"{kind}_checkpointing_enable")(**how)
        except ValueError as error:
            raise ConfigError(
                "the architecture does not know gradient checkpointing",
                value=type(self.model).__name__,
                hint="train without it, with smaller micro-batches",
            ) from error
        # gradients for the embeddings of tokens, which only the reentrant kind needs
        self.model.disable_input_require_grads()

    def layer_contexts(self) -> tuple[AbstractContextManager[Any], AbstractContextManager[Any]]:
        """What surrounds a layer in its pass, and when it is computed again for the gradients."""
        return nullcontext(), nullcontext()

    _end: int | None = None

    def _end_of_turn(self) -> int:
        if not self.eos_ids:
            raise ConfigError(
                "the checkpoint names no token that ends an answer",
                value=self.options.model,
                hint="add eos_token_id to its generation_config.json",
            )
        try:
            asked = self.text_tokens(_said("Which?"))
            went_on = self.text_tokens(_said("Which?", "This.", "And now?"))
        except ConfigError:  # a template that takes one turn only
            asked, went_on = [], []
        written = [token for token in went_on[len(asked) :] if token in self.eos_ids]
        usual = self.tokenizer.eos_token_id
        if written:
            return written[0]
        return int(usual) if usual in self.eos_ids else self.eos_ids[0]


def _said(*texts: str) -> Question:
    roles: tuple[Role, ...] = ("user", "assistant")
    return Question("", tuple(Turn(roles[at % 2], (text,)) for at, text in enumerate(texts)))
