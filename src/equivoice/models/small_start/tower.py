"""An encoder set from the sound of training speech, without any label.

- The convolutions give z, the whitened principal components of five frames, and -z:
  since GELU(z) - GELU(-z) = z, nothing is lost by the activation.
- Sines and cosines stand in channels of their own, by which heads find neighbours; large
  constants steady the norms, which then leave sums as they are.
- One head brings the mean of the clip's speech, four bring neighbours.
- Half of the feed-forward units answer to what is like a piece of training speech, half
  to the same without the clip's mean.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from equivoice.models.hearing.encoders import token_count
from equivoice.models.small_start.layout import OFFSETS, Layout
from equivoice.models.small_start.sounds import Sounds, given_to, loud, windows

if TYPE_CHECKING:
    import torch

__all__ = ["start_tower", "unit_means"]

_LOUD = 100.0
_SHARP = 8.0
_STEADY = 1e-3


def start_tower(tower: Any, layout: Layout, sounds: Sounds, generator: torch.Generator) -> None:
    """Set the weights of an encoder, all but the second feed-forward matrix, which becomes 0.

    Args:
        tower: of a Qwen2-Audio, with one layer; changed in place.
        layout: its channels.
        sounds: some of the training speech.
        generator: draws the pieces of speech that units answer to.
    """
    import torch

    with torch.no_grad():
        spreads = _start_convolutions(tower, layout, sounds)
        _start_positions(tower, layout)
        layer = tower.layers[0]
        hidden, speech = _before_layer(tower, sounds)
        spread = float(torch.cat(hidden).std(dim=1).mean())
        for norm in (layer.self_attn_layer_norm, layer.final_layer_norm, tower.layer_norm):
            norm.weight.fill_(spread)
            norm.bias.zero_()
        normed = layer.self_attn_layer_norm(torch.cat(hidden))
        _start_heads(layer.self_attn, layout, normed, torch.cat(speech))
        layer.fc2.weight.zero_()
        layer.fc2.bias.zero_()
        spoken = [row[: len(speech[n])][speech[n]] for n, row in given_to(tower, layer.fc1, sounds)]
        _start_units(layer, layout, torch.cat(spoken), spreads, generator)


def unit_means(tower: Any, sounds: Sounds) -> torch.Tensor:
    """(clips, units): what each feed-forward unit answers on average over a clip."""
    import torch

    layer = tower.layers[0]
    means = torch.zeros(len(sounds.frames), layer.fc2.in_features)
    for number, row in given_to(tower, layer.fc2, sounds):
        means[number] = row[: 2 * token_count(sounds.frames[number])].mean(0)
    return means


def components(rows: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Mean, (count, n) principal axes, and their variances, the largest first."""
    import torch

    mean = rows.mean(0)
    values, axes = torch.linalg.eigh((rows - mean).T @ (rows - mean) / len(rows))
    return mean, axes[:, -count:].T.flip(0), values[-count:].flip(0)


def _start_convolutions(tower: Any, layout: Layout, sounds: Sounds) -> torch.Tensor:
    """Set both convolutions, and give what whitening divided by.

    The first takes three frames to their principal components and the negative of these;
    two of its outputs side by side, weighed, make five frames.
    """
    import torch

    threes, fives = _pieces(sounds)
    count = min(layout.width // 2 - 2, 3 * layout.bands)
    mean, axes, _ = components(threes, count)
    mean5, axes5, values = components(fives, layout.content)
    spreads = (values.clamp(min=0) + _STEADY).sqrt()
    whitening = (axes5 / spreads[:, None]).reshape(layout.content, layout.bands, 5)
    early, late = whitening.clone(), whitening.clone()
    early[:, :, 2] /= 2
    late[:, :, 2] /= 2
    halves = early[:, :, :3].flatten(1), late[:, :, 2:].flatten(1)
    shift = (halves[0] + halves[1]) @ mean - whitening.flatten(1) @ mean5
    for conv in (tower.conv1, tower.conv2):
        conv.weight.zero_()
        conv.bias.zero_()
    for own, sign in ((slice(0, count), 1.0), (slice(count, 2 * count), -1.0)):
        tower.conv1.weight[own] = sign * axes.reshape(count, layout.bands, 3)
        tower.conv1.bias[own] = -sign * (axes @ mean)
    for at, sign in ((0, 1.0), (layout.content, -1.0)):
        own = slice(at, at + layout.content)
        for tap, half in zip((0, 2), halves, strict=True):
            both = torch.cat([half @ axes.T, -(half @ axes.T)], dim=1)
            tower.conv2.weight[own, : 2 * count, tap] = sign * both
        tower.conv2.bias[own] = sign * shift
    return spreads


def _pieces(sounds: Sounds) -> tuple[torch.Tensor, torch.Tensor]:
    """Three and five frames around positions in speech; some of all that there are."""
    import torch

    threes, fives = [], []
    for mel, frames in zip(sounds.mels, sounds.frames, strict=True):
        speech = loud(mel, frames)
        threes.append(windows(mel, frames, 3, 2)[speech])
        fives.append(windows(mel, frames, 5, 2)[speech])
    return torch.cat(threes)[::4], torch.cat(fives)[::2]


def _speeds(layout: Layout) -> torch.Tensor:
    import torch

    return torch.exp(torch.linspace(math.log(0.03), math.log(2.8), layout.timing // 2))


def _start_positions(tower: Any, layout: Layout) -> None:
    """Sines and cosines in channels of their own, and constants that steady the norms."""
    import torch

    table = tower.embed_positions.weight
    table.zero_()
    angles = torch.arange(len(table))[:, None] * _speeds(layout)
    table[:, layout.positions] = torch.cat([angles.sin(), angles.cos()], dim=1)
    table[:, layout.plus], table[:, layout.minus] = _LOUD, -_LOUD


def _before_layer(tower: Any, sounds: Sounds) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """What reaches the first layer, and which positions are speech."""
    import torch

    hidden, speech = [], []
    gelu = torch.nn.functional.gelu
    for mel, frames in zip(sounds.mels, sounds.frames, strict=True):
        out = gelu(tower.conv2(gelu(tower.conv1(mel[None]))))[0].T
        kept = loud(mel, frames)
        hidden.append(out[: len(kept)] + tower.embed_positions.weight[: len(kept)])
        speech.append(kept)
    return hidden, speech


def _start_heads(
    attention: Any, layout: Layout, normed: torch.Tensor, speech: torch.Tensor
) -> None:
    """A head for the mean of the speech, four for neighbours; others bring nothing."""
    import torch

    size = layout.head
    for part in (attention.q_proj, attention.k_proj, attention.v_proj, attention.out_proj):
        part.weight.zero_()
        if part.bias is not None:
            part.bias.zero_()
    content = _content(layout)
    for head in range(layout.heads):
        attention.v_proj.weight[head * size : head * size + layout.content] = content
    wanted = speech.float() - speech.float().mean()
    gram = normed.T @ normed + 1e-2 * len(normed) * torch.eye(layout.width)
    attention.k_proj.weight[0] = torch.linalg.solve(gram, normed.T @ wanted)
    attention.q_proj.bias[0] = _SHARP * math.sqrt(size)
    attention.out_proj.weight[layout.mean, : layout.content] = torch.eye(layout.content)
    for number, offset in enumerate(OFFSETS):
        start = (number + 1) * size
        timing = slice(start, start + layout.timing)
        attention.k_proj.weight[timing, layout.positions] = torch.eye(layout.timing)
        turned = math.sqrt(size) * _turned(layout, offset)
        attention.q_proj.weight[timing, layout.positions] = turned
        at = layout.brought.start + number * layout.neighbour
        brought = slice(at, at + layout.neighbour)
        values = slice(start, start + layout.neighbour)
        attention.out_proj.weight[brought, values] = torch.eye(layout.neighbour)


def _content(layout: Layout) -> torch.Tensor:
    """(content, width): z out of GELU(z) and GELU(-z)."""
    import torch

    count = layout.content
    found = torch.zeros(count, layout.width)
    found[:, :count], found[:, count : 2 * count] = torch.eye(count), -torch.eye(count)
    return found


def _turned(layout: Layout, offset: int) -> torch.Tensor:
    """The matrix from the sines and cosines of a position to those of one so much later."""
    import torch

    angles = _speeds(layout) * offset
    cosine, sine = torch.diag(angles.cos()), torch.diag(angles.sin())
    return torch.cat([torch.cat([cosine, sine], 1), torch.cat([-sine, cosine], 1)], 0)


def _start_units(
    layer: Any,
    layout: Layout,
    seen: torch.Tensor,
    spreads: torch.Tensor,
    generator: torch.Generator,
) -> None:
    """Each unit answers to what is like one piece of training speech.

    Half of the units compare the sound as it is, half what differs from the clip's mean.
    Pieces are compared with the sizes that whitening took away, so that smooth components
    lead again, in the leading principal components of whole pieces.
    """
    import torch

    sizes = torch.cat([spreads, *[spreads[: layout.neighbour] for _ in OFFSETS]])[:, None]
    plain, centred = (sizes * view for view in _views(layout))
    rows = seen @ plain.T
    mean, axes, values = components(rows[::2], layout.compared)
    whitening = axes / (values.clamp(min=0)[:, None] + _STEADY).sqrt()
    half = layout.inner // 2
    for at, view, middle in ((0, plain, mean), (half, centred, torch.zeros_like(mean))):
        count = half if at == 0 else layout.inner - half
        chosen = torch.randint(len(rows), (count,), generator=generator)
        if count <= len(rows):
            chosen = torch.randperm(len(rows), generator=generator)[:count]
        pieces = (rows[chosen] - mean) @ whitening.T
        pieces = pieces / pieces.norm(dim=1, keepdim=True).clamp(min=1e-6)
        layer.fc1.weight[at : at + count] = pieces @ whitening @ view
        layer.fc1.bias[at : at + count] = -(pieces @ whitening @ middle) - 1.0


def _views(layout: Layout) -> tuple[torch.Tensor, torch.Tensor]:
    """Matrices to a piece of speech with its neighbours; and to the same without the mean."""
    import torch

    content, neighbour = layout.content, layout.neighbour
    plain = torch.zeros(content + neighbour * len(OFFSETS), layout.width)
    plain[:content] = _content(layout)
    plain[content:, layout.brought] = torch.eye(neighbour * len(OFFSETS))
    plain[content:, layout.zero] = -1
    mean = torch.zeros(content, layout.width)
    mean[:, layout.mean] = torch.eye(content)
    mean[:, layout.zero] = -1
    return plain, plain - torch.cat([mean, *[mean[:neighbour] for _ in OFFSETS]])
