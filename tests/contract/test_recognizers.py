"""One suite for every system: what inference, store and evaluation rely on.

A new system adds a case below, and nothing else.
"""

from __future__ import annotations

import importlib.util
import json
import math
import wave
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from equivoice.models import FittedRecognizer, Prepares, Trainable
from equivoice.models.registry import load_model
from equivoice.records import UTTERANCES, Label, LabelSpace

SPACE = LabelSpace("demo", (Label("angry"), Label("happy"), Label("sad")))
RATE = 16_000


def sound(path: Path, *, pitch: float, loudness: float, seconds: float = 0.6) -> str:
    """A buzz with a few harmonics, as 16-bit WAV: enough like a voice to have a pitch."""
    time = np.arange(int(seconds * RATE)) / RATE
    tone = sum(np.sin(2 * math.pi * pitch * k * time) / k for k in range(1, 8))
    samples = (loudness * tone / np.abs(tone).max() * 32_000).astype("<i2")
    with wave.open(str(path), "wb") as handle:
        handle.setnchannels(1)
        handle.setsampwidth(2)
        handle.setframerate(RATE)
        handle.writeframes(samples.tobytes())
    return str(path)


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    """Four speakers, three emotions that differ in pitch and loudness, two takes each."""
    folder = tmp_path_factory.mktemp("speech")
    rows = []
    for number, speaker in enumerate("abcd"):
        for index, emotion in enumerate(SPACE.names):
            for take in range(2):
                name = f"{speaker}-{emotion}-{take}"
                pitch = 110 + 25 * number + 60 * index + 5 * take
                path = sound(folder / f"{name}.wav", pitch=pitch, loudness=0.9 - 0.25 * index)
                rows.append(
                    {
                        "utterance_id": f"demo/{name}",
                        "audio": path,
                        "speaker": speaker,
                        "gender": "female" if number % 2 else "male",
                        "emotion": emotion,
                    }
                )
    return UTTERANCES.validate(pl.DataFrame(rows))


@dataclass(frozen=True)
class Case:
    """A system under test: how it is made, and what it needs."""

    make: Callable[[], Trainable]
    needs: tuple[str, ...] = ()


def named(name: str) -> Callable[[], Trainable]:
    def make() -> Trainable:
        model = load_model(name)
        assert isinstance(model, Trainable)
        return model

    return make


BASELINE = ("sklearn", "soundfile", "parselmouth", "equivoice.models.acoustic")
CASES = {
    "prior": Case(named("prior")),
    "scripted": Case(named("scripted")),
    "acoustic": Case(named("acoustic"), BASELINE),
    "acoustic-speaker-normalised": Case(named("acoustic-speaker-normalised"), BASELINE),
}


@pytest.fixture(scope="module", params=CASES)
def system(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Trainable:
    case = CASES[request.param]
    missing = [name for name in case.needs if not _installed(name)]
    if missing:
        pytest.skip(f"{request.param} needs {', '.join(missing)}")
    return case.make()


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> object:
    patch = pytest.MonkeyPatch()
    patch.setenv("EQUIVOICE_CACHE", str(tmp_path_factory.mktemp("cache")))
    yield
    patch.undo()


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def parts(speech: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Training utterances, and test utterances as inference shows them."""
    test = speech.filter(pl.col("speaker") == "d")
    hidden = test.drop("emotion", "valence", "arousal", "dominance").sort("utterance_id")
    return speech.filter(pl.col("speaker") != "d"), hidden


@pytest.fixture(scope="module")
def fitted(system: Trainable, speech: pl.DataFrame) -> FittedRecognizer:
    train, test = parts(speech)
    recognizer = system.fit(train, None, label_space=SPACE, seed=1)
    if isinstance(recognizer, Prepares):
        recognizer.prepare(test)
    return recognizer


def test_it_has_the_attributes_of_its_protocol(system: Trainable, fitted: FittedRecognizer) -> None:
    assert isinstance(system, Trainable)
    assert isinstance(fitted, FittedRecognizer)
    assert fitted.name == system.name
    assert fitted.label_space == SPACE


def test_it_gives_a_distribution_for_each_utterance(
    fitted: FittedRecognizer, speech: pl.DataFrame
) -> None:
    _, test = parts(speech)
    rows = fitted.predict(test)
    assert rows.dtype == np.float64
    assert rows.shape == (test.height, len(SPACE.names))
    assert (rows >= 0).all()
    np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-6)


def test_batches_and_their_order_leave_no_trace(
    fitted: FittedRecognizer, speech: pl.DataFrame
) -> None:
    _, test = parts(speech)
    whole = fitted.predict(test)
    np.testing.assert_array_equal(fitted.predict(test), whole)
    halves = [fitted.predict(test.tail(3)), fitted.predict(test.head(3))]
    np.testing.assert_allclose(np.concatenate([halves[1], halves[0]]), whole, atol=1e-12)
    np.testing.assert_allclose(fitted.predict(test.reverse())[::-1], whole, atol=1e-12)


def test_equal_input_and_seed_give_equal_answers(
    system: Trainable, fitted: FittedRecognizer, speech: pl.DataFrame
) -> None:
    train, test = parts(speech)
    again = system.fit(train, None, label_space=SPACE, seed=1)
    if isinstance(again, Prepares):
        again.prepare(test)
    np.testing.assert_array_equal(again.predict(test), fitted.predict(test))
    assert again.selection == fitted.selection


def test_every_choice_names_its_split_and_speakers(
    fitted: FittedRecognizer, speech: pl.DataFrame
) -> None:
    assert fitted.selection
    for choice in fitted.selection:
        assert choice["what"]
        assert choice["split"] in ("train", "validation")
        assert set(choice["speakers"]) <= {"a", "b", "c"}
        assert "candidates" in choice
        assert "chosen" in choice
    assert json.loads(json.dumps(fitted.selection, allow_nan=False))


def test_what_it_is_given_stays_as_it_is(system: Trainable, speech: pl.DataFrame) -> None:
    train, test = parts(speech)
    before = (train.clone(), test.clone())
    recognizer = system.fit(train, None, label_space=SPACE, seed=1)
    if isinstance(recognizer, Prepares):
        recognizer.prepare(test)
    recognizer.predict(test)
    assert train.equals(before[0])
    assert test.equals(before[1])
    assert system.name == recognizer.name


def test_no_utterances_give_no_rows(fitted: FittedRecognizer, speech: pl.DataFrame) -> None:
    _, test = parts(speech)
    assert fitted.predict(test.clear()).shape == (0, len(SPACE.names))
