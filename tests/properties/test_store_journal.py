"""A journal under any sequence of appends, cuts, refusals and full disks, against a list."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path
from unittest import mock

import polars as pl
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from equivoice.errors import SchemaError, StorageError
from equivoice.records import PREDICTIONS
from equivoice.store.journal import append_rows, read_rows

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
ROWS = st.lists(st.tuples(TEXT, st.none() | TEXT), max_size=4)


class Journal(RuleBasedStateMachine):
    """What was appended whole is what is read, whatever came between."""

    @initialize()
    def begin(self) -> None:
        self.place = tempfile.TemporaryDirectory()
        self.path = Path(self.place.name) / "deep" / "cell.jsonl"
        self.kept: list[tuple[str, str | None]] = []
        self.number = 0

    def frame(self, given: list[tuple[str, str | None]]) -> pl.DataFrame:
        rows = []
        for name, response in given:
            self.number += 1
            rows.append((f"{name}/{self.number}", response))
        return pl.DataFrame(
            rows, schema={"utterance_id": pl.String, "response": pl.String}, orient="row"
        )

    @rule(given=ROWS)
    def append(self, given: list[tuple[str, str | None]]) -> None:
        frame = self.frame(given)
        append_rows(self.path, frame, PREDICTIONS)
        self.kept += frame.rows()

    @rule(given=ROWS, left=st.integers(0, 9) | st.integers(0, 400))
    def be_killed_in_the_middle_of_the_last_line(
        self, given: list[tuple[str, str | None]], left: int
    ) -> None:
        frame = self.frame(given[:1])
        if frame.is_empty() or not self.path.exists():
            return
        before = self.path.read_bytes()
        append_rows(self.path, frame, PREDICTIONS)
        line = self.path.read_bytes()[len(before[: before.rfind(b"\n") + 1]) :]
        torn = line[: min(left, len(line) - 1)]
        self.path.write_bytes(before[: before.rfind(b"\n") + 1] + torn)

    @rule(given=ROWS)
    def meet_a_full_disk(self, given: list[tuple[str, str | None]]) -> None:
        frame = self.frame([*given, ("last", None)])
        full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        with (
            mock.patch("equivoice.store.journal.os.fsync", side_effect=full),
            pytest.raises(StorageError, match="No space left"),
        ):
            append_rows(self.path, frame, PREDICTIONS)

    @rule()
    def be_given_what_breaks_the_schema(self) -> None:
        frame = pl.DataFrame({"utterance_id": ["x/1"], "status": ["wonderful"]})
        with pytest.raises(SchemaError, match="wonderful"):
            append_rows(self.path, frame, PREDICTIONS)

    @precondition(lambda self: self.path.exists())
    @rule()
    def be_torn_to_no_line_at_all(self) -> None:
        with self.path.open("ab") as handle:
            handle.write(b'{"utterance_id":"half')

    @invariant()
    def what_is_read_is_what_was_kept(self) -> None:
        if hasattr(self, "path"):
            read = read_rows(self.path, PREDICTIONS)
            assert read.select("utterance_id", "response").rows() == self.kept
            assert read.schema == PREDICTIONS.empty().schema

    def teardown(self) -> None:
        if hasattr(self, "place"):
            self.place.cleanup()


TestJournal = Journal.TestCase
TestJournal.settings = settings(max_examples=40, stateful_step_count=12, deadline=None)
