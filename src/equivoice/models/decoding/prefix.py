"""Prompts that have been run once: what every answer to them starts from.

A family of models runs its prompts in its own way, over embeddings of sound and
text, and hands over a :class:`Prefix`; all that follows (sampling, scoring of
options) is the same for all families.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import torch

__all__ = ["Prefix", "Strategy", "positions_of", "run_prompt"]

Strategy = Literal["tree", "rows"]


@dataclass(frozen=True)
class Prefix:
    """The state of a model after n prompts, left-padded to one length L.

    Args:
        model: what continues them: called with ``input_ids``, ``attention_mask``,
            ``position_ids``, ``past_key_values`` and ``use_cache``, it returns
            something with ``logits``. The whole model, or its language model.
        cache: keys and values of the prompts; it is never changed.
        mask: (n, L) bool, true where a column of the cache is real.
        next_position: (n,) the position of the first token of the answer.
        logits: (n, V) float32, those of the first token of the answer.
        input_ids: (n, S) the prompts' tokens, which a repetition penalty penalises:
            those that ``generate`` would be given.
        eos_ids: the tokens that end an answer, each once.
        decode: from token ids to text, without special tokens.
        input_mask: (n, S) bool, true where ``input_ids`` is real; ``None``: as ``mask``.
        position_ids: from positions (n, m) to what the model takes, where that is
            something else, such as three rotary axes; ``None``: as they are.
        extra: further keywords for each call of the model.
        strategy: ``tree`` where the model honours masks of a token tree, else
            ``rows``; see :func:`~equivoice.models.decoding.gates.honours_tree_masks`.
    """

    model: Any
    cache: Any
    mask: torch.Tensor
    next_position: torch.Tensor
    logits: torch.Tensor
    input_ids: torch.Tensor
    eos_ids: tuple[int, ...]
    decode: Callable[[Sequence[int]], str]
    input_mask: torch.Tensor | None = None
    position_ids: Callable[[torch.Tensor], torch.Tensor] | None = None
    extra: Mapping[str, Any] | None = None
    strategy: Strategy = "tree"

    def __len__(self) -> int:
        return int(self.logits.shape[0])

    def advance(
        self, cache: Any, tokens: torch.Tensor, mask: torch.Tensor, positions: torch.Tensor
    ) -> torch.Tensor:
        """The logits after further tokens, whose columns are appended to ``cache``.

        Args:
            cache: a fork of this prefix's, of B rows and C columns.
            tokens: (B, m) ids.
            mask: (B, 1, m, C + m) bool, true where a token attends to a column; or
                (B, C + m), for tokens in a plain sequence.
            positions: (B, m) the tokens' positions.

        Returns:
            (B, m, V) in the model's dtype.
        """
        import torch

        shaped = positions if self.position_ids is None else self.position_ids(positions)
        with torch.inference_mode():
            out = self.model(
                input_ids=tokens,
                attention_mask=self._as_taken(mask),
                position_ids=shaped,
                past_key_values=cache,
                use_cache=True,
                **(self.extra or {}),
            )
        logits: torch.Tensor = out.logits
        return logits

    def seen(self) -> torch.Tensor:
        """(n, V) bool: the tokens of each prompt, for the repetition penalty."""
        import torch

        size = self.logits.shape[1]
        real = self.mask if self.input_mask is None else self.input_mask
        # one column more absorbs padding and ids beyond the vocabulary
        ids = torch.where(real.to(self.input_ids.device), self.input_ids, size)
        ids = ids.clamp(max=size).to(self.logits.device)
        table = torch.zeros(len(self), size + 1, dtype=torch.bool, device=self.logits.device)
        return table.scatter_(1, ids, value=True)[:, :size]

    def _as_taken(self, mask: torch.Tensor) -> torch.Tensor:
        """A mask as the attention kernel takes it: eager adds it to the scores."""
        import torch

        if mask.dim() == 2:
            return mask.long()
        if _kernel(self.model) != "eager":
            return mask
        dtype = self.model.dtype
        nothing = torch.zeros((), dtype=dtype, device=mask.device)
        return torch.where(mask, nothing, torch.finfo(dtype).min)


def positions_of(mask: torch.Tensor) -> torch.Tensor:
    """(n, L) positions of left-padded tokens: 0, 1, 2 … from the first real one."""
    return (mask.long().cumsum(-1) - 1).clamp(min=0)


def run_prompt(
    model: Any,
    inputs: Mapping[str, Any],
    *,
    mask: torch.Tensor,
    input_ids: torch.Tensor,
    eos_ids: Sequence[int],
    decode: Callable[[Sequence[int]], str],
    input_mask: torch.Tensor | None = None,
    next_position: torch.Tensor | None = None,
    position_ids: Callable[[torch.Tensor], torch.Tensor] | None = None,
    continues: Any = None,
    extra: Mapping[str, Any] | None = None,
    strategy: Strategy = "tree",
) -> Prefix:
    """Run prompts by one forward pass.

    Args:
        model: called with ``inputs``, ``use_cache`` and, where it knows it,
            ``logits_to_keep=1``.
        inputs: ``input_ids`` or ``inputs_embeds``, and whatever else the model takes.
            ``attention_mask`` and ``position_ids`` are made from ``mask`` where they
            are not given; a given ``position_ids=None`` leaves them to the model.
        mask: (n, L) the real columns; prompts are padded on the left.
        input_ids: as for :class:`Prefix`, as the arguments that follow.
        eos_ids: the tokens that end an answer.
        decode: from token ids to text.
        input_mask: the real ones among ``input_ids``.
        next_position: where answers start; ``None``: after the real columns.
        position_ids: how positions are given to the model.
        continues: the model that continues, where it is another than ``model``.
        extra: further keywords for each later call.
        strategy: how continuations are evaluated.
    """
    import torch

    mask = mask.bool()
    given = dict(inputs)
    given.setdefault("attention_mask", mask.long())
    if "position_ids" not in given:
        positions = positions_of(mask)
        given["position_ids"] = positions if position_ids is None else position_ids(positions)
    if "logits_to_keep" in inspect.signature(model.forward).parameters:
        given["logits_to_keep"] = 1
    with torch.inference_mode():
        out = model(**given, use_cache=True)
        logits = out.logits[:, -1].float()
    return Prefix(
        model=continues if continues is not None else model,
        cache=out.past_key_values,
        mask=mask,
        next_position=mask.sum(-1) if next_position is None else next_position,
        logits=logits,
        input_ids=input_ids,
        eos_ids=tuple(sorted({int(end) for end in eos_ids})),
        decode=decode,
        input_mask=input_mask,
        position_ids=position_ids,
        extra=extra,
        strategy=strategy,
    )


def _kernel(model: Any) -> str | None:
    config = model.config
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    kernel: str | None = getattr(text, "_attn_implementation", None)
    return kernel
