"""Windows against torch's own unfolding, and rows that hold what was put into them."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from equivoice.models.salmonn.windows import Windows, packed, unpacked, window_count, windowed

some = st.builds(Windows, kernel=st.integers(1, 6), stride=st.integers(1, 6))


def frames(count: int, width: int, seed: int) -> torch.Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed))


@given(some, st.integers(0, 40), st.integers(1, 4))
def test_windows_are_those_of_unfold(windows: Windows, count: int, width: int) -> None:
    found = window_count(count, windows)
    if not found:
        assert count < windows.kernel
        return
    sound = frames(count, width, 1)
    ours = windowed(sound, windows)
    image = sound.T[None, :, None]
    columns = torch.nn.functional.unfold(image, (1, windows.kernel), stride=(1, windows.stride))
    theirs = columns[0].view(width, windows.kernel, -1).permute(2, 1, 0)
    assert torch.equal(ours, theirs)
    assert len(ours) == found


@given(some, st.integers(6, 30), st.integers(0, 30), st.integers(1, 4), st.integers(1, 4))
def test_what_is_packed_comes_out(
    windows: Windows, speech_frames: int, audio_frames: int, wide: int, narrow: int
) -> None:
    audio_frames = min(audio_frames, speech_frames)
    speech, audio = frames(speech_frames, wide, 1), frames(audio_frames, narrow, 2)
    rows = packed(speech, audio, windows)
    assert rows.shape == (
        window_count(speech_frames, windows),
        windows.kernel * (wide + narrow + 1),
    )
    heard, also, real = unpacked(rows, windows, wide, narrow)
    assert torch.equal(heard, windowed(speech, windows))
    for window, (values, there) in enumerate(zip(also, real, strict=True)):
        for place in range(windows.kernel):
            frame = window * windows.stride + place
            assert bool(there[place]) == (frame < audio_frames)
            wanted = audio[frame] if frame < audio_frames else torch.zeros(narrow)
            assert torch.equal(values[place], wanted)


def test_the_release_takes_seventeen_frames() -> None:
    assert Windows.of_seconds(0.333333, 0.333333) == Windows(17, 17)
    assert Windows.of_seconds(1.0, 0.5) == Windows(50, 25)
    assert window_count(1500, Windows(17, 17)) == 88


def test_half_precision_stays() -> None:
    rows = packed(frames(20, 3, 1).bfloat16(), frames(5, 2, 2), Windows(4, 4))
    assert rows.dtype == torch.bfloat16
    _, _, real = unpacked(rows, Windows(4, 4), 3, 2)
    assert int(real.sum()) == 5
