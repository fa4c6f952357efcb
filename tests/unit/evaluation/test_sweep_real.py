"""benchmark on real metadata: numbers that can be worked out on paper."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from equivoice.corpora.prepare import prepare
from equivoice.evaluation import benchmark
from equivoice.store import RunFolder


@pytest.fixture(scope="module")
def ravdess(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The label distribution as a system, on RAVDESS."""
    folder = tmp_path_factory.mktemp("real")
    prepare(
        "ravdess",
        audio=real_data / "audio" / "ravdess",
        metadata=real_data / "emobox" / "ravdess",
        out=folder / "ravdess",
    )
    return benchmark(
        "prior", folder / "ravdess", out=folder / "run", replicates=200, permutations=50
    )


def value(run: RunFolder, metric: str, **where: str) -> float:
    rows = run.estimates().filter(quantity="score", metric=metric, fold="all", **where)
    assert rows.height == 1
    return float(rows.get_column("value")[0])


def test_every_utterance_is_tested_once(ravdess: RunFolder) -> None:
    table = ravdess.predictions()
    assert table.height == table.get_column("utterance_id").n_unique() == 1440
    assert table.get_column("fold").n_unique() == 6
    assert ravdess.utterances().get_column("speaker").n_unique() == 24


def test_the_majority_is_right_on_its_own_label_and_on_nothing_else(ravdess: RunFolder) -> None:
    # 7 emotions of 192 utterances and neutral with 96; each fold's answer is one label.
    joined = ravdess.predictions().join(
        ravdess.utterances(), on="utterance_id", suffix="_true", how="inner"
    )
    assert all(
        names == 1
        for names in joined.group_by("fold").agg(pl.col("emotion").n_unique()).get_column("emotion")
    )
    right = joined.filter(pl.col("emotion") == pl.col("emotion_true")).height
    assert value(ravdess, "accuracy") == pytest.approx(right / 1440, abs=1e-12)
    assert right / 1440 == pytest.approx(192 / 1440, abs=0.01)
    assert value(ravdess, "unweighted_accuracy") == pytest.approx(1 / 8, abs=0.01)


def test_the_record_keeps_test_speakers_out_of_every_choice(ravdess: RunFolder) -> None:
    record = ravdess.record
    assert len(record.selection) == 6
    for choice in record.selection:
        assert len(choice["speakers"]) + len(choice["test_speakers"]) == 24
        assert not set(choice["speakers"]) & set(choice["test_speakers"])
    assert set(record.inputs) == {
        "ravdess/corpus.json",
        "ravdess/utterances.parquet",
        "ravdess/folds.parquet",
        "ravdess/audio",
    }


def test_the_report_is_told_that_one_fold_has_women_only(ravdess: RunFolder) -> None:
    text = ravdess.read_text("corpora.json") or ""
    assert "fold 2" in text
    fold_2 = ravdess.predictions().filter(fold="2").join(ravdess.utterances(), on="utterance_id")
    assert set(fold_2["gender"]) == {"female"}
