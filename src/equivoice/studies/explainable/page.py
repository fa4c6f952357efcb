"""The study as sections of a page: Table 1 with intervals, the printed numbers beside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from equivoice.evaluation.forms import HELD, SUBSETS
from equivoice.evaluation.open_answers import FORMS
from equivoice.reports.document import Block, Body, Bullets, Cell, Code, Facts, Section, Table, Text
from equivoice.reports.formatting import count, interval, p_value, percent, signed
from equivoice.studies.explainable.measuring import Measured
from equivoice.studies.published.open_closed import PublishedForms

__all__ = ["differences_in_words", "study_sections"]

Row = Mapping[str, Any]
_CONTEXT = (
    "In brackets: printed for the paper's own systems on MSP-Podcast's Test_1. They stand there "
    "for orientation and say nothing about what was run here."
)
_SUBSET = {"all": "all utterances", "agreement > 0.5": "agreement > 0.5"}
_HELD = {"majority": "majority labels", "all": "all labels"}


def study_sections(found: Measured, paper: PublishedForms, *, command: str = "") -> list[Section]:
    """What was found, Table 1 form by form, differences, readings, transcripts, the paper.

    Args:
        found: what was measured.
        paper: what was printed.
        command: the command line as typed.
    """
    sections = [
        Section("What was found", "found", tuple(_found(found))),
        *(
            Section(f"Table 1: {form} form", f"table-{form}", tuple(_table(found, paper, form)))
            for form in FORMS
        ),
        Section("Against the system compared with", "differences", tuple(_differences(found))),
        Section("How answers were read", "read", tuple(_readings(found))),
        Section("What was heard", "heard", tuple(_heard(found))),
        Section("The paper", "paper", tuple(_paper(paper))),
    ]
    made = [section for section in sections if section.blocks]
    if command:
        made.append(Section("How this page was made", "made", (Code("Command", command),)))
    return made


def differences_in_words(table: pl.DataFrame) -> list[str]:
    """The differences in macro-F1 on all utterances, a sentence each.

    Args:
        table: as :func:`~equivoice.evaluation.forms.score_forms` makes it.
    """
    own = table.filter(quantity="difference", metric="macro_f1", subset="all")
    return [_sentence(row) for row in own.iter_rows(named=True) if row["value"] is not None]


def _sentence(row: Row) -> str:
    start = (
        f"{row['system']} minus {row['other']}, {row['form']} form, {_HELD[row['labels']]}: "
        f"{signed(row['value'])} points of macro-F1"
    )
    if row["low"] is None:
        return f"{start}, without an interval."
    told = "does not tell them apart" if row["low"] <= 0 <= row["high"] else "tells them apart"
    return f"{start}, {interval(row['low'], row['high'], sign=True)}, which {told}."


def _found(found: Measured) -> Iterator[Block]:
    items = [*differences_in_words(found.scores.table), *found.scores.notes]
    if items:
        yield Bullets(tuple((None, text) for text in items))


def _table(found: Measured, paper: PublishedForms, form: str) -> Iterator[Block]:
    """A row a system, those of the paper in its order; a column a reading."""
    own = found.scores.table.filter(quantity="score", metric="macro_f1", form=form)
    run = own.get_column("system").unique(maintain_order=True).to_list()
    if not run:
        return
    same = found.corpus == paper.corpus
    printed = [row.name for row in paper.rows if getattr(row, form) is not None]
    names = [*printed, *(name for name in run if name not in printed)]
    rows = []
    for name in names:
        known = paper.row(name)
        cells = []
        for subset in SUBSETS:
            for labels in HELD:
                row = next(
                    own.filter(system=name, subset=subset, labels=labels).iter_rows(named=True),
                    None,
                )
                value = None if known is None else known.value(form, subset, labels)
                cells.append(_cell(row, value, same=same))
        small = "" if known is None else f"row {known.id}, {known.kind}"
        rows.append((Cell(name, small=small), *cells))
    columns = tuple(f"{_SUBSET[subset]}, {_HELD[held]}" for subset in SUBSETS for held in HELD)
    yield Table(
        f"Macro-F1 in the {form} form, in per cent, with its interval and what was printed",
        ("System", *columns),
        (Body(tuple(rows)),),
    )
    if not same:
        yield Text(_CONTEXT, quiet=True)


def _cell(row: Row | None, printed: float | None, *, same: bool) -> Cell:
    beside = "" if printed is None else f"{printed:.2f} printed" if same else f"({printed:.2f})"
    if row is None:
        return Cell("not run", quiet=True, small=beside)
    if row["value"] is None:
        return Cell("not defined", quiet=True, small=row["undefined"] or beside)
    ends = "no interval" if row["low"] is None else interval(row["low"], row["high"])
    numbers = [ends, count(row["n"]), *([beside] if beside else [])]
    return Cell(percent(row["value"]), number=True, small="; ".join(numbers))


def _differences(found: Measured) -> Iterator[Block]:
    table = found.scores.table.filter(quantity="difference")
    if table.is_empty():
        return
    bodies = []
    for (form, subset, labels), own in table.group_by(
        "form", "subset", "labels", maintain_order=True
    ):
        rows = tuple(_difference(row) for row in own.iter_rows(named=True))
        title = f"{form} form, {_SUBSET[str(subset)]}, {_HELD[str(labels)]}"
        bodies.append(Body(rows, title))
    other = table.get_column("other")[0]
    yield Table(
        f"Differences from {other}, in points, paired over speakers",
        ("System", "Metric", "Difference", "p, permutation", "p, McNemar", "Utterances"),
        tuple(bodies),
    )


def _difference(row: Row) -> tuple[Cell, ...]:
    ends = "no interval" if row["low"] is None else interval(row["low"], row["high"], sign=True)
    value = (
        Cell("not defined", quiet=True)
        if row["value"] is None
        else Cell(signed(row["value"]), number=True, small=ends)
    )
    tested = [
        Cell("–", quiet=True) if row[name] is None else Cell(p_value(row[name]), number=True)
        for name in ("p_value", "p_mcnemar")
    ]
    metric = "macro-F1" if row["metric"] == "macro_f1" else str(row["metric"])
    counted = Cell(count(row["n"]), number=True)
    return (Cell(row["system"]), Cell(metric), value, *tested, counted)


def _readings(found: Measured) -> Iterator[Block]:
    if not found.readings:
        return
    kinds = list(next(iter(found.readings.values())).counts)
    rows = tuple(
        (
            Cell(system, small=f"{form} form"),
            *(Cell(count(read.counts[kind]), number=True) for kind in kinds),
        )
        for (system, form), read in found.readings.items()
    )
    yield Table("What became of the answers", ("System", *kinds), (Body(rows),))


def _heard(found: Measured) -> Iterator[Block]:
    if found.transcripts.is_empty():
        return
    own = found.transcripts.filter(quantity="score", metric="word_error_rate")
    rows = []
    for row in own.iter_rows(named=True):
        if row["value"] is not None:
            ends = "no interval" if row["low"] is None else interval(row["low"], row["high"])
            value = Cell(percent(row["value"]), number=True, small=ends)
            n = Cell(count(row["n"]), number=True)
            rows.append((Cell(row["system"], small=f"{row['prompt']} form"), value, n))
    if rows:
        columns = ("System", "Word error rate, %", "Utterances")
        yield Table("Word error rate over all words", columns, (Body(tuple(rows)),))


def _paper(paper: PublishedForms) -> Iterator[Block]:
    scored = f"{paper.corpus}, {paper.split}; macro-F1 over {len(paper.emotions)} emotions"
    yield Facts((("Paper", (f"{paper.title}. {paper.authors}.",)), ("Scored there", (scored,))))
    yield Bullets(tuple((None, f"{slip.what} ({slip.evidence})") for slip in paper.slips))
