"""What a frozen part makes of clips is made once."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from equivoice.models import Clip
from equivoice.models.encoders.kept_frames import FrameKeeper, stacked
from equivoice.models.hearing.sound_cache import SoundCache
from tiny.sounds import buzz, write


class Maker:
    """Counts what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[Clip] = []

    def __call__(self, clip: Clip) -> torch.Tensor:
        self.asked.append(clip)
        return torch.full((2, 3), float(len(clip.path)))


@pytest.fixture
def clips(tmp_path: Path) -> list[Clip]:
    return [Clip(str(write(tmp_path / f"{n}.wav", buzz(100 + n, 0.1)))) for n in range(2)]


def test_without_a_cache_it_is_made_each_time(clips: list[Clip]) -> None:
    make, keeper = Maker(), FrameKeeper(torch.nn.Linear(1, 1), {})
    for _ in range(2):
        assert len(keeper(clips, make)) == 2
    assert len(make.asked) == 4
    assert keeper.describe() is None


def test_with_a_cache_it_is_made_once(clips: list[Clip], tmp_path: Path) -> None:
    make, keeper = Maker(), FrameKeeper(torch.nn.Linear(1, 1), {})
    keeper.cache = SoundCache(tmp_path / "kept")
    first, second = keeper(clips, make), keeper(clips, make)
    assert make.asked == clips
    assert all(torch.equal(*pair) for pair in zip(first, second, strict=True))
    assert keeper.describe() == {"folder": str(tmp_path / "kept"), "read": 2, "written": 2}


def test_other_weights_and_settings_are_other_entries(clips: list[Clip], tmp_path: Path) -> None:
    cache, make = SoundCache(tmp_path / "kept"), Maker()
    layer = torch.nn.Linear(1, 1)
    for settings in ({"seconds": 10}, {"seconds": 5}):
        keeper = FrameKeeper(layer, settings)
        keeper.cache = cache
        keeper(clips[:1], make)
    with torch.no_grad():
        layer.weight.add_(1)
    keeper(clips[:1], make)
    assert len(make.asked) == 3


@pytest.mark.parametrize("layers", [(), (4,)])
def test_rows_of_unlike_length_are_stacked(layers: tuple[int, ...]) -> None:
    rows = [torch.ones(*layers, length, 3) for length in (2, 5)]
    batch, mask = stacked(rows, torch.device("cpu"))
    assert batch.shape == (*layers, 2, 5, 3)
    assert mask.sum(1).tolist() == [2, 5]
    assert batch.sum().item() == sum(row.numel() for row in rows)
    assert bool((batch[..., 0, 2:, :] == 0).all())
