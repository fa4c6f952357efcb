"""``rerun``: a run repeated from its record, and what came out differently."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from equivoice.errors import ConfigError
from equivoice.evaluation.sweep import Render, plan_benchmark, run_task
from equivoice.inference import Progress
from equivoice.records import PREDICTIONS, RunRecord
from equivoice.store import RunFolder
from equivoice.store.provenance import differences

__all__ = ["Rerun", "TableDifference", "rerun"]


@dataclass(frozen=True)
class TableDifference:
    """How a table of the repeated run compares with that of the first.

    Args:
        table: ``predictions`` or ``estimates``.
        rows: how many rows the first run has.
        differing: how many rows are not equal, those missing on one side included.
        largest: the largest absolute difference of a number in rows with the same
            key; ``None`` where no number differs.
    """

    table: str
    rows: int
    differing: int
    largest: float | None = None

    @property
    def equal(self) -> bool:
        """Whether both tables are the same, to the last bit of every number."""
        return self.differing == 0

    def __str__(self) -> str:
        if self.equal:
            return f"{self.table}: equal ({self.rows} rows)"
        size = "" if self.largest is None else f", numbers by up to {self.largest:.3g}"
        return f"{self.table}: {self.differing} of {self.rows} rows differ{size}"


@dataclass(frozen=True)
class Rerun:
    """A repeated run.

    Args:
        folder: the repeated run.
        tables: how its tables compare with those of the first run.
        changed: in what inputs, seeds, versions and git revision the two runs differ.
    """

    folder: RunFolder
    tables: tuple[TableDifference, ...]
    changed: tuple[str, ...]

    @property
    def equal(self) -> bool:
        """Whether all tables came out the same."""
        return all(table.equal for table in self.tables)


def rerun(
    run: str | Path,
    *,
    out: str | Path,
    corpora: Sequence[str | Path] = (),
    overwrite: bool = False,
    progress: Progress | None = None,
    render: Render | None = None,
    command: str = "",
) -> Rerun:
    """Repeat a benchmark from its record and compare the tables.

    Args:
        run: the folder of a finished benchmark.
        out: the folder of the repetition.
        corpora: where the corpora are now, in the record's order, where they moved.
        overwrite: replace what stands in ``out``.
        progress: is told how far the work is.
        render: makes a report.
        command: the command line as typed, for the record.

    Raises:
        InputError: there is no run, or it cannot be read.
        ConfigError: the run is none of ``benchmark`` or is not finished, ``out`` is
            the run itself, or the number of corpora does not fit.
    """
    first = RunFolder.read(run)
    record = first.record
    _refuse_unrepeatable(first, record, Path(out))
    config = dict(record.config)
    places = config.pop("corpora")
    if corpora and len(corpora) != len(places):
        raise ConfigError(
            f"the run has {len(places)} corpora and {len(corpora)} places are given",
            choices=places,
        )
    task = plan_benchmark(
        config.pop("systems"), [str(place) for place in corpora] or places, **config
    )
    again = run_task(
        task, out=out, overwrite=overwrite, progress=progress, render=render, command=command
    )
    comparable = again.record.model_copy(update={"config": record.config})
    return Rerun(
        again,
        (
            _difference("predictions", first.predictions(), again.predictions(), _PREDICTION_KEY),
            _difference("estimates", first.estimates(), again.estimates(), None),
        ),
        (*differences(record, comparable, versions=True), *_revisions(record, comparable)),
    )


def _revisions(first: RunRecord, again: RunRecord) -> list[str]:
    """The working directory's commits, where they differ: a resumed run does not mind, a reader may."""
    if first.git_revision == again.git_revision:
        return []
    old, new = (record.git_revision or "nothing" for record in (first, again))
    return [f"git_revision: {old} in the run, {new} now"]


_PREDICTION_KEY = PREDICTIONS.key


def _refuse_unrepeatable(run: RunFolder, record: RunRecord, out: Path) -> None:
    if record.verb != "benchmark":
        hint = f"type its command again: {record.command}" if record.command else None
        raise ConfigError(f"{run.path} is a run of {record.verb!r}, not of benchmark", hint=hint)
    if record.finished is None:
        raise ConfigError(f"{run.path} is not finished", hint="run its benchmark again: it goes on")
    if out.absolute().resolve() == run.path.absolute().resolve():
        raise ConfigError("a run cannot be repeated into its own folder", hint="give another --out")


def _difference(
    table: str, first: pl.DataFrame, again: pl.DataFrame, key: Sequence[str] | None
) -> TableDifference:
    """Rows that are not equal; estimates have no key, so they are compared in their order."""
    if first.equals(again, null_equal=True):
        return TableDifference(table, first.height, 0)
    if key is None:
        first, again = (frame.with_row_index("_row") for frame in (first, again))
        key = ("_row",)
    lists = [name for name in key if isinstance(first.schema[name], pl.List)]
    joined = [pl.col(name).list.join("|") for name in lists]  # lists cannot be joined on
    first, again = (frame.with_columns(joined) for frame in (first, again))
    shared = [name for name in first.columns if name in again.columns and name not in key]
    pairs = first.select(*key, *shared).join(
        again.select(*key, *shared), on=list(key), how="inner", suffix="_again", nulls_equal=True
    )
    unequal = pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_again")) for name in shared)
    numbers = [name for name in shared if first.schema[name].is_float()]
    gaps = [(pl.col(name) - pl.col(f"{name}_again")).abs().max().alias(name) for name in numbers]
    largest = pairs.select(gaps).row(0) if gaps else ()
    known = [gap for gap in largest if gap]
    unpaired = first.height + again.height - 2 * pairs.height
    return TableDifference(
        table,
        first.height,
        pairs.filter(unequal).height + unpaired,
        max(known) if known else None,
    )
