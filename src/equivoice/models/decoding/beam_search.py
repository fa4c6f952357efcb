"""The most probable whole answers, by beam search: transformers' own ``generate``.

Unlike sampling it looks at several continuations side by side, and takes the one whose
mean log-probability over its tokens is highest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from equivoice.models.decoding.backend import enough_memory
from equivoice.models.decoding.effective import Effective
from equivoice.models.language import Said

if TYPE_CHECKING:
    import torch

__all__ = ["beam_answers"]


def beam_answers(
    model: Any,
    embeds: torch.Tensor,
    mask: torch.Tensor,
    *,
    beams: int,
    effective: Effective,
    eos_ids: Sequence[int],
    filler: int,
    decode: Callable[[Sequence[int]], str],
) -> list[Said]:
    """The best answer to each of n prompts.

    Args:
        model: a causal model of transformers.
        embeds: (n, L, width) the prompts, padded on the left.
        mask: (n, L) bool, true where a column is real.
        beams: how many continuations are looked at side by side.
        effective: the fewest and the most tokens, and the repetition penalty, which
            penalises the answer's own tokens alone.
        eos_ids: the tokens that end an answer.
        filler: a token that fills the rows of answers that ended early.
        decode: from token ids to text, without special tokens.

    Raises:
        RunError: the memory has run out.
    """
    import torch
    from transformers import GenerationConfig

    settings = GenerationConfig(
        num_beams=beams,
        do_sample=False,
        max_new_tokens=effective.max_new_tokens,
        min_new_tokens=effective.min_new_tokens,
        repetition_penalty=effective.repetition_penalty,
        eos_token_id=list(eos_ids),
        pad_token_id=filler,
    )
    with torch.inference_mode(), enough_memory():
        rows = model.generate(
            inputs_embeds=embeds, attention_mask=mask.long(), generation_config=settings
        )
    return [_said(row, set(eos_ids), decode) for row in rows.tolist()]


def _said(row: list[int], ends: set[int], decode: Callable[[Sequence[int]], str]) -> Said:
    """One row of tokens as an answer: up to the first that ends it."""
    length = next((at for at, token in enumerate(row) if token in ends), None)
    return Said(decode(row[:length]), finished=length is not None)
