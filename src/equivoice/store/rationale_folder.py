"""The folder of what a teacher wrote.

::

    OUT/
      run.json               the run record: teacher, prompt, corpus, fold, filters, versions
      answers.jsonl          the teacher's answers, appended batch by batch while it writes
      rationales.parquet     a row an utterance: the reason, and what became of it
      filters.json           what each filter dropped
      .equivoice.lock        held by the process that writes
"""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl

from equivoice.records import RATIONALES, Column, Schema
from equivoice.store.journal import append_rows, read_rows
from equivoice.store.locked_folder import LockedFolder
from equivoice.store.writing import storing

__all__ = ["GENERATE", "RATIONALE_ANSWERS", "RationaleFolder"]

GENERATE = "rationales generate"
"""The verb of the record."""

RATIONALE_ANSWERS = Schema(
    "rationale answers",
    1,
    (
        Column("utterance_id", pl.String(), "corpus/key", required=True, nullable=False),
        Column("emotion", pl.String(), "what the teacher was told", required=True, nullable=False),
        Column("response", pl.String(), "what it wrote; null where it failed"),
        Column("why", pl.String(), "why it failed"),
        Column("finished", pl.Boolean(), "whether it ended by itself; null where unknown"),
        Column("seed", pl.UInt64(), "the seed of this answer"),
        Column("seconds", pl.Float64(), "of its batch, shared out", low=0),
        Column("cost", pl.Float64(), "money spent, in US dollars", low=0),
    ),
    key=("utterance_id",),
)
_ANSWERS = "answers.jsonl"
_RATIONALES = "rationales.parquet"


class RationaleFolder(LockedFolder):
    """What a teacher wrote, and what became of it.

    Make one with :meth:`open` (to write, under the lock) or :meth:`read`.

    Attributes:
        path: the folder.

    Example:
        >>> import tempfile
        >>> from equivoice.records import RunRecord
        >>> out = Path(tempfile.mkdtemp()) / "reasons"
        >>> with RationaleFolder.open(out) as run:
        ...     run.save_record(RunRecord(verb=GENERATE, config={"seed": 1}))
        ...     run.append_answers(pl.DataFrame({"utterance_id": ["a/1"], "emotion": ["sad"]}))
        >>> RationaleFolder.read(out).answers()["utterance_id"].to_list()
        ['a/1']
    """

    WORK = "generation of rationales"
    NOTHING = "no rationales were generated in this folder"
    NAME_INSTEAD = "name the --out of 'equivoice rationales generate'"
    VERB = GENERATE
    TEXT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*\.(html|json|md|txt)")
    TEXT_EXAMPLE = "filters.json"

    @property
    def table_path(self) -> Path:
        """The file of the table of rationales."""
        return self.path / _RATIONALES

    def append_answers(self, frame: pl.DataFrame) -> None:
        """Append answers of the teacher, all of them or none.

        Raises:
            SchemaError: the rows break the table's schema.
            StorageError: they could not be written.
        """
        self._need_lock()
        append_rows(self.path / _ANSWERS, frame, RATIONALE_ANSWERS)

    def answers(self) -> pl.DataFrame:
        """The teacher's answers so far, in the order of the utterances."""
        return read_rows(self.path / _ANSWERS, RATIONALE_ANSWERS).sort("utterance_id")

    def write_rationales(self, frame: pl.DataFrame) -> None:
        """Write the table of rationales.

        Raises:
            SchemaError: the table breaks the schema.
            StorageError: it could not be written.
        """
        self._write_table(frame, _RATIONALES, RATIONALES)

    def rationales(self) -> pl.DataFrame:
        """The table of rationales; empty while the teacher still writes."""
        return self._read_table(_RATIONALES, RATIONALES)

    def _mend_halves(self) -> None:
        """Every file but the journal is whole or not there, and the journal mends itself."""

    def _clear(self) -> None:
        with storing(self.path):
            for name in ("run.json", _RATIONALES, "filters.json", _ANSWERS):
                (self.path / name).unlink(missing_ok=True)
