"""From MELD-ST's own tables to the paper's: prepared, asked in both modalities, measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from equivoice.corpora import Corpus, prepare
from equivoice.evaluation import benchmark
from equivoice.models.scripted_language import ScriptedLanguageModel
from equivoice.studies.gender_gap.reading import MODALITIES, SPEECH, GapSettings
from equivoice.studies.gender_gap_benchmark import Benchmark, gender_gap_benchmark
from oracles.meld_st import COLUMNS, write_pair

CAST = ("Monica", "Phoebe", "Rachel", "Chandler", "Joey", "Ross")
OTHERS = {"Carol": "f", "Emily": "f", "Janice": "f", "Gunther": "m", "Mike": "m", "Tag": "m"}
EMOTIONS = ("neutral", "joy", "sadness", "surprise", "disgust", "anger", "fear")
QUICK = GapSettings(replicates=40, permutations=20)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everybody says every emotion once in the test part; two lines are of several or nobody."""
    folder = tmp_path_factory.mktemp("meld") / "MELD-ST"
    lines = [
        (0, turn, 1, 1, speaker, emotion, f"Line {turn}.")
        for turn, (speaker, emotion) in enumerate(
            (speaker, emotion) for speaker in (*CAST, *OTHERS) for emotion in EMOTIONS
        )
    ]
    lines += [(1, 0, 1, 1, "All", "joy", "Hey!"), (1, 1, 1, 1, "Waiter", "neutral", "Coffee?")]
    for pair in COLUMNS:
        write_pair(folder, pair, {"train": lines[:3], "valid": lines[:3], "test": lines})
    extra = folder.parent / "extra"
    extra.mkdir()
    rows = [f"{speaker},{gender}" for speaker, gender in OTHERS.items()]
    (extra / "speakers.csv").write_text("\n".join(["speaker,gender", *rows]) + "\n")
    return folder


def study(root: Path, out: Path, **options: Any) -> tuple[Corpus, Benchmark]:
    corpus = prepare("meld_st", metadata=root, with_audio=False, out=out / "corpus", **options)
    # no sound is needed to ask a model that answers by the name of an utterance
    speech = corpus.utterances.with_columns(audio=pl.lit("/none.wav"), duration=pl.lit(2.0))
    model = ScriptedLanguageModel(
        dict(speech.select("utterance_id", "emotion").iter_rows()), name="llm", accuracy=0.7
    )
    asked = Corpus("meld_st", corpus.label_space, speech, corpus.folds)
    run = benchmark(
        [model],
        asked,
        out=out / "run",
        modalities=MODALITIES,
        temperatures=(0.0,),
        runs=1,
        replicates=20,
        permutations=10,
        group_by=("gender",),
        option_scores=False,
    )
    return corpus, gender_gap_benchmark([run], QUICK)


@pytest.fixture(scope="module")
def whole(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Benchmark:
    extra = root.parent / "extra"
    return study(root, tmp_path_factory.mktemp("whole"), extra=extra)[1]


def test_the_test_part_is_what_is_measured(whole: Benchmark) -> None:
    counts = whole.tables.table_1.select("cell", "group", "utterances", "speakers").rows()
    each = 6 * len(EMOTIONS)
    assert counts == [
        (cell, group, each, 6) for cell in ("de", "en", "ja") for group in ("female", "male")
    ]
    assert whole.tables.table_1["comparable"].all()
    assert whole.tables.table_1.filter(cell="ja", group="female")["printed"].to_list() == [501]


def test_the_waiter_is_left_out_and_counted(whole: Benchmark) -> None:
    assert whole.left_out == {"llm: gender unknown": 3 * 2}  # languages, modalities


def test_a_role_is_one_speaker_in_all_languages(whole: Benchmark) -> None:
    table = whole.tables.table_2.filter(metric="avg_gap", modality=SPEECH, aggregator="rms")
    row = table.row(0, named=True)
    assert (row["clusters"], row["n"]) == (12, 3 * 12 * len(EMOTIONS))
    assert row["low"] is not None


def test_the_main_cast_alone_has_values_and_no_intervals(root: Path, tmp_path: Path) -> None:
    corpus, found = study(root, tmp_path)
    assert corpus.left_out["line of several speakers at once"] == 3  # once in each language
    gaps = found.tables.table_2.filter(metric="avg_gap")
    assert gaps["value"].null_count() == 0
    assert gaps["low"].null_count() == gaps.height
    assert gaps["undefined"].str.contains("too few speakers").all()
    german = gaps.filter(cell="de", modality=SPEECH).row(0, named=True)
    assert german["p_floor"] == pytest.approx(1 / 10)  # three against three
