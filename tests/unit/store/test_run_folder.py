"""Run folders: what is written is read again, whole or not at all, by one writer."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from equivoice.errors import InputError, LockedRunError, RunError, SchemaError, StorageError
from equivoice.records import ESTIMATES, PREDICTIONS, VOTES, RunRecord
from equivoice.store import RunFolder, TrainingFolder
from equivoice.store.run_folder import _file_stem

RECORD = RunRecord(verb="benchmark", config={"seed": 3})


def rows(*names: str, system: str = "s", fold: str = "1") -> pl.DataFrame:
    return pl.DataFrame({"utterance_id": list(names), "system": system, "fold": fold})


def begun(folder: Path) -> RunFolder:
    run = RunFolder.open(folder)
    run.save_record(RECORD)
    return run


# ------------------------------------------------------------------ open, read, close


def test_a_new_folder_is_made_with_its_parents(tmp_path: Path) -> None:
    with RunFolder.open(tmp_path / "a" / "b") as run:
        assert not run.has_record
        run.save_record(RECORD)
    assert RunFolder.read(tmp_path / "a" / "b").record == RECORD


def test_two_writers_exclude_each_other_and_a_reader_does_not_mind(tmp_path: Path) -> None:
    with begun(tmp_path):
        with pytest.raises(LockedRunError, match=f"process {os.getpid()}"):
            RunFolder.open(tmp_path)
        assert RunFolder.read(tmp_path).record == RECORD
    RunFolder.open(tmp_path).close()


def test_a_folder_without_a_run_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no run in this folder") as caught:
        RunFolder.read(tmp_path)
    assert caught.value.exit_code == 2


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("mine")
    with pytest.raises(InputError, match="this is a file"):
        RunFolder.open(tmp_path / "run")
    assert (tmp_path / "run").read_text() == "mine"


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_with_other_things_is_refused_and_kept(tmp_path: Path, overwrite: bool) -> None:
    (tmp_path / "predictions.parquet").write_text("mine")
    with pytest.raises(InputError, match="other things and no run"):
        RunFolder.open(tmp_path, overwrite=overwrite)
    assert [item.name for item in tmp_path.iterdir()] == ["predictions.parquet"]


def test_a_place_where_no_folder_can_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot write into"):
        RunFolder.open(tmp_path / "file" / "run")


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    begun(tmp_path).close()
    run = RunFolder.read(tmp_path)
    assert not run.writable
    with pytest.raises(RunError, match="opened to read"):
        run.append_predictions("c", rows("a/1"))
    with pytest.raises(RunError, match="opened to read"):
        run.save_record(RECORD)
    with pytest.raises(RunError, match="opened to read"):
        run.write_estimates(ESTIMATES.empty())


def test_after_closing_nothing_more_is_written(tmp_path: Path) -> None:
    run = begun(tmp_path)
    assert run.writable
    run.close()
    run.close()
    with pytest.raises(RunError):
        run.finish_cell("c")


def test_overwriting_removes_the_run_and_nothing_else(tmp_path: Path) -> None:
    with begun(tmp_path) as run:
        run.append_predictions("c", rows("a/1"))
        run.append_timings(pl.DataFrame({"system": ["s"], "stage": ["fit"]}))
        run.write_text("report.html", "old")
    (tmp_path / "thoughts.pdf").write_text("mine")
    (tmp_path / "cells" / "mine.csv").write_text("mine")
    (tmp_path / "cells" / "mine.csv").unlink()
    with RunFolder.open(tmp_path, overwrite=True) as run:
        assert not run.has_record
        assert run.predictions().is_empty()
        assert run.timings().is_empty()
        assert run.read_text("report.html") is None
    assert (tmp_path / "thoughts.pdf").read_text() == "mine"


def test_overwriting_removes_trainings_within_and_nothing_beside_them(tmp_path: Path) -> None:
    with begun(tmp_path) as run:
        place = run.training_path("s@corpus@1")
        with TrainingFolder.open(place) as training:
            training.save_record(RunRecord(verb="train", config={"seed": 1}))
            training.best_path.mkdir()
        run.sounds_path.mkdir()
        (run.sounds_path / "clip").write_text("heard")
    mine = tmp_path / "trainings" / "mine"
    mine.mkdir()
    (mine / "notes.txt").write_text("mine")
    with RunFolder.open(tmp_path, overwrite=True) as run:
        assert not place.exists()
        assert not run.sounds_path.exists()
    assert (mine / "notes.txt").read_text() == "mine"


def test_a_training_with_something_of_somebody_elses_in_it_keeps_that(tmp_path: Path) -> None:
    with begun(tmp_path) as run:
        place = run.training_path("s@corpus@1")
        with TrainingFolder.open(place) as training:
            training.save_record(RunRecord(verb="train", config={"seed": 1}))
    (place / "thoughts.pdf").write_text("mine")
    RunFolder.open(tmp_path, overwrite=True).close()
    assert [each.name for each in place.iterdir()] == ["thoughts.pdf"]


def test_cells_have_trainings_of_their_own_within_the_folder(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    names = ["a@b@1", "a@b@2", "../../c@b@1", "a/b", "sounds"]
    places = {run.training_path(name) for name in names}
    assert len(places) == len(names)
    assert {place.parent for place in places} == {tmp_path / "trainings"}
    assert run.sounds_path not in places


def test_sounds_are_dropped_whether_there_are_any_or_not(tmp_path: Path) -> None:
    with begun(tmp_path) as run:
        run.drop_sounds()
        run.sounds_path.mkdir(parents=True)
        run.drop_sounds()
        assert not run.sounds_path.exists()
    with pytest.raises(RunError, match="opened to read"):
        RunFolder.read(tmp_path).drop_sounds()


def test_a_run_that_was_killed_while_it_was_being_overwritten_can_be_opened(
    tmp_path: Path,
) -> None:
    with begun(tmp_path) as run:
        run.append_predictions("c", rows("a/1"))
    (tmp_path / "run.json").unlink()
    with RunFolder.open(tmp_path, overwrite=True) as run:
        assert run.predictions().is_empty()


def test_halves_of_files_are_swept_up(tmp_path: Path) -> None:
    with begun(tmp_path) as run:
        run.append_predictions("c", rows("a/1"))
    (tmp_path / ".predictions.parquet.77.part").write_text("half")
    (tmp_path / "cells" / ".c.done.77.part").write_text("half")
    with RunFolder.open(tmp_path) as run:
        assert not list(tmp_path.rglob("*.part"))
        assert run.predictions().height == 1


# ------------------------------------------------------------------------ the record


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    begun(tmp_path).close()
    (tmp_path / "run.json").write_text('{"verb": "benchmark", "confg": {}}')
    with pytest.raises(InputError, match="run record cannot be read") as caught:
        RunFolder.read(tmp_path).record  # noqa: B018 - reading it is the test
    assert caught.value.file == str(tmp_path / "run.json")


def test_without_a_record_there_is_none(tmp_path: Path) -> None:
    with RunFolder.open(tmp_path) as run, pytest.raises(RunError, match="no run was begun"):
        run.record  # noqa: B018 - reading it is the test


# ------------------------------------------------------------------------------ cells


def test_order_of_cells_and_rows_leaves_no_trace_in_the_table(tmp_path: Path) -> None:
    cells = {"x": rows("a/2", "a/1"), "y": rows("a/3", fold="2"), "z": rows("a/9", system="b")}
    for name, order in (("one", ["x", "y", "z"]), ("two", ["z", "y", "x"])):
        with begun(tmp_path / name) as run:
            for cell in order:
                frame = cells[cell] if name == "one" else cells[cell].reverse()
                for row in range(frame.height):
                    run.append_predictions(cell, frame.slice(row, 1))
                run.finish_cell(cell)
            run.gather_predictions()
    one, two = ((tmp_path / name / "predictions.parquet").read_bytes() for name in ("one", "two"))
    assert one == two
    table = RunFolder.read(tmp_path / "one").predictions()
    assert table.get_column("utterance_id").to_list() == ["a/9", "a/1", "a/2", "a/3"]


def test_a_further_column_is_kept_whatever_order_the_cells_come_in(tmp_path: Path) -> None:
    with begun(tmp_path) as run:
        run.append_predictions("a", rows("a/1").with_columns(zeta=pl.lit("z")))
        run.append_predictions("b", rows("a/2").with_columns(alpha=pl.lit("a")))
        run.finish_cell("a")
        run.finish_cell("b")
        run.gather_predictions()
    table = RunFolder.read(tmp_path).predictions()
    assert table.columns == [*PREDICTIONS.names, "alpha", "zeta"]


def test_finished_cells_are_known_by_their_own_names(tmp_path: Path) -> None:
    names = {"a@b@1", "../../etc/passwd", "", "ü x", "A@b@1", "x" * 500, "..", "~root"}
    with begun(tmp_path / "run") as run:
        for name in names:
            run.append_predictions(name, rows(f"a/{name}"))
            run.finish_cell(name)
        assert run.finished_cells() == names
        run.gather_predictions()
        assert run.finished_cells() == names
        assert run.predictions().height == len(names)
    assert [item.name for item in tmp_path.iterdir()] == ["run"]


@given(st.text(), st.text())
def test_no_cell_name_leads_out_of_the_folder_and_none_meets_another(one: str, two: str) -> None:
    if not _encodable(one) or not _encodable(two):
        return
    stem = _file_stem(one)
    assert "/" not in stem
    assert "\\" not in stem
    assert not stem.startswith(".")
    assert len(os.fsencode(stem)) < 200
    assert (stem.lower() == _file_stem(two).lower()) == (one == two)


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def test_a_finished_cell_takes_no_more_rows(tmp_path: Path) -> None:
    with begun(tmp_path) as run:
        run.append_predictions("c", rows("a/1"))
        run.finish_cell("c")
        with pytest.raises(RunError, match="finished"):
            run.append_predictions("c", rows("a/2"))
        run.gather_predictions()
        with pytest.raises(RunError, match="finished"):
            run.append_predictions("d", rows("a/2"))


def test_an_utterance_predicted_twice_is_refused_when_the_cell_ends(tmp_path: Path) -> None:
    with begun(tmp_path) as run:
        run.append_predictions("c", rows("a/1"))
        run.append_predictions("c", rows("a/1"))
        with pytest.raises(SchemaError, match="repeats a key"):
            run.finish_cell("c")


def test_a_cell_that_lost_rows_is_not_gathered(tmp_path: Path) -> None:
    with begun(tmp_path) as run:
        run.append_predictions("c", rows("a/1", "a/2"))
        run.finish_cell("c")
        journal = next((tmp_path / "cells").glob("*.jsonl"))
        journal.write_bytes(journal.read_bytes().split(b"\n")[0] + b"\n")
        with pytest.raises(StorageError, match="holds 1 rows and should hold 2"):
            run.gather_predictions()
        assert not (tmp_path / "predictions.parquet").exists()


def test_unfinished_cells_are_read_but_not_gathered(tmp_path: Path) -> None:
    with begun(tmp_path) as run:
        run.append_predictions("whole", rows("a/1"))
        run.finish_cell("whole")
        run.append_predictions("open", rows("a/2"))
        assert run.predictions().height == 2
        run.gather_predictions()
        assert run.predictions().get_column("utterance_id").to_list() == ["a/1"]


def test_gathering_twice_changes_nothing_and_removes_journals_left_over(tmp_path: Path) -> None:
    with begun(tmp_path) as run:
        run.append_predictions("c", rows("a/1"))
        run.finish_cell("c")
        journal = next((tmp_path / "cells").glob("*.jsonl"))
        kept = journal.read_bytes()
        run.gather_predictions()
        table = (tmp_path / "predictions.parquet").read_bytes()
        journal.write_bytes(kept)  # as if killed between the table and the removal
        run.gather_predictions()
        assert (tmp_path / "predictions.parquet").read_bytes() == table
        assert not journal.exists()


def test_an_empty_cell_can_be_finished(tmp_path: Path) -> None:
    with begun(tmp_path) as run:
        run.finish_cell("nothing")
        run.gather_predictions()
        assert run.finished_cells() == {"nothing"}
        assert run.predictions().equals(PREDICTIONS.empty())


# ----------------------------------------------------------------- tables and texts


def test_tables_come_back_as_they_were_written(tmp_path: Path) -> None:
    estimates = pl.DataFrame({"quantity": ["score"], "metric": ["accuracy"], "value": [0.5]})
    timings = pl.DataFrame({"system": ["s"], "stage": ["fit"], "seconds": [1.5]})
    utterances = pl.DataFrame({"utterance_id": ["a/2", "a/1"], "accent": ["x", "y"]})
    with begun(tmp_path) as run:
        assert run.estimates().is_empty()
        assert run.utterances().is_empty()
        run.write_estimates(estimates)
        run.write_utterances(utterances)
        run.append_timings(timings)
        run.append_timings(timings)
        run.write_predictions(rows("a/2", "a/1"))
    run = RunFolder.read(tmp_path)
    assert run.estimates().equals(ESTIMATES.validate(estimates))
    assert run.utterances().select("utterance_id", "accent").rows() == [("a/1", "y"), ("a/2", "x")]
    assert run.timings().get_column("seconds").to_list() == [1.5, 1.5]
    assert run.predictions().get_column("utterance_id").to_list() == ["a/1", "a/2"]


def test_votes_come_back_as_they_were_written_and_go_with_the_run(tmp_path: Path) -> None:
    votes = pl.DataFrame(
        {"item": ["a/2", "a/1"], "question": ["emotion"] * 2, "value": ["sad", "sad"]}
    )
    with begun(tmp_path) as run:
        assert run.votes().equals(VOTES.empty())
        run.write_votes(votes)
        with pytest.raises(SchemaError, match="question"):
            run.write_votes(votes.drop("question"))
    assert RunFolder.read(tmp_path).votes().equals(VOTES.validate(votes))
    RunFolder.open(tmp_path, overwrite=True).close()
    assert not (tmp_path / "votes.parquet").exists()


def test_texts_have_plain_names(tmp_path: Path) -> None:
    with begun(tmp_path) as run:
        assert run.write_text("report.html", "<p>ä</p>") == tmp_path / "report.html"
        assert run.read_text("report.html") == "<p>ä</p>"
        assert run.read_text("none.html") is None
        for name in ("../report.html", "/etc/x.html", "run.json", "x.parquet", ".x.html", ""):
            with pytest.raises(InputError, match="not a name"):
                run.write_text(name, "")


def test_a_full_disk_leaves_the_old_file_and_no_half_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with begun(tmp_path) as run:
        run.write_text("report.html", "old")

        def full(self: Path, data: str, encoding: str | None = None) -> int:
            with self.open("w", encoding=encoding) as handle:
                handle.write(data[:3])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(Path, "write_text", full)
        with pytest.raises(StorageError, match=r"report\.html: No space left"):
            run.write_text("report.html", "new and longer")
        monkeypatch.undo()
        assert run.read_text("report.html") == "old"
    assert not list(tmp_path.rglob("*.part"))
