"""Tables 1, 2 and 3: what was run, beside what was printed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from equivoice.studies.gender_gap.measuring import CHANGE
from equivoice.studies.gender_gap.reading import BOTH, MODALITIES, SPEECH, Answers
from equivoice.studies.published.gap_tables import ALL, GapTables, PrintedRow, Result

__all__ = ["Measured", "Named", "StudyTables", "make_tables"]

Row = dict[str, Any]

_PRINTED_SCHEMA = {
    "printed": pl.Float64,
    "printed_by": pl.String,
    "printed_for": pl.String,
    "comparable": pl.Boolean,
}


@dataclass(frozen=True)
class Measured:
    """A system with its numbers."""

    answers: Answers
    rows: Sequence[Row]


@dataclass(frozen=True)
class Named:
    """A run that the user put into the ablation.

    Args:
        block: components, weight or power.
        label: how the user calls it; a key of Table 3 puts it beside the printed row.
        measured: its numbers.
    """

    block: str
    label: str
    measured: Measured


@dataclass(frozen=True)
class StudyTables:
    """The tables as frames: numbers of runs in fractions of 1, printed ones in per cent.

    Args:
        table_1: what was tested, by language and group.
        table_2: scores and gaps of every system in each modality, and their change.
        table_3: the same for the runs of the ablation, all languages together.
        differences: what each of these runs changes against the first of its block.
    """

    table_1: pl.DataFrame
    table_2: pl.DataFrame
    table_3: pl.DataFrame
    differences: pl.DataFrame

    @property
    def named(self) -> Mapping[str, pl.DataFrame]:
        """The tables by the name of their file."""
        return {
            "table-1-utterances": self.table_1,
            "table-2-gaps": self.table_2,
            "table-3-ablation": self.table_3,
            "table-3-differences": self.differences,
        }


def make_tables(
    measured: Sequence[Measured],
    ablations: Sequence[Named],
    paper: GapTables,
    differences: Sequence[Row] = (),
) -> StudyTables:
    """All tables out of what was measured."""
    return StudyTables(
        _frame(_counts([one.answers for one in measured], paper)),
        _with_printed([row | extra for one in measured for row, extra in _beside(one, paper)]),
        _with_printed([row for one in ablations for row in _ablation(one, paper)]),
        _frame(iter(differences)),
    )


def _frame(rows: Iterator[Row]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), infer_schema_length=None)


def _with_printed(rows: Sequence[Row]) -> pl.DataFrame:
    overrides = _PRINTED_SCHEMA if rows else None
    return pl.DataFrame(rows, infer_schema_length=None, schema_overrides=overrides)


def _counts(answers: Sequence[Answers], paper: GapTables) -> Iterator[Row]:
    """Table 1: test utterances and speakers of everything that any system was asked about."""
    if not answers:
        return
    speech = pl.concat(
        [one.frame.select("utterance_id", "corpus", "speaker", "cell", "group") for one in answers]
    ).unique("utterance_id")
    printed = {(row.cell, row.group): row.test for row in paper.datasets}
    theirs = set(speech.get_column("corpus")) == {paper.corpus}
    for (cell, group), own in sorted(speech.group_by("cell", "group"), key=lambda each: each[0]):
        speakers = own.select("corpus", "speaker").drop_nulls()
        yield {
            "cell": cell,
            "group": group,
            "utterances": own.height,
            "speakers": speakers.unique().height,
            "corpora": ", ".join(own.get_column("corpus").unique().sort()),
            "printed": printed.get((str(cell), str(group))),
            "comparable": theirs,
        }


def _beside(one: Measured, paper: GapTables) -> Iterator[tuple[Row, Row]]:
    """The rows of a system, each with what was printed of the same weights.

    A printed number compares only on the corpus that it is of.
    """
    key = paper.model_run_by(one.answers.model)
    comparable = one.answers.corpora == (paper.corpus,)
    for row in one.rows:
        found = None if key is None else paper.result(key, row["cell"])
        if key is None or found is None:
            yield row, dict.fromkeys(_PRINTED_SCHEMA)
            continue
        number, by = _of_result(found, key, row, paper)
        yield (
            row,
            {
                "printed": number,
                "printed_by": by,
                "printed_for": paper.models[key].name,
                "comparable": comparable,
            },
        )


def _of_result(found: Result, key: str, row: Row, paper: GapTables) -> tuple[float | None, str]:
    """The printed number of a row; by another aggregator than the paper's it is recomputed."""
    aggregator = row["aggregator"]
    own = row["cell"] != ALL or aggregator == paper.aggregators[key]
    if own or row["metric"] in ("weighted_f1", "accuracy"):
        return _number(found, row, paper.columns), "printed"
    speech, both = (paper.recomputed(key, name, aggregator)[row["metric"]] for name in MODALITIES)
    value = {SPEECH: speech, BOTH: both, CHANGE: both - speech}[row["modality"]]
    return value, "recomputed"


def _number(found: PrintedRow, row: Row, columns: Sequence[str]) -> float | None:
    place = columns.index(row["metric"])
    if row["modality"] != CHANGE:
        return found.numbers(row["modality"])[place]
    if row["metric"] == "avg_gap":
        return found.change
    return found.both[place] - found.speech[place]


def _ablation(one: Named, paper: GapTables) -> Iterator[Row]:
    """The rows of a run over all languages; a printed row of the same key beside it.

    The weights behind Table 3 are not published, so nothing that is run compares.
    """
    found = paper.ablation(one.block, one.label)
    whole = ALL if any(row["cell"] == ALL for row in one.measured.rows) else None
    for row in one.measured.rows:
        if whole is not None and row["cell"] != whole:
            continue
        extra: Row = dict.fromkeys(_PRINTED_SCHEMA)
        if found is not None and row["aggregator"] in (None, "mean"):
            extra = {
                "printed": _number(found, row, paper.columns),
                "printed_by": "printed (aggregator not stated)",
                "printed_for": found.name,
                "comparable": False,
            }
        yield {"block": one.block, "label": one.label} | row | extra
