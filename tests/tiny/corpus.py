"""A corpus small enough to train on in tests: buzzes whose pitch tells who speaks and how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from equivoice.corpora import Corpus, label_space
from tiny.sounds import buzz, write

__all__ = ["LABELS", "make_corpus", "recipe"]

LABELS = ("angry", "sad")
_PITCH = {"female": 210.0, "male": 115.0}
_PARTS = ("train", "train", "validation", "test")
_LANGUAGES = ("en", "de")


def make_corpus(
    folder: Path,
    *,
    name: str = "demo",
    languages: Sequence[str] = _LANGUAGES,
    labels: Sequence[str] = LABELS,
    genders: Sequence[str | None] = ("female", "male"),
    transcripts: bool = False,
    takes: int = 1,
) -> Corpus:
    """Four speakers of each gender and language: two to train on, one to choose on, one to test.

    Each says every label ``takes`` times, in clips of .3 s and more.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows, folds = [], []
    for language in languages:
        for gender in genders:
            for number, part in enumerate(_PARTS):
                speaker = f"{language}-{gender}-{number}"
                for place, label in enumerate(label for label in labels for _ in range(takes)):
                    key = f"{speaker}-{place}"
                    sound = buzz(_pitch(gender, label, number), 0.3 + 0.05 * (number + place % 2))
                    rows.append(
                        {
                            "utterance_id": f"{name}/{key}",
                            "corpus": name,
                            "audio": str(write(folder / f"{key}.wav", sound)),
                            "duration": len(sound) / 16_000,
                            "language": language,
                            "transcript": f"this is take {place}" if transcripts else None,
                            "speaker": speaker,
                            "gender": gender,
                            "emotion": label,
                        }
                    )
                    folds.append((f"{name}/{key}", "1", part))
    return Corpus(
        name,
        label_space(list(labels), id=name),
        pl.DataFrame(rows, infer_schema_length=None),
        pl.DataFrame(folds, schema=["utterance_id", "fold", "split"], orient="row"),
    )


def _pitch(gender: str | None, label: str, number: int) -> float:
    return _PITCH.get(gender or "", 160.0) * (1.4 if label == "angry" else 1.0) + 3 * number


def recipe(**sections: Mapping[str, object]) -> dict[str, dict[str, object]]:
    """Settings of a quick training: 2 epochs of 2 steps on a corpus as :func:`make_corpus` makes it."""
    quick: dict[str, dict[str, object]] = {
        "optimiser": {"epochs": 2, "batch": 8, "micro": 2, "lr": 5e-3, "warmup": 0.0},
        "model": {"rank": 4},
        "tracking": {"tensorboard": False},
    }
    for name, section in sections.items():
        quick[name] = quick.get(name, {}) | dict(section)
    return quick
