"""A trained classifier as a recogniser."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from equivoice.errors import AudioError, ConfigError, InputError
from equivoice.models import Clip, EmotionRecognizer
from equivoice.models.classifiers.recognizer import (
    ClassifierRecognizer,
    Listens,
    TrainedClassifier,
    samples_of,
)
from equivoice.models.classifying import Sample
from equivoice.models.encoders.compact import CompactEncoder
from equivoice.models.registry import load_model
from equivoice.records import Label, LabelSpace
from tiny.classifier import TinyClassifier
from tiny.sounds import buzz, write

SPACE = LabelSpace("demo", (Label("angry"), Label("sad"), Label("happy")))
LENGTHS = (0.4, 1.2, 0.45, 0.3, 1.1)


@pytest.fixture
def table(tmp_path: Path) -> pl.DataFrame:
    """Utterances of unlike length."""
    paths = [
        str(write(tmp_path / f"{number}.wav", buzz(120 + 40 * number, seconds)))
        for number, seconds in enumerate(LENGTHS)
    ]
    ids = [f"demo/{number}" for number in range(len(paths))]
    return pl.DataFrame({"utterance_id": ids, "audio": paths})


@pytest.fixture
def backend() -> object:
    return CompactEncoder(channels=(8, 8), width=4).classifier(SPACE, seed=0)


def test_probabilities_are_the_softmax_of_the_logits(table: pl.DataFrame, backend) -> None:  # type: ignore[no-untyped-def]
    found = ClassifierRecognizer(backend).predict(table)
    samples = samples_of(table, "speech")
    with torch.no_grad():
        alone = [backend.class_logits([one]).double().softmax(1).numpy()[0] for one in samples]
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, alone, atol=1e-6)
    np.testing.assert_allclose(found.sum(1), 1.0, atol=1e-12)


def test_it_is_a_recogniser(backend) -> None:  # type: ignore[no-untyped-def]
    recogniser = ClassifierRecognizer(backend, name="mine")
    assert isinstance(recogniser, EmotionRecognizer)
    assert isinstance(backend, Listens)
    assert (recogniser.name, recogniser.label_space) == ("mine", SPACE)
    assert recogniser.modality == "speech"


def test_batches_are_of_like_length_and_in_the_order_given(
    table: pl.DataFrame, backend, monkeypatch
) -> None:  # type: ignore[no-untyped-def]
    sizes = []
    plain = backend.class_logits

    def watched(samples: list[Sample]) -> torch.Tensor:
        sizes.append([sample.utterance_id for sample in samples])
        return plain(samples)

    monkeypatch.setattr(backend, "class_logits", watched)
    one = ClassifierRecognizer(backend, batch=2).predict(table)
    assert [sorted(batch) for batch in sizes] == [
        ["demo/0", "demo/3"] if len(sizes[0]) == 2 else ["demo/3"],
        *[sorted(batch) for batch in sizes[1:]],
    ]
    assert max(map(len, sizes)) <= 2
    np.testing.assert_allclose(
        one, ClassifierRecognizer(backend, batch=9).predict(table), atol=1e-6
    )


def test_training_goes_on_as_it_was(table: pl.DataFrame, backend) -> None:  # type: ignore[no-untyped-def]
    backend.training_mode(on=True)
    first = ClassifierRecognizer(backend).predict(table)
    assert backend.model.training
    np.testing.assert_array_equal(first, ClassifierRecognizer(backend).predict(table))


def test_an_empty_table(backend, table: pl.DataFrame) -> None:  # type: ignore[no-untyped-def]
    assert ClassifierRecognizer(backend).predict(table.head(0)).shape == (0, 3)


def test_a_missing_sound_is_named(table: pl.DataFrame, backend) -> None:  # type: ignore[no-untyped-def]
    gone = table.with_columns(audio=pl.col("audio").str.replace("1.wav", "gone.wav"), duration=1.0)
    with pytest.raises(AudioError, match=r"gone\.wav"):
        ClassifierRecognizer(backend).predict(gone)


def test_rows_become_samples() -> None:
    table = pl.DataFrame(
        {
            "utterance_id": ["a"],
            "audio": ["/x.wav"],
            "start": [1.0],
            "end": [2.0],
            "transcript": ["Oh"],
        }
    )
    clip = Clip("/x.wav", 1.0, 2.0)
    assert samples_of(table, "speech") == [Sample("a", clip)]
    assert samples_of(table, "transcript") == [Sample("a", None, "Oh")]
    assert samples_of(table, "speech+transcript") == [Sample("a", clip, "Oh")]


def test_what_is_missing_is_named() -> None:
    table = pl.DataFrame({"utterance_id": ["a", "b"], "transcript": ["Oh", None]})
    with pytest.raises(InputError, match=r"b has no value here[\s\S]*column: transcript"):
        samples_of(table, "transcript")
    with pytest.raises(InputError, match=r"column: audio[\s\S]*choices: utterance_id, transcript"):
        samples_of(table, "speech")


def test_any_classifying_backend_will_do(table: pl.DataFrame, tmp_path: Path) -> None:
    from tiny.classifier import TinyClassifiable

    tiny = TinyClassifiable().classifier(SPACE, seed=0)
    assert isinstance(tiny, TinyClassifier)
    found = ClassifierRecognizer(tiny).predict(table.with_columns(transcript=pl.lit("Oh!")))
    assert found.shape == (5, 3)


def test_from_its_folder(tmp_path: Path, table: pl.DataFrame, backend) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "best").mkdir()
    backend.save(tmp_path / "best")
    recogniser = load_model("classifier", model=str(tmp_path / "best"), device="cpu", batch=3)
    assert isinstance(recogniser, TrainedClassifier)
    expected = ClassifierRecognizer(backend, batch=3).predict(table)
    np.testing.assert_array_equal(recogniser.predict(table), expected)


def test_a_batch_below_one_is_refused(backend) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ConfigError, match="batch is below 1"):
        ClassifierRecognizer(backend, batch=0)
