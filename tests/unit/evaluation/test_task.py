"""The plan of a benchmark: which cells there are, and which utterances each has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equivoice.corpora import Corpus, label_space
from equivoice.corpora.folds import make_folds
from equivoice.corpora.limiting import limited
from equivoice.errors import ConfigError, CorpusError, InputError
from equivoice.evaluation import plan_benchmark
from equivoice.inference import Cell
from equivoice.models.scripted import ScriptedBaseline

LABELS = ("angry", "happy", "sad")


def corpus(name: str = "demo", speakers: int = 6, folds: int = 3) -> Corpus:
    rows = [
        {
            "utterance_id": f"{name}/{speaker}-{number}",
            "speaker": f"s{speaker}",
            "gender": "female" if speaker % 2 else "male",
            "emotion": LABELS[number % 3],
        }
        for speaker in range(speakers)
        for number in range(6)
    ]
    made = Corpus(name, label_space(LABELS), pl.DataFrame(rows))
    if not folds:
        return made
    return replace(made, folds=make_folds(made.utterances, n_folds=folds, seed=0))


def ids(frame: pl.DataFrame) -> set[str]:
    return set(frame.get_column("utterance_id"))


def test_cells_go_corpus_by_corpus_fold_by_fold_system_by_system() -> None:
    task = plan_benchmark(["prior", "scripted"], [corpus("b"), corpus("a", folds=2)])
    names = [(cell.corpus, cell.fold, cell.system) for cell in task.plan.cells]
    assert names == [
        (name, fold, system)
        for name, folds in (("b", "123"), ("a", "12"))
        for fold in folds
        for system in ("prior", "scripted")
    ]


def test_the_parts_of_all_folds_cover_the_corpus_once() -> None:
    task = plan_benchmark("prior", corpus())
    tests = [task.parts(cell).test for cell in task.plan.cells]
    together = pl.concat(tests)
    assert together.height == together.get_column("utterance_id").n_unique() == 36
    for cell in task.plan.cells:
        parts = task.parts(cell)
        assert ids(parts.train) | ids(parts.test) == ids(task.corpora["demo"].utterances)
        assert not ids(parts.train) & ids(parts.test)
        assert parts.left_out == {}
        assert parts.validation is None


def test_folds_that_are_made_depend_on_the_seed_and_the_corpus_only() -> None:
    def made(seed: int, *others: Corpus) -> pl.DataFrame:
        task = plan_benchmark("prior", [*others, corpus(speakers=12, folds=0)], seed=seed)
        assert task.folds_made["demo"] == 5
        return task.corpora["demo"].folds

    assert made(1).equals(made(1, corpus("other")))
    assert not made(1).equals(made(2))


def test_the_number_of_folds_made_keeps_each_gender_in_every_test_part() -> None:
    task = plan_benchmark("prior", corpus(speakers=6, folds=0), n_folds=5)
    assert task.folds_made == {"demo": 3}
    for cell in task.plan.cells:
        assert set(task.parts(cell).test["gender"]) == {"female", "male"}


def test_without_speakers_no_folds_can_be_made() -> None:
    made = corpus(folds=0)
    unknown = replace(made, utterances=made.utterances.drop("speaker"))
    with pytest.raises(CorpusError, match="speaker"):
        plan_benchmark("prior", unknown)


def test_a_corpus_given_in_memory_may_lack_optional_columns() -> None:
    made = corpus()
    bare = replace(made, utterances=made.utterances.drop("gender"))
    task = plan_benchmark("prior", bare)
    assert "audio" in task.corpora["demo"].utterances.columns


def test_a_system_goes_by_its_own_name() -> None:
    task = plan_benchmark("scripted", corpus(), options={"scripted": {"name": "fake"}})
    assert [cell.system for cell in task.plan.cells] == ["fake"] * 3
    given = plan_benchmark([ScriptedBaseline(name="one"), "prior"], corpus())
    assert list(given.systems) == ["one", "prior"]
    assert given.settings.systems == ("one", "prior")


def test_unlabelled_utterances_are_tested_and_not_learned_from() -> None:
    made = corpus()
    emotion = pl.when(pl.col("utterance_id").str.ends_with("-0")).then(None).otherwise("emotion")
    made = replace(made, utterances=made.utterances.with_columns(emotion=emotion))
    task = plan_benchmark("prior", made)
    parts = task.parts(Cell("prior", "demo", "1"))
    assert parts.test.height == 12
    assert parts.test["emotion"].null_count() == 2
    assert parts.train["emotion"].null_count() == 0
    assert parts.left_out == {"training utterance without label": 4}


@settings(max_examples=60, deadline=None)
@given(
    emotions=st.lists(st.sampled_from([*LABELS, None]), min_size=1, max_size=40),
    limit=st.integers(1, 45),
    seed=st.integers(0, 3),
)
def test_a_limit_takes_labels_in_turn(
    emotions: Sequence[str | None], limit: int, seed: int
) -> None:
    table = pl.DataFrame(
        {
            "utterance_id": [f"a/{number}" for number in range(len(emotions))],
            "emotion": pl.Series(emotions, dtype=pl.String),
        }
    )
    kept = limited(table, limit, seed=seed)
    assert kept.height == min(limit, table.height)
    assert kept.equals(table.filter(pl.col("utterance_id").is_in(list(ids(kept)))))
    have = dict(table.get_column("emotion").value_counts().iter_rows())
    took = dict(kept.get_column("emotion").value_counts().iter_rows())
    most = max(took.values())
    # No label is more than one turn behind, unless it has run out.
    assert all(took.get(label, 0) >= min(number, most - 1) for label, number in have.items())
    assert ids(limited(table.sample(fraction=1, shuffle=True, seed=5), limit, seed=seed)) == ids(
        kept
    )


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"convention": "fairlam"}, "unknown convention"),
        ({"group_by": ("gendre",)}, "no such attribute to group by"),
        ({"group_by": ("gender[",)}, "this grouping cannot be read"),
    ],
)
def test_what_scoring_would_refuse_is_refused_before_anything_is_predicted(
    wrong: dict[str, object], problem: str
) -> None:
    with pytest.raises((ConfigError, InputError), match=problem):
        plan_benchmark(["prior"], corpus(), **wrong)


def test_an_attribute_that_one_corpus_of_two_has_can_be_grouped_by() -> None:
    other = corpus("other")
    other = replace(other, utterances=other.utterances.with_columns(accent=pl.lit("north")))
    task = plan_benchmark(["prior"], [corpus(), other], group_by=("accent",))
    assert len(task.corpora) == 2


def test_orders_beyond_counting_are_refused_at_once() -> None:
    with pytest.raises(ConfigError, match="at most 1000 shuffled orders"):
        plan_benchmark(["scripted-llm"], corpus(), label_orders=("shuffled:99999999",))
