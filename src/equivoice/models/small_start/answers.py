"""A language model that answers with the label of the largest mean score.

The encoder's second feed-forward matrix scores the labels at each position, and the
projector hands the scores on, beside a constant that tells sound from text. In the
language model

- one head brings the mean of the scores over the sound to every token after it;
- its head takes them to the first tokens of the labels, as log-probabilities;
- the token after a label is the one that ends a turn.

All other matrices that write into the stream become 0: further training finds them a use.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from equivoice.models.hearing.language_part import part_of
from equivoice.models.small_start.layout import Layout
from equivoice.models.small_start.ridge import Readout

if TYPE_CHECKING:
    import torch

__all__ = ["start_answers"]

# far above any sum of scores, so that the norms are as good as linear
_LOUD = 256.0
# log-odds, of sound against text in attention, of answers against all other tokens
_SOUND = 12.0
_LIFT = 16.0
_END = 24.0
_QUIET = 0.02


def start_answers(backend: Any, layout: Layout, readout: Readout, answers: Sequence[str]) -> None:
    """Set encoder's scores, projector and language model, in place.

    Args:
        backend: a Qwen2-Audio, its encoder set.
        layout: its channels.
        readout: weights from units to scores.
        answers: the text of each label. Of answers of several tokens, only the first
            token is set: those that share one are left to training.
    """
    import torch

    with torch.no_grad():
        _start_scores(backend, layout, readout)
        language = part_of(backend.model, "language_model")
        body = getattr(language, "model", language)
        tokens = [backend.option_tokens(answer) for answer in answers]
        _start_embeddings(body.embed_tokens.weight, layout, [each[-1] for each in tokens])
        for number, block in enumerate(body.layers):
            _silence(block)
            if number == 0:
                _start_attention(block.self_attn, layout)
        head = backend.model.get_output_embeddings().weight
        first = [each[0] for each in tokens]
        _start_head(head, layout, readout.sharpness, first, backend.eos_ids)


def _start_scores(backend: Any, layout: Layout, readout: Readout) -> None:
    """The encoder's scores, and the projector that hands them on."""
    import torch

    layer, linear = backend.tower.layers[0], backend.projector.linear
    layer.fc2.weight[layout.scores] = readout.weights
    layer.fc2.bias[layout.scores] = readout.shift
    linear.weight.zero_()
    linear.bias.zero_()
    linear.weight[layout.heard, layout.scores] = torch.eye(layout.labels)
    linear.weight[layout.heard, layout.zero] = -1
    linear.bias[layout.constant] = _LOUD


def _start_embeddings(table: torch.Tensor, layout: Layout, last: Sequence[int]) -> None:
    """Text carries no scores, and the last token of each label a mark."""
    table[:, : layout.last + 1] = 0
    table[:, layout.constant] = -_LOUD
    table[list(last), layout.last] = _LOUD


def _silence(block: Any) -> None:
    block.self_attn.o_proj.weight.zero_()
    block.mlp.down_proj.weight.zero_()


def _start_attention(attention: Any, layout: Layout) -> None:
    """The first head's mean of the scores over the sound.

    Query and key meet in the slowest pair of rotating channels, which hardly turns over
    30 s, so that all positions of sound count alike.
    """
    import torch

    size = layout.text_head
    slow = size // 2 - 1
    # the norm takes a token to this times itself
    scale = math.sqrt(layout.text_width) / _LOUD
    for part in (attention.q_proj, attention.k_proj, attention.v_proj):
        part.weight[:size] = 0
        part.bias[:size] = 0
    attention.q_proj.bias[slow] = _SOUND * math.sqrt(size)
    attention.k_proj.weight[slow, layout.constant] = 1 / (scale * _LOUD)
    attention.v_proj.weight[: layout.labels, layout.heard] = torch.eye(layout.labels) / scale
    attention.o_proj.weight[layout.answers, : layout.labels] = torch.eye(layout.labels)


def _start_head(
    head: torch.Tensor,
    layout: Layout,
    sharpness: float,
    first: Sequence[int],
    ends: Sequence[int],
) -> None:
    """Log-probabilities of the labels at the end of the prompt, the end of a turn after them."""
    scale = math.sqrt(layout.text_width) / _LOUD
    # where the mark is as large as the constant, the norm takes both to less
    marked = math.sqrt(layout.text_width / 2)
    head.mul_(_QUIET)
    head[:, : layout.last + 1] = 0
    for place, token in enumerate(first):
        head[token, layout.answers.start + place] = sharpness / scale
        head[token, layout.constant] = -_LIFT / (scale * _LOUD)
        head[token, layout.last] = -2 * _LIFT / (scale * _LOUD)
    for token in ends:
        head[token, layout.last] = _END / marked
