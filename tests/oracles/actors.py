"""A corpus with the actors, folds and labels of RAVDESS, and without any sound."""

from __future__ import annotations

import polars as pl

from equivoice.corpora import Corpus, label_space

EMOTIONS = ("angry", "calm", "disgust", "fearful", "happy", "neutral", "sad", "surprised")
TEST_ACTORS = {
    "1": (1, 11, 20, 21),
    "2": (4, 10, 12, 14),
    "3": (8, 9, 19, 23),
    "4": (3, 5, 7, 24),
    "5": (2, 15, 16, 18),
    "6": (6, 13, 17, 22),
}


def ravdess_like(*, each: int = 2, name: str = "ravdess") -> Corpus:
    """24 actors, even ones women, ``each`` utterances of every emotion; fold 2 tests women only."""
    speech = pl.DataFrame(
        {
            "utterance_id": f"{name}/{actor:02d}-{emotion}-{take}",
            "audio": f"/sound/{actor:02d}-{emotion}-{take}.wav",
            "duration": 3.0,
            "speaker": f"{actor:02d}",
            "gender": "male" if actor % 2 else "female",
            "transcript": "Kids are talking by the door.",
            "emotion": emotion,
        }
        for actor in range(1, 25)
        for emotion in EMOTIONS
        for take in range(each)
    )
    folds = pl.concat(
        speech.select(
            "utterance_id",
            fold=pl.lit(fold),
            split=pl.when(pl.col("speaker").is_in([f"{actor:02d}" for actor in actors]))
            .then(pl.lit("test"))
            .otherwise(pl.lit("train")),
        )
        for fold, actors in TEST_ACTORS.items()
    )
    return Corpus(name, label_space(list(EMOTIONS), id=name), speech, folds)
