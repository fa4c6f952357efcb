"""Small corpora, sound files and EmoBox folders for the tests of this room."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from equivoice.corpora import Corpus, label_space

RATE = 16_000


def rows_of(*entries: tuple[str, str, str, str]) -> pl.DataFrame:
    """Utterances out of (key, speaker, gender, emotion)."""
    return pl.DataFrame(
        [(f"demo/{key}", speaker, gender, emotion) for key, speaker, gender, emotion in entries],
        schema=["utterance_id", "speaker", "gender", "emotion"],
        orient="row",
    )


def crossed(speakers: Mapping[str, str], emotions: Iterable[str], each: int = 2) -> pl.DataFrame:
    """Every speaker (name to gender) says every emotion so often."""
    return rows_of(
        *(
            (f"{speaker}-{emotion}-{take}", speaker, gender, emotion)
            for speaker, gender in speakers.items()
            for emotion in emotions
            for take in range(each)
        )
    )


SIX = {"f1": "female", "f2": "female", "f3": "female", "m1": "male", "m2": "male", "m3": "male"}


@pytest.fixture
def six_speakers() -> pl.DataFrame:
    """Three women and three men, three emotions, two takes each."""
    return crossed(SIX, ["angry", "happy", "sad"])


@pytest.fixture
def demo(six_speakers: pl.DataFrame) -> Corpus:
    """A corpus without sound, with one speaker-disjoint fold."""
    test = pl.col("speaker").is_in(["f3", "m3"])
    folds = six_speakers.select(
        "utterance_id",
        fold=pl.lit("1"),
        split=pl.when(test).then(pl.lit("test")).otherwise(pl.lit("train")),
    )
    return Corpus("demo", label_space(["angry", "happy", "sad"], id="demo"), six_speakers, folds)


@pytest.fixture
def sound() -> Callable[..., Path]:
    """Writes a sound file: ``sound(path, seconds=1, pitch=200, rate=16000)``."""
    import soundfile

    def write(
        path: Path,
        *,
        seconds: float = 1.0,
        pitch: float = 200.0,
        gain: float = 0.5,
        rate: int = RATE,
    ) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        time = np.arange(int(seconds * rate)) / rate
        samples = np.clip(gain * np.sin(2 * np.pi * pitch * time), -1, 1)
        soundfile.write(path, samples, rate, subtype="PCM_16")
        return path

    return write


@pytest.fixture
def emobox(tmp_path: Path) -> Callable[..., Path]:
    """Writes an EmoBox folder: ``emobox("ravdess", {"ravdess.jsonl": [row, ...]})``."""

    def write(
        name: str, files: Mapping[str, Iterable[Mapping[str, Any]]], label_map: Any = None
    ) -> Path:
        folder = tmp_path / "emobox" / name
        folder.mkdir(parents=True, exist_ok=True)
        for file, rows in files.items():
            path = folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        if label_map is not None:
            (folder / "label_map.json").write_text(json.dumps(label_map), encoding="utf-8")
        return folder

    return write


def emobox_row(corpus: str, path: str, emotion: str, **attributes: Any) -> dict[str, Any]:
    """A row of EmoBox's metadata."""
    stem = Path(path).stem
    row: dict[str, Any] = {
        "key": f"{corpus}-{stem}",
        "dataset": corpus,
        "wav": f"downloads/{corpus}/{path}",
        "emo": emotion,
        "length": 1.0,
    }
    return row | ({"sensitive_attr": attributes} if attributes else {})


@pytest.fixture
def row() -> Callable[..., dict[str, Any]]:
    """Makes a row of EmoBox's metadata."""
    return emobox_row


@pytest.fixture
def rows() -> Callable[..., pl.DataFrame]:
    """Makes utterances out of (key, speaker, gender, emotion)."""
    return rows_of


@pytest.fixture
def cross() -> Callable[..., pl.DataFrame]:
    """Makes utterances: every speaker says every emotion so often."""
    return crossed
