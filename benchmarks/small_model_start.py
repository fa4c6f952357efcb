"""What a small speech LLM starts from: weights read off the training sound, labels by ridge.

Trained by gradient alone, a tower of this size needs far more steps on a thousand clips
than two cores make in minutes (``results/small_model.md``). Here its weights are set:

- the convolutions give z, the whitened principal components of five frames, and -z, since
  GELU(z) - GELU(-z) is z;
- sines and cosines stand in channels of their own, so that heads can look at neighbours;
  large constants steady the norms, which then leave sums as they are;
- one head brings the mean of the clip's speech, four bring neighbours, one stays idle;
- half of the feed-forward units answer to what is like a piece of training speech, half
  to the same without the clip's mean;
- the second feed-forward matrix is a ridge regression of the labels on what the units
  answer on average over a clip, on the clips and on copies at other speeds and with
  stretched bands.

All but the last step see no label. Only training speakers are given to any of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import torch
from sklearn.metrics import f1_score

from equivoice.audio.decode import decode
from equivoice.models.hearing.encoders import REACH, by_length, token_count, trimmed_forward
from equivoice.models.hearing.language_part import part_of
from equivoice.models.speech_llms.small import SmallSize

SIZE = SmallSize(inner=4096, dropout=0.0)
STRENGTHS = (0.3, 1.0, 3.0)
# copies of the training clips: bands stretched, speech sped up
CHANGES = ((0.95, 1.08), (1.05, 0.93))
# channels of the tower: z and -z, positions, what heads bring, scores, constants
CONTENT, TIMING, NEIGHBOUR = 60, 32, 34
OFFSETS = (-3, -1, 1, 3)
COMPARED = 80
POSITIONS = slice(2 * CONTENT, 2 * CONTENT + TIMING)
MEAN = slice(POSITIONS.stop, POSITIONS.stop + CONTENT)
BROUGHT = slice(MEAN.stop, MEAN.stop + NEIGHBOUR * len(OFFSETS))
SCORES = BROUGHT.stop
LOUD = 20.0
ZERO, PLUS, MINUS = SIZE.width - 3, SIZE.width - 2, SIZE.width - 1


@dataclass
class Sounds:
    """Log-mel of utterances, with the speaker and the label of each."""

    mels: list[torch.Tensor]
    frames: list[int]
    paths: list[str]
    speakers: np.ndarray
    labels: np.ndarray

    def some(self, every: int) -> Sounds:
        """Each so many-th of them."""
        kept = slice(None, None, every)
        return Sounds(
            self.mels[kept],
            self.frames[kept],
            self.paths[kept],
            self.speakers[kept],
            self.labels[kept],
        )

    def changed(self, bands: float, speed: float) -> Sounds:
        """Other voices that speak faster or slower, of the same labels and speakers."""
        mels = [
            stretched(mel[:, :frames], bands, speed)
            for mel, frames in zip(self.mels, self.frames, strict=True)
        ]
        frames = [mel.shape[1] for mel in mels]
        return Sounds(mels, frames, self.paths, self.speakers, self.labels)


def stretched(mel: torch.Tensor, bands: float, speed: float) -> torch.Tensor:
    """A log-mel of other bands and at another speed, by interpolation."""
    count, frames = mel.shape
    rows = (torch.arange(count) + 0.5) * bands / count * 2 - 1
    columns = (torch.arange(int(frames / speed)) + 0.5) * speed / frames * 2 - 1
    grid = torch.stack([columns.expand(count, -1), rows[:, None].expand(-1, len(columns))], dim=-1)
    return torch.nn.functional.grid_sample(
        mel[None, None], grid[None], padding_mode="border", align_corners=False
    )[0, 0]


def hear(backend: Any, rows: pl.DataFrame, names: Sequence[str]) -> Sounds:
    """The features of utterances by the checkpoint's own extractor."""
    mels, frames = [], []
    paths = rows.get_column("audio").to_list()
    for path in paths:
        wave = decode(path)
        frames.append(backend.mel.frames(len(wave)))
        mels.append(backend.mel([np.asarray(wave, dtype=np.float32)], frames[-1] + REACH)[0])
    labels = [list(names).index(each) for each in rows.get_column("emotion")]
    return Sounds(mels, frames, paths, rows.get_column("speaker").to_numpy(), np.asarray(labels))


def loud(mel: torch.Tensor, frames: int) -> torch.Tensor:
    """Which positions after the convolutions lie in speech: (positions,) bool."""
    level = mel[:, :frames].mean(0)[::2]
    lowest, highest = level.min(), level.max()
    return level > lowest + 0.3 * (highest - lowest)


def windows(mel: torch.Tensor, frames: int, width: int, step: int) -> torch.Tensor:
    """(positions, bands × width): consecutive frames around each position."""
    padded = torch.nn.functional.pad(mel[:, :frames], (width // 2, width // 2), mode="replicate")
    return padded.unfold(1, width, step).permute(1, 0, 2).flatten(1)


def components(rows: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Mean, (count, n) principal axes, and their variances, the largest first."""
    mean = rows.mean(0)
    values, axes = torch.linalg.eigh((rows - mean).T @ (rows - mean) / len(rows))
    return mean, axes[:, -count:].T.flip(0), values[-count:].flip(0)


def start_tower(tower: Any, sounds: Sounds, generator: torch.Generator) -> None:
    """Weights of the tower from the training sound, without any label."""
    with torch.no_grad():
        spreads = _start_convolutions(tower, sounds)
        _start_positions(tower)
        layer = tower.layers[0]
        hidden, speech = _before_layer(tower, sounds)
        spread = float(torch.cat(hidden).std(dim=1).mean())
        for norm in (layer.self_attn_layer_norm, layer.final_layer_norm, tower.layer_norm):
            norm.weight.fill_(spread)
            norm.bias.zero_()
        normed = layer.self_attn_layer_norm(torch.cat(hidden))
        _start_heads(layer.self_attn, normed, torch.cat(speech))
        layer.fc2.weight.zero_()
        layer.fc2.bias.zero_()
        seen = _units_inputs(tower, sounds)
        spoken = torch.cat([row[kept] for row, kept in zip(seen, speech, strict=True)])
        _start_units(layer, spoken, spreads, generator)


def _start_convolutions(tower: Any, sounds: Sounds) -> torch.Tensor:
    """z, the whitened principal components of five frames, and -z: GELU(z) - GELU(-z) is z.

    Returns what whitening divided by.
    """
    bands, half = SIZE.bands, SIZE.width // 2 - 2
    threes, fives = [], []
    for mel, frames in zip(sounds.mels, sounds.frames, strict=True):
        speech = loud(mel, frames)
        threes.append(windows(mel, frames, 3, 2)[speech])
        fives.append(windows(mel, frames, 5, 2)[speech])
    mean, axes, _ = components(torch.cat(threes)[::4], min(half, 3 * bands))
    first = axes.reshape(len(axes), bands, 3)
    for conv in (tower.conv1, tower.conv2):
        conv.weight.zero_()
        conv.bias.zero_()
    for at, sign in ((0, 1.0), (len(axes), -1.0)):
        tower.conv1.weight[at : at + len(axes)] = sign * first
        tower.conv1.bias[at : at + len(axes)] = -sign * (axes @ mean)
    mean5, axes5, values = components(torch.cat(fives)[::2], CONTENT)
    whitening = (axes5 / (values[:, None] + 1e-3).sqrt()).reshape(CONTENT, bands, 5)
    early, late = whitening.clone(), whitening.clone()
    early[:, :, 2] /= 2
    late[:, :, 2] /= 2
    taps = {0: early[:, :, :3].flatten(1) @ axes.T, 2: late[:, :, 2:].flatten(1) @ axes.T}
    shift = -whitening.flatten(1) @ mean5
    shift += early[:, :, :3].flatten(1) @ mean + late[:, :, 2:].flatten(1) @ mean
    for at, sign in ((0, 1.0), (CONTENT, -1.0)):
        for tap, weight in taps.items():
            tower.conv2.weight[at : at + CONTENT, : len(axes), tap] = sign * weight
            tower.conv2.weight[at : at + CONTENT, len(axes) : 2 * len(axes), tap] = -sign * weight
        tower.conv2.bias[at : at + CONTENT] = sign * shift
    return (values + 1e-3).sqrt()


def _speeds() -> torch.Tensor:
    return torch.exp(torch.linspace(math.log(0.03), math.log(2.8), TIMING // 2))


def _start_positions(tower: Any) -> None:
    """Sines and cosines in channels of their own, and constants that steady the norms."""
    table = tower.embed_positions.weight
    table.zero_()
    angles = torch.arange(len(table))[:, None] * _speeds()
    table[:, POSITIONS] = torch.cat([angles.sin(), angles.cos()], dim=1)
    table[:, PLUS], table[:, MINUS] = LOUD, -LOUD


def _before_layer(tower: Any, sounds: Sounds) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """What reaches the first layer, and which positions are speech, for some clips."""
    hidden, speech = [], []
    gelu = torch.nn.functional.gelu
    for mel, frames in zip(sounds.mels, sounds.frames, strict=True):
        out = gelu(tower.conv2(gelu(tower.conv1(mel[None]))))[0].T
        kept = loud(mel, frames)
        hidden.append(out[: len(kept)] + tower.embed_positions.weight[: len(kept)])
        speech.append(kept)
    return hidden, speech


def _start_heads(attention: Any, normed: torch.Tensor, speech: torch.Tensor) -> None:
    """A head for the mean of the speech, four for neighbours, one for the mean of all."""
    size = SIZE.width // SIZE.heads
    parts = (attention.q_proj, attention.k_proj, attention.v_proj, attention.out_proj)
    for part in parts:
        part.weight.zero_()
        if part.bias is not None:
            part.bias.zero_()
    content = torch.zeros(CONTENT, SIZE.width)
    content[:, :CONTENT], content[:, CONTENT : 2 * CONTENT] = (
        torch.eye(CONTENT),
        -torch.eye(CONTENT),
    )
    for head in range(SIZE.heads):
        attention.v_proj.weight[head * size : head * size + CONTENT] = content
    wanted = speech.float() - speech.float().mean()
    gram = normed.T @ normed + 1e-2 * len(normed) * torch.eye(SIZE.width)
    attention.k_proj.weight[0] = torch.linalg.solve(gram, normed.T @ wanted)
    attention.q_proj.bias[0] = 8.0 * math.sqrt(size)
    attention.out_proj.weight[MEAN, :CONTENT] = torch.eye(CONTENT)
    for number, offset in enumerate(OFFSETS):
        timing = slice((number + 1) * size, (number + 1) * size + TIMING)
        attention.k_proj.weight[timing, POSITIONS] = torch.eye(TIMING)
        attention.q_proj.weight[timing, POSITIONS] = math.sqrt(size) * _turned(offset)
        at = BROUGHT.start + number * NEIGHBOUR
        values = slice((number + 1) * size, (number + 1) * size + NEIGHBOUR)
        attention.out_proj.weight[at : at + NEIGHBOUR, values] = torch.eye(NEIGHBOUR)


def _turned(offset: int) -> torch.Tensor:
    """The matrix from the sines and cosines of a place to those of one so much later."""
    cosine, sine = torch.diag((_speeds() * offset).cos()), torch.diag((_speeds() * offset).sin())
    return torch.cat([torch.cat([cosine, sine], 1), torch.cat([-sine, cosine], 1)], 0)


def _units_inputs(tower: Any, sounds: Sounds) -> list[torch.Tensor]:
    rows: list[Any] = [None] * len(sounds.frames)
    for group, batch in _given_to(tower, tower.layers[0].fc1, sounds):
        for number, row in zip(group, batch, strict=True):
            rows[number] = row[: (sounds.frames[number] + 1) // 2]
    return rows


def _given_to(tower: Any, part: Any, sounds: Sounds) -> Iterator[tuple[list[int], torch.Tensor]]:
    """What a part of the tower is given, for groups of clips of like length."""
    found: list[torch.Tensor] = []
    hook = part.register_forward_pre_hook(lambda _, given: found.append(given[0]))
    try:
        for group in by_length(sounds.frames, most=16):
            encode(tower, sounds, group)
            yield group, found.pop()
    finally:
        hook.remove()


def encode(tower: Any, sounds: Sounds, group: Sequence[int]) -> torch.Tensor:
    """What the tower makes of some clips, without their padding."""
    lengths = [sounds.frames[number] for number in group]
    batch = [_filled(sounds.mels[number], max(lengths) + REACH) for number in group]
    with torch.no_grad():
        return trimmed_forward(tower, torch.stack(batch), lengths)


def _filled(mel: torch.Tensor, frames: int) -> torch.Tensor:
    missing = frames - mel.shape[1]
    return torch.cat([mel, mel[:, -1:].expand(-1, missing)], 1) if missing else mel


def _start_units(
    layer: Any, seen: torch.Tensor, spreads: torch.Tensor, generator: torch.Generator
) -> None:
    """Each unit answers to what is like one piece of training speech.

    Half of the units compare the sound as it is, half what differs from the clip's mean.
    """
    half = SIZE.inner // 2
    # with the sizes that whitening took away, the smooth components lead again
    sizes = torch.cat([spreads, *[spreads[:NEIGHBOUR] for _ in OFFSETS]])[:, None]
    plain, centred = (sizes * view for view in _views())
    rows = seen @ plain.T
    mean, axes, values = components(rows[::2], COMPARED)
    whitening = axes / (values[:, None] + 1e-3).sqrt()
    for at, view, middle in ((0, plain, mean), (half, centred, torch.zeros_like(mean))):
        chosen = torch.randperm(len(rows), generator=generator)[:half]
        pieces = (rows[chosen] - mean) @ whitening.T
        pieces = pieces / pieces.norm(dim=1, keepdim=True)
        layer.fc1.weight[at : at + half] = pieces @ whitening @ view
        layer.fc1.bias[at : at + half] = -(pieces @ whitening @ middle) - 1.0


def _views() -> tuple[torch.Tensor, torch.Tensor]:
    """Matrices to a piece of speech with its neighbours; and to the same without the mean."""
    plain = torch.zeros(CONTENT + NEIGHBOUR * len(OFFSETS), SIZE.width)
    mean = torch.zeros(CONTENT, SIZE.width)
    plain[:CONTENT, :CONTENT] = torch.eye(CONTENT)
    plain[:CONTENT, CONTENT : 2 * CONTENT] = -torch.eye(CONTENT)
    plain[CONTENT:, BROUGHT] = torch.eye(NEIGHBOUR * len(OFFSETS))
    plain[CONTENT:, ZERO] = -1
    mean[:, MEAN] = torch.eye(CONTENT)
    mean[:, ZERO] = -1
    return plain, plain - torch.cat([mean, *[mean[:NEIGHBOUR] for _ in OFFSETS]])


def unit_means(tower: Any, sounds: Sounds) -> torch.Tensor:
    """(clips, units): what each unit answers on average over a clip."""
    means = torch.zeros(len(sounds.frames), SIZE.inner)
    for group, batch in _given_to(tower, tower.layers[0].fc2, sounds):
        for number, row in zip(group, batch, strict=True):
            means[number] = row[: 2 * token_count(sounds.frames[number])].mean(0)
    return means


class Ridge:
    """Ridge regression of the labels on what the units answer on average.

    Args:
        means: (rows, units), the clips as they are first, changed copies after them.
        sounds: the clips.
    """

    def __init__(self, means: torch.Tensor, sounds: Sounds) -> None:
        self.centre, self.spread = means.mean(0), means.std(0) + 1e-6
        self.spread = self.spread * math.sqrt(means.shape[1])
        self.given = (means - self.centre) / self.spread
        self.gram = self.given @ self.given.T
        copies = len(means) // len(sounds.labels)
        self.clips = len(sounds.labels)
        self.labels = np.tile(sounds.labels, copies)
        self.speakers = np.tile(sounds.speakers, copies)

    def solved(self, inside: np.ndarray, strength: float) -> torch.Tensor:
        """(rows, classes) what each row of the training data contributes."""
        rows = torch.as_tensor(np.flatnonzero(inside))
        wanted = torch.nn.functional.one_hot(torch.as_tensor(self.labels[inside])).float()
        share = wanted.mean(0)
        inner = self.gram[rows][:, rows] + strength * torch.eye(len(rows))
        factor = torch.linalg.cholesky(inner)
        return torch.cholesky_solve((wanted - share) / share.sqrt(), factor)

    def chosen(self) -> tuple[float, float]:
        """The strength with the best macro-F1 on speakers left out in turn, and that score."""
        speakers = sorted(set(self.speakers))
        group = np.array([speakers.index(each) % 5 for each in self.speakers])
        own, scores = np.arange(len(group)) < self.clips, {}
        for strength in STRENGTHS:
            guess = np.zeros(self.clips, dtype=int)
            for part in range(5):
                inside, outside = group != part, (group == part) & own
                across = self.gram[np.flatnonzero(outside)][:, np.flatnonzero(inside)]
                answers = across @ self.solved(inside, strength)
                guess[outside[: self.clips]] = answers.argmax(1).numpy()
            scores[strength] = float(f1_score(self.labels[own], guess, average="macro"))
        best = max(scores, key=lambda each: scores[each])
        return best, scores[best]

    def weights(self, strength: float) -> tuple[torch.Tensor, torch.Tensor]:
        """(classes, units) weights and (classes,) shifts."""
        solved = self.solved(np.ones(len(self.labels), dtype=bool), strength)
        weights = (self.given.T @ solved).T / self.spread
        return weights, -weights @ self.centre


def start_answers(backend: Any, weights: torch.Tensor, shift: torch.Tensor) -> None:
    """The tower's last matrix scores the labels; the projector hands the scores on."""
    layer, count = backend.tower.layers[0], len(weights)
    with torch.no_grad():
        layer.fc2.weight[SCORES : SCORES + count] = weights
        layer.fc2.bias[SCORES : SCORES + count] = shift
        linear = backend.projector.linear
        linear.weight.zero_()
        linear.bias.zero_()
        linear.weight[:count, SCORES : SCORES + count] = torch.eye(count)
        linear.weight[:count, ZERO] = -1
        # a constant, beside which the norms of the language model leave scores as they are
        linear.bias[count] = 8.0
        for block in part_of(backend.model, "language_model").layers:
            block.self_attn.q_proj.weight.mul_(0.3)
