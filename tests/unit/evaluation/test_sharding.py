"""Shards: each does its part once, and the plain command ends with the tables of one process."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from equivoice.corpora import Corpus, label_space, save_corpus
from equivoice.corpora.folds import make_folds
from equivoice.errors import ConfigError, LockedRunError
from equivoice.evaluation import plan_benchmark
from equivoice.evaluation.sharding import adopt_shards, run_shard
from equivoice.evaluation.sweep import run_task
from equivoice.evaluation.task import Task
from equivoice.inference import Cell, Shard, Silence
from equivoice.records import RunRecord
from equivoice.store import RunFolder

TABLES = ("predictions.parquet", "estimates.parquet", "utterances.parquet")
LABELS = ("angry", "happy", "sad")
SETTINGS: Mapping[str, Any] = {
    "label_orders": ("given", "shuffled-2"),
    "temperatures": (0.0, 1.0),
    "runs": 2,
    "batch_size": 2,
    "replicates": 20,
    "permutations": 10,
    "group_by": ("gender",),
}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [
        {
            "utterance_id": f"demo/{speaker}-{number}",
            "audio": f"/sound/{speaker}-{number}.wav",
            "duration": 1.0 + number,
            "speaker": f"s{speaker}",
            "gender": "female" if speaker % 2 else "male",
            "emotion": LABELS[number % 3],
        }
        for speaker in range(4)
        for number in range(3)
    ]
    table = pl.DataFrame(rows)
    made = Corpus("demo", label_space(LABELS), table)
    made = replace(made, folds=make_folds(table, n_folds=2, seed=0))
    return save_corpus(made, tmp_path_factory.mktemp("corpora") / "demo")


def planned(prepared: Path, **changed: Any) -> Task:
    script = {"answers": str(prepared / "utterances.parquet"), "accuracy": 0.6}
    options = {"scripted-llm": {**script, **changed.pop("llm", {})}, "scripted": script}
    systems = ["scripted-llm", "scripted", "prior"]
    return plan_benchmark(systems, prepared, options=options, **(SETTINGS | changed))


@pytest.fixture(scope="module")
def whole(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return run_task(planned(prepared), out=tmp_path_factory.mktemp("whole") / "run")


def same(run: RunFolder, whole: RunFolder) -> bool:
    return all((run.path / t).read_bytes() == (whole.path / t).read_bytes() for t in TABLES)


def choices(run: RunFolder) -> list[str]:
    return sorted(repr(sorted(each.items())) for each in run.record.selection)


class Interrupted(Exception):
    """Stands for whatever ends a process."""


class Batches(Silence):
    """Counts what is computed, and ends the run after so many batches."""

    def __init__(self, most: int = 1000) -> None:
        self.left = most
        self.made = 0
        self.found_before = 0

    def found(self, cell: Cell | None, predictions: int) -> None:
        assert cell is not None
        self.found_before += predictions

    def advanced(self, cell: Cell | None, predictions: int) -> None:
        assert cell is not None
        self.made += predictions
        self.left -= 1
        if self.left < 0:
            raise Interrupted(cell.name)


# ------------------------------------------------------------------------------ merging


@pytest.mark.parametrize("shards", [1, 2, 3, 7])
def test_merged_shards_are_the_run_of_one_process(
    prepared: Path, whole: RunFolder, tmp_path: Path, shards: int
) -> None:
    out, made = tmp_path / "run", 0
    for number in reversed(range(1, shards + 1)):  # in any order
        counter = Batches()
        run_shard(planned(prepared), Shard(number, shards), out=out, progress=counter)
        made += counter.made
    counter = Batches()
    run = run_task(planned(prepared), out=out, progress=counter)
    assert made == 12 * 2 * 4 + 12 * 2  # each answer was made by one shard
    assert counter.made == 0  # and none again
    assert same(run, whole)
    assert choices(run) == choices(whole)
    assert run.record.generation == whole.record.generation
    assert run.timings().filter(stage="ask").get_column("utterances").sum() == 12 * 2


def test_what_shards_left_open_is_done_by_the_plain_command(
    prepared: Path, whole: RunFolder, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    run_shard(planned(prepared), Shard(2, 3), out=out)
    with pytest.raises(Interrupted):
        run_shard(planned(prepared), Shard(1, 3), out=out, progress=Batches(2))
    counter = Batches()
    run = run_task(planned(prepared), out=out, progress=counter)
    assert same(run, whole)
    assert choices(run) == choices(whole)
    assert 0 < counter.made < 12 * 2 * 4 + 12 * 2


def test_a_plain_run_that_was_cut_off_can_be_finished_by_shards(
    prepared: Path, whole: RunFolder, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    with pytest.raises(Interrupted):
        run_task(planned(prepared), out=out, progress=Batches(9))
    for number in (1, 2):
        run_shard(planned(prepared), Shard(number, 2), out=out)
    assert same(run_task(planned(prepared), out=out), whole)


def test_a_shard_that_was_cut_off_goes_on(prepared: Path, whole: RunFolder, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(Interrupted):
        run_shard(planned(prepared), Shard(1, 2), out=out, progress=Batches(4))
    counter = Batches()
    run_shard(planned(prepared), Shard(1, 2), out=out, progress=counter)
    assert counter.found_before > 0
    counter = Batches()
    run_shard(planned(prepared), Shard(1, 2), out=out, progress=counter)
    assert counter.made == counter.found_before == 0  # it is finished
    assert same(run_task(planned(prepared), out=out), whole)


# -------------------------------------------------------------------------- what is refused


def test_shards_of_different_partitions_are_refused(prepared: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    run_shard(planned(prepared), Shard(1, 2), out=out)
    with pytest.raises(ConfigError, match="different partitions: '1-of-2, 1-of-3'"):
        run_shard(planned(prepared), Shard(1, 3), out=out)
    (out / "shards" / "1-of-2").rename(out / "shards" / "1-of-5")
    (out / "shards" / "2-of-4").mkdir()
    with pytest.raises(ConfigError, match="different partitions"):
        run_task(planned(prepared), out=out)


def test_a_shard_of_another_run_is_refused_and_the_difference_named(
    prepared: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    run_shard(planned(prepared), Shard(1, 2), out=out)
    with pytest.raises(ConfigError, match="runs: 2 in the run, 3 now"):
        run_task(planned(prepared, runs=3), out=out)
    (out / "run.json").unlink()
    with pytest.raises(ConfigError, match="seed: 0 in the run, 8 now"):
        run_shard(planned(prepared, seed=8), Shard(1, 2), out=out)
    run_task(planned(prepared), out=out)
    with pytest.raises(ConfigError, match="finished; a shard would add nothing"):
        run_shard(planned(prepared), Shard(2, 2), out=out)


def test_a_shard_of_other_settings_than_its_siblings_is_refused_before_it_works(
    prepared: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    run_shard(planned(prepared), Shard(1, 2), out=out)
    with pytest.raises(ConfigError, match="seed: 0 in the run, 8 now"):
        run_shard(planned(prepared, seed=8), Shard(2, 2), out=out)
    assert not (out / "shards" / "2-of-2").exists()


def test_a_shard_at_work_is_not_taken_over(prepared: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    run_shard(planned(prepared), Shard(1, 2), out=out)
    path = RunFolder.shard_path(out, "1-of-2")
    with RunFolder.open(path), pytest.raises(LockedRunError):
        run_task(planned(prepared), out=out)


def test_overwriting_removes_the_shards_and_nothing_else(
    prepared: Path, whole: RunFolder, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    run_shard(planned(prepared, runs=3), Shard(1, 2), out=out)
    run_shard(planned(prepared, runs=3), Shard(2, 2), out=out)
    keep = out / "shards" / "2-of-2" / "mine.dat"
    keep.write_text("mine", encoding="utf-8")
    run = run_task(planned(prepared), out=out, overwrite=True)
    assert same(run, whole)
    assert [file.name for file in (out / "shards").rglob("*")] == ["2-of-2", "mine.dat"]
    keep.unlink()
    keep.parent.rmdir()


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "1/", "-1/2"])
def test_a_shard_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="shard"):
        Shard.read(text)


def test_a_finished_run_does_not_look_at_shards(prepared: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    run_shard(planned(prepared), Shard(1, 2), out=out)
    run = run_task(planned(prepared), out=out)
    for name in ("1-of-3", "1-of-4"):
        path = out / "shards" / name
        path.mkdir()
        (path / "run.json").write_text("{", encoding="utf-8")
    before = files(run.path.rglob("*"))
    run_task(planned(prepared), out=out)
    assert files(out.rglob("*")) == before


def files(paths: Iterable[Path]) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in paths if path.is_file()}


def test_what_shards_cut_is_added_up_once(tmp_path: Path) -> None:
    """Each shard cut clips of its own; what all knew before they began is not counted again."""
    known, end = {"demo: utterance without label": 4}, "demo, fold 1: s: end of a clip"

    def folder(name: str, left_out: Mapping[str, int]) -> RunFolder:
        with RunFolder.open(tmp_path / name) as run:
            run.save_record(RunRecord(verb="benchmark", config={}, left_out={**known, **left_out}))
        return RunFolder(tmp_path / name)

    shards = [folder("1", {end: 2}), folder("2", {end: 3}), folder("3", {})]
    folder("whole", {})
    for _ in range(2):  # a second time adds nothing
        with RunFolder.open(tmp_path / "whole") as whole:
            adopt_shards(whole, shards)
            assert whole.record.left_out == {**known, end: 5}
