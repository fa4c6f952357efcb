"""The longest clips are asked about first, and are those that a model may not be able to hear."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl

import equivoice
from equivoice.corpora import Corpus, label_space
from equivoice.models.scripted_language import ScriptedLanguageModel

CLIPS = 12
TOO_LONG = 3
"""At 35 s each they fill the first batch, which lasts two minutes at most."""


def test_clips_that_are_too_long_do_not_end_a_run_whose_others_are_fine(tmp_path: Path) -> None:
    rows = [
        {
            "utterance_id": f"demo/{number}",
            "audio": f"/sound/{number}.wav",
            "duration": 35.0 if number < TOO_LONG else 2.0,
            "speaker": f"s{number % 6}",
            "emotion": ("happy", "sad")[number % 2],
        }
        for number in range(CLIPS)
    ]
    table = pl.DataFrame(rows)
    folds = table.select("utterance_id", fold=pl.lit("1"), split=pl.lit("test"))
    corpus = replace(Corpus("demo", label_space(["happy", "sad"]), table), folds=folds)
    model = ScriptedLanguageModel(fail_on=[f"demo/{number}" for number in range(TOO_LONG)])
    run = equivoice.benchmark([model], corpus, out=tmp_path / "run", replicates=20)
    failed = run.predictions().filter(system="scripted-llm", status="failed")
    assert failed.height == TOO_LONG
