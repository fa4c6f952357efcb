"""The chain up to its students: what is refused, and what the teacher leaves behind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from equivoice.corpora import Corpus
from equivoice.errors import ConfigError, CorpusError
from equivoice.prompting.explained import read_target
from equivoice.store.rationale_folder import RationaleFolder
from equivoice.studies import rationale_chain as study
from equivoice.studies.chain import learning
from equivoice.studies.chain.planted import planted_faults
from equivoice.studies.chain.settings import ChainSettings
from equivoice.studies.chain.teacher import FAULTS
from equivoice.studies.rationale_chain import Watching, rationale_chain
from unit.studies.chain_by_hand import SENTENCES, TAKES, corpus, ground_of, measure

SETTINGS = ChainSettings(seeds=(0,), faults=0.5, slips=0.25)
TRAINED = 6 * TAKES


class Stopped(Exception):
    """The students are not trained here."""


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path]]:
    """Measurements by number; and the work stops where students would be trained."""
    reached: list[Path] = []

    def stop(corpus: Corpus, fold: str, rationales: Path, *_: object, **__: object) -> None:
        del corpus, fold
        reached.append(rationales)
        raise Stopped

    monkeypatch.setattr(study, "measure_utterances", measure)
    monkeypatch.setattr(study, "train_students", stop)
    return iter([reached])


def with_sound(given: Corpus) -> Corpus:
    """The corpus with paths of recordings; a scripted teacher never opens them."""
    named = pl.col("utterance_id").str.replace("/", "-") + ".wav"
    return replace(given, utterances=given.utterances.with_columns(audio="/nowhere/" + named))


def taught(out: Path, settings: ChainSettings = SETTINGS) -> RationaleFolder:
    """The teacher's folder of a chain that stops before its students."""
    with pytest.raises(Stopped):
        rationale_chain([with_sound(corpus())], out, settings)
    return RationaleFolder.read(out / "hand" / "reasons")


@pytest.mark.usefixtures("untrained")
def test_only_the_training_part_is_explained(tmp_path: Path) -> None:
    made = taught(tmp_path).rationales()
    train = corpus().folds.filter(split="train")
    assert set(made["utterance_id"]) == set(train["utterance_id"])
    assert made.height == TRAINED
    assert set(made["teacher"]) == {"scripted-writer"}
    assert set(made["prompt"]) == {"grounded"}


@pytest.mark.usefixtures("untrained")
def test_the_texts_lie_beside_the_reasons_with_what_was_planted(tmp_path: Path) -> None:
    folder = taught(tmp_path)
    texts = pl.read_csv(tmp_path / "hand" / "teacher.csv")
    told = dict(texts.drop_nulls("text").select("utterance_id", "text").rows())
    answers = folder.answers().drop_nulls("response")
    assert dict(answers.select("utterance_id", "response").rows()) == told
    planted = planted_faults(texts, folder.rationales())
    assert planted["fault"].to_list() == list(FAULTS)
    assert planted["planted"].to_list() == planted["met"].to_list()
    dropped = json.loads((folder.path / "filters.json").read_text())
    counts = {row["filter"]: row["dropped"] for row in dropped}
    for row in planted.filter(pl.col("expected") != "kept").iter_rows(named=True):
        assert counts[row["expected"]] == row["met"]


@pytest.mark.usefixtures("untrained")
def test_the_record_says_that_the_teacher_is_scripted(tmp_path: Path) -> None:
    record = taught(tmp_path).record
    assert "scripted" in record.generation["scripted-writer"]["weights"]
    assert record.config["fold"] == "1"


@pytest.mark.usefixtures("untrained")
def test_the_teacher_writes_once(tmp_path: Path) -> None:
    folder = taught(tmp_path)
    (journal,) = folder.path.glob("answers.jsonl")
    before = journal.stat().st_mtime_ns
    again = taught(tmp_path)
    assert journal.stat().st_mtime_ns == before
    assert again.rationales().equals(folder.rationales())


@pytest.mark.usefixtures("untrained")
def test_another_teacher_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    taught(tmp_path)
    with pytest.raises(ConfigError, match="holds another run"):
        rationale_chain([with_sound(corpus())], tmp_path, replace(SETTINGS, seed=8))


@pytest.mark.usefixtures("untrained")
def test_the_limit_is_heeded_each_label_in_its_turn(tmp_path: Path) -> None:
    made = taught(tmp_path, replace(SETTINGS, limit=12)).rationales()
    assert dict(made.group_by("emotion").len().rows()) == {"angry": 6, "sad": 6}


def test_students_are_given_what_the_teacher_wrote(
    untrained: Iterator[list[Path]], tmp_path: Path
) -> None:
    folder = taught(tmp_path)
    assert next(untrained) == [folder.path]


@pytest.mark.usefixtures("untrained")
def test_a_student_knows_the_words_of_its_answers(tmp_path: Path) -> None:
    """The texts for the tokenizer are the answers that will be learnt, and no others."""
    folder = taught(tmp_path)
    kept = folder.rationales().filter(status="kept").sort("utterance_id")
    texts = learning._answers(corpus(), folder.path)
    read = [read_target(text) for text in texts]
    assert [each.reason for each in read] == kept["reason"].to_list()
    assert [each.answer for each in read] == kept["emotion"].to_list()
    assert {each.transcript for each in read} == set(SENTENCES)
    assert [each.problems for each in read] == [()] * kept.height


@pytest.mark.usefixtures("untrained")
def test_each_step_is_told(tmp_path: Path) -> None:
    told: list[str] = []
    with pytest.raises(Stopped):
        rationale_chain(
            [with_sound(corpus())], tmp_path, SETTINGS, watching=Watching(step=told.append)
        )
    assert told == [
        f"hand: measuring {12 * TAKES} utterances",
        "hand: the scripted teacher explains the training part of fold 1",
    ]


def test_corpora_need_names_of_their_own(tmp_path: Path) -> None:
    for given, value in (([], "none"), ([corpus(), corpus()], "hand, hand")):
        with pytest.raises(ConfigError, match="different names") as told:
            rationale_chain(given, tmp_path / "out")
        assert value in str(told.value)
    assert not (tmp_path / "out").exists()


def test_a_fold_that_is_not_there_is_named_before_anything_is_measured(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no such fold") as told:
        rationale_chain([corpus()], tmp_path / "out", replace(SETTINGS, fold="9"))
    assert "hand" in str(told.value)
    assert not (tmp_path / "out").exists()


def test_the_measurements_by_number_climb_within_each_speaker() -> None:
    """What these tests take for granted of their own corpus."""
    found = ground_of(corpus())
    for speaker in range(12):
        shares = [
            found.found.shares[found.found.rows[f"hand/{speaker}-{take}"]][0]
            for take in range(TAKES)
        ]
        assert shares == pytest.approx([take / (TAKES - 1) for take in range(TAKES)])
