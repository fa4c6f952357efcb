"""The folder of a teacher's answers: appended, resumed, cleared, and told from others."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from equivoice.errors import InputError, RunError, SchemaError
from equivoice.records import RATIONALES, RunRecord
from equivoice.store.rationale_folder import GENERATE, RationaleFolder

RECORD = RunRecord(verb=GENERATE, config={"seed": 1})


def answer(name: str) -> pl.DataFrame:
    return pl.DataFrame({"utterance_id": [name], "emotion": ["sad"], "response": ["Low."]})


def test_answers_come_back_in_the_order_of_the_utterances(tmp_path: Path) -> None:
    with RationaleFolder.open(tmp_path / "out") as run:
        run.begin(RECORD)
        run.append_answers(answer("a/2"))
        run.append_answers(answer("a/1"))
    read = RationaleFolder.read(tmp_path / "out")
    assert read.answers()["utterance_id"].to_list() == ["a/1", "a/2"]
    assert read.rationales().is_empty()
    with pytest.raises(RunError, match="opened to read"):
        read.append_answers(answer("a/3"))


def test_an_answer_twice_is_a_fault_of_the_journal(tmp_path: Path) -> None:
    with RationaleFolder.open(tmp_path / "out") as run:
        run.begin(RECORD)
        run.append_answers(answer("a/1"))
        run.append_answers(answer("a/1"))
        with pytest.raises(SchemaError, match="a/1"):
            run.answers()


def test_to_begin_anew_clears_what_was_written_and_nothing_else(tmp_path: Path) -> None:
    place = tmp_path / "out"
    with RationaleFolder.open(place) as run:
        run.begin(RECORD)
        run.append_answers(answer("a/1"))
        run.write_rationales(RATIONALES.empty())
        run.write_text("filters.json", "[]\n")
    (place / "mine.txt").write_text("mine")
    with RationaleFolder.open(place, overwrite=True) as run:
        assert not run.has_record
        assert run.answers().is_empty()
    assert (place / "mine.txt").read_text() == "mine"
    assert not run.table_path.exists()


def test_a_folder_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no rationales were generated"):
        RationaleFolder.read(tmp_path)
    (tmp_path / "run.json").write_text(RunRecord(verb="train", config={}).model_dump_json())
    with pytest.raises(InputError, match="no rationales were generated"):
        RationaleFolder.read(tmp_path)
