"""What a language model must be able to do to be trained: lose, token by token, on an answer.

A :class:`LearningBackend` is a :class:`~equivoice.models.language.PrefixBackend` whose
own road from sound and prompt to logits carries gradients. It knows no objective and
no optimiser: it gives the loss of each token of each answer, and ``training`` weighs
them. One contract suite, ``tests/contract/test_learning_backends.py``, tests all of
them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, runtime_checkable

from equivoice.models.language import PrefixBackend, Question

if TYPE_CHECKING:
    import torch

__all__ = ["LOSS_ON", "LearningBackend", "Lesson", "LessonTokens", "LossOn", "TokenLosses"]

LossOn: TypeAlias = Literal["answer", "all"]
LOSS_ON: tuple[LossOn, ...] = ("answer", "all")
"""The tokens that a loss may count: of the answer, or of the prompt's text as well."""


@dataclass(frozen=True)
class Lesson:
    """A question and the answer that a model is to learn.

    Args:
        question: as it is put to the model.
        answer: the whole answer as the model is to write it, without an end token.
    """

    question: Question
    answer: str


@dataclass(frozen=True)
class LessonTokens:
    """A lesson as token ids.

    Args:
        prompt: all that the model is given, a placeholder for each embedding of sound.
        answer: what it is to write, with the token that ends its turn.
    """

    prompt: list[int]
    answer: list[int]


@dataclass(frozen=True)
class TokenLosses:
    """The losses of n lessons, padded to the T counted tokens of the longest.

    Args:
        nll: (n, T) float32, minus the natural logarithm of the probability of each
            token; 0 where there is none.
        mask: (n, T) bool, true where there is one.
    """

    nll: torch.Tensor
    mask: torch.Tensor


@runtime_checkable
class LearningBackend(PrefixBackend, Protocol):
    """A local language model that can be trained."""

    @property
    def model(self) -> torch.nn.Module:
        """The model itself, whose parameters are trained."""

    def lesson_tokens(self, lesson: Lesson) -> LessonTokens:
        """The tokens that a lesson is made of.

        The answer is what :meth:`~PrefixBackend.option_logprobs` reads for the option
        of the same text, and ends in the token that ends a turn in the model's own
        chat template.

        Raises:
            AudioError: the sound cannot be used.
            ConfigError: the answer is empty, or holds an end token.
        """

    def answer_losses(self, lessons: Sequence[Lesson], *, on: LossOn = "answer") -> TokenLosses:
        """The losses of some lessons, run together as one batch; differentiable.

        What is frozen and comes before all that is trained is run without a graph.
        Nothing depends on the other lessons of the batch but, where the model is in
        training mode, the random numbers of dropout.

        Args:
            lessons: n lessons.
            on: ``answer`` counts the tokens of the answer and its end; ``all`` those
                of the prompt's text too, never places of sound.

        Raises:
            AudioError: a sound cannot be used.
            ConfigError: as for :meth:`lesson_tokens`.
        """

    def training_mode(self, on: bool) -> None:
        """Switch dropout on or off; an encoder that is not trained stays without."""

    def keep_sounds(self, cache: Any) -> None:
        """Keep what the encoder makes of each clip, wherever nothing in it is trained.

        Args:
            cache: a :class:`~equivoice.models.hearing.sound_cache.SoundCache`; ``None``: nowhere.

        Raises:
            ConfigError: the model does not run an encoder apart from all else.
        """

    def checkpoint_gradients(self, on: bool) -> None:
        """Keep only the input of each layer and compute it again for the gradients.

        Raises:
            ConfigError: the architecture does not know how.
        """
