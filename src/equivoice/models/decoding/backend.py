"""What every local language model does alike, once it can run its prompts.

A family gives :meth:`PrefixModel.prepare` and the tokens of an option; sampling,
scoring, the gate of the token tree and the description follow.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from equivoice.errors import RunError
from equivoice.models.decoding.checkpoint import checkpoint_settings
from equivoice.models.decoding.effective import Effective, resolve
from equivoice.models.decoding.gates import Gate, honours_tree_masks
from equivoice.models.decoding.loading import LoadOptions, describe_loading
from equivoice.models.decoding.option_scoring import score_options
from equivoice.models.decoding.prefix import Prefix
from equivoice.models.decoding.tree_sampling import sample_tree
from equivoice.models.language import Decoding, Draw, OptionScores, Question, Said

__all__ = ["PrefixModel", "enough_memory"]


@contextmanager
def enough_memory() -> Iterator[None]:
    """Memory of the GPU that runs out, as an error that says what to do.

    Raises:
        RunError: it has run out.
    """
    from torch import OutOfMemoryError

    try:
        yield
    except OutOfMemoryError as error:
        said = str(error).partition("\n")[0]
        raise RunError(f"the GPU's memory has run out; try a smaller batch ({said})") from error


class PrefixModel(ABC):
    """A local model behind :class:`~equivoice.models.language.PrefixBackend`.

    Args:
        model: as loaded; its generation settings are honoured.
        options: how it was loaded.
    """

    def __init__(self, model: Any, options: LoadOptions) -> None:
        self.model = model
        self.options = options
        self._settings = checkpoint_settings(model)
        self._tree: Gate | None = None

    @abstractmethod
    def prepare(self, questions: Sequence[Question]) -> Prefix:
        """Encode sound and run prompts, together as one batch."""

    @abstractmethod
    def option_tokens(self, option: str) -> list[int]:
        """An option as the model would write it: token ids, without an end token."""

    def answer(
        self, questions: Sequence[Question], draws: Sequence[Sequence[Draw]], decoding: Decoding
    ) -> list[list[Said]]:
        """The answers to questions: prepared, then sampled."""
        if not questions:
            return []
        return self.sample(self.prepare(questions), draws, decoding)

    def sample(
        self, prefix: Prefix, draws: Sequence[Sequence[Draw]], decoding: Decoding
    ) -> list[list[Said]]:
        """Answers from a prepared prefix, one a draw."""
        with enough_memory():
            return sample_tree(self._gated(prefix), draws, self.effective(decoding))

    def option_logprobs(
        self,
        prefix: Prefix,
        options: Sequence[str],
        temperatures: Sequence[float],
        decoding: Decoding,
    ) -> OptionScores:
        """How probable each option is as the whole answer, at each temperature."""
        tokens = [self.option_tokens(option) for option in options]
        shaped = self.effective(decoding)
        with enough_memory():
            return score_options(self._gated(prefix), tokens, temperatures, shaped)

    def effective(self, decoding: Decoding) -> Effective:
        """The concrete settings of a call, caller's and checkpoint's together."""
        return resolve(decoding, self._settings)

    def describe(self) -> Mapping[str, Any]:
        """Origin of the weights, how they are held, generation settings, optimisations."""
        tree = "not run yet" if self._tree is None else self._tree.why
        return {
            **describe_loading(self.model, self.options),
            "optimisations": {
                "prefix_tree": {
                    "on": None if self._tree is None else self._tree.passed,
                    "why": tree,
                }
            },
        }

    def _gated(self, prefix: Prefix) -> Prefix:
        """The prefix, continued by rows where the model does not honour tree masks."""
        if prefix.strategy != "tree":
            return prefix
        if self._tree is None:
            self._tree = honours_tree_masks(prefix)
        return prefix if self._tree.passed else replace(prefix, strategy="rows")
