"""A training run on disk.

::

    RUN/
      run.json                       the run record: recipe as resolved, versions, hashes, choices
      training.json                  facts that no table holds: attribute, labels, why it stopped
      utterances.parquet             what was trained and validated on
      predictions.parquet            what the best checkpoint answers about the validation part
      steps.jsonl                    a row a step, appended while the training goes on
      losses.jsonl                   mean losses by cell and group
      evaluations.jsonl              metrics on the validation part
      training_steps.parquet         the same tables, once the training is done
      training_losses.parquet
      training_evaluations.parquet
      checkpoints/step-000120/       all that is needed to go on from there
      model/                         the model that was made for this training, if one was
      best/                          what the training is for: the adapter, or the model
      sounds/                        what the frozen encoder hears, until the training is done
      tensorboard/                   event files, where TensorBoard is installed
      .equivoice.lock                held by the process that writes

A training that was cut off goes on from its last checkpoint: :meth:`TrainingFolder.rewind`
drops the rows behind it, which then come again, the same.
"""

from __future__ import annotations

import re
import shutil
from functools import partial
from pathlib import Path

import polars as pl

from equivoice.errors import ConfigError, RunError
from equivoice.records import (
    PREDICTIONS,
    TRAINING_EVALUATIONS,
    TRAINING_LOSSES,
    TRAINING_STEPS,
    UTTERANCES,
    Schema,
    read_table,
    replace_file,
    write_table,
)
from equivoice.store.journal import append_rows, read_rows
from equivoice.store.locked_folder import RECORD, LockedFolder
from equivoice.store.writing import storing

__all__ = ["TRAIN", "TrainingFolder", "part_beside", "replace_folder"]

TRAIN = "train"
"""The verb of the record of a training run."""

_TABLES: dict[str, Schema] = {
    "steps": TRAINING_STEPS,
    "losses": TRAINING_LOSSES,
    "evaluations": TRAINING_EVALUATIONS,
}
_PREDICTIONS = "predictions.parquet"
_UTTERANCES = "utterances.parquet"
_MODEL = "model"
_FOLDERS = ("checkpoints", "best", "tensorboard", "sounds")
_REPLACED = ".replaced"
_PART = ".part"


class TrainingFolder(LockedFolder):
    """The results of one training.

    Make one with :meth:`open` (to write, under the lock) or :meth:`read`.

    Attributes:
        path: the folder.

    Example:
        >>> import tempfile
        >>> from equivoice.records import RunRecord
        >>> out = Path(tempfile.mkdtemp()) / "run"
        >>> with TrainingFolder.open(out) as run:
        ...     run.save_record(RunRecord(verb="train", config={"seed": 1}))
        ...     run.append("steps", pl.DataFrame({"step": [1, 2], "loss": [2.0, 1.5]}))
        ...     run.rewind(1)
        ...     run.gather()
        >>> TrainingFolder.read(out).table("steps")["loss"].to_list()
        [2.0]
    """

    WORK = "training"
    NOTHING = "there is no training in this folder"
    NAME_INSTEAD = "name the --out of 'equivoice train'"
    VERB = TRAIN
    TEXT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*\.(html|json|md|txt|svg)")
    TEXT_EXAMPLE = "training.json"
    BESIDE_NO_RECORD = frozenset((_MODEL, f".{_MODEL}.part", f".{_MODEL}.replaced"))

    # -------------------------------------------------------------------- tables

    def append(self, name: str, frame: pl.DataFrame) -> None:
        """Append rows to ``steps``, ``losses`` or ``evaluations``, all of them or none.

        Raises:
            SchemaError: the rows break the table's schema.
            StorageError: they could not be written.
        """
        self._need_lock()
        append_rows(self._journal(name), frame, _TABLES[name])

    def table(self, name: str) -> pl.DataFrame:
        """The table ``steps``, ``losses`` or ``evaluations``, as far as it goes."""
        schema = _TABLES[name]
        gathered = self._gathered(name)
        if gathered.is_file():
            return read_table(gathered, schema)
        return read_rows(self._journal(name), schema)

    def rewind(self, step: int) -> None:
        """Drop all rows that belong to later steps.

        Args:
            step: the last step that is kept.

        Raises:
            StorageError: a journal could not be replaced.
        """
        self._need_lock()
        for name, schema in _TABLES.items():
            rows = read_rows(self._journal(name), schema)
            kept = rows.filter(pl.col("step") <= step)
            if kept.height < rows.height:
                replace_file(self._journal(name), partial(_write, text=kept.write_ndjson()))

    def gather(self) -> None:
        """Write the tables as Parquet and remove the journals: the training is done.

        Raises:
            StorageError: a table could not be written.
        """
        self._need_lock()
        for name, schema in _TABLES.items():
            if not self._gathered(name).is_file():
                write_table(self.table(name), self._gathered(name), schema)
        with storing(self.path):
            for name in _TABLES:
                self._journal(name).unlink(missing_ok=True)

    def write_utterances(self, frame: pl.DataFrame) -> None:
        """Write the utterances trained and validated on, with columns ``split``, ``cell``, ``group``."""
        self._write_table(frame, _UTTERANCES, UTTERANCES)

    def utterances(self) -> pl.DataFrame:
        """The utterances trained and validated on; empty where they were not written."""
        return self._read_table(_UTTERANCES, UTTERANCES)

    def write_predictions(self, frame: pl.DataFrame) -> None:
        """Write what the best checkpoint answers about the validation part."""
        self._write_table(frame, _PREDICTIONS, PREDICTIONS)

    def predictions(self) -> pl.DataFrame:
        """What the best checkpoint answers about the validation part; empty before there is one."""
        return self._read_table(_PREDICTIONS, PREDICTIONS)

    # ------------------------------------------------------------------- folders

    @property
    def checkpoints_path(self) -> Path:
        """Where the checkpoints stand."""
        return self.path / "checkpoints"

    @property
    def best_path(self) -> Path:
        """Where the best adapter or model stands."""
        return self.path / "best"

    @property
    def model_path(self) -> Path:
        """Where the model stands that was made for this training; ``overwrite`` leaves it."""
        return self.path / _MODEL

    @property
    def tensorboard_path(self) -> Path:
        """Where TensorBoard's event files stand."""
        return self.path / "tensorboard"

    @property
    def sounds_path(self) -> Path:
        """Where what a frozen encoder hears is kept while the training goes on."""
        return self.path / "sounds"

    def drop_checkpoints(self) -> None:
        """Remove what a training that is done could have gone on from; the best model stays.

        Raises:
            RunError: the training is not done.
            StorageError: they cannot be removed.
        """
        self._need_lock()
        if self.record.finished is None:
            raise RunError(f"the training in {self.path} still needs its checkpoints")
        with storing(self.path):
            _remove(self.checkpoints_path)

    def drop_sounds(self) -> None:
        """Remove what was kept for the time of the training.

        Raises:
            StorageError: it cannot be removed.
        """
        self._need_lock()
        with storing(self.path):
            _remove(self.sounds_path)

    # ---------------------------------------------------------------- inner part

    def _journal(self, name: str) -> Path:
        return self.path / f"{name}.jsonl"

    def _gathered(self, name: str) -> Path:
        return self.path / f"{_TABLES[name].name}.parquet"

    def _mend_halves(self) -> None:
        """Mend what a killed process left: halves go, and what was being replaced comes back."""
        with storing(self.path):
            _mend(self.path)
            _mend(self.checkpoints_path)

    def _clear(self) -> None:
        """Remove what a training writes, the record first: what remains is then not resumed."""
        if self.has_record and self.record.verb != TRAIN:
            raise ConfigError(
                f"{self.path} holds a run of {self.record.verb!r}, not a training",
                hint="give another --out",
            )
        own = [self.path / RECORD, *(self._gathered(name) for name in _TABLES)]
        own += [self._journal(name) for name in _TABLES]
        own += [self.path / _UTTERANCES, self.path / _PREDICTIONS]
        texts = (file for file in self.path.glob("*") if self.TEXT_NAME.fullmatch(file.name))
        with storing(self.path):
            for file in [*own, *texts]:
                file.unlink(missing_ok=True)
            for name in _FOLDERS:
                _remove(self.path / name)


def replace_folder(new: Path, place: Path) -> None:
    """Put a folder in its place; what stood there goes once the new one stands.

    A process that is killed in between leaves the old or the new one: the next
    :meth:`TrainingFolder.open` brings back what was moved aside.

    Args:
        new: a whole folder, beside ``place``.
        place: where it shall stand.

    Raises:
        StorageError: it could not be put there.
    """
    aside = place.with_name(f".{place.name}{_REPLACED}")
    with storing(place):
        if place.exists():
            place.rename(aside)
        new.rename(place)
        _remove(aside)


def part_beside(place: Path) -> Path:
    """An empty folder beside a place, to be filled and then put there by :func:`replace_folder`.

    Raises:
        StorageError: it cannot be made.
    """
    part = place.with_name(f".{place.name}{_PART}")
    with storing(place):
        _remove(part)
        part.mkdir(parents=True)
    return part


def _mend(folder: Path) -> None:
    for old in folder.glob(f".*{_REPLACED}"):
        place = folder / old.name.removeprefix(".").removesuffix(_REPLACED)
        if place.exists():
            _remove(old)
        else:
            old.rename(place)
    for part in folder.glob(f".*{_PART}"):
        _remove(part)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _write(target: Path, text: str) -> None:
    target.write_text(text, encoding="utf-8")
