"""Parts with equally many utterances of each emotion: counts, seeds, and what cannot be."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equivoice.corpora import (
    Corpus,
    balanced_corpus,
    balanced_sample,
    label_space,
    load_corpus,
    save_corpus,
    split,
)
from equivoice.errors import ConfigError, CorpusError

LABELS = ("angry", "happy", "sad")
SPACE = label_space(LABELS, id="demo")


def table(**counts: int) -> pl.DataFrame:
    rows = [(f"demo/{label}-{n}", label) for label, many in counts.items() for n in range(many)]
    rows = [(name, None if label == "nobody" else label) for name, label in rows]
    return pl.DataFrame(
        rows, schema={"utterance_id": pl.String, "emotion": pl.String}, orient="row"
    )


def counts(rows: pl.DataFrame) -> dict[str, int]:
    return dict(rows.group_by("emotion").len().iter_rows())


def test_the_rarest_emotion_sets_the_number() -> None:
    made = balanced_sample(table(angry=5, happy=9, sad=3, nobody=2), SPACE)
    assert counts(made.utterances) == {"angry": 3, "happy": 3, "sad": 3}
    assert made.per_class == 3
    assert made.left_out == {"without a label": 2, "not drawn": 8}
    assert made.absent == ()


def test_a_number_can_be_asked_for_as_the_paper_does() -> None:
    made = balanced_sample(table(angry=5, happy=9, sad=3), SPACE, per_class=2)
    assert counts(made.utterances) == {"angry": 2, "happy": 2, "sad": 2}


def test_emotions_without_utterances_are_named_and_not_waited_for() -> None:
    made = balanced_sample(table(angry=4, happy=2), SPACE)
    assert counts(made.utterances) == {"angry": 2, "happy": 2}
    assert made.absent == ("sad",)


def test_the_draw_hangs_on_the_seed_and_not_on_the_order_of_rows() -> None:
    rows = table(angry=40, happy=40, sad=10)
    first = balanced_sample(rows, SPACE, seed=3)
    turned = balanced_sample(rows.reverse(), SPACE, seed=3)
    assert set(first.utterances["utterance_id"]) == set(turned.utterances["utterance_id"])
    assert turned.utterances["utterance_id"].to_list() == [
        name
        for name in rows.reverse()["utterance_id"]
        if name in set(first.utterances["utterance_id"])
    ]
    other = balanced_sample(rows, SPACE, seed=4)
    assert set(first.utterances["utterance_id"]) != set(other.utterances["utterance_id"])


def test_a_larger_draw_holds_the_smaller_one() -> None:
    rows = table(angry=30, happy=30, sad=30)
    small, large = (balanced_sample(rows, SPACE, per_class=n, seed=1) for n in (5, 20))
    assert set(small.utterances["utterance_id"]) <= set(large.utterances["utterance_id"])


@settings(deadline=None)
@given(
    st.integers(1, 12), st.integers(1, 12), st.integers(1, 12), st.integers(0, 5), st.integers(0, 9)
)
def test_every_emotion_has_as_many(
    angry: int, happy: int, sad: int, nobody: int, seed: int
) -> None:
    rows = table(angry=angry, happy=happy, sad=sad, nobody=nobody)
    made = balanced_sample(rows, SPACE, seed=seed)
    assert set(counts(made.utterances).values()) == {min(angry, happy, sad)}
    assert made.utterances.height + sum(made.left_out.values()) == rows.height


def test_what_cannot_be_is_named() -> None:
    with pytest.raises(CorpusError, match=r"cannot hold 4 utterances.*'sad: 3'") as caught:
        balanced_sample(table(angry=5, sad=3), SPACE, per_class=4, name="the validation part")
    assert "ask for at most 3" in str(caught.value)
    with pytest.raises(CorpusError, match="no utterance has a label"):
        balanced_sample(table(nobody=3), SPACE)
    with pytest.raises(ConfigError, match="per_class"):
        balanced_sample(table(angry=3), SPACE, per_class=0)


# ------------------------------------------------------------------------------ corpora


def corpus() -> Corpus:
    rows = table(angry=12, happy=24, sad=18).with_columns(speaker=pl.lit("s"))
    part = ("train", "train", "validation", "test", "test", "test")
    folds = [
        (name, fold, part[(place + int(fold)) % 6])
        for fold in ("1", "2")
        for place, name in enumerate(rows["utterance_id"])
    ]
    table_of_folds = pl.DataFrame(folds, schema=["utterance_id", "fold", "split"], orient="row")
    return Corpus("demo", SPACE, rows, table_of_folds)


def test_parts_are_balanced_fold_by_fold_and_training_is_not() -> None:
    given_corpus = corpus()
    made, notes = balanced_corpus(given_corpus, seed=1)
    for fold in made.fold_names:
        before, after = split(given_corpus, fold), split(made, fold)
        assert after.train.equals(before.train)
        assert counts(after.test) == {"angry": 6, "happy": 6, "sad": 6}
        assert after.validation is not None
        assert set(counts(after.validation).values()) == {2}
    assert made.utterances.equals(given_corpus.utterances)
    assert "the validation part of fold 1 of demo: 2 of each of 3 emotions, 3 left out" in notes


def test_one_part_alone_can_be_balanced() -> None:
    made, _ = balanced_corpus(corpus(), parts=["validation"], per_class=1)
    assert split(made, "1").test.equals(split(corpus(), "1").test)
    validation = split(made, "1").validation
    assert validation is not None
    assert set(counts(validation).values()) == {1}


def test_mistakes_about_parts_are_named() -> None:
    with pytest.raises(ConfigError, match="part: only these can be balanced: 'train'"):
        balanced_corpus(corpus(), parts=["train"])
    with pytest.raises(CorpusError, match="no fold of demo has a part to balance"):
        balanced_corpus(Corpus("demo", SPACE, corpus().utterances))
    with pytest.raises(CorpusError, match=r"the test part of fold 1 of demo cannot hold 50"):
        balanced_corpus(corpus(), parts=["test"], per_class=50)


def test_as_typed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from equivoice.cli.app import run

    where = str(save_corpus(corpus(), tmp_path / "demo"))
    words = ["corpora", "balance", where, "--part", "test", "--seed", "1"]
    assert run([*words, "-o", str(tmp_path / "even")]) == 0
    said = capsys.readouterr().out
    assert "the test part of fold 2 of demo: 6 of each of 3 emotions, 9 left out" in said
    assert said.rstrip().endswith(f"Result: {tmp_path / 'even'}")
    kept = load_corpus(tmp_path / "even")
    expected, _ = balanced_corpus(corpus(), parts=["test"], seed=1)
    assert kept.folds.sort("fold", "utterance_id").equals(
        expected.folds.sort("fold", "utterance_id")
    )
    assert kept.provenance["balanced"] == {"parts": ["test"], "seed": 1}
    assert run([*words, "-o", where]) == 2
    assert "is the corpus itself" in capsys.readouterr().err
