"""The last layer of a language model, computed at the places whose states are wanted.

What the last layer makes of a place goes to the head and nowhere else: no other place
sees it. Only keys and values are needed at all places. So the modules that treat each
place by itself, and whose results no other place reads (those of queries, of the
attention's output, and the feed-forward part), are given the wanted places alone;
elsewhere their result is 0, and so is what leaves the layer's attention and
feed-forward part. In training, where an answer of a few tokens follows a prompt of
some hundred, that is seven eighths of the layer, forward and backward.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

__all__ = ["by_place", "only_at"]

_KNOWN = {"self_attn", "mlp", "input_layernorm", "post_attention_layernorm"}


def by_place(body: Any) -> list[torch.nn.Module]:
    """The modules of the last layer that need run at the wanted places only.

    Args:
        body: a language model of transformers without its head.

    Returns:
        None at all where the last layer is built otherwise than those of Llama and Qwen2.
    """
    layers = getattr(body, "layers", None) or [None]
    if getattr(body.config, "num_hidden_layers", None) != len(layers):
        return []
    last: Any = layers[-1]
    if {name for name, _ in last.named_children()} != _KNOWN:
        return []
    attention, forward = last.self_attn, last.mlp
    found = [getattr(attention, name, None) for name in ("q_proj", "o_proj")]
    # experts of a mixture would be told other shares of the work than they expect
    if None in found or not all(_is_linear(each) for each in _with_weights(forward)):
        return []
    return [*found, forward]


@contextmanager
def only_at(modules: Sequence[torch.nn.Module], places: torch.Tensor) -> Iterator[None]:
    """Have modules compute some places of their input, and give 0 for all others.

    Args:
        modules: each from (…, in) to (…, out), place by place.
        places: (m,) which ones, counted through all leading axes; none twice.

    Example:
        >>> import torch
        >>> double = torch.nn.Linear(1, 1, bias=False)
        >>> _ = torch.nn.init.constant_(double.weight, 2.0)
        >>> with only_at([double], torch.tensor([0, 3])):
        ...     double(torch.tensor([[[1.0], [2.0]], [[3.0], [4.0]]])).flatten().tolist()
        [2.0, 0.0, 0.0, 8.0]
    """
    with ExitStack() as stack:
        for module in modules:
            few = _Few(places)
            for handle in (
                module.register_forward_pre_hook(few.gather),
                module.register_forward_hook(few.scatter),
            ):
                stack.callback(handle.remove)
        yield


class _Few:
    """One module's call at some places."""

    def __init__(self, places: torch.Tensor) -> None:
        self._places = places
        self._lead: tuple[int, ...] = ()

    def gather(self, _module: Any, given: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        """The wanted places of the input, as one row."""
        values, *more = given
        self._lead = tuple(values.shape[:-1])
        return values.flatten(0, -2).index_select(0, self._places)[None], *more

    def scatter(self, _module: Any, _given: Any, found: torch.Tensor) -> torch.Tensor:
        """The results in their places, among zeros."""
        values = found[0]
        width = values.shape[-1]
        spread = values.new_zeros(math.prod(self._lead), width)
        return spread.index_copy(0, self._places, values).view(*self._lead, width)


def _with_weights(module: Any) -> list[Any]:
    """The modules within that hold weights themselves."""
    return [each for each in module.modules() if any(True for _ in each.parameters(recurse=False))]


def _is_linear(module: Any) -> bool:
    from torch.nn import Linear

    return isinstance(module, Linear)
