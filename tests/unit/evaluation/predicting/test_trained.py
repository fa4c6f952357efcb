"""What a training left behind labels sounds as it was validated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from equivoice.corpora import save_corpus
from equivoice.errors import InputError
from equivoice.evaluation import predict
from equivoice.records import RunRecord
from equivoice.store import TrainingFolder
from equivoice.training import train
from tiny.corpus import make_corpus
from tiny.speech import TinyModels


def test_a_training_is_a_model(tiny_models: TinyModels, tmp_path: Path) -> None:
    """Each file of the validation part has the probabilities that the training stored for it."""
    made = make_corpus(tmp_path / "sounds", languages=("en",))
    corpus = save_corpus(made, tmp_path / "demo")
    run = train(
        "q=qwen2-audio",
        str(corpus),
        recipe="erm",
        out=tmp_path / "run",
        options={"model": str(tiny_models("qwen2_audio"))},
        optimiser={"epochs": 1, "batch": 4, "micro": 4, "lr": 5e-3},
        model={"rank": 2},
    )
    kept = run.predictions().filter(system="q/options").sort("utterance_id")
    audio = dict(made.utterances.select("utterance_id", "audio").iter_rows())
    files = [audio[name] for name in kept["utterance_id"]]
    for place in (run.path, run.best_path):
        found = predict(files, model=place, batch_size=4)
        assert found.labels == made.label_space.names
        shares = found.rows.get_column("probabilities").struct.unnest().to_numpy()
        np.testing.assert_allclose(shares, np.array(kept["probabilities"].to_list()), atol=1e-5)
        assert found.notes == (f"q with what was trained in {run.best_path}.",)


def test_a_training_without_a_checkpoint_is_named(tmp_path: Path) -> None:
    with TrainingFolder.open(tmp_path / "run") as folder:
        folder.save_record(RunRecord(verb="train", config={"system": "q=qwen2-audio"}))
    with pytest.raises(InputError, match="the training has no best checkpoint yet"):
        predict([], model=tmp_path / "run")
