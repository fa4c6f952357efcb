"""rerun: the same again, or a precise word on what differs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from equivoice.corpora import Corpus, label_space, load_corpus, save_corpus
from equivoice.corpora.folds import make_folds
from equivoice.errors import ConfigError, InputError
from equivoice.evaluation import benchmark, rerun
from equivoice.evaluation.rerun import _difference
from equivoice.records import RunRecord
from equivoice.store import RunFolder

LABELS = ("angry", "happy", "sad")


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    rows = [
        {
            "utterance_id": f"demo/{speaker}-{number}",
            "speaker": f"s{speaker}",
            "gender": "female" if speaker % 2 else "male",
            "emotion": LABELS[number % 3],
        }
        for speaker in range(6)
        for number in range(6)
    ]
    table = pl.DataFrame(rows)
    folds = make_folds(table, n_folds=2, seed=0)
    return save_corpus(Corpus("demo", label_space(LABELS), table, folds), tmp_path / "demo")


@pytest.fixture
def run(prepared: Path, tmp_path: Path) -> Path:
    """A finished run of the fake, which answers from the corpus's own table."""
    options = {"scripted": {"answers": str(prepared / "utterances.parquet"), "accuracy": 0.7}}
    return benchmark(
        "scripted",
        prepared,
        out=tmp_path / "run",
        options=options,
        seed=5,
        replicates=50,
        permutations=20,
    ).path


def unrevised(changed: Sequence[str]) -> list[str]:
    """Without the revision of this very repository, which others may commit to meanwhile."""
    return [line for line in changed if not line.startswith("git_revision")]


def test_the_same_comes_out_to_the_last_byte(run: Path, tmp_path: Path) -> None:
    again = rerun(run, out=tmp_path / "again")
    assert again.equal
    assert unrevised(again.changed) == []
    assert [str(table).split(" (")[0] for table in again.tables] == [
        "predictions: equal",
        "estimates: equal",
    ]
    for table in ("predictions.parquet", "estimates.parquet"):
        assert (run / table).read_bytes() == (again.folder.path / table).read_bytes()
    assert again.folder.record.config == RunFolder.read(run).record.config


def test_a_changed_input_is_named_and_its_effect_counted(
    run: Path, prepared: Path, tmp_path: Path
) -> None:
    corpus = load_corpus(prepared)
    first = pl.col("utterance_id") == "demo/0-0"
    emotion = pl.when(first).then(pl.lit("sad")).otherwise(pl.col("emotion")).alias("emotion")
    save_corpus(replace(corpus, utterances=corpus.utterances.with_columns(emotion)), prepared)
    again = rerun(run, out=tmp_path / "again")
    assert not again.equal
    assert [line.split(":")[0] for line in unrevised(again.changed)] == [
        "inputs.demo/utterances.parquet"
    ]
    predictions, estimates = again.tables
    assert predictions.differing <= 1  # the fake's answers stand in the changed table
    assert estimates.differing > 0
    assert "rows differ" in str(estimates)


def test_another_revision_is_named_though_nothing_came_out_differently(
    run: Path, tmp_path: Path
) -> None:
    edited(run, git_revision="abc")
    again = rerun(run, out=tmp_path / "again")
    assert again.equal
    assert [line.split(" now")[0].split(", ")[0] for line in again.changed] == [
        "git_revision: abc in the run"
    ]


def test_a_corpus_that_moved_is_named_by_its_new_place(
    run: Path, prepared: Path, tmp_path: Path
) -> None:
    record = RunFolder.read(run).record
    moved = prepared.rename(tmp_path / "elsewhere")
    options = {"scripted": {"answers": str(moved / "utterances.parquet"), "accuracy": 0.7}}
    with RunFolder.open(run) as folder:
        folder.save_record(
            record.model_copy(update={"config": record.config | {"options": options}})
        )
    with pytest.raises(InputError):
        rerun(run, out=tmp_path / "again")
    again = rerun(run, out=tmp_path / "again", corpora=[moved])
    assert again.equal
    assert unrevised(again.changed) == []


def test_as_many_places_as_corpora(run: Path, prepared: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="1 corpora and 2 places"):
        rerun(run, out=tmp_path / "again", corpora=[prepared, prepared])


def edited(run: Path, **changes: Any) -> None:
    with RunFolder.open(run) as folder:
        folder.save_record(folder.record.model_copy(update=changes))


def test_what_cannot_be_repeated_is_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="into its own folder"):
        rerun(run, out=run)
    with pytest.raises(InputError, match="no run in this folder"):
        rerun(tmp_path / "none", out=tmp_path / "again")
    edited(run, finished=None)
    with pytest.raises(ConfigError, match="not finished"):
        rerun(run, out=tmp_path / "again")
    edited(run, finished="now", verb="score", command="equivoice score x.csv")
    with pytest.raises(ConfigError, match="a run of 'score', not of benchmark") as caught:
        rerun(run, out=tmp_path / "again")
    assert "equivoice score x.csv" in str(caught.value)
    assert not (tmp_path / "again").exists()


def test_a_record_with_settings_that_nobody_knows_is_an_error_and_no_traceback(
    run: Path, tmp_path: Path
) -> None:
    record: RunRecord = RunFolder.read(run).record
    edited(run, config=record.config | {"colour": "blue"})
    with pytest.raises(ConfigError, match="colour"):
        rerun(run, out=tmp_path / "again")


def test_differences_are_counted_by_key_with_the_largest_number() -> None:
    one = pl.DataFrame({"id": ["a", "b", "c"], "x": [1.0, 2.0, None], "p": [[1.0], [2.0], [3.0]]})
    two = pl.DataFrame({"id": ["c", "b", "d"], "x": [None, 2.25, 1.0], "p": [[3.0], [2.0], [1.0]]})
    difference = _difference("t", one, two, ("id",))
    assert difference.differing == 3  # b has another number, a and d have no partner
    assert difference.largest == 0.25
    assert str(difference) == "t: 3 of 3 rows differ, numbers by up to 0.25"
    assert _difference("t", one, one.clone(), ("id",)).equal
    lists = one.with_columns(p=pl.Series([[1.0], [2.0], [4.0]]))
    assert _difference("t", one, lists, ("id",)).differing == 1
    assert _difference("t", one, lists, None).differing == 1
