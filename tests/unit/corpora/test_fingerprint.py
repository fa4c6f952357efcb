"""Hashes of corpora: what changes them, and what does not."""

from __future__ import annotations

import hashlib
from pathlib import Path

import polars as pl

from equivoice.corpora import Corpus, label_space, load_corpus, save_corpus
from equivoice.corpora.fingerprint import input_hashes

TABLE = pl.DataFrame({"utterance_id": ["demo/1", "demo/2"], "emotion": ["happy", "sad"]})


def demo(table: pl.DataFrame = TABLE) -> Corpus:
    return Corpus("demo", label_space(["happy", "sad"], id="demo"), table)


def test_a_prepared_corpus_is_known_by_its_files(tmp_path: Path) -> None:
    corpus = load_corpus(save_corpus(demo(), tmp_path / "demo"))
    found = input_hashes({"demo": corpus})
    assert set(found) == {"demo/corpus.json", "demo/utterances.parquet", "demo/folds.parquet"}
    content = (tmp_path / "demo" / "corpus.json").read_bytes()
    assert found["demo/corpus.json"] == hashlib.sha256(content).hexdigest()


def test_a_corpus_in_memory_is_known_by_its_rows() -> None:
    same, other = demo(), demo(TABLE.with_columns(emotion=pl.lit("sad")))
    assert input_hashes({"demo": demo()}) == input_hashes({"demo": same})
    assert input_hashes({"demo": demo()}) != input_hashes({"demo": other})
    assert set(input_hashes({"demo": demo()})) == {"demo/utterances", "demo/folds"}
