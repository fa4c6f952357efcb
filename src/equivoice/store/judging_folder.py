"""What a judge said, on disk.

::

    JUDGED/
      run.json               the run record: judge, rubric, settings, hashes of what is judged
      items.parquet          what is shown, in which order
      groups.parquet         by what items are counted: emotion, match
      judgments.jsonl        every answer of the judge, appended batch by batch
      votes.parquet          the verdicts, as votes
      estimates.parquet      win rates, shares of acceptance, position bias
      report.html            and other texts by name
      .equivoice.lock        held by the process that writes

A judging that was cut off goes on with what is missing.
"""

from __future__ import annotations

import re

import polars as pl

from equivoice.records import ESTIMATES, ITEMS, VOTES, Column, Schema
from equivoice.store.journal import append_rows, read_rows
from equivoice.store.locked_folder import RECORD, LockedFolder
from equivoice.store.writing import storing

__all__ = ["ITEM_GROUPS", "JUDGE", "JUDGMENTS", "JudgingFolder"]

JUDGE = "judge"
"""The verb of the record."""

JUDGMENTS = Schema(
    "judgments",
    1,
    (
        Column("item", pl.String(), "what was judged", required=True, nullable=False),
        Column("rater", pl.String(), "the judge", required=True, nullable=False),
        Column("question", pl.String(), "what was asked", required=True, nullable=False),
        Column(
            "status",
            pl.String(),
            "what became of the answer",
            required=True,
            nullable=False,
            choices=("parsed", "ambiguous", "refused", "unparsed", "failed"),
        ),
        Column("value", pl.String(), "the choice; null unless parsed"),
        Column("number", pl.Float64(), "the point on the scale; null unless parsed"),
        Column("response", pl.String(), "the raw answer"),
        Column("why", pl.String(), "how the verdict was found, or why there is none"),
        Column("seed", pl.UInt64(), "the seed of this answer"),
        Column("cost", pl.Float64(), "in US dollars, where known", low=0),
    ),
    key=("item", "rater", "question"),
)
"""Every answer of a judge, read or not."""

ITEM_GROUPS = Schema(
    "item_groups",
    1,
    (
        Column("item", pl.String(), "an item", required=True, nullable=False),
        Column("emotion", pl.String(), "the predicted emotion"),
        Column("match", pl.String(), "whether it is the reference label"),
    ),
    key=("item",),
    open=True,
)
"""By what items are counted."""

_JOURNAL = "judgments.jsonl"
_TABLES = {
    "items": ITEMS,
    "groups": ITEM_GROUPS,
    "votes": VOTES,
    "estimates": ESTIMATES,
}


class JudgingFolder(LockedFolder):
    """What one judge said about a set of items.

    Make one with :meth:`open` (to write, under the lock) or :meth:`read`.

    Attributes:
        path: the folder.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from equivoice.records import RunRecord
        >>> out = Path(tempfile.mkdtemp()) / "judged"
        >>> row = {"item": ["a/1"], "rater": ["j"], "question": ["acceptance"],
        ...        "status": ["parsed"], "value": ["accept"]}
        >>> with JudgingFolder.open(out) as folder:
        ...     folder.save_record(RunRecord(verb="judge", config={}))
        ...     folder.append(pl.DataFrame(row))
        >>> JudgingFolder.read(out).judgments()["value"].to_list()
        ['accept']
    """

    WORK = "judging"
    NOTHING = "there is nothing judged in this folder"
    NAME_INSTEAD = "name the --out of 'equivoice judge'"
    VERB = JUDGE
    TEXT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*\.(html|json|md|txt)")
    TEXT_EXAMPLE = "report.html"

    def append(self, rows: pl.DataFrame) -> None:
        """Append judgments, all of them or none.

        Raises:
            SchemaError: the rows break the schema.
            StorageError: they could not be written.
        """
        self._need_lock()
        append_rows(self.path / _JOURNAL, rows, JUDGMENTS)

    def judgments(self) -> pl.DataFrame:
        """All answers so far, in the order in which they came."""
        return read_rows(self.path / _JOURNAL, JUDGMENTS)

    def write(self, name: str, frame: pl.DataFrame) -> None:
        """Write the table ``items``, ``groups``, ``votes`` or ``estimates``."""
        self._write_table(frame, f"{name}.parquet", _TABLES[name])

    def table(self, name: str) -> pl.DataFrame:
        """The table ``items``, ``groups``, ``votes`` or ``estimates``; empty before there is one."""
        return self._read_table(f"{name}.parquet", _TABLES[name])

    def _mend_halves(self) -> None:
        """Nothing: each file is whole or not there, and a torn line is dropped when it is read."""

    def _clear(self) -> None:
        with storing(self.path):
            (self.path / RECORD).unlink(missing_ok=True)
            (self.path / _JOURNAL).unlink(missing_ok=True)
            for name in _TABLES:
                (self.path / f"{name}.parquet").unlink(missing_ok=True)
            for file in self.path.iterdir():
                if self.TEXT_NAME.fullmatch(file.name):
                    file.unlink()
