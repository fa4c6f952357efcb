"""How long utterances are: from the table, from the file's header, or not known."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from equivoice.inference.lengths import lengths_of

SECONDS = st.floats(0, 600, allow_nan=False)


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    """Three seconds and a half at 8 kHz."""
    path = tmp_path / "sound.wav"
    soundfile.write(path, np.zeros(28_000, dtype=np.int16), 8000)
    return path


def row(**given: object) -> pl.DataFrame:
    types = {
        "utterance_id": pl.String,
        "audio": pl.String,
        "start": pl.Float64,
        "end": pl.Float64,
        "duration": pl.Float64,
        "transcript": pl.String,
    }
    return pl.DataFrame([{"utterance_id": "a/1"} | given], schema=types)


def length(modality: str = "speech", **given: object) -> float:
    return lengths_of(row(**given), modality)["a/1"]


@given(SECONDS, SECONDS, SECONDS)
def test_a_piece_of_a_file_is_as_long_as_it_is_cut(
    start: float, longer: float, duration: float
) -> None:
    """Whatever the table says of the duration, which may be that of the whole file."""
    end = start + longer
    found = length(start=start, end=end, duration=duration, audio="gone.wav")
    assert found == end - start


@given(SECONDS)
def test_a_piece_from_the_beginning_needs_no_start(end: float) -> None:
    assert length(end=end, audio="gone.wav") == end


def test_the_duration_of_the_table_saves_opening_the_file() -> None:
    assert length(duration=2.5, audio="gone.wav") == 2.5


def test_without_it_the_header_of_the_file_is_asked(sound: Path) -> None:
    assert length(audio=str(sound)) == 3.5
    assert length(audio=str(sound), start=1.25) == 2.25


def test_a_file_that_is_gone_has_no_known_length() -> None:
    assert length(audio="/nowhere/gone.wav") == math.inf


def test_a_file_that_is_no_sound_has_no_known_length(tmp_path: Path) -> None:
    path = tmp_path / "text.wav"
    path.write_text("this is no sound", encoding="utf-8")
    assert length(audio=str(path)) == math.inf


def test_an_utterance_without_a_sound_has_no_known_length() -> None:
    assert length() == math.inf


def test_the_sound_counts_where_the_transcript_goes_along() -> None:
    assert length("speech+transcript", duration=2.0, transcript="a" * 150) == 2.0


def test_a_transcript_alone_counts_as_the_time_that_it_takes_to_say() -> None:
    assert length("transcript", transcript="a" * 30, duration=99.0) == 2.0
    assert length("transcript", transcript="") == length("transcript") == 0.0


@given(st.text(max_size=40), st.text(max_size=40))
def test_the_longer_of_two_transcripts_is_the_longer_one(one: str, other: str) -> None:
    first, second = (length("transcript", transcript=text) for text in (one, other))
    assert (first < second) == (len(one) < len(other))


def test_a_table_may_lack_all_of_these_columns() -> None:
    table = pl.DataFrame({"utterance_id": ["a/1", "a/2"], "speaker": ["x", "y"]})
    assert lengths_of(table, "speech") == {"a/1": math.inf, "a/2": math.inf}
    assert lengths_of(table, "transcript") == {"a/1": 0.0, "a/2": 0.0}


def test_no_utterances_have_no_lengths() -> None:
    assert lengths_of(row().clear(), "speech") == {}
