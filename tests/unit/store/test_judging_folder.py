"""Folders of judgments: rows that stay, tables by name, and nothing of anybody else's."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from equivoice.errors import InputError, LockedRunError, RunError, SchemaError
from equivoice.records import RunRecord
from equivoice.store import RunFolder
from equivoice.store.judging_folder import JudgingFolder

RECORD = RunRecord(verb="judge", config={"seed": 1})


def rows(*items: str, **changed: str) -> pl.DataFrame:
    fixed = {"rater": "j", "question": "preference", "status": "parsed", "value": "a", **changed}
    return pl.DataFrame([{"item": item, **fixed} for item in items])


def test_what_is_appended_is_read_again(tmp_path: Path) -> None:
    with JudgingFolder.open(tmp_path / "a" / "b") as folder:
        folder.save_record(RECORD)
        folder.append(rows("x", "y"))
        folder.append(rows("z", status="refused"))
        folder.write("votes", pl.DataFrame({"item": ["x"], "question": ["preference"]}))
        folder.write_text("report.html", "<p>")
    read = JudgingFolder.read(tmp_path / "a" / "b")
    assert read.judgments()["item"].to_list() == ["x", "y", "z"]
    assert read.table("votes")["item"].to_list() == ["x"]
    assert read.table("estimates").is_empty()
    assert read.read_text("report.html") == "<p>"
    assert read.record == RECORD


def test_a_torn_line_is_no_judgment(tmp_path: Path) -> None:
    with JudgingFolder.open(tmp_path) as folder:
        folder.save_record(RECORD)
        folder.append(rows("x"))
        with (tmp_path / "judgments.jsonl").open("a") as journal:
            journal.write('{"item": "y", "rat')
        assert folder.judgments()["item"].to_list() == ["x"]
        folder.append(rows("z"))
        assert folder.judgments()["item"].to_list() == ["x", "z"]


def test_rows_that_break_the_schema_are_refused(tmp_path: Path) -> None:
    with JudgingFolder.open(tmp_path) as folder:
        with pytest.raises(SchemaError, match="status"):
            folder.append(rows("x", status="maybe"))
        assert folder.judgments().is_empty()


def test_one_process_at_a_time_writes(tmp_path: Path) -> None:
    with JudgingFolder.open(tmp_path), pytest.raises(LockedRunError):
        JudgingFolder.open(tmp_path)
    with pytest.raises(RunError, match="opened to read"):
        JudgingFolder(tmp_path).append(rows("x"))


def test_overwriting_begins_anew_and_leaves_what_is_not_its_own(tmp_path: Path) -> None:
    with JudgingFolder.open(tmp_path) as folder:
        folder.save_record(RECORD)
        folder.append(rows("x"))
        folder.write("items", pl.DataFrame({"item": ["x"]}))
    (tmp_path / "notes.pdf").write_text("mine")
    with JudgingFolder.open(tmp_path, overwrite=True) as folder:
        assert not folder.has_record
        assert folder.judgments().is_empty()
        assert folder.table("items").is_empty()
    assert (tmp_path / "notes.pdf").read_text() == "mine"


def test_other_folders_are_not_taken_for_one(tmp_path: Path) -> None:
    with RunFolder.open(tmp_path / "run") as run:
        run.save_record(RunRecord(verb="benchmark", config={}))
    with pytest.raises(InputError, match="nothing judged"):
        JudgingFolder.read(tmp_path / "run")
    with pytest.raises(InputError, match="nothing judged"):
        JudgingFolder.read(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("mine")
    with pytest.raises(InputError, match="other things"):
        JudgingFolder.open(tmp_path / "full")
