"""What is heard of clips, copies in other voices, and what reaches a part of an encoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from equivoice.errors import AudioError
from equivoice.models.language import Clip
from equivoice.models.small_start.sounds import (
    Sounds,
    as_codes,
    given_to,
    hear,
    loud,
    stretched,
    windows,
)
from tiny.sounds import buzz, write


def test_a_clip_is_heard_as_the_model_hears_it(wide: Any, tmp_path: Path) -> None:
    sound = buzz(150, 0.8)
    file = write(tmp_path / "a.wav", sound)
    heard = hear(wide, [Clip(str(file))])
    assert heard.frames == [wide.mel.frames(len(sound))]
    whole = wide.mel([wide.wave(Clip(str(file)))])[0]
    assert heard.mels[0].shape[1] == heard.frames[0] + 2
    assert torch.allclose(heard.mels[0], whole[:, : heard.mels[0].shape[1]], atol=1e-5)


def test_a_part_of_a_file_is_heard_alone(wide: Any, tmp_path: Path) -> None:
    file = write(tmp_path / "a.wav", np.concatenate([buzz(150, 0.5), buzz(320, 0.5)]))
    first, second = hear(wide, [Clip(str(file), 0.0, 0.5), Clip(str(file), 0.5, 1.0)]).mels
    assert float((first - second).abs().max()) > 0.1


def test_a_sound_that_is_not_there_is_named(wide: Any, tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="nowhere"):
        hear(wide, [Clip(str(tmp_path / "nowhere.wav"))])


def test_nothing_stretched_is_the_same() -> None:
    mel = torch.randn(6, 11, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(stretched(mel, 1.0, 1.0), mel, atol=1e-5)


def test_a_ramp_is_read_at_other_places() -> None:
    """By hand: row r of the copy is at (r + .5) × 1.25 − .5 of the original, within its edges."""
    mel = torch.arange(8.0)[:, None].expand(8, 4)
    found = stretched(mel, 1.25, 1.0)[:, 0]
    expected = ((torch.arange(8) + 0.5) * 1.25 - 0.5).clamp(0, 7)
    assert torch.allclose(found, expected, atol=1e-5)


@given(st.integers(3, 60), st.floats(0.7, 1.4), st.floats(0.8, 1.2))
def test_a_copy_stays_within_the_levels_and_is_shorter_by_its_speed(
    frames: int, speed: float, bands: float
) -> None:
    mel = torch.randn(5, frames, generator=torch.Generator().manual_seed(frames))
    found = stretched(mel, bands, speed)
    assert found.shape == (5, max(1, int(frames / speed)))
    assert float(found.min()) >= float(mel.min()) - 1e-5
    assert float(found.max()) <= float(mel.max()) + 1e-5


def test_changed_copies_are_of_the_valid_frames_alone() -> None:
    mel = torch.zeros(4, 22)
    mel[:, 20:] = 100.0
    found = Sounds([mel], [20]).changed(1.05, 0.8)
    assert found.frames == [25]
    assert float(found.mels[0].max()) == 0


def test_some_of_them() -> None:
    sounds = Sounds([torch.full((1, 1), float(n)) for n in range(7)], list(range(7)))
    assert list(sounds.some(3).frames) == [0, 3, 6]
    assert [float(mel) for mel in sounds.some(3).mels] == [0, 3, 6]


def test_speech_is_what_is_loud() -> None:
    mel = torch.full((3, 10), -1.0)
    mel[:, 4:8] = 1.0
    assert loud(mel, 10).tolist() == [False, False, True, True, False]
    assert loud(torch.zeros(3, 4), 4).tolist() == [True, True]


def test_windows_are_frames_side_by_side() -> None:
    mel = torch.arange(12.0).reshape(2, 6)
    found = windows(mel, 6, 3, 2)
    assert found.tolist() == [
        [0, 0, 1, 6, 6, 7],
        [1, 2, 3, 7, 8, 9],
        [3, 4, 5, 9, 10, 11],
    ]


def test_a_part_is_given_the_same_in_a_batch_and_alone(wide: Any, some: Sounds) -> None:
    layer = wide.tower.layers[0]
    together = dict(given_to(wide.tower, layer.fc1, some))
    assert sorted(together) == list(range(len(some.frames)))
    for number in (0, len(some.frames) - 1):
        alone = Sounds([some.mels[number]], [some.frames[number]])
        ((_, row),) = given_to(wide.tower, layer.fc1, alone)
        assert torch.allclose(together[number][: len(row)], row, atol=1e-4)


def test_no_hook_is_left_behind(wide: Any, some: Sounds) -> None:
    part = wide.tower.layers[0].fc1
    stream = given_to(wide.tower, part, some)
    next(stream)
    assert part._forward_pre_hooks
    stream.close()
    assert not part._forward_pre_hooks


def test_codes_are_places_in_alphabetical_order() -> None:
    names, codes = as_codes(["sad", "angry", "sad", "calm"])
    assert names == ["angry", "calm", "sad"]
    assert codes.tolist() == [2, 0, 2, 1]
