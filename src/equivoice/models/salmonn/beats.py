"""BEATs: an encoder of sound by patches of its filter bank (Chen et al. 2023, arXiv:2212.09058).

Patches of 16 frames × 16 mel bands are projected, given a convolution over positions, and
run through a transformer of the "deep norm" kind, whose attention adds a bias by relative
position (buckets, as in T5), gated by the query. Written from the paper and the published
weights' shapes; ``tests/unit/models/salmonn/test_beats.py`` holds it against outputs of
the released model.

The names of the parameters are the release's, but for one: the table of relative
positions, which all layers share and the release stores once a layer, stands once.

What it lacks of the release is what SALMONN does not use: quantised labels, the 527
classes, and layer norm first.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedConfig

from equivoice.models.salmonn.filter_bank import BANDS, frame_count

__all__ = ["Beats", "BeatsConfig", "normalised", "patch_count", "patch_padding"]

_MEAN, _DEVIATION = 15.41663, 6.55582


class BeatsConfig(PreTrainedConfig):  # type: ignore[misc]
    """The sizes of a BEATs encoder, named as in the released checkpoints.

    Args:
        input_patch_size: frames and mel bands of a patch.
        embed_dim: width of a projected patch.
        encoder_layers: layers.
        encoder_embed_dim: width of the transformer.
        encoder_ffn_embed_dim: width of its feed-forward layers.
        encoder_attention_heads: its attention heads.
        conv_pos: positions that the convolution over positions sees.
        conv_pos_groups: its groups.
        conv_bias: whether the projection of patches has a bias.
        num_buckets: buckets of relative positions.
        max_distance: from which distance on all share a bucket.
        dropout: share of activations set to 0 in training.
        attention_dropout: share of attention set to 0 in training.
        rest: as every configuration of transformers.

    Example:
        >>> BeatsConfig().encoder_embed_dim
        768
    """

    model_type = "beats"

    def __init__(
        self,
        *,
        input_patch_size: int = 16,
        embed_dim: int = 512,
        encoder_layers: int = 12,
        encoder_embed_dim: int = 768,
        encoder_ffn_embed_dim: int = 3072,
        encoder_attention_heads: int = 12,
        conv_pos: int = 128,
        conv_pos_groups: int = 16,
        conv_bias: bool = False,
        num_buckets: int = 320,
        max_distance: int = 800,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        **rest: Any,
    ) -> None:
        self.input_patch_size = input_patch_size
        self.embed_dim = embed_dim
        self.encoder_layers = encoder_layers
        self.encoder_embed_dim = encoder_embed_dim
        self.encoder_ffn_embed_dim = encoder_ffn_embed_dim
        self.encoder_attention_heads = encoder_attention_heads
        self.conv_pos = conv_pos
        self.conv_pos_groups = conv_pos_groups
        self.conv_bias = conv_bias
        self.num_buckets = num_buckets
        self.max_distance = max_distance
        self.dropout = dropout
        self.attention_dropout = attention_dropout
        super().__init__(**rest)


def normalised(bank: torch.Tensor) -> torch.Tensor:
    """A filter bank as BEATs takes it: (x − 15.41663) / (2 × 6.55582)."""
    return (bank - _MEAN) / (2 * _DEVIATION)


def patch_count(samples: int, patch: int = 16) -> int:
    """How many patches BEATs makes of a sound; 0 where it is shorter than one patch.

    Example:
        >>> patch_count(32_000), patch_count(480_000), patch_count(2_799)
        (96, 1496, 0)
    """
    return frame_count(samples) // patch * (BANDS // patch)


def patch_padding(padding: torch.Tensor, frames: int, patches: int) -> torch.Tensor:
    """Which patches are padding, by the release's own rule.

    A frame is padding where all of its share of the samples is, and a patch where all of
    its share of the frames is; shares are equal, and samples that are left over are cut.

    Args:
        padding: (n, samples) bool, true where there is no sound.
        frames: of the filter bank.
        patches: made of them.

    Returns:
        (n, patches) bool.
    """
    for count in (frames, patches):
        share = padding.shape[1] // count
        extra = padding.shape[1] % count
        kept = padding[:, : padding.shape[1] - extra]
        padding = kept.view(len(padding), count, share).all(-1)
    return padding


class Beats(nn.Module):
    """From filter banks to one vector a patch.

    Args:
        config: the sizes.
    """

    def __init__(self, config: BeatsConfig) -> None:
        super().__init__()
        self.config = config
        size = config.input_patch_size
        self.patch_embedding = nn.Conv2d(
            1, config.embed_dim, kernel_size=size, stride=size, bias=config.conv_bias
        )
        self.layer_norm = nn.LayerNorm(config.embed_dim)
        self.post_extract_proj = (
            nn.Linear(config.embed_dim, config.encoder_embed_dim)
            if config.embed_dim != config.encoder_embed_dim
            else nn.Identity()
        )
        self.encoder = _Encoder(config)

    def patches(self, bank: torch.Tensor) -> torch.Tensor:
        """(n, patches, width) the projected patches of normalised banks (n, frames, 128).

        Patches go through the mel bands first, then through time.
        """
        bank = bank.to(self.patch_embedding.weight)
        found = self.patch_embedding(bank[:, None]).flatten(2).transpose(1, 2)
        projected: torch.Tensor = self.post_extract_proj(self.layer_norm(found))
        return projected

    def forward(self, bank: torch.Tensor, padding: torch.Tensor | None = None) -> torch.Tensor:
        """What the encoder makes of sounds.

        Args:
            bank: (n, frames, 128) as :func:`normalised` gives it.
            padding: (n, patches) bool, true where a patch is none; ``None``: all are.

        Returns:
            (n, patches, width); what stands at padding has no meaning, and what stands
            elsewhere does not depend on it.
        """
        encoded: torch.Tensor = self.encoder(self.patches(bank), padding)
        return encoded


class _Encoder(nn.Module):
    def __init__(self, config: BeatsConfig) -> None:
        super().__init__()
        width = config.encoder_embed_dim
        self.pos_conv = nn.Sequential(_PositionalConvolution(config))
        self.relative_attention_bias = nn.Embedding(
            config.num_buckets, config.encoder_attention_heads
        )
        self.layers = nn.ModuleList(_Layer(config) for _ in range(config.encoder_layers))
        self.layer_norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(config.dropout)
        self._config = config

    def forward(self, hidden: torch.Tensor, padding: torch.Tensor | None) -> torch.Tensor:
        if padding is not None:
            hidden = hidden.masked_fill(padding[..., None], 0.0)
        hidden = hidden + self.pos_conv(hidden)
        hidden = self.dropout(self.layer_norm(hidden))
        bias = self._bias(hidden.shape[1])
        for layer in self.layers:
            hidden = layer(hidden, bias, padding)
        return hidden

    def _bias(self, count: int) -> torch.Tensor:
        """(heads, count, count): the bias of each pair of positions."""
        place = torch.arange(count, device=self.relative_attention_bias.weight.device)
        bucket = _buckets(
            place[None, :] - place[:, None], self._config.num_buckets, self._config.max_distance
        )
        values: torch.Tensor = self.relative_attention_bias(bucket)
        return values.permute(2, 0, 1)


class _PositionalConvolution(nn.Module):
    """A grouped convolution over positions, its kernel held as direction and length.

    The length (``weight_g``) is one for each of the kernel's places.
    """

    def __init__(self, config: BeatsConfig) -> None:
        super().__init__()
        width, groups, reach = config.encoder_embed_dim, config.conv_pos_groups, config.conv_pos
        self.groups = groups
        self.weight_g = nn.Parameter(torch.ones(1, 1, reach))
        self.weight_v = nn.Parameter(torch.empty(width, width // groups, reach))
        self.bias = nn.Parameter(torch.zeros(width))
        nn.init.normal_(self.weight_v, std=math.sqrt(4 / (reach * width)))

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        length = self.weight_v.float().square().sum(dim=(0, 1), keepdim=True).sqrt()
        kernel = self.weight_v * (self.weight_g / length).to(self.weight_v)
        reach = kernel.shape[-1]
        found = nn.functional.conv1d(
            hidden.transpose(1, 2), kernel, self.bias, padding=reach // 2, groups=self.groups
        )
        # an even kernel has one place more on the right than positions
        found = found[..., : hidden.shape[1]]
        return nn.functional.gelu(found).transpose(1, 2)


class _Layer(nn.Module):
    def __init__(self, config: BeatsConfig) -> None:
        super().__init__()
        width, inner = config.encoder_embed_dim, config.encoder_ffn_embed_dim
        self.self_attn = _Attention(config)
        self.self_attn_layer_norm = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, inner)
        self.fc2 = nn.Linear(inner, width)
        self.final_layer_norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(config.dropout)
        # deep norm: what goes past a layer counts for more, the more layers there are
        self._past = (2 * config.encoder_layers) ** 0.25

    def forward(
        self, hidden: torch.Tensor, bias: torch.Tensor, padding: torch.Tensor | None
    ) -> torch.Tensor:
        attended = self.dropout(self.self_attn(hidden, bias, padding))
        hidden = self.self_attn_layer_norm(hidden * self._past + attended)
        fed = self.dropout(self.fc2(nn.functional.gelu(self.fc1(hidden))))
        out: torch.Tensor = self.final_layer_norm(hidden * self._past + fed)
        return out


class _Attention(nn.Module):
    """Attention with a bias by relative position, gated by the query."""

    def __init__(self, config: BeatsConfig) -> None:
        super().__init__()
        width, self.heads = config.encoder_embed_dim, config.encoder_attention_heads
        self.k_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.q_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)
        self.grep_linear = nn.Linear(width // self.heads, 8)
        self.grep_a = nn.Parameter(torch.ones(1, self.heads, 1, 1))
        self._drop = config.attention_dropout

    def forward(
        self, hidden: torch.Tensor, bias: torch.Tensor, padding: torch.Tensor | None
    ) -> torch.Tensor:
        query, key, value = (
            project(hidden).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for project in (self.q_proj, self.k_proj, self.v_proj)
        )
        added = self._gate(query) * bias
        if padding is not None:
            added = added.masked_fill(padding[:, None, None, :], -torch.inf)
        attended = nn.functional.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=added.to(query.dtype),
            dropout_p=self._drop if self.training else 0.0,
        )
        out: torch.Tensor = self.out_proj(attended.transpose(1, 2).flatten(2))
        return out

    def _gate(self, query: torch.Tensor) -> torch.Tensor:
        """(n, heads, positions, 1): a (b g − 1) + 2, with a and b of the query and g of the head."""
        halves = self.grep_linear(query).unflatten(-1, (2, 4)).sum(-1).sigmoid()
        first, second = halves[..., :1], halves[..., 1:]
        gate: torch.Tensor = first * (second * self.grep_a - 1.0) + 2.0
        return gate


def _buckets(distance: torch.Tensor, buckets: int, most: int) -> torch.Tensor:
    """The bucket of each signed distance: near ones of their own, far ones by their logarithm."""
    half = buckets // 2
    exact = half // 2
    away = distance.abs()
    far = torch.log(away.clamp(min=1).float() / exact) / math.log(most / exact)
    far = (exact + (far * (half - exact)).long()).clamp(max=half - 1)
    return torch.where(away < exact, away, far) + (distance > 0).long() * half
