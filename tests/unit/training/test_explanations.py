"""Reasons are learnt with the label, of training utterances alone; scores are given what stands before."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from equivoice.corpora import Corpus
from equivoice.errors import ConfigError, CorpusError, InputError
from equivoice.prompting.explained import answer_ending, before_answer, read_target
from equivoice.records import RATIONALES, write_table
from equivoice.training import plan_training, train
from equivoice.training.explanations import Explanation, read_reasons
from equivoice.training.settings import DataSettings
from equivoice.training.task import TrainingTask
from equivoice.training.validating import listen
from tiny.corpus import make_corpus, recipe
from tiny.speech import TinyModels

FORMS = ("label_first", "reason_first", "label_only")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return make_corpus(tmp_path_factory.mktemp("demo"), languages=["en"], transcripts=True)


def split_of(corpus: Corpus, part: str) -> list[str]:
    return corpus.folds.filter(split=part).get_column("utterance_id").to_list()


def reasons_of(corpus: Corpus, names: list[str]) -> pl.DataFrame:
    labels = dict(corpus.utterances.select("utterance_id", "emotion").iter_rows())
    rows = [
        {
            "utterance_id": name,
            "emotion": labels[name],
            "response": f"The voice of {name}.",
            "reason": f"The voice of {name}.",
            "status": "kept",
            "teacher": "scripted-writer",
            "prompt": "published",
            "temperature": 0.0,
            "seed": 1,
        }
        for name in names
    ]
    return RATIONALES.validate(pl.DataFrame(rows))


@pytest.fixture(scope="module")
def table(demo: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Reasons for all training utterances but the first."""
    place = tmp_path_factory.mktemp("reasons") / "reasons.parquet"
    return write_table(reasons_of(demo, split_of(demo, "train")[1:]), place, RATIONALES)


def planned(tiny_models: TinyModels, corpus: Corpus, table: Path, **data: Any) -> TrainingTask:
    settings = recipe(data={"targets": "rationales", "rationales": str(table), **data})
    options = {"model": str(tiny_models("qwen2_audio"))}
    return plan_training("qwen2-audio", corpus, options=options, **settings)


def backend_of(task: TrainingTask) -> Any:
    return task.learner.backend  # type: ignore[attr-defined]


def lessons_of(task: TrainingTask) -> Any:
    return task.learner.lessons  # type: ignore[attr-defined]


@pytest.mark.parametrize("order", FORMS)
def test_what_is_learnt_is_what_is_heard_which_emotion_and_why(
    tiny_models: TinyModels, demo: Corpus, table: Path, order: str
) -> None:
    task = planned(tiny_models, demo, table, order=order)
    rows = {row["utterance_id"]: row for row in demo.utterances.iter_rows(named=True)}
    for example in task.data.train:
        name = example.item.utterance_id
        answer = lessons_of(task).lesson(example, 1).answer
        read = read_target(answer)
        reason = None if order == "label_only" else f"The voice of {name}."
        assert read == (rows[name]["transcript"], rows[name]["emotion"], reason, ())
        if order != "label_only":
            first = answer.index("<answer>") < answer.index("<reason>")
            assert first == (order == "label_first")


def test_pairs_learn_from_the_same_utterances_with_and_without_reasons(
    tiny_models: TinyModels, demo: Corpus, table: Path
) -> None:
    tasks = [planned(tiny_models, demo, table, order=order) for order in FORMS]
    names = [[each.item.utterance_id for each in task.data.train] for task in tasks]
    assert names[0] == names[1] == names[2] == sorted(split_of(demo, "train")[1:])
    assert tasks[0].data.left_out == {"demo: train utterance without a reason": 1}
    batches = [[batch.rows for batch in task.epoch(1)] for task in tasks]
    assert batches[0] == batches[1] == batches[2]


def test_validation_has_all_its_utterances_and_no_reason(
    tiny_models: TinyModels, demo: Corpus, table: Path
) -> None:
    task = planned(tiny_models, demo, table)
    assert {each.item.utterance_id for each in task.data.validation} == set(
        split_of(demo, "validation")
    )
    assert {type(each.explanation) for each in task.data.validation} == {Explanation}
    assert {each.explanation and each.explanation.reason for each in task.data.validation} == {None}
    answers = [lessons_of(task).lesson(each, None).answer for each in task.data.validation]
    assert not any("<reason>" in answer for answer in answers)


def test_the_loss_counts_the_tokens_of_the_answer_and_no_other(
    tiny_models: TinyModels, demo: Corpus, table: Path
) -> None:
    task = planned(tiny_models, demo, table)
    backend = backend_of(task)
    lessons = [lessons_of(task).lesson(each, 1) for each in task.data.train[:3]]
    with torch.no_grad():
        found = backend.answer_losses(lessons)
    for row, lesson in enumerate(lessons):
        tokens = backend.lesson_tokens(lesson)
        assert backend.decode(tokens.answer) == lesson.answer
        assert tokens.answer[-1] in backend.eos_ids
        assert int(found.mask[row].sum()) == len(tokens.answer)
        # token by token, from the stock forward over prompt and answer
        alone = _plain_losses(backend, lesson, tokens)
        counted = found.nll[row][found.mask[row]].numpy()
        assert counted == pytest.approx(alone, abs=2e-4)
    loss = task.learner.loss(task.data.train[:3], epoch=1)  # type: ignore[attr-defined]
    means = (found.nll.sum(1) / found.mask.sum(1)).tolist()
    assert loss.tolist() == pytest.approx(means, abs=2e-4)


def _plain_losses(backend: Any, lesson: Any, tokens: Any) -> list[float]:
    given = backend.embedded([lesson.question])
    ids = torch.tensor([tokens.answer])
    with torch.no_grad():
        embeds = torch.cat([given.embeds, backend.language.embed(ids)], dim=1)
        states = backend.language.body(inputs_embeds=embeds).last_hidden_state
        logits = backend.language.head(states)[0]
    first = given.embeds.shape[1]
    shares = torch.log_softmax(logits[first - 1 : -1].float(), dim=-1)
    return [-float(shares[at, token]) for at, token in enumerate(tokens.answer)]


def test_a_label_is_scored_given_what_stands_before_it(
    tiny_models: TinyModels, demo: Corpus, table: Path
) -> None:
    task = planned(tiny_models, demo, table)
    backend, examples = backend_of(task), task.data.validation[:2]
    heard = listen(task.learner, examples)
    for row, example in enumerate(examples):
        lesson = lessons_of(task).lesson(example, None)
        before = before_answer(lesson.answer)
        assert before is not None
        assert before.startswith(f"<asr>{example.explanation and example.explanation.transcript}<")
        given = _beginning(backend, lesson.question, before)
        due = [
            _beginning(backend, lesson.question, before + answer_ending(word)) - given
            for word in ("angry", "sad")
        ]
        assert heard.logprobs[row] == pytest.approx(due, abs=1e-4)
        assert heard.outside[row] == pytest.approx(1 - np.exp(due).sum(), abs=1e-5)
        right = due[["angry", "sad"].index(str(example.item.label))]
        assert heard.losses[row] == pytest.approx(-right, abs=1e-4)


def _beginning(backend: Any, question: Any, text: str) -> float:
    """The log-probability that an answer begins so, token by token through the stock forward."""
    tokens = backend.tokens(text)
    given = backend.embedded([question])
    with torch.no_grad():
        embeds = torch.cat([given.embeds, backend.language.embed(torch.tensor([tokens]))], dim=1)
        states = backend.language.body(inputs_embeds=embeds).last_hidden_state
        logits = backend.language.head(states)[0]
    first = given.embeds.shape[1]
    shares = torch.log_softmax(logits[first - 1 : -1].double(), dim=-1)
    return sum(float(shares[at, token]) for at, token in enumerate(tokens))


@pytest.mark.slow
def test_a_student_learns_and_its_best_checkpoint_says_what_it_was_trained_on(
    tiny_models: TinyModels, demo: Corpus, table: Path, tmp_path: Path
) -> None:
    data = {"targets": "rationales", "rationales": str(table), "prompt": "direct"}
    settings = recipe(data=data, optimiser={"epochs": 3, "lr": 1e-2}, selection={"metric": "loss"})
    options = {"model": str(tiny_models("qwen2_audio"))}
    run = train("qwen2-audio", demo, out=tmp_path / "run", options=options, **settings)
    steps = run.table("steps")["loss"].to_list()
    assert steps[-1] < steps[0]
    assert "rationales" in run.record.inputs
    assert run.record.config["data"]["order"] == "label_first"
    said = run.predictions()
    assert all(name.endswith("/options") for name in said["system"])
    assert said.drop_nulls("probabilities").height == len(split_of(demo, "validation"))


@pytest.mark.parametrize("part", ["validation", "test"])
def test_a_reason_of_what_is_chosen_or_tested_on_is_refused(
    demo: Corpus, tmp_path: Path, part: str
) -> None:
    held = split_of(demo, part)[0]
    place = tmp_path / "reasons.parquet"
    write_table(reasons_of(demo, [*split_of(demo, "train"), held]), place, RATIONALES)
    with pytest.raises(CorpusError, match=f"the {part} part of fold 1") as caught:
        read(demo, place)
    assert caught.value.value == held


def read(corpus: Corpus, place: Path) -> Any:
    settings = DataSettings(targets="rationales", rationales=str(place))
    return read_reasons(settings, {corpus.name: corpus}, {corpus.name: "1"})


def test_what_cannot_be_learnt_is_named(demo: Corpus, tmp_path: Path) -> None:
    place = tmp_path / "reasons.parquet"
    made = reasons_of(demo, split_of(demo, "train"))
    write_table(made.with_columns(status=pl.lit("too_short")), place, RATIONALES)
    with pytest.raises(CorpusError, match="no reason was kept"):
        read(demo, place)
    write_table(made.with_columns(reason=pl.lit("See <answer>.")), place, RATIONALES)
    with pytest.raises(CorpusError, match="tag of the target"):
        read(demo, place)
    with pytest.raises(InputError, match="no such file"):
        read(demo, tmp_path / "nowhere.parquet")


def test_a_reason_for_another_label_is_not_learnt_and_of_several_the_first_is(
    tiny_models: TinyModels, demo: Corpus, tmp_path: Path
) -> None:
    names = split_of(demo, "train")
    made = reasons_of(demo, names)
    wrong = made.with_columns(
        emotion=pl.when(pl.col("utterance_id").is_in(names[:1]))
        .then(pl.lit({"angry": "sad", "sad": "angry"}[made["emotion"][0]]))
        .otherwise(pl.col("emotion"))
    )
    twice = pl.concat([wrong, wrong.tail(1).with_columns(seed=pl.lit(9, pl.UInt64))])
    place = write_table(twice, tmp_path / "reasons.parquet", RATIONALES)
    task = planned(tiny_models, demo, place)
    assert task.data.left_out == {"demo: train utterance whose reason explains another label": 1}
    assert "1 utterances have several reasons" in task.data.notes[-1]


def test_an_end_token_or_a_tag_in_an_answer_is_found_before_the_first_step(
    tiny_models: TinyModels, demo: Corpus, tmp_path: Path
) -> None:
    made = reasons_of(demo, split_of(demo, "train"))
    last = pl.col("utterance_id") == made["utterance_id"][-1]
    ended = made.with_columns(
        reason=pl.when(last).then(pl.lit("It ends.<|im_end|>")).otherwise(pl.col("reason"))
    )
    place = write_table(ended, tmp_path / "reasons.parquet", RATIONALES)
    with pytest.raises(ConfigError, match="token that ends answers"):
        planned(tiny_models, demo, place)
    tagged = dataclasses.replace(
        demo, utterances=demo.utterances.with_columns(transcript=pl.lit("a <asr> b"))
    )
    write_table(made, place, RATIONALES)
    with pytest.raises(CorpusError, match="transcript holds a tag"):
        planned(tiny_models, tagged, place)


def test_without_transcripts_answers_begin_with_the_label_and_it_is_said(
    tiny_models: TinyModels, demo: Corpus, table: Path
) -> None:
    mute = dataclasses.replace(
        demo, utterances=demo.utterances.with_columns(transcript=pl.lit(None, pl.String))
    )
    task = planned(tiny_models, mute, table)
    answer = lessons_of(task).lesson(task.data.train[0], 1).answer
    assert answer.startswith("<answer>")
    assert "have no transcript" in " ".join(task.data.notes)
    assert np.isfinite(listen(task.learner, task.data.validation[:1]).losses).all()


def test_settings_that_do_not_fit_are_refused(demo: Corpus, table: Path) -> None:
    with pytest.raises(ConfigError, match="whose reasons are to be learnt"):
        plan_training("qwen2-audio", demo, recipe="rationales")
    with pytest.raises(ValueError, match="targets=rationales, not label"):
        DataSettings(rationales=str(table))
    assert DataSettings().form is None
    assert DataSettings(targets="rationales", rationales="x").rationales == str(
        Path("x").absolute()
    )
    data = {"targets": "rationales", "rationales": str(table)}
    with pytest.raises(ConfigError, match="labels and no reasons"):
        plan_training("compact-encoder", demo, data=data)
    with pytest.raises(ConfigError, match="answer alone is learnt"):
        plan_training("qwen2-audio", demo, data=data, objective={"tokens": "all"})
