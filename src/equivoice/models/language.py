"""What a language model must be able to do: answer questions about utterances.

Two protocols:

- :class:`LanguageBackend`: answers in words. All that a server can do.
- :class:`PrefixBackend`: a local model; it encodes sound and prompt once
  (:meth:`~PrefixBackend.prepare`), and then samples any number of answers and
  scores options from that one prefix.

A backend never sees labels, folds or groups, draws no seeds of its own and parses
nothing: ``inference`` asks, ``prompting`` reads the answers. One contract suite,
``tests/contract/test_language_backends.py``, tests all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from equivoice.errors import ConfigError
from equivoice.models.protocols import FloatArray
from equivoice.prompting.turns import Turn

__all__ = [
    "Clip",
    "Decoding",
    "Draw",
    "LanguageBackend",
    "OptionScores",
    "PrefixBackend",
    "Question",
    "Said",
]


@dataclass(frozen=True)
class Clip:
    """A piece of sound on disk.

    Args:
        path: the absolute path of the sound file.
        start: where it starts in the file, in seconds; ``None`` for the beginning.
        end: where it ends, in seconds; ``None`` for the end of the file.
    """

    path: str
    start: float | None = None
    end: float | None = None


@dataclass(frozen=True)
class Question:
    """One utterance as it is put to a model.

    Args:
        utterance_id: the utterance.
        turns: the conversation, rendered; the model answers next.
        clip: the sound for the place that the turns leave; ``None`` where they leave none.
    """

    utterance_id: str
    turns: tuple[Turn, ...]
    clip: Clip | None = None


@dataclass(frozen=True)
class Draw:
    """One answer that is wanted.

    Args:
        temperature: sampling temperature; 0 takes the most probable token at each step.
        seed: of this answer alone, from 0 to 2**63 - 1. Equal seeds give equal answers.
    """

    temperature: float
    seed: int


@dataclass(frozen=True)
class Decoding:
    """How answers are sampled, apart from the temperature.

    ``None`` stands for what the checkpoint's own generation settings say;
    :meth:`neutral` switches them off.

    Args:
        max_new_tokens: the most tokens of an answer.
        min_new_tokens: the fewest tokens before an answer may end.
        top_p: sample among the most probable tokens of this total mass; 1 for all.
        top_k: sample among so many tokens; 0 for all.
        repetition_penalty: divides the logits of tokens seen (prompt included); 1 for none.

    Raises:
        ConfigError: a value is out of its range; all of them together.

    Example:
        >>> Decoding.neutral(max_new_tokens=8).top_p
        1.0
    """

    max_new_tokens: int = 5
    min_new_tokens: int = 1
    top_p: float | None = None
    top_k: int | None = None
    repetition_penalty: float | None = None

    def __post_init__(self) -> None:
        wrong = {
            f"max_new_tokens: {self.max_new_tokens} is below 1": self.max_new_tokens < 1,
            f"min_new_tokens: {self.min_new_tokens} is not within 0 and max_new_tokens": (
                not 0 <= self.min_new_tokens <= self.max_new_tokens
            ),
            f"top_p: {self.top_p} is not above 0 and at most 1": (
                self.top_p is not None and not 0 < self.top_p <= 1
            ),
            f"top_k: {self.top_k} is negative": self.top_k is not None and self.top_k < 0,
            f"repetition_penalty: {self.repetition_penalty} is not above 0": (
                self.repetition_penalty is not None and not self.repetition_penalty > 0
            ),
        }
        problems = [problem for problem, found in wrong.items() if found]
        if problems:
            raise ConfigError.from_problems(problems)

    @classmethod
    def neutral(cls, *, max_new_tokens: int = 5, min_new_tokens: int = 1) -> Decoding:
        """Nothing but the temperature shapes the distribution, whatever the checkpoint says."""
        return cls(max_new_tokens, min_new_tokens, 1.0, 0, 1.0)


@dataclass(frozen=True)
class Said:
    """What a model said to one draw.

    Args:
        text: the answer as it came, without special tokens; ``None`` where there is none.
        reason: why there is none; ``None`` where there is one.
        finished: whether the model ended the answer by itself; ``None`` where unknown.
        seconds: how long this answer took, where it was asked for alone.
        cost: what it cost in US dollars, where known.
    """

    text: str | None
    reason: str | None = None
    finished: bool | None = None
    seconds: float | None = field(default=None, compare=False)
    cost: float | None = field(default=None, compare=False)


@dataclass(frozen=True)
class OptionScores:
    """How probable each option is as the whole answer.

    Args:
        logprobs: (n, T, K) natural logarithm of the probability that the answer is
            exactly this option, ended; normalised over the vocabulary at each token.
        outside: (n, T) the probability of all other answers, from 0 to 1.
    """

    logprobs: FloatArray
    outside: FloatArray


@runtime_checkable
class LanguageBackend(Protocol):
    """Answers questions in words."""

    @property
    def name(self) -> str:
        """The name of the system, as it stands in tables and reports."""

    @property
    def family(self) -> str:
        """Which wording of a prompt it is given, such as ``qwen2_audio`` or ``voxtral``."""

    @property
    def modalities(self) -> frozenset[str]:
        """What it can be given: of ``speech``, ``speech+transcript``, ``transcript``."""

    def describe(self) -> Mapping[str, Any]:
        """What a run record must know of it, as JSON can hold it.

        Where the weights come from and their hash or revision, dtype, device, the
        checkpoint's own generation settings, which optimisations are on and why
        others are off.
        """

    def answer(
        self, questions: Sequence[Question], draws: Sequence[Sequence[Draw]], decoding: Decoding
    ) -> list[list[Said]]:
        """The answers to n questions, for each question one a draw, in the order given.

        An answer depends on the question, the draw and the decoding, and on nothing
        that was asked before. A question that fails alone has its reason in each
        of its answers.

        Raises:
            AudioError: a sound cannot be used; the caller then asks for each alone.
            RunError: nothing can be had from going on (no server, no memory).
        """


@runtime_checkable
class PrefixBackend(LanguageBackend, Protocol):
    """A language model whose sound and prompt are run once for all answers."""

    def prepare(self, questions: Sequence[Question]) -> Any:
        """Encode sound and run prompts, together as one batch; what comes back is opaque.

        Raises:
            AudioError: as for :meth:`answer`.
        """

    def sample(
        self, prefix: Any, draws: Sequence[Sequence[Draw]], decoding: Decoding
    ) -> list[list[Said]]:
        """Answers from a prepared prefix; equal to those of :meth:`answer`."""

    def option_logprobs(
        self,
        prefix: Any,
        options: Sequence[str],
        temperatures: Sequence[float],
        decoding: Decoding,
    ) -> OptionScores:
        """How probable each option is as the whole answer, at each temperature.

        Args:
            prefix: of n questions.
            options: K texts as a model would write them.
            temperatures: T values; at 0 the most probable token has probability 1.
            decoding: top-p, top-k and repetition penalty apply at each token.
        """
