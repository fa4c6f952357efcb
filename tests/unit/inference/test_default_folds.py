"""A corpus keeps its folds; one without them is given the same ones by everybody."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from equivoice.corpora import Corpus
from equivoice.inference.default_folds import with_default_folds
from tiny.corpus import make_corpus


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return make_corpus(tmp_path_factory.mktemp("demo"))


def test_own_folds_stay(demo: Corpus) -> None:
    assert with_default_folds(demo) == (demo, 0)


def test_made_folds_keep_speakers_apart_and_follow_the_table_alone(demo: Corpus) -> None:
    bare = dataclasses.replace(demo, folds=demo.folds.clear())
    made, number = with_default_folds(bare)
    assert number == 5
    assert made.fold_names == tuple("12345")
    turned = dataclasses.replace(bare, utterances=bare.utterances.reverse())
    again, _ = with_default_folds(turned)
    key = ["fold", "utterance_id"]
    assert again.folds.sort(key).equals(made.folds.sort(key))
    speakers = dict(bare.utterances.select("utterance_id", "speaker").iter_rows())
    for fold in made.fold_names:
        own = made.folds.filter(fold=fold)
        parts = [
            {speakers[name] for name in own.filter(split=part)["utterance_id"]}
            for part in ("train", "test")
        ]
        assert not parts[0] & parts[1]


def test_the_folder_of_a_corpus_changes_nothing(demo: Corpus, tmp_path: Path) -> None:
    bare = dataclasses.replace(demo, folds=demo.folds.clear(), root=None)
    moved = dataclasses.replace(bare, root=tmp_path)
    assert with_default_folds(bare)[0].folds.equals(with_default_folds(moved)[0].folds)
