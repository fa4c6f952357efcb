"""Every family of models trains by the same loop, and what is trained loads again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from equivoice.models.registry import load_model
from equivoice.training import plan_training, train
from tiny.corpus import make_corpus, recipe
from tiny.speech import TinyModels
from tiny.text import make_bpe_tokenizer, save_text_model

FAMILIES = {
    "qwen2-audio": "qwen2_audio",
    "audio-flamingo-3": "audio_flamingo3",
    "voxtral": "voxtral",
    "qwen2-5-omni": "qwen2_5_omni",
    "salmonn": "salmonn",
    "speech-llm": "glm_asr",
    "text-llm": None,
}


@pytest.mark.parametrize(
    "system",
    [
        pytest.param(system, marks=() if system in ("text-llm", "voxtral") else pytest.mark.slow)
        for system in FAMILIES
    ],
)
def test_a_family_learns_and_its_adapter_loads(
    system: str, tiny_models: TinyModels, tmp_path: Path
) -> None:
    corpus = make_corpus(tmp_path / "demo", transcripts=True, languages=("en",))
    kind = FAMILIES[system]
    place = str(
        save_text_model(tmp_path / "text", tokenizer=make_bpe_tokenizer())
        if kind is None
        else tiny_models(kind)
    )
    modality = "transcript" if kind is None else "speech+transcript"
    settings: dict[str, Any] = {
        **recipe(optimiser={"epochs": 6, "lr": 1e-2}, selection={"metric": "loss"}),
        "data": {"modalities": [modality]},
    }
    run = train(
        system,
        corpus,
        out=tmp_path / "run",
        recipe="minmaxgap",
        options={"model": place},
        **settings,
    )
    losses = run.table("evaluations").filter(
        (pl.col("metric") == "loss") & pl.col("cell").is_null()
    )
    assert losses["value"].min() < 0.9 * losses["value"][0]
    adapted: Any = load_model(system, model=place, adapter=str(run.best_path))
    task = plan_training(system, corpus, options={"model": place}, **settings)
    lessons = [task.learner.lessons.lesson(each, 1) for each in task.data.validation]
    with torch.no_grad():
        found = adapted.answer_losses(lessons)
    mean = float((found.nll.sum(1) / found.mask.sum(1)).mean())
    assert np.isclose(mean, losses["value"].min(), atol=1e-4)
