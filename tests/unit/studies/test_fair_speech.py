"""The speech of the study: one fold with enough test speakers, and labels that all corpora have."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from equivoice.corpora import Corpus, label_space, save_corpus
from equivoice.corpora.corpus import load_corpus
from equivoice.errors import ConfigError, CorpusError
from equivoice.studies.fair import speech
from equivoice.studies.fair.speech import (
    check_unheard,
    made_speech,
    with_labels,
    with_one_fold,
    with_shared_labels,
)
from tiny.corpus import make_corpus


def people(
    number: int, *, name: str = "demo", labels: tuple[str, ...] = ("angry", "sad")
) -> Corpus:
    """So many speakers of each gender in two languages, each label said once by each."""
    rows = [
        {
            "utterance_id": f"{name}/{language}-{gender}{who}-{label}",
            "corpus": name,
            "language": language,
            "gender": gender,
            "speaker": f"{language}-{gender[0]}{who}",
            "emotion": label,
        }
        for language in ("en", "de")
        for gender in ("female", "male")
        for who in range(1, number + 1)
        for label in labels
    ]
    return Corpus(name, label_space(list(labels), id=name), pl.DataFrame(rows))


@pytest.mark.parametrize(("number", "tested", "chosen"), [(12, 5, 2), (3, 1, 1), (16, 8, 2)])
def test_each_group_has_as_many_test_speakers(number: int, tested: int, chosen: int) -> None:
    corpus = with_one_fold(people(number), tested)
    assert corpus.fold_names == ("1",)
    assert corpus.folds.height == corpus.utterances.height
    table = corpus.utterances.join(corpus.folds, on="utterance_id")
    counted = table.group_by("language", "gender", "split").agg(pl.col("speaker").n_unique())
    for split, wanted in {"test": tested, "validation": chosen}.items():
        assert counted.filter(split=split)["speaker"].to_list() == [wanted] * 4
    assert counted.filter(split="train")["speaker"].to_list() == [number - tested - chosen] * 4


def test_no_speaker_stands_in_two_parts() -> None:
    corpus = with_one_fold(people(12), 5)
    table = corpus.utterances.join(corpus.folds, on="utterance_id")
    assert table.group_by("speaker").agg(pl.col("split").n_unique())[
        "split"
    ].unique().to_list() == [1]


def test_the_order_of_the_rows_decides_nothing() -> None:
    corpus = people(12)
    turned = replace(corpus, utterances=corpus.utterances.reverse())
    one, other = (with_one_fold(each, 5).folds.sort("utterance_id") for each in (corpus, turned))
    assert one.equals(other)


def test_too_few_speakers_are_named() -> None:
    with pytest.raises(ConfigError, match="6 speakers are too few to test 5"):
        with_one_fold(people(6), 5)
    assert with_one_fold(people(7), 5).fold_names == ("1",)


def test_corpora_with_the_same_labels_stay_as_they_are(tmp_path: Path) -> None:
    given = [people(2, name="one"), people(2, name="two")]
    found = with_shared_labels(given, tmp_path)
    assert [each is own for each, own in zip(found, given, strict=True)] == [True, True]
    assert list(tmp_path.iterdir()) == []


def test_other_labels_are_left_out_of_utterances_and_folds_and_counted(tmp_path: Path) -> None:
    more = make_corpus(tmp_path / "sounds", name="more", labels=("angry", "sad", "happy"))
    less = make_corpus(tmp_path / "others", name="less", labels=("angry", "sad"))
    found = with_shared_labels([more, less], tmp_path)
    assert found[1] is less
    assert found[0].label_space.names == ("angry", "sad")
    assert set(found[0].utterances["emotion"]) == {"angry", "sad"}
    assert found[0].left_out["label that not all corpora have"] == 16
    assert set(found[0].folds["utterance_id"]) == set(found[0].utterances["utterance_id"])
    assert all(Path(path).is_file() for path in found[0].utterances["audio"])


def test_what_was_kept_is_found_again_and_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = make_corpus(tmp_path / "sounds", name="more", labels=("angry", "sad", "happy"))
    less = make_corpus(tmp_path / "others", name="less", labels=("angry", "sad"))
    first = with_shared_labels([more, less], tmp_path)[0]
    monkeypatch.delattr(speech, "save_corpus")
    again = with_shared_labels([more, less], tmp_path)[0]
    assert again.utterances.equals(first.utterances)


def test_another_choice_of_labels_is_written_anew(tmp_path: Path) -> None:
    more = make_corpus(tmp_path / "sounds", name="more", labels=("angry", "sad", "happy", "calm"))
    with_shared_labels([more, people(2, name="less", labels=("angry", "sad"))], tmp_path)
    labels = ("angry", "sad", "happy")
    other = with_shared_labels([more, people(2, name="less", labels=labels)], tmp_path)[0]
    assert set(other.utterances["emotion"]) == set(labels)


def test_too_few_shared_labels_and_twins_are_refused(tmp_path: Path) -> None:
    one = people(2, name="one")
    with pytest.raises(ConfigError, match="too few labels in common"):
        with_shared_labels([one, people(2, name="two", labels=("sad", "happy"))], tmp_path)
    with pytest.raises(ConfigError, match="same name"):
        with_shared_labels([one, people(2, name="one")], tmp_path)


def test_test_parts_of_several_folds_and_corpora(tmp_path: Path) -> None:
    one = with_one_fold(people(4, name="one"), 2)
    two = with_one_fold(people(4, name="two"), 1)
    assert speech.tested_utterances([one, two], ["1"]).group_by("corpus").len().sort(
        "corpus"
    ).rows() == [("one", 16), ("two", 8)]
    with pytest.raises(CorpusError, match="one has no such fold"):
        speech.tested_utterances([one, two], ["7"])


@pytest.mark.slow
def test_speech_is_made_once(tmp_path: Path) -> None:
    pytest.importorskip("parselmouth")
    made = made_speech(tmp_path, speakers=18, per_speaker=1, tested=1)
    assert made.utterances["language"].n_unique() == 3
    description = tmp_path / "corpora" / "synthetic" / "corpus.json"
    written = description.stat().st_mtime_ns
    again = made_speech(tmp_path, speakers=18, per_speaker=1, tested=1)
    assert description.stat().st_mtime_ns == written
    assert again.folds.equals(made.folds)
    assert load_corpus(tmp_path / "corpora" / "synthetic").folds.equals(made.folds)
    assert save_corpus(made, tmp_path / "copy").is_dir()


def test_labels_that_are_not_wanted_take_their_utterances_with_them(tmp_path: Path) -> None:
    three = people(2, labels=("angry", "happy", "sad"))
    kept = with_labels(three, ["angry", "sad"], tmp_path / "kept")
    assert kept.label_space.names == ("angry", "sad")
    assert kept.utterances.height == three.utterances.height * 2 // 3
    assert kept.left_out == {"label that not all corpora have": three.utterances.height // 3}
    assert load_corpus(tmp_path / "kept").utterances.equals(kept.utterances)
    assert with_labels(kept, ["sad", "angry"], tmp_path / "again") is kept
    assert not (tmp_path / "again").exists()
    with pytest.raises(ConfigError, match="demo has no such label: 'calm'"):
        with_labels(three, ["calm"], tmp_path / "none")


def with_sounds(corpus: Corpus, start: float | None = None) -> Corpus:
    table = corpus.utterances.with_columns(
        audio=pl.col("utterance_id") + ".wav", start=pl.lit(start, dtype=pl.Float64)
    )
    return replace(corpus, utterances=table)


def test_what_was_learnt_before_is_known_by_its_sound() -> None:
    """Two made corpora name other voices alike, so names say nothing."""
    corpus = with_sounds(with_one_fold(people(3), 1))
    tested = speech.tested_utterances([corpus], ["1"])
    check_unheard(tested, [corpus], "1")
    turned = {"test": "train", "train": "test"}
    other = replace(corpus, folds=corpus.folds.with_columns(pl.col("split").replace(turned)))
    with pytest.raises(ConfigError, match="models would be tested on what they learn from before"):
        check_unheard(tested, [other], "1")
    voices = other.utterances.with_columns(audio="other/" + pl.col("audio"))
    check_unheard(tested, [replace(other, utterances=voices)], "1")
    later = with_sounds(other, start=2.5)
    check_unheard(tested, [later], "1")
