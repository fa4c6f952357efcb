"""An encoder set from sound: what its channels carry, against sums made apart from it."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from equivoice.models.small_start.layout import OFFSETS, Layout
from equivoice.models.small_start.sounds import Sounds, given_to, loud, windows
from equivoice.models.small_start.tower import components, start_tower, unit_means


@pytest.fixture
def layout(wide: Any) -> Layout:
    return Layout.of(wide.model.config, 3)


@pytest.fixture
def started(wide: Any, layout: Layout, some: Sounds) -> Any:
    start_tower(wide.tower, layout, some, torch.Generator().manual_seed(0))
    return wide.tower


def after_convolutions(tower: Any, mel: torch.Tensor) -> torch.Tensor:
    gelu = torch.nn.functional.gelu
    with torch.no_grad():
        return gelu(tower.conv2(gelu(tower.conv1(mel[None]))))[0].T


def content(hidden: torch.Tensor, layout: Layout) -> torch.Tensor:
    return hidden[:, : layout.content] - hidden[:, layout.content : 2 * layout.content]


def test_principal_components_are_those_of_the_covariance() -> None:
    draws = torch.Generator().manual_seed(1)
    rows = torch.randn(400, 5, generator=draws) * torch.tensor([5.0, 1.0, 3.0, 0.1, 2.0]) + 7
    mean, axes, values = components(rows, 3)
    assert torch.allclose(mean, rows.mean(0))
    covariance = torch.cov(rows.T, correction=0)
    assert torch.allclose(axes @ covariance @ axes.T, torch.diag(values), atol=1e-3)
    assert values.tolist() == sorted(values.tolist(), reverse=True)
    assert axes.abs().argmax(1).tolist() == [0, 2, 4]


def test_the_convolutions_give_the_whitened_components_of_five_frames(
    started: Any, layout: Layout, some: Sounds
) -> None:
    """Over all speech that was heard: no mean, no correlation, variance 1."""
    found = []
    for mel, frames in zip(some.mels, some.frames, strict=True):
        z = content(after_convolutions(started, mel), layout)
        # the first and the last position see beyond the clip
        found.append(z[: len(loud(mel, frames))][loud(mel, frames)][1:-1])
    rows = torch.cat(found)
    assert float(rows.mean(0).abs().max()) < 0.2
    correlation = torch.corrcoef(rows.T) - torch.eye(layout.content)
    leading = correlation[:6, :6]
    assert float(leading.abs().max()) < 0.2
    assert 0.7 < float(rows[:, :6].std()) < 1.3


def test_it_is_a_linear_function_of_five_frames(started: Any, layout: Layout, some: Sounds) -> None:
    """Least squares on the frames leaves nothing unexplained, and other frames do not matter."""
    mel, frames = some.mels[0], some.frames[0]
    z = content(after_convolutions(started, mel), layout)[1:-2]
    around = windows(mel, frames, 5, 2)[1 : 1 + len(z)]
    given = torch.cat([around, torch.ones(len(around), 1)], 1).double()
    solved = torch.linalg.lstsq(given, z.double(), driver="gelsd").solution
    assert float((given @ solved - z).abs().max()) < 1e-3
    other = mel.clone()
    other[:, 12:] = 0
    same = content(after_convolutions(started, other), layout)[:5]
    assert torch.allclose(same, content(after_convolutions(started, mel), layout)[:5], atol=1e-4)


def test_heads_bring_neighbours(started: Any, layout: Layout, some: Sounds) -> None:
    """What a head brings is most like the component of its own neighbour."""
    layer = started.layers[0]
    seen = dict(given_to(started, layer.fc1, some))
    row = seen[0][: len(loud(some.mels[0], some.frames[0]))]
    z = content(row, layout)
    for number, offset in enumerate(OFFSETS):
        at = layout.brought.start + number * layout.neighbour
        brought = row[4:-4, at : at + 4] - row[4:-4, layout.zero, None]
        apart = {
            other: float((brought - torch.roll(z, -other, 0)[4:-4, :4]).abs().mean())
            for other in range(-4, 5)
        }
        near = sorted(apart, key=lambda each: apart[each])[:3]
        assert offset in near, (offset, apart)


def test_the_first_head_brings_the_same_to_all_positions(
    started: Any, layout: Layout, some: Sounds
) -> None:
    rows = dict(given_to(started, started.layers[0].fc1, some))
    for number in (0, 5):
        length = len(loud(some.mels[number], some.frames[number]))
        row = rows[number][:length]
        mean = row[:, layout.mean] - row[:, layout.zero, None]
        assert float((mean - mean[0]).abs().max()) < 0.03 * float(mean.abs().max())


def test_the_norms_leave_sums_nearly_as_they_are(
    started: Any, layout: Layout, some: Sounds
) -> None:
    """What is given to the units is what the heads and the convolutions wrote, but for a shift."""
    hidden = after_convolutions(started, some.mels[0])
    length = len(loud(some.mels[0], some.frames[0]))
    row = dict(given_to(started, started.layers[0].fc1, some))[0][:length]
    ours, wanted = content(row, layout), content(hidden[:length], layout)
    assert float((ours - wanted).abs().mean()) < 0.02 * float(wanted.abs().mean())


def test_units_answer_to_pieces_and_some_to_each_clip(
    started: Any, layout: Layout, some: Sounds
) -> None:
    means = unit_means(started, some)
    assert means.shape == (len(some.frames), layout.inner)
    assert bool(torch.isfinite(means).all())
    # GELU has no value below −.17, and a unit that answers to nothing says nothing of a clip
    assert float(means.min()) > -0.18
    assert float((means.std(0) > 1e-4).float().mean()) > 0.9


def test_a_mean_is_over_the_tokens_of_the_clip(started: Any, some: Sounds) -> None:
    """By hand, one clip: only positions that make a token count."""
    single = Sounds([some.mels[3]], [some.frames[3]])
    ((_, row),) = given_to(started, started.layers[0].fc2, single)
    positions = 2 * (((some.frames[3] - 1) // 2 + 1 - 2) // 2 + 1)
    found = unit_means(started, single)[0]
    assert torch.allclose(found, row[:positions].mean(0), atol=1e-6)


def test_nothing_is_scored_yet(started: Any) -> None:
    assert float(started.layers[0].fc2.weight.abs().max()) == 0
    assert float(started.layers[0].fc2.bias.abs().max()) == 0


def test_a_seed_draws_the_pieces(wide: Any, layout: Layout, some: Sounds) -> None:
    weights = []
    for seed in (0, 0, 1):
        start_tower(wide.tower, layout, some, torch.Generator().manual_seed(seed))
        weights.append(wide.tower.layers[0].fc1.weight.detach().clone())
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_less_speech_than_units_will_do(wide: Any, layout: Layout, some: Sounds) -> None:
    few = some.some(12)
    start_tower(wide.tower, layout, few, torch.Generator().manual_seed(0))
    assert bool(torch.isfinite(wide.tower.layers[0].fc1.weight).all())


def test_positions_are_sines_and_cosines_beside_constants(started: Any, layout: Layout) -> None:
    table = started.embed_positions.weight
    half = layout.timing // 2
    sines = table[:, layout.positions.start : layout.positions.start + half]
    cosines = table[:, layout.positions.start + half : layout.positions.stop]
    assert torch.allclose(sines**2 + cosines**2, torch.ones_like(sines), atol=1e-5)
    assert float(sines[1, 0]) == pytest.approx(0.0300, abs=1e-4)
    assert float(table[:, layout.plus].min()) == -float(table[:, layout.minus].max()) > 0
    assert float(table[:, layout.scores].abs().max()) == 0
    assert float(table[:, : 2 * layout.content].abs().max()) == 0


def test_other_sounds_make_other_weights(wide: Any, layout: Layout, some: Sounds) -> None:
    """All of it comes from the sound that is given, and from nothing else."""
    parts = []
    for sounds in (some, Sounds(some.mels[:8], some.frames[:8])):
        start_tower(wide.tower, layout, sounds, torch.Generator().manual_seed(0))
        layer = wide.tower.layers[0]
        weights = (wide.tower.conv1.weight, wide.tower.conv2.weight, layer.fc1.weight)
        parts.append([each.detach().clone() for each in weights])
    for one, other in zip(*parts, strict=True):
        assert float((one - other).abs().max()) > 1e-3


def test_a_clip_of_one_level_is_speech_throughout(wide: Any, layout: Layout, some: Sounds) -> None:
    flat = Sounds([*some.mels, torch.full((24, 22), 0.3)], [*some.frames, 20])
    start_tower(wide.tower, layout, flat, torch.Generator().manual_seed(0))
    assert bool(torch.isfinite(unit_means(wide.tower, flat)).all())
