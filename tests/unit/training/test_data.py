"""What is learnt from: parts, cells, groups, labels; and what cannot be, by name."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from equivoice.corpora import Corpus, label_space
from equivoice.errors import AudioError, ConfigError, CorpusError, LabelError
from equivoice.training import resolve_settings
from equivoice.training.data import TrainingData, gather_data
from tiny.corpus import make_corpus


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return make_corpus(tmp_path_factory.mktemp("demo"), transcripts=True)


def gathered(*corpora: Corpus, fold: Any = None, **changes: Any) -> TrainingData:
    settings = resolve_settings(
        "minmaxgap",
        changes,
        system="qwen2-audio",
        corpora=[corpus.name for corpus in corpora],
        fold=fold,
    )
    return gather_data(settings, {corpus.name: corpus for corpus in corpora})


def changed(corpus: Corpus, **columns: Any) -> Corpus:
    return dataclasses.replace(corpus, utterances=corpus.utterances.with_columns(**columns))


def test_each_part_has_its_own_speakers_and_none_of_the_test(demo: Corpus) -> None:
    data = gathered(demo)
    assert (len(data.train), len(data.validation)) == (16, 8)
    train, chosen = set(data.speakers("train")), set(data.speakers("validation"))
    tested = set(data.test_speakers["demo"])
    assert (len(train), len(chosen), len(tested)) == (8, 4, 4)
    assert not train & chosen
    assert not (train | chosen) & tested
    ids = set(data.utterances["utterance_id"])
    assert ids == {each.item.utterance_id for each in (*data.train, *data.validation)}
    assert data.utterances["split"].value_counts().sort("split")["count"].to_list() == [16, 8]
    assert data.counts("train") == {"angry": 8, "sad": 8}


def test_cells_are_languages_and_groups_are_genders(demo: Corpus) -> None:
    data = gathered(demo)
    strata = {each.item.stratum for each in data.train}
    assert strata == {(x, g) for x in ("en", "de") for g in ("female", "male")}
    assert data.groups == ("female", "male")
    assert all(each.item.length == pytest.approx(_seconds(demo, each)) for each in data.train)


def _seconds(corpus: Corpus, example: Any) -> float:
    rows = corpus.utterances.filter(utterance_id=example.item.utterance_id)
    return float(rows["duration"][0])


def test_several_modalities_make_an_item_of_each(demo: Corpus) -> None:
    both = {"modalities": ["speech", "speech+transcript"]}
    data = gathered(demo, data=both)
    assert len(data.train) == 32
    assert {each.item.cell for each in data.train} == {
        f"{x} x {m}" for x in ("en", "de") for m in both["modalities"]
    }
    said = {each.modality: (each.clip is None, each.transcript is None) for each in data.train}
    assert said == {"speech": (False, True), "speech+transcript": (False, False)}
    only = gathered(demo, data={"modalities": ["transcript"]})
    assert {each.clip for each in only.train} == {None}
    assert all(each.item.length == len("this is take 0") / 15 for each in only.train)


@pytest.mark.parametrize(
    ("cell", "cells"), [("corpus", {"demo"}), (["corpus", "language"], {"demo x en", "demo x de"})]
)
def test_other_cells(demo: Corpus, cell: Any, cells: set[str]) -> None:
    data = gathered(demo, groups={"cell": cell})
    assert {each.item.cell for each in data.train} == cells


def test_any_attribute_may_make_the_groups(demo: Corpus) -> None:
    ages = {
        f"{x}-{g}-{n}": 20.0 + 10 * n
        for x in ("en", "de")
        for g in ("female", "male")
        for n in range(4)
    }
    aged = changed(demo, age=pl.col("speaker").replace_strict(ages, return_dtype=pl.Float64))
    data = gathered(aged, groups={"attribute": "age[25]"})
    assert data.groups == ("≤ 25", "> 25")
    crossed = gathered(aged, groups={"attribute": "gender x age[25]"})
    assert {each.item.group for each in crossed.train} == {
        f"{g} x {a}" for g in ("female", "male") for a in ("≤ 25", "> 25")
    }


def test_items_without_a_group_are_learnt_from_and_counted(demo: Corpus) -> None:
    first = pl.col("speaker") == "en-female-0"
    data = gathered(changed(demo, gender=pl.when(first).then(None).otherwise(pl.col("gender"))))
    assert sum(each.item.group is None for each in data.train) == 2
    assert "2 utterances have no gender" in data.notes[0]


def test_unlabelled_utterances_and_limits_are_counted(demo: Corpus) -> None:
    first = pl.col("speaker") == "en-female-0"
    silent = changed(demo, emotion=pl.when(first).then(None).otherwise(pl.col("emotion")))
    data = gathered(silent, data={"limit": 6})
    assert (len(data.train), len(data.validation)) == (6, 6)
    assert data.left_out == {
        "demo: train utterance without label": 2,
        "demo: train utterance beyond the limit": 8,
        "demo: validation utterance beyond the limit": 2,
    }


# ---------------------------------------------------------------------------- labels


def test_each_corpus_has_its_own_labels_or_those_that_all_share(
    demo: Corpus, tmp_path: Path
) -> None:
    other = make_corpus(tmp_path, name="other", labels=("calm", "angry", "sad"))
    own = gathered(demo, other)
    assert own.labels.names == ("angry", "sad", "calm")
    assert own.spaces["other"].names == ("angry", "sad", "calm") or set(
        own.spaces["other"].names
    ) == {"angry", "sad", "calm"}
    shared = gathered(demo, other, data={"labels": "shared"})
    assert {each.item.label for each in shared.train} == {"angry", "sad"}
    assert set(shared.spaces["other"].names) == {"angry", "sad"}
    assert shared.left_out["other: train utterance of another label"] == 8
    named = gathered(demo, other, data={"labels": ["angry", "sad"]})
    assert named.counts("train") == shared.counts("train")


def test_labels_that_are_not_there(demo: Corpus, tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="not in the label space of demo: 'happy'") as caught:
        gathered(demo, data={"labels": ["angry", "happy"]})
    assert set(caught.value.choices or ()) == {"angry", "sad"}
    other = make_corpus(tmp_path, name="other", labels=("calm", "angry"))
    with pytest.raises(ConfigError, match="share too few labels"):
        gathered(demo, other, data={"labels": "shared"})
    foreign = dataclasses.replace(demo, label_space=label_space(["angry"], id="demo"))
    with pytest.raises(LabelError, match="is not in the label space 'demo': 'sad'"):
        gathered(foreign)


# ----------------------------------------------------------------------------- folds


def test_a_corpus_with_one_fold_needs_none_named_and_with_several_does(
    demo: Corpus, tmp_path: Path
) -> None:
    assert gathered(demo).folds == {"demo": "1"}
    more = pl.concat([demo.folds, demo.folds.with_columns(fold=pl.lit("2"))])
    several = dataclasses.replace(demo, folds=more)
    with pytest.raises(ConfigError, match="demo has several folds") as caught:
        gathered(several)
    assert caught.value.choices == ("1", "2")
    assert gathered(several, fold="2").folds == {"demo": "2"}
    assert gathered(several, fold={"demo": "2"}).folds == {"demo": "2"}
    other = make_corpus(tmp_path, name="other")
    both = gathered(several, other, fold={"demo": "2"})
    assert both.folds == {"demo": "2", "other": "1"}
    with pytest.raises(ConfigError, match="no such fold: '3'"):
        gathered(several, fold="3")
    with pytest.raises(ConfigError, match="a corpus that is not trained on: 'dmeo'"):
        gathered(several, fold={"demo": "1", "dmeo": "2"})


def test_without_a_validation_part_speakers_are_taken_from_training(demo: Corpus) -> None:
    folds = demo.folds.with_columns(split=pl.col("split").replace("validation", "train"))
    data = gathered(dataclasses.replace(demo, folds=folds))
    assert set(data.speakers("train")).isdisjoint(data.speakers("validation"))
    assert {name.split("-")[1] for name in data.speakers("validation")} == {"female", "male"}
    assert "no validation part of its own" in data.notes[0]


def test_without_folds_they_are_those_that_benchmark_makes(demo: Corpus) -> None:
    from equivoice.evaluation import plan_benchmark

    bare = dataclasses.replace(demo, folds=demo.folds.clear())
    data = gathered(bare, fold="1")
    benchmark = plan_benchmark("prior", bare)
    assert data.corpora["demo"].folds.equals(benchmark.corpora["demo"].folds)
    assert "5 were made" in data.notes[0]


# --------------------------------------------------------------------------- what lacks


def test_transcripts_that_are_missing(demo: Corpus) -> None:
    multimodal = {"modalities": ["speech+transcript"]}
    none = changed(demo, transcript=pl.lit(None, dtype=pl.String))
    with pytest.raises(CorpusError, match=r"no train utterance of demo has a transcript") as caught:
        gathered(none, data=multimodal)
    assert caught.value.column == "transcript"
    first = pl.col("speaker") == "en-female-0"
    blank = changed(
        demo, transcript=pl.when(first).then(pl.lit(" ")).otherwise(pl.col("transcript"))
    )
    data = gathered(blank, data=multimodal)
    assert len(data.train) == 14
    assert data.left_out == {"demo: utterance without transcript (speech+transcript)": 2}


def test_sounds_that_are_missing(demo: Corpus, tmp_path: Path) -> None:
    gone = changed(demo, audio=pl.lit(str(tmp_path / "gone.wav")))
    with pytest.raises(AudioError, match="is not there") as caught:
        gathered(gone)
    assert caught.value.file == str(tmp_path / "gone.wav")
    with pytest.raises(AudioError, match="has no sound"):
        gathered(changed(demo, audio=pl.lit(None, dtype=pl.String)))
    assert gathered(gone, data={"modalities": ["transcript"]}).train


def test_a_cell_that_is_not_known(demo: Corpus) -> None:
    unknown = changed(demo, language=pl.lit(None, dtype=pl.String))
    with pytest.raises(CorpusError, match="the language of demo/") as caught:
        gathered(unknown)
    assert "groups.cell=corpus" in (caught.value.hint or "")
    assert gathered(unknown, groups={"cell": "corpus"}).train
