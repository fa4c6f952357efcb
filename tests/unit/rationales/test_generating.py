"""A teacher explains training utterances alone; cut off, it goes on; each row says whose it is."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from equivoice.corpora import Corpus, save_corpus
from equivoice.errors import ConfigError, CorpusError, InputError, RunError
from equivoice.models.language import Decoding, Draw, Question, Said
from equivoice.models.scripted_writer import ScriptedWriter
from equivoice.prompting import AUDIO
from equivoice.rationales.generating import (
    Teaching,
    generate_rationales,
    plan_generation,
    training_utterances,
)
from equivoice.rationales.refiltering import read_rationales, refilter
from equivoice.store.rationale_folder import RationaleFolder
from tiny.corpus import make_corpus

REASON = "The speaker says this is a take, in a voice whose pitch rises and whose pace is quick."
BAD = "An angry voice says that this is a take, and its pitch rises while its pace is quick."


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return make_corpus(tmp_path_factory.mktemp("demo"), languages=["en"], transcripts=True)


def trained(corpus: Corpus) -> list[str]:
    return corpus.folds.filter(split="train").get_column("utterance_id").to_list()


def teacher(corpus: Corpus, **more: Any) -> ScriptedWriter:
    texts = dict.fromkeys(trained(corpus), REASON)
    return ScriptedWriter(texts | more.pop("texts", {}), **more)


def test_each_training_utterance_has_a_row_and_no_other_has_one(
    demo: Corpus, tmp_path: Path
) -> None:
    run = generate_rationales(teacher(demo), demo, out=tmp_path / "out")
    table = run.rationales()
    assert table["utterance_id"].to_list() == sorted(trained(demo))
    assert set(table["status"]) == {"kept"}
    labels = dict(demo.utterances.select("utterance_id", "emotion").iter_rows())
    assert table["emotion"].to_list() == [labels[name] for name in table["utterance_id"]]


def test_each_row_says_where_it_comes_from(demo: Corpus, tmp_path: Path) -> None:
    how = Teaching("grounded", temperature=0.5, seed=3)
    run = generate_rationales(teacher(demo), demo, out=tmp_path / "out", how=how)
    table = run.rationales()
    assert set(table["teacher"]) == {"scripted-writer"}
    assert set(table["prompt"]) == {"grounded"}
    assert set(table["temperature"]) == {0.5}
    assert table["seed"].n_unique() == table.height
    record = run.record
    assert record.finished is not None
    assert "scripted" in record.generation["scripted-writer"]["weights"]
    assert {"demo/audio", "prompt grounded"} <= set(record.inputs)
    other = plan_generation(teacher(demo), demo, how=Teaching("grounded", 0.5, seed=4))
    first = table.row(0, named=True)
    assert other.seed(first["utterance_id"], first["emotion"]) != first["seed"]


def test_the_teacher_hears_the_utterance_and_is_told_words_and_label(
    demo: Corpus, tmp_path: Path
) -> None:
    asked = teacher(demo)
    generate_rationales(asked, demo, out=tmp_path / "out")
    assert {each.utterance_id for each in asked.asked} == set(trained(demo))
    for question in asked.asked:
        row = demo.utterances.row(
            by_predicate=pl.col("utterance_id") == question.utterance_id, named=True
        )
        assert question.clip is not None
        assert question.clip.path == row["audio"]
        (turn,) = question.turns
        assert turn.parts[0] is AUDIO
        assert turn.text.startswith(
            f"Given the Content: {row['transcript']}\nEmotion: {row['emotion']}\nProvide a detailed"
        )
        assert f"DO NOT use the word {row['emotion']} in your reasoning." in turn.text


@pytest.mark.parametrize("part", ["validation", "test"])
def test_what_is_chosen_or_tested_on_is_refused_before_anything_is_asked(
    demo: Corpus, tmp_path: Path, part: str
) -> None:
    held = demo.folds.filter(split=part).get_column("utterance_id")[0]
    asked = teacher(demo)
    with pytest.raises(CorpusError, match=part) as caught:
        generate_rationales(asked, demo, out=tmp_path / "out", only=[*trained(demo), held])
    assert caught.value.value == held
    assert not asked.asked
    assert not (tmp_path / "out").exists()
    with pytest.raises(CorpusError, match="no such utterance"):
        training_utterances(demo, "1", ["demo/nobody"])


def test_some_training_utterances_alone(demo: Corpus, tmp_path: Path) -> None:
    some = trained(demo)[:2]
    run = generate_rationales(teacher(demo), demo, out=tmp_path / "out", only=some)
    assert run.rationales()["utterance_id"].to_list() == sorted(some)


class Interrupted(ScriptedWriter):
    """Ends the work in its third batch."""

    batches = 0

    def answer(
        self, questions: Sequence[Question], draws: Sequence[Sequence[Draw]], decoding: Decoding
    ) -> list[list[Said]]:
        self.batches += 1
        if self.batches == 3:
            raise KeyboardInterrupt
        return super().answer(questions, draws, decoding)


def test_work_that_was_cut_off_goes_on_and_ends_the_same(demo: Corpus, tmp_path: Path) -> None:
    how = Teaching(batch_size=2)
    texts = dict.fromkeys(trained(demo), REASON)
    with pytest.raises(KeyboardInterrupt):
        generate_rationales(Interrupted(texts), demo, out=tmp_path / "out", how=how)
    assert RationaleFolder.read(tmp_path / "out").answers().height == 4
    with pytest.raises(InputError, match="has not written all"):
        read_rationales(tmp_path / "out")
    again = teacher(demo)
    run = generate_rationales(again, demo, out=tmp_path / "out", how=how)
    assert len(again.asked) == 4
    whole = generate_rationales(teacher(demo), demo, out=tmp_path / "whole", how=how)
    assert run.rationales().equals(whole.rationales())
    done = teacher(demo)
    generate_rationales(done, demo, out=tmp_path / "out", how=how)
    assert not done.asked


def test_other_settings_do_not_go_on_in_the_same_folder(demo: Corpus, tmp_path: Path) -> None:
    out = tmp_path / "out"
    generate_rationales(teacher(demo), demo, out=out)
    with pytest.raises(ConfigError, match="seed"):
        generate_rationales(teacher(demo), demo, out=out, how=Teaching(seed=1))
    run = generate_rationales(teacher(demo), demo, out=out, how=Teaching(seed=1), overwrite=True)
    assert run.record.config["seed"] == 1


def test_a_failure_costs_one_row_and_is_named(demo: Corpus, tmp_path: Path) -> None:
    first, second = trained(demo)[:2]
    silent = changed(demo, second, transcript=None)
    run = generate_rationales(teacher(demo, fail_on=[first]), silent, out=tmp_path / "out")
    why = dict(run.rationales().select("utterance_id", "why").iter_rows())
    assert "cannot be used" in why[first]
    assert "needs a transcript" in why[second]
    assert run.rationales().filter(status="kept").height == len(why) - 2
    drops = json.loads((run.path / "filters.json").read_text())
    assert [row["dropped"] for row in drops if row["filter"] == "failed"] == [2]


def test_a_teacher_that_fails_always_ends_the_work(demo: Corpus, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="failed on each of the first"):
        generate_rationales(ScriptedWriter({}), demo, out=tmp_path / "out")


def changed(corpus: Corpus, name: str, **columns: Any) -> Corpus:
    own = pl.col("utterance_id") == name
    values = {
        column: pl.when(own).then(pl.lit(value)).otherwise(pl.col(column))
        for column, value in columns.items()
    }
    return dataclasses.replace(corpus, utterances=corpus.utterances.with_columns(**values))


def test_utterances_without_label_are_left_out_and_counted(demo: Corpus, tmp_path: Path) -> None:
    unlabelled = changed(demo, trained(demo)[0], emotion=None)
    plan = plan_generation(teacher(demo), unlabelled, how=Teaching(limit=4))
    assert plan.utterances.height == 4
    assert dict(plan.left_out) == {
        "training utterance without label": 1,
        "training utterance beyond the limit": len(trained(demo)) - 5,
    }
    assert plan.utterances["emotion"].value_counts()["count"].to_list() == [2, 2]


def test_what_is_no_teacher_is_refused(demo: Corpus) -> None:
    with pytest.raises(ConfigError, match="answers in words"):
        plan_generation("prior", demo)
    with pytest.raises(ConfigError, match="given sound and transcript"):
        plan_generation(ScriptedWriter({}, modalities=frozenset({"transcript"})), demo)
    with pytest.raises(ConfigError, match="batch_size"):
        Teaching(batch_size=0)


def test_of_several_folds_one_must_be_named(demo: Corpus, tmp_path: Path) -> None:
    bare = dataclasses.replace(demo, folds=demo.folds.clear())
    with pytest.raises(ConfigError, match="several folds") as caught:
        plan_generation(teacher(demo), bare)
    fold = caught.value.choices[0] if caught.value.choices else ""
    plan = plan_generation(teacher(demo), bare, fold=str(fold))
    tested = plan.corpus.folds.filter(fold=str(fold), split="test").get_column("utterance_id")
    assert not set(tested) & set(plan.utterances["utterance_id"])


def test_answers_are_filtered_again_from_what_was_written(demo: Corpus, tmp_path: Path) -> None:
    name = demo.utterances.filter(
        pl.col("utterance_id").is_in(trained(demo)), pl.col("emotion") == "angry"
    ).get_column("utterance_id")[0]
    place = tmp_path / "corpus"
    save_corpus(demo, place)
    run = generate_rationales(teacher(demo, texts={name: BAD}), place, out=tmp_path / "out")
    assert run.rationales().filter(utterance_id=name)["status"].item() == "label_word"
    rules = Teaching().rules.model_copy(update={"filters": ("too_short",), "min_words": 100})
    again = refilter(run, rules)
    assert set(again.rationales["status"]) == {"too_short"}
    from_table = refilter(run.rationales(), rules, corpus=demo)
    assert from_table.rationales.equals(again.rationales)
    with pytest.raises(InputError, match="of which corpus"):
        refilter(run.rationales(), rules)


class EndsIn(ScriptedWriter):
    """Is interrupted in a batch of a given number, from 1; never where it is 0."""

    ends_in = 0
    batches = 0

    def answer(
        self, questions: Sequence[Question], draws: Sequence[Sequence[Draw]], decoding: Decoding
    ) -> list[list[Said]]:
        self.batches += 1
        if self.batches == self.ends_in:
            raise KeyboardInterrupt
        return super().answer(questions, draws, decoding)


@pytest.mark.parametrize("cuts", [(1,), (2, 2), (8,), (3, 1, 4)])
def test_wherever_it_is_cut_and_however_often_the_table_is_the_same(
    demo: Corpus, tmp_path: Path, cuts: tuple[int, ...]
) -> None:
    how = Teaching(batch_size=1)
    texts = dict.fromkeys(trained(demo), REASON)
    asked: list[str] = []
    for cut in (*cuts, 0):
        mortal = EndsIn(texts)
        mortal.ends_in = cut
        try:
            run = generate_rationales(mortal, demo, out=tmp_path / "out", how=how)
        except KeyboardInterrupt:
            continue
        finally:
            asked += [question.utterance_id for question in mortal.asked]
    assert sorted(asked) == sorted(trained(demo))  # each once
    whole = generate_rationales(teacher(demo), demo, out=tmp_path / "whole", how=how)
    assert run.rationales().equals(whole.rationales())


def test_costs_and_times_stand_beside_the_answers_and_not_in_the_table(
    demo: Corpus, tmp_path: Path
) -> None:
    run = generate_rationales(teacher(demo, cost=0.25), demo, out=tmp_path / "out")
    answers = run.answers()
    assert set(answers["cost"]) == {0.25}
    assert (answers["seconds"] >= 0).all()
    assert not {"cost", "seconds"} & set(run.rationales().columns)


def test_the_watcher_is_told_of_each_batch(demo: Corpus, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    generate_rationales(
        teacher(demo),
        demo,
        out=tmp_path / "out",
        how=Teaching(batch_size=3),
        watch=lambda done, total: told.append((done, total)),
    )
    assert told == [(0, 8), (3, 8), (6, 8), (8, 8)]


def test_a_prompt_of_ones_own_is_known_by_its_words(demo: Corpus, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    text = 'wordings: [{turns: [{user: "{audio}Say why “{transcript}” is {emotion}."}]}]\n'
    file.write_text(text, "utf-8")
    asked = teacher(demo)
    run = generate_rationales(asked, demo, out=tmp_path / "out", how=Teaching(str(file)))
    assert set(run.rationales()["prompt"]) == {"mine"}
    assert asked.asked[0].turns[0].text.startswith("Say why “this is take")
    file.write_text(text.replace("Say", "Tell"), "utf-8")
    with pytest.raises(ConfigError, match="prompt mine"):
        generate_rationales(teacher(demo), demo, out=tmp_path / "out", how=Teaching(str(file)))
    # another layout of the same words is the same prompt
    file.write_text(f"# mine\n{text}", "utf-8")
    generate_rationales(teacher(demo), demo, out=tmp_path / "out", how=Teaching(str(file)))
