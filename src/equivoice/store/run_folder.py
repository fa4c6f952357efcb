"""A run on disk: the only reader and writer of results.

::

    RUN/
      run.json               the run record: configuration, versions, hashes, seeds, choices
      cells/NAME.jsonl       predictions of a cell, appended batch by batch while it runs
      cells/NAME.done        the cell is whole: its name and its number of rows
      predictions.parquet    all predictions in canonical order, once every cell is whole
      utterances.parquet     the utterances that the predictions are scored against
      votes.parquet          what raters said of them, where votes were scored
      timings.jsonl          seconds per cell and stage, apart from the predictions
      estimates.parquet      scores with intervals
      *.json, report.html    texts by name: corpora, findings, notes, the report
      shards/K-of-N/         run folders of the parts of the work that other processes do
      validation/            the run folder of what was asked to select conditions
      trainings/NAME/        the training of a classifier for a cell
      trainings/sounds/      what frozen encoders hear, until the run is done
      .equivoice.lock        held by the process that writes

Every file except the journals (``.jsonl``) is written beside its place and then
renamed, so that it is whole or not there. A journal's torn last line is
dropped (see :mod:`equivoice.store.journal`). ``predictions.parquet`` is sorted
by its key, so that a run that was cut off and resumed ends with the same bytes
as one that was not.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import quote

import polars as pl

from equivoice.errors import RunError, StorageError
from equivoice.records import (
    ESTIMATES,
    PREDICTIONS,
    TIMINGS,
    UTTERANCES,
    VOTES,
    read_table,
    write_table,
)
from equivoice.store.journal import append_rows, read_rows
from equivoice.store.lock import LOCK_FILES
from equivoice.store.locked_folder import RECORD, LockedFolder
from equivoice.store.training_folder import TrainingFolder
from equivoice.store.writing import storing

__all__ = ["RunFolder"]

_CELLS = "cells"
_PREDICTIONS = "predictions.parquet"
_UTTERANCES = "utterances.parquet"
_VOTES = "votes.parquet"
_TIMINGS = "timings.jsonl"
_ESTIMATES = "estimates.parquet"
_LONGEST_CELL_NAME = 120
_SHARDS = "shards"
_VALIDATION = "validation"
_TRAININGS = "trainings"
_SOUNDS = "sounds"
_SHARD_NAME = re.compile(r"\d+-of-\d+")
_ORDER = ("system", "prompt", "options", "temperature", "run", "modality", "fold", "utterance_id")


class RunFolder(LockedFolder):
    """The results of one run.

    Make one with :meth:`open` (to write, under the lock) or :meth:`read`.

    Attributes:
        path: the folder.

    Example:
        >>> import tempfile
        >>> from equivoice.records import RunRecord
        >>> out = Path(tempfile.mkdtemp()) / "run"
        >>> with RunFolder.open(out) as run:
        ...     run.save_record(RunRecord(verb="benchmark", config={"seed": 1}))
        ...     rows = pl.DataFrame({"utterance_id": ["a/2", "a/1"], "system": ["s", "s"]})
        ...     run.append_predictions("s@a@1", rows)
        ...     run.finish_cell("s@a@1")
        ...     run.gather_predictions()
        >>> RunFolder.read(out).predictions()["utterance_id"].to_list()
        ['a/1', 'a/2']
    """

    WORK = "run"
    NOTHING = "there is no run in this folder"
    NAME_INSTEAD = f"name a folder that holds {RECORD}, such as the --out of benchmark"
    TEXT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*\.(html|json|md|txt)")
    TEXT_EXAMPLE = "report.html"
    BESIDE_NO_RECORD = frozenset((_SHARDS, _VALIDATION, _TRAININGS))

    # --------------------------------------------------------------- predictions

    def append_predictions(self, cell: str, frame: pl.DataFrame) -> None:
        """Append predictions to a cell, all rows of the frame or none.

        Args:
            cell: any name; it is made safe before it becomes a file's name.
            frame: a predictions table.

        Raises:
            RunError: the cell is already finished.
            SchemaError: the table breaks its schema.
            StorageError: the rows could not be written.
        """
        self._need_lock()
        if self._marker(cell).exists() or (self.path / _PREDICTIONS).exists():
            raise RunError(f"the cell {cell} is finished; nothing can be added to it")
        append_rows(self._journal(cell), frame, PREDICTIONS)

    def cell_predictions(self, cell: str) -> pl.DataFrame:
        """The predictions of an unfinished or not yet gathered cell, as appended."""
        return read_rows(self._journal(cell), PREDICTIONS)

    def finish_cell(self, cell: str) -> None:
        """Mark a cell as whole.

        Raises:
            SchemaError: an utterance was predicted twice under equal conditions.
            StorageError: the mark could not be written.
        """
        self._need_lock()
        rows = self.cell_predictions(cell).height
        text = json.dumps({"cell": cell, "rows": rows}) + "\n"
        with storing(self.path):
            (self.path / _CELLS).mkdir(exist_ok=True)
        self._write_file(self._marker(cell), text)

    def finished_cells(self) -> set[str]:
        """The names of the cells that are whole."""
        return {str(mark["cell"]) for mark in self._marks()}

    @property
    def gathered(self) -> bool:
        """Whether all cells were put into one table; nothing can be added then."""
        return (self.path / _PREDICTIONS).exists()

    def gather_predictions(self) -> None:
        """Put all finished cells into ``predictions.parquet``, in canonical order.

        The journals are removed once the table stands.

        Raises:
            StorageError: a journal lost rows, or the table could not be written.
        """
        self._need_lock()
        marks = self._marks()
        if not (self.path / _PREDICTIONS).exists():
            frames = [self._whole_cell(str(mark["cell"]), int(mark["rows"])) for mark in marks]
            write_table(_canonical(frames), self.path / _PREDICTIONS, PREDICTIONS)
        with storing(self.path):
            for mark in marks:
                self._journal(str(mark["cell"])).unlink(missing_ok=True)

    def predictions(self) -> pl.DataFrame:
        """All predictions in canonical order: system, conditions, fold, utterance.

        While the run goes on, those that are there so far.
        """
        if (self.path / _PREDICTIONS).exists():
            return read_table(self.path / _PREDICTIONS, PREDICTIONS)
        journals = sorted((self.path / _CELLS).glob("*.jsonl"))
        return _canonical([read_rows(journal, PREDICTIONS) for journal in journals])

    def write_predictions(self, frame: pl.DataFrame) -> None:
        """Write predictions that were made elsewhere, in canonical order.

        Raises:
            SchemaError: the table breaks its schema.
            StorageError: it could not be written.
        """
        self._write_table(_canonical([PREDICTIONS.validate(frame)]), _PREDICTIONS, PREDICTIONS)

    # -------------------------------------------------------------- other tables

    def write_utterances(self, frame: pl.DataFrame) -> None:
        """Write the utterances that the predictions are scored against."""
        self._write_table(frame.sort("utterance_id"), _UTTERANCES, UTTERANCES)

    def utterances(self) -> pl.DataFrame:
        """The utterances of the run, with reference labels; empty where unknown."""
        return self._read_table(_UTTERANCES, UTTERANCES)

    def write_votes(self, frame: pl.DataFrame) -> None:
        """Write what raters said of the utterances.

        Raises:
            SchemaError: the table breaks its schema.
            StorageError: it could not be written.
        """
        self._write_table(frame, _VOTES, VOTES)

    def votes(self) -> pl.DataFrame:
        """What raters said of the utterances; empty where no votes were scored."""
        return self._read_table(_VOTES, VOTES)

    def append_timings(self, frame: pl.DataFrame) -> None:
        """Append to the timings; they stand apart because they never repeat exactly."""
        self._need_lock()
        append_rows(self.path / _TIMINGS, frame, TIMINGS)

    def timings(self) -> pl.DataFrame:
        """Seconds per system, corpus, fold and stage, in the order of the work."""
        return read_rows(self.path / _TIMINGS, TIMINGS)

    def write_estimates(self, frame: pl.DataFrame) -> None:
        """Write the estimates, whole or not at all."""
        self._write_table(frame, _ESTIMATES, ESTIMATES)

    def estimates(self) -> pl.DataFrame:
        """The estimates; empty where nothing was scored yet."""
        return self._read_table(_ESTIMATES, ESTIMATES)

    # --------------------------------------------------------------------- texts

    # -------------------------------------------------------- run folders within

    @property
    def validation_path(self) -> Path:
        """Where what was asked to select conditions stands."""
        return self.path / _VALIDATION

    def training_path(self, cell: str) -> Path:
        """Where the classifier of a cell is trained."""
        return self.path / _TRAININGS / _file_stem(cell)

    @property
    def sounds_path(self) -> Path:
        """Where what frozen encoders hear is kept for all trainings of the run."""
        return self.path / _TRAININGS / _SOUNDS

    def drop_sounds(self) -> None:
        """Remove what was kept for the time of the trainings.

        Raises:
            StorageError: it cannot be removed.
        """
        self._need_lock()
        with storing(self.path):
            if self.sounds_path.is_dir():
                shutil.rmtree(self.sounds_path)

    @staticmethod
    def shard_path(out: str | Path, name: str) -> Path:
        """The folder of a shard of the run in ``out``, such as ``1-of-4``."""
        return Path(out) / _SHARDS / name

    @staticmethod
    def shard_paths(out: str | Path) -> list[Path]:
        """The folders of the shards that were begun of the run in ``out``."""
        shards = Path(out) / _SHARDS
        found = sorted(shards.glob("*-of-*")) if shards.is_dir() else []
        return [path for path in found if _SHARD_NAME.fullmatch(path.name) and path.is_dir()]

    # ---------------------------------------------------------------- inner part

    def _clear(self) -> None:
        """Remove what a run writes, the record first: what remains is then not resumed."""
        files = [self.path / RECORD, *sorted(self.path.glob("*")), *self._cell_files()]
        for part in [*self.shard_paths(self.path), self.validation_path]:
            _remove_part(part)
        self._remove_trainings()
        with storing(self.path):
            for file in files:
                if file.is_file() and _is_ours(file):
                    file.unlink(missing_ok=True)
            if (self.path / _CELLS).is_dir():
                (self.path / _CELLS).rmdir()

    def _remove_trainings(self) -> None:
        """Remove the trainings of classifiers, and nothing else that stands beside them."""
        folder = self.path / _TRAININGS
        if not folder.is_dir():
            return
        self.drop_sounds()
        for place in sorted(folder.iterdir()):
            if not any((place / name).is_file() for name in (RECORD, *LOCK_FILES)):
                continue
            TrainingFolder.open(place, overwrite=True).close()
            _drop_if_empty(place)
        _drop_if_empty(folder)

    def _mend_halves(self) -> None:
        """Remove halves of files that a killed process left beside their places."""
        with storing(self.path):
            for part in [*self.path.glob(".*.part"), *(self.path / _CELLS).glob(".*.part")]:
                part.unlink(missing_ok=True)

    def _cell_files(self) -> list[Path]:
        return [file for file in (self.path / _CELLS).glob("*") if file.is_file()]

    def _marks(self) -> list[dict[str, Any]]:
        marks = sorted((self.path / _CELLS).glob("*.done"))
        return [json.loads(mark.read_text(encoding="utf-8")) for mark in marks]

    def _whole_cell(self, cell: str, rows: int) -> pl.DataFrame:
        frame = self.cell_predictions(cell)
        if frame.height != rows:
            raise StorageError(
                f"{self._journal(cell)} holds {frame.height} rows and should hold {rows}; "
                f"remove {self._marker(cell).name} beside it to do this cell again"
            )
        return frame

    def _journal(self, cell: str) -> Path:
        return self.path / _CELLS / f"{_file_stem(cell)}.jsonl"

    def _marker(self, cell: str) -> Path:
        return self.path / _CELLS / f"{_file_stem(cell)}.done"


def _canonical(frames: list[pl.DataFrame]) -> pl.DataFrame:
    """One predictions table, sorted by its key; equal rows in any order give equal tables."""
    kept = [frame for frame in frames if not frame.is_empty()]
    if not kept:
        return PREDICTIONS.empty()
    table = PREDICTIONS.validate(pl.concat(kept, how="diagonal"))
    extra = sorted(set(table.columns) - set(PREDICTIONS.names))
    order = [pl.col("options").list.join("|") if key == "options" else key for key in _ORDER]
    return table.sort(order, nulls_last=False).select([*PREDICTIONS.names, *extra])


def _file_stem(cell: str) -> str:
    """A file name that no cell name can lead out of its folder, one for each cell name."""
    readable = quote(cell, safe="@+=, ")[:_LONGEST_CELL_NAME].lstrip(".~")
    return f"{readable}-{hashlib.sha256(cell.encode()).hexdigest()[:8]}"


def _remove_part(path: Path) -> None:
    """Remove a run folder within another, and nothing that is not of a run."""
    if not path.is_dir():
        return
    RunFolder.open(path, overwrite=True).close()
    _drop_if_empty(path)
    if path.parent.name == _SHARDS:
        _drop_if_empty(path.parent)


def _drop_if_empty(folder: Path) -> None:
    """Remove a folder in which nothing is left but its lock."""
    with storing(folder):
        for file in LOCK_FILES:
            (folder / file).unlink(missing_ok=True)
        if not any(folder.iterdir()):
            folder.rmdir()


def _is_ours(file: Path) -> bool:
    if file.parent.name == _CELLS:
        return file.suffix in {".jsonl", ".done"}
    tables = {RECORD, _PREDICTIONS, _UTTERANCES, _VOTES, _TIMINGS, _ESTIMATES}
    return file.name in tables or RunFolder.TEXT_NAME.fullmatch(file.name) is not None
