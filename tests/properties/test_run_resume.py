"""Whatever happens to a run on its way, its table ends the same.

A machine appends rows, tears lines, reopens the folder and gathers, in any
order; a plain dictionary says what must be there.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import polars as pl
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from equivoice.errors import LockedRunError, RunError
from equivoice.records import RunRecord
from equivoice.store import RunFolder

CELLS = st.sampled_from(["s@a@1", "s@a@2", "../x", "ü"])


class RunOnDisk(RuleBasedStateMachine):
    """A run folder beside the model of what it must hold."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="equivoice-")) / "run"
        self.run = self._opened()
        self.run.save_record(RunRecord(verb="benchmark", config={}))
        self.rows: dict[str, list[str]] = {}
        self.finished: set[str] = set()
        self.gathered = False
        self.count = 0

    def _opened(self) -> RunFolder:
        return RunFolder.open(self.folder)

    def _frame(self, cell: str, names: list[str]) -> pl.DataFrame:
        return pl.DataFrame(
            {"utterance_id": names, "system": ["s"] * len(names), "fold": [cell] * len(names)}
        )

    @rule(cell=CELLS, number=st.integers(1, 4))
    def append(self, cell: str, number: int) -> None:
        names = [f"a/{self.count + k}" for k in range(number)]
        if cell in self.finished or self.gathered:
            try:
                self.run.append_predictions(cell, self._frame(cell, names))
            except RunError:
                return
            raise AssertionError("a finished cell took more rows")
        self.run.append_predictions(cell, self._frame(cell, names))
        self.count += number
        self.rows.setdefault(cell, []).extend(names)

    @rule(cell=CELLS)
    @precondition(lambda self: not self.gathered)
    def finish(self, cell: str) -> None:
        self.run.finish_cell(cell)
        self.finished.add(cell)
        self.rows.setdefault(cell, [])

    @rule()
    @precondition(lambda self: set(self.rows) == self.finished and self.finished)
    def gather(self) -> None:
        self.run.gather_predictions()
        self.gathered = True

    @rule(garbage=st.sampled_from([b"{", b'{"utterance_id":"a/torn"', b"\x00\x00"]))
    @precondition(lambda self: not self.gathered)
    def tear_a_line(self, garbage: bytes) -> None:
        """A process is killed in the middle of an append to a cell that is open."""
        for journal in (self.folder / "cells").glob("*.jsonl"):
            if not journal.with_suffix(".done").exists():
                with journal.open("ab") as handle:
                    handle.write(garbage)

    @rule()
    def leave_a_half_file(self) -> None:
        (self.folder / ".estimates.parquet.1.part").write_bytes(b"PAR1")

    @rule()
    def close_and_open(self) -> None:
        self.run.close()
        self.run = self._opened()
        assert not list(self.folder.rglob("*.part"))

    @rule()
    def ask_for_it_a_second_time(self) -> None:
        try:
            self._opened()
        except LockedRunError:
            return
        raise AssertionError("two writers at once")

    @invariant()
    def holds_what_was_appended(self) -> None:
        table = RunFolder.read(self.folder).predictions()
        expected = sorted((cell, name) for cell, names in self.rows.items() for name in names)
        assert sorted(table.select("fold", "utterance_id").rows()) == expected
        assert self.run.finished_cells() == self.finished

    def teardown(self) -> None:
        self.run.close()
        shutil.rmtree(self.folder.parent)


RunOnDisk.TestCase.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
TestRunOnDisk = RunOnDisk.TestCase
