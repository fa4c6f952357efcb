"""Pictures of recordings: in words too, and finite whatever the sound."""

from __future__ import annotations

import re

import numpy as np
import pytest

from equivoice.reports.voice_picture import voice_picture

RATE = 16_000


def test_the_picture_says_what_it_shows() -> None:
    samples = np.sin(np.arange(RATE) / 10)
    pitch = np.full(101, 12.0)
    pitch[50:60] = np.nan
    figure = voice_picture(samples, RATE, pitch)
    assert figure.description == "1.0 s; pitch 200 to 200 Hz, median 200 Hz."
    assert figure.key == ("Pitch 200 to 200 Hz, median 200 Hz; 1.0 s.",)
    path = re.search(r'd="([^"]+)"', figure.body)
    assert path is not None
    assert path[1].count("M") == 2  # the voiceless gap breaks the line
    assert path[1].count("L") == 89


@pytest.mark.parametrize("samples", [np.zeros(RATE), np.zeros(1), np.zeros(0)])
def test_silence_is_drawn_and_has_no_pitch(samples: np.ndarray) -> None:
    figure = voice_picture(samples, RATE, np.full(3, np.nan))
    assert "no pitch found" in figure.description
    assert "nan" not in figure.body
    assert "inf" not in figure.body


def test_a_higher_pitch_is_drawn_higher_and_all_within_the_frame() -> None:
    figure = voice_picture(np.ones(RATE), RATE, np.linspace(0, 24, 101))
    numbers = re.findall(r"[ML]([\d.]+) ([\d.-]+)", figure.body)
    heights = [float(down) for _, down in numbers]
    assert heights == sorted(heights, reverse=True)
    assert min(heights) >= 0
    assert max(heights) <= 100
