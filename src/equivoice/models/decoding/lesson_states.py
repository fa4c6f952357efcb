"""The states that foretell the counted tokens of lessons, at the least work that is exact.

Two things are left out of a plain pass over all lessons:

- ``last_layer``: the last layer runs only at the places whose states are wanted
  (:mod:`~equivoice.models.decoding.last_layer`).
- ``shared_beginning``: the tokens before the first difference, such as the system's
  text before the sound, run once, and all lessons go on from their keys and values.
  Gradients flow through them. Where something is drawn at random in the layers
  (LoRA's dropout), each lesson has draws of its own, so this is left undone.

Each must pass a gate for the model at hand before it is used: states of a few tokens,
once plainly and once this way. Where layers are computed again for their gradients
(checkpointing), transformers keeps no cache, so nothing is shared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from equivoice.models.decoding.caches import attends_to_all
from equivoice.models.decoding.gates import Gate
from equivoice.models.decoding.last_layer import by_place, only_at

if TYPE_CHECKING:
    import torch

__all__ = ["SAVINGS", "LessonStates", "alike"]

SAVINGS = ("last_layer", "shared_beginning")
"""What may be left out, as :meth:`LessonStates.describe` names it."""

_EXACT = 1e-5
_HALF_PRECISION = 2.0**-6
# rows that sharing must save: a GPU reads all weights for a pass of however few
_WORTH = {"cpu": 32}
_WORTH_ELSEWHERE = 512
# of the input that a gate is tried on
_ROWS, _LENGTH, _BEGINNING = 2, 12, 5


def alike(rows: Sequence[Sequence[int]], never: int | None = None) -> int:
    """How many tokens all rows begin with, before the first ``never``.

    Example:
        >>> alike([[5, 6, 7, 9], [5, 6, 8]]), alike([[5, 0, 7], [5, 0, 7]], never=0)
        (2, 1)
    """
    count = 0
    for several in zip(*rows, strict=False):
        if len(set(several)) > 1 or several[0] == never:
            break
        count += 1
    return count


@dataclass(frozen=True)
class _Places:
    """Where wanted states stand: (m,) row and column of each."""

    row: torch.Tensor
    column: torch.Tensor

    def flat(self, width: int) -> torch.Tensor:
        return self.row * width + self.column


class LessonStates:
    """The last states of a language model at some places.

    Args:
        body: the language model without its head; it takes ``inputs_embeds`` and gives
            ``last_hidden_state``.
    """

    def __init__(self, body: Any) -> None:
        self._body = body
        self._gates: dict[str, Gate] = {}
        # the pass that is under way, or was last
        self._now: tuple[Sequence[Any], Any] = ((), None)

    def at(
        self, embeds: torch.Tensor, row: torch.Tensor, column: torch.Tensor, *, shared: int = 0
    ) -> torch.Tensor:
        """(m, width) the states at some places.

        Args:
            embeds: (n, L, width), padded on the right.
            row: (m,) which of the n.
            column: (m,) which of the L; no place twice.
            shared: how many embeddings all rows begin with; all wanted columns follow.
        """
        wanted = _Places(row, column)
        self.ready()
        modules = by_place(self._body) if self._gates["last_layer"].passed else []
        worth = _WORTH.get(embeds.device.type, _WORTH_ELSEWHERE)
        saved = shared * (len(embeds) - 1)
        passed = self._gates["shared_beginning"].passed
        if saved < worth or not passed or (_training(self._body) and self._hindered()):
            return self._run(embeds, wanted, modules)
        return self._shared(embeds, wanted, modules, shared)

    def everywhere(self, embeds: torch.Tensor) -> torch.Tensor:
        """(n, L, width) the states at all places, by a plain pass.

        Args:
            embeds: (n, L, width), padded on the right.
        """
        self._now = ((), None)
        found: torch.Tensor = self._body(inputs_embeds=embeds, use_cache=False).last_hidden_state
        return found

    def ready(self) -> None:
        """Try the gates, where they have not been tried."""
        if not self._gates:
            self._gates = self._tried()

    def describe(self) -> Mapping[str, Mapping[str, Any]]:
        """Whether each is done in training, and why or why not."""
        if not self._gates:
            return {name: {"on": None, "why": "not run yet"} for name in SAVINGS}
        found = {name: {"on": gate.passed, "why": gate.why} for name, gate in self._gates.items()}
        hindered = self._hindered()
        if hindered:
            found["shared_beginning"] = {"on": False, "why": hindered}
        return found

    def layer_contexts(self) -> tuple[AbstractContextManager[Any], AbstractContextManager[Any]]:
        """For :func:`torch.utils.checkpoint.checkpoint`: a layer runs again at the same places."""
        modules, places = self._now
        return nullcontext(), only_at(modules, places) if modules else nullcontext()

    def _hindered(self) -> str:
        """Why a beginning cannot be shared in training, whatever its gate says."""
        if _draws(self._body):
            return "off in training: dropout draws for each lesson"
        if _computed_again(self._body):
            return "off in training: layers are computed again for their gradients"
        return ""

    def _run(
        self, embeds: torch.Tensor, wanted: _Places, modules: Sequence[Any], past: Any = None
    ) -> torch.Tensor:
        """One pass; with ``past``, it goes on from there and adds to it."""
        places = wanted.flat(embeds.shape[1])
        self._now = (modules, places)
        with only_at(modules, places):
            out = self._body(inputs_embeds=embeds, past_key_values=past, use_cache=past is not None)
        found: torch.Tensor = out.last_hidden_state[wanted.row, wanted.column]
        return found

    def _shared(
        self, embeds: torch.Tensor, wanted: _Places, modules: Sequence[Any], shared: int
    ) -> torch.Tensor:
        """The common beginning once, then the rest of all rows."""
        past = _cache(self._body)
        nowhere = _Places(wanted.row[:0], wanted.column[:0])
        self._run(embeds[:1, :shared], nowhere, modules, past)
        past.batch_repeat_interleave(len(embeds))
        rest = _Places(wanted.row, wanted.column - shared)
        return self._run(embeds[:, shared:], rest, modules, past)

    def _tried(self) -> dict[str, Gate]:
        """Both ways of saving work, on a few tokens."""
        import torch

        embeds, wanted = _trial(self._body)
        modules = by_place(self._body)
        device = embeds.device.type
        with _calm(self._body), torch.no_grad(), torch.autocast(device, enabled=False):
            plain = self._run(embeds, wanted, [])
            last = Gate(False, "the last layer is built in a way that is not known")
            if modules:
                last = _agree(self._run(embeds, wanted, modules), plain)
            used = modules if last.passed else []
            sharing = self._tried_sharing(embeds, wanted, used, plain)
            return dict(zip(SAVINGS, (last, sharing), strict=True))

    def _tried_sharing(
        self, embeds: torch.Tensor, wanted: _Places, modules: Sequence[Any], plain: torch.Tensor
    ) -> Gate:
        if not attends_to_all(_cache(self._body)):
            return Gate(False, "the cache does not keep every token's keys in order")
        try:
            return _agree(self._shared(embeds, wanted, modules, _BEGINNING), plain)
        except (RuntimeError, ValueError, TypeError, AttributeError, IndexError) as error:
            said = str(error).partition("\n")[0]
            return Gate(False, f"the model does not go on from a cache: {said}")


def _agree(found: torch.Tensor, plain: torch.Tensor) -> Gate:
    """Whether states are those of a plain pass, to 1e-5 of their range (half precision: 1/64)."""
    import torch

    apart = float((found - plain).abs().max())
    scale = float(plain.max() - plain.min())
    allowed = scale * (_EXACT if plain.dtype == torch.float32 else _HALF_PRECISION)
    return Gate(
        apart <= allowed,
        f"states differ by {apart:.1e} of a range of {scale:.1e} ({allowed:.1e} allowed)",
    )


def _trial(body: Any) -> tuple[torch.Tensor, _Places]:
    """Rows of some embeddings with a common beginning, and two places in each."""
    import torch

    embed = body.get_input_embeddings()
    device = embed.weight.device
    ids = torch.arange(_ROWS * _LENGTH, device=device).view(_ROWS, _LENGTH)
    ids[:, :_BEGINNING] = ids[:1, :_BEGINNING]
    with torch.no_grad():
        embeds = embed(ids % embed.weight.shape[0]).to(body.dtype)
    row = torch.tensor([0, 0, 1, 1], device=device)
    column = torch.tensor([_LENGTH - 2, _LENGTH - 1, _BEGINNING, _LENGTH - 1], device=device)
    return embeds, _Places(row, column)


def _cache(body: Any) -> Any:
    from transformers import DynamicCache

    return DynamicCache(config=body.config)


@contextmanager
def _calm(body: Any) -> Iterator[None]:
    """Dropout off within, and each module as it was afterwards."""
    modes = [(module, module.training) for module in body.modules()]
    body.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def _training(body: Any) -> bool:
    """Whether any layer is in the mode of training."""
    return any(module.training for module in body.modules())


def _draws(body: Any) -> bool:
    """Whether anything in the layers is drawn at random in training."""
    from torch.nn.modules.dropout import _DropoutNd

    return any(
        (isinstance(module, _DropoutNd) and module.p > 0)
        or float(getattr(module, "attention_dropout", 0.0) or 0.0) > 0
        for module in body.modules()
    )


def _computed_again(body: Any) -> bool:
    """Whether layers keep only their inputs and are computed again for the gradients."""
    return any(getattr(module, "gradient_checkpointing", False) for module in body.modules())
