"""Training folders: rows that come again after a cut, folders that are whole or not there."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from equivoice.errors import ConfigError, InputError, LockedRunError, RunError, SchemaError
from equivoice.records import RunRecord
from equivoice.store import RunFolder, TrainingFolder
from equivoice.store.training_folder import part_beside, replace_folder

RECORD = RunRecord(verb="train", config={"seed": 3})


def begun(folder: Path) -> TrainingFolder:
    run = TrainingFolder.open(folder)
    run.save_record(RECORD)
    return run


def steps(*numbers: int) -> pl.DataFrame:
    return pl.DataFrame({"step": list(numbers), "loss": [1 / n for n in numbers]})


def test_what_is_appended_is_read_again_also_once_gathered(tmp_path: Path) -> None:
    with begun(tmp_path / "a" / "b") as run:
        run.append("steps", steps(1, 2))
        run.append("losses", pl.DataFrame({"step": [0], "split": ["validation"], "loss": [2.0]}))
        before = run.table("steps")
        run.gather()
    read = TrainingFolder.read(tmp_path / "a" / "b")
    assert read.record == RECORD
    assert read.table("steps").equals(before)
    assert read.table("steps")["loss"].to_list() == [1.0, 0.5]
    assert read.table("losses")["loss"].to_list() == [2.0]
    assert read.table("evaluations").is_empty()
    assert not list(read.path.glob("*.jsonl"))


def test_rewinding_drops_later_rows_of_every_table(tmp_path: Path) -> None:
    with begun(tmp_path) as run:
        run.append("steps", steps(1, 2, 3))
        run.append("losses", pl.DataFrame({"step": [2, 3], "split": "train", "cell": "en"}))
        run.append("evaluations", pl.DataFrame({"step": [0, 3], "metric": "macro_f1"}))
        run.rewind(2)
        assert run.table("steps")["step"].to_list() == [1, 2]
        assert run.table("losses")["step"].to_list() == [2]
        assert run.table("evaluations")["step"].to_list() == [0]
        run.append("steps", steps(3))
        assert run.table("steps").equals(steps(1, 2, 3).pipe(_as_steps))
        run.rewind(0)
        assert run.table("steps").is_empty()


def _as_steps(frame: pl.DataFrame) -> pl.DataFrame:
    from equivoice.records import TRAINING_STEPS

    return TRAINING_STEPS.validate(frame)


def test_a_table_that_breaks_its_schema_is_refused_and_nothing_is_stored(tmp_path: Path) -> None:
    with begun(tmp_path) as run:
        with pytest.raises(SchemaError, match="split"):
            run.append("losses", pl.DataFrame({"step": [1], "split": ["dev"]}))
        assert run.table("losses").is_empty()


def test_one_writer_at_a_time_and_none_without_the_lock(tmp_path: Path) -> None:
    with begun(tmp_path), pytest.raises(LockedRunError):
        TrainingFolder.open(tmp_path)
    with pytest.raises(RunError, match="opened to read"):
        TrainingFolder.read(tmp_path).append("steps", steps(1))


def test_folders_that_hold_other_things(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="holds other things") as caught:
        TrainingFolder.open(tmp_path)
    assert caught.value.value == "mine.txt"
    with pytest.raises(InputError, match="this is a file"):
        TrainingFolder.open(tmp_path / "mine.txt")
    with pytest.raises(InputError, match="no training in this folder"):
        TrainingFolder.read(tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_a_benchmark_is_no_training_and_is_never_cleared(tmp_path: Path) -> None:
    with RunFolder.open(tmp_path / "run") as run:
        run.save_record(RunRecord(verb="benchmark", config={}))
    with pytest.raises(InputError, match="no training"):
        TrainingFolder.read(tmp_path / "run")
    with pytest.raises(ConfigError, match="run of 'benchmark'"):
        TrainingFolder.open(tmp_path / "run", overwrite=True)
    assert RunFolder.read(tmp_path / "run").record.verb == "benchmark"


def test_overwriting_removes_what_a_training_wrote_and_nothing_else(tmp_path: Path) -> None:
    with begun(tmp_path) as run:
        run.append("steps", steps(1))
        run.write_text("training.json", "{}")
        run.checkpoints_path.mkdir()
        (run.best_path / "deep").mkdir(parents=True)
    (tmp_path / "mine.bin").write_text("mine")
    with TrainingFolder.open(tmp_path, overwrite=True) as run:
        assert not run.has_record
        left = {path.name for path in tmp_path.iterdir() if not path.name.startswith(".")}
        assert left == {"mine.bin"}


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    with begun(tmp_path) as run:
        for text in ("first", "second"):
            part = part_beside(run.best_path)
            (part / "weights").write_text(text)
            replace_folder(part, run.best_path)
        assert (run.best_path / "weights").read_text() == "second"
        assert [path.name for path in tmp_path.glob(".best*")] == []


def test_what_a_kill_leaves_is_mended_when_the_folder_is_opened(tmp_path: Path) -> None:
    begun(tmp_path).close()
    part = part_beside(tmp_path / "best")  # killed while writing
    (part / "half").write_text("half")
    (tmp_path / ".best.replaced").mkdir()  # killed between the two renames
    (tmp_path / ".best.replaced" / "weights").write_text("old")
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / ".step-000003.part").mkdir()
    (tmp_path / ".steps.jsonl.77.part").write_text("half")
    TrainingFolder.open(tmp_path).close()
    assert (tmp_path / "best" / "weights").read_text() == "old"
    assert not list(tmp_path.rglob("*.part"))
    assert not list(tmp_path.rglob("*.replaced"))


def test_a_replaced_folder_that_stands_wins_over_the_old_one(tmp_path: Path) -> None:
    begun(tmp_path).close()
    for name, text in ((".best.replaced", "old"), ("best", "new")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "weights").write_text(text)
    TrainingFolder.open(tmp_path).close()
    assert (tmp_path / "best" / "weights").read_text() == "new"
    assert not (tmp_path / ".best.replaced").exists()


def test_texts_have_plain_names(tmp_path: Path) -> None:
    with begun(tmp_path) as run:
        run.write_text("report.html", "page")
        assert run.read_text("report.html") == "page"
        assert run.read_text("none.html") is None
        for name in ("run.json", "../out.html", "steps.jsonl"):
            with pytest.raises(InputError, match="not a name"):
                run.write_text(name, "")


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    begun(tmp_path).close()
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(InputError, match="cannot be read") as caught:
        TrainingFolder.read(tmp_path)
    assert caught.value.file == str(tmp_path / "run.json")


def test_utterances_and_predictions_are_kept(tmp_path: Path) -> None:
    frame = pl.DataFrame({"utterance_id": ["a/1"], "split": ["train"], "cell": ["en"]})
    with begun(tmp_path) as run:
        assert run.utterances().is_empty()
        assert run.predictions().is_empty()
        run.write_utterances(frame)
        run.write_predictions(pl.DataFrame({"utterance_id": ["a/1"], "emotion": ["sad"]}))
    read = TrainingFolder.read(tmp_path)
    assert read.utterances()["split"].to_list() == ["train"]
    assert read.predictions()["emotion"].to_list() == ["sad"]


def test_checkpoints_go_once_the_training_is_done_and_the_best_model_stays(tmp_path: Path) -> None:
    with begun(tmp_path) as run:
        (run.checkpoints_path / "step-000001").mkdir(parents=True)
        run.best_path.mkdir()
        with pytest.raises(RunError, match="still needs its checkpoints"):
            run.drop_checkpoints()
        run.save_record(RECORD.model_copy(update={"finished": "2026-01-01T00:00:00+00:00"}))
        run.drop_checkpoints()
        run.drop_checkpoints()
        assert not run.checkpoints_path.exists()
        assert run.best_path.is_dir()
