"""``equivoice rationales``: a teacher's reasons from the command line, filtered, shown, refused."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from equivoice.cli.app import run
from equivoice.corpora import Corpus, load_corpus, save_corpus
from equivoice.records import RATIONALES, read_table
from tiny.corpus import make_corpus

GOOD = "The words say that this is a take, and the voice is quick with a pitch that rises."


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli")
    made = make_corpus(folder / "sounds", languages=["en"], transcripts=True)
    save_corpus(made, folder / "demo")
    texts = pl.DataFrame({"utterance_id": part(made, "train")}).with_columns(text=pl.lit(GOOD))
    first = pl.int_range(pl.len()) == 0
    texts.with_columns(
        text=pl.when(first).then(pl.lit("Short.")).otherwise(pl.col("text"))
    ).write_csv(folder / "texts.csv")
    return folder


def part(corpus: Corpus, name: str) -> list[str]:
    return corpus.folds.filter(split=name).get_column("utterance_id").sort().to_list()


def generate(place: Path, out: Path, *more: str) -> int:
    teacher = ["--teacher", "scripted-writer", f"options.texts={place / 'texts.csv'}"]
    words = ["--corpus", str(place / "demo"), "--out", str(out), *more]
    return run(["rationales", "generate", *teacher, *words])


def test_reasons_are_made_filtered_and_shown(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "reasons"
    assert generate(place, out) == 0
    said = capsys.readouterr()
    assert f"Result: {out / 'rationales.parquet'}" in said.out
    assert "too_short" in said.out
    assert "kept by gender: female 3/4, male 4/4" in said.err
    assert run(["rationales", "show", "--from", str(out), "--status", "too_short"]) == 0
    shown = capsys.readouterr().out
    assert "Short." in shown
    assert "1 words" in shown
    loose = tmp_path / "loose.parquet"
    words = ["--from", str(out), "-o", str(loose), "rules.filters=empty,label_word"]
    assert run(["rationales", "filter", *words]) == 0
    table = read_table(loose, RATIONALES)
    assert set(table["status"]) == {"kept"}
    assert table.height == 8
    assert "7" not in capsys.readouterr().out.splitlines()[1]


def test_what_is_tested_on_is_refused(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held = part(load_corpus(place / "demo"), "test")[:1]
    only = tmp_path / "only.csv"
    pl.DataFrame({"utterance_id": held}).write_csv(only)
    assert generate(place, tmp_path / "out", "--only", str(only)) == 2
    said = capsys.readouterr().err
    assert "the test part of fold 1" in said
    assert held[0] in said
    assert not (tmp_path / "out").exists()


def test_a_dry_run_asks_and_writes_nothing(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert generate(place, tmp_path / "out", "--dry-run", "--limit", "3") == 0
    said = capsys.readouterr()
    assert "3 utterances of the training part of fold 1 of demo" in said.out
    assert "beyond the limit (5)" in said.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rules.min_words=0"], "rules.min_words"),
        (["rules.filters=to_short"], "no filter 'to_short'"),
        (["rules.minwords=3"], "rules.minwords"),
        (["decoding.topp=0.9"], "unknown key"),
        (["--prompt", "publisht"], "unknown prompt for a teacher"),
        (["--fold", "7"], "no such fold"),
    ],
)
def test_mistakes_are_named(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert generate(place, tmp_path / "out", *words) == 2
    assert said in capsys.readouterr().err


def test_what_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rationales", "show", "--from", str(tmp_path)]) == 2
    assert "no rationales were generated in this folder" in capsys.readouterr().err
