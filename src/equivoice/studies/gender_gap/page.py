"""The study as sections of a page: Tables 1 to 3 in the paper's layout."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from equivoice.reports.cells import counted
from equivoice.reports.document import Block, Body, Bullets, Cell, Facts, Section, Table, Text
from equivoice.reports.formatting import (
    capital,
    count,
    interval,
    p_floor,
    p_value,
    percent,
    why_briefly,
)
from equivoice.reports.formatting import signed as with_sign
from equivoice.studies.gender_gap.findings import findings, one_corpus_a_language
from equivoice.studies.gender_gap.measuring import CHANGE
from equivoice.studies.gender_gap.reading import BOTH, MODALITIES, SPEECH
from equivoice.studies.gender_gap.tables import StudyTables
from equivoice.studies.gender_gap.values import AGGREGATORS, MEASURES, SCORES
from equivoice.studies.published.gap_tables import ALL, BLOCKS, GapTables, PrintedRow

__all__ = ["arrow", "language", "study_sections"]

Row = Mapping[str, Any]
NUMBERS = (*SCORES, *MEASURES)
_HEADS = {
    "weighted_f1": "W-F1, % ↑",
    "accuracy": "ACC, % ↑",
    "tpr_gap": "TPR gap ↓",
    "fpr_gap": "FPR gap ↓",
    "w_f1_gap": "W-F1 gap ↓",
    "acc_gap": "ACC gap ↓",
    "avg_gap": "AVG gap ↓",
}
_SHORT = {SPEECH: "Speech", BOTH: "With transcript"}
_LANGUAGES = {"de": "German", "en": "English", "ja": "Japanese", "it": "Italian", "pl": "Polish"}
_BLOCKS = {
    "components": "Main components",
    "weight": "Weight λ of the penalty",
    "power": "Power p of the penalty",
}
AGGREGATED = {"mean": "mean", "rms": "root mean square", "max": "largest"}


def language(cell: str) -> str:
    """The name of a cell.

    Example:
        >>> language("de"), language("all"), language("ravdess")
        ('German', 'All languages', 'ravdess')
    """
    return "All languages" if cell == ALL else _LANGUAGES.get(cell, cell)


def arrow(change: float, digits: int = 1) -> str:
    """A change in points with the arrow of the paper's tables.

    Example:
        >>> arrow(-0.0107), arrow(0.0299, 2), arrow(0.0001)
        ('↓1.1', '↑2.99', '0.0')
    """
    text = percent(abs(change), digits)
    return text if float(text) == 0 else f"{'↓' if change < 0 else '↑'}{text}"


def study_sections(tables: StudyTables, paper: GapTables) -> tuple[Section, ...]:
    """What was found, then Tables 1 to 3, then the paper's own numbers."""
    return (
        _found(tables),
        Section("Table 1: what was tested", "table-1", tuple(_counts(tables.table_1))),
        Section(
            "Table 2: scores and gaps by language and modality",
            "table-2",
            tuple(_results(tables.table_2)),
        ),
        Section("Table 3: ablation", "table-3", tuple(_ablation(tables.table_3))),
        _paper(paper),
    )


def _found(tables: StudyTables) -> Section:
    intro = Text(
        "TPR and FPR gaps are means over emotions of the difference between the groups, one emotion "
        "against the rest; W-F1 and ACC gaps are differences of scores; AVG is the mean of the four. "
        "How several languages become one gap is always named: their mean, their root mean square "
        "(never smaller than the mean), and the largest of them. Scores of all languages are means. "
        "Only speakers of a known group count. Differences between groups are described; what "
        "causes them is not shown."
    )
    items = tuple((None, text) for text in findings(tables.table_2))
    note = one_corpus_a_language(tables.table_1)
    caution = (Text(note),) if note else ()
    return Section("What was found", "found", (Bullets(items), *caution, intro))


def _counts(frame: pl.DataFrame) -> Iterator[Block]:
    if frame.is_empty():
        return
    body = []
    for row in frame.iter_rows(named=True):
        name = f"{language(row['cell'])}, {row['group']}"
        cells = [Cell(name), counted(row["utterances"]), counted(row["speakers"])]
        body.append((*cells, Cell(row["corpora"]), _printed_count(row)))
    columns = ("Cell and group", "Utterances", "Speakers", "Corpus", "Printed (test part)")
    yield Table("Test utterances whose group is known", columns, (Body(tuple(body)),))
    yield Text("In brackets: printed for MELD-ST, which is not what was tested here.", quiet=True)


def _printed_count(row: Row) -> Cell:
    if row["printed"] is None:
        return Cell("not printed", quiet=True)
    text = count(row["printed"])
    return Cell(text, number=True) if row["comparable"] else Cell(f"({text})", quiet=True)


def _results(frame: pl.DataFrame) -> Iterator[Block]:
    if frame.is_empty():
        return
    bodies = []
    for (cell,), own in frame.group_by("cell", maintain_order=True):
        rows = tuple(_lines(own))
        bodies.append(Body(rows, language(str(cell))))
    yield from _layout(
        "Scores and gaps between groups in points, with intervals; change of AVG with the transcript",
        frame,
        bodies,
    )


def _layout(caption: str, frame: pl.DataFrame, bodies: Sequence[Body]) -> Iterator[Block]:
    """The paper's columns: seven numbers without the transcript, seven with it, the arrow."""
    shown = [name for name in MODALITIES if name in set(frame.get_column("modality"))]
    heads = [f"{_SHORT[modality]}: {_HEADS[name]}" for modality in shown for name in NUMBERS]
    change = ("Change of AVG",) if len(shown) == 2 else ()
    yield Table(caption, ("System", *heads, *change), tuple(bodies), _missing(frame))
    level = frame.get_column("level")[0]
    yield Text(
        f"Intervals at {level * 100:g} % over {frame.get_column('unit')[0]}s, each drawn with all "
        "it says in any language and modality. p of a gap: speakers change groups; p of a change: "
        "each speaker's two modalities are swapped. ↓ is a smaller gap, ↑ a larger one. Printed "
        "numbers stand below the run of the same weights, in brackets where they are of another "
        "corpus or of other weights.",
        quiet=True,
    )


def _missing(frame: pl.DataFrame) -> str:
    reasons = frame.get_column("undefined").drop_nulls().unique(maintain_order=True)
    return "No interval: " + "; ".join(map(why_briefly, reasons)) if len(reasons) else ""


def _lines(own: pl.DataFrame) -> Iterator[tuple[Cell, ...]]:
    """The rows of one cell: a line for each system, and for each aggregator where there are some."""
    for (system, prompt), rows in own.group_by("system", "prompt", maintain_order=True):
        name = f"{system}{f', {prompt}' if prompt else ''}"
        for aggregator in _aggregators(rows):
            yield from _line(name, rows, aggregator)


def _aggregators(rows: pl.DataFrame) -> tuple[str | None, ...]:
    several = set(rows.get_column("aggregator").drop_nulls())
    return tuple(name for name in AGGREGATORS if name in several) or (None,)


def _line(name: str, rows: pl.DataFrame, aggregator: str | None) -> Iterator[tuple[Cell, ...]]:
    picked = {
        (row["modality"], row["metric"]): row
        for row in rows.iter_rows(named=True)
        if row["aggregator"] == aggregator or row["metric"] in SCORES
    }
    shown = [modality for modality in MODALITIES if (modality, "avg_gap") in picked]
    how = "" if aggregator is None else AGGREGATED[aggregator]
    cells = [_number(picked[modality, metric]) for modality in shown for metric in NUMBERS]
    change = picked.get((CHANGE, "avg_gap"))
    cells += [] if change is None else [_change(change)]
    yield (Cell(name, small=how), *cells)
    if any(row["printed"] is not None for row in picked.values()):
        first = picked[shown[0], "avg_gap"]
        kind = f"{first['printed_by']}{f', {how}' if first['printed_by'] == 'recomputed' else ''}"
        printed = [_printed(picked[modality, metric]) for modality in shown for metric in NUMBERS]
        printed += [] if change is None else [_printed_change(change)]
        yield (Cell(f"{first['printed_for']}", quiet=True, small=kind), *printed)


def _number(row: Row) -> Cell:
    if row["value"] is None:
        return Cell("not defined", quiet=True)
    ends = "no interval" if row["low"] is None else interval(row["low"], row["high"])
    p = "" if row["p_value"] is None else f", p {_p(row)}"
    return Cell(percent(row["value"]), number=True, small=f"{ends}{p}")


def _change(row: Row) -> Cell:
    if row["value"] is None:
        return Cell("not defined", quiet=True)
    if row["low"] is None:
        ends = "no interval"
    else:
        ends = f"[{with_sign(row['low'])}, {with_sign(row['high'])}]"
    p = "" if row["p_value"] is None else f", p {_p(row)}"
    return Cell(arrow(row["value"]), number=True, small=f"{ends}{p}")


def _p(row: Row) -> str:
    """A p-value; where the test cannot give a small one, its floor too."""
    text = p_value(row["p_value"])
    floor = row["p_floor"]
    return f"{text} (floor {p_floor(floor)})" if floor is not None and floor > 0.01 else text


def _printed(row: Row) -> Cell:
    if row["printed"] is None:
        return Cell("not printed", quiet=True)
    text = f"{row['printed']:.2f}"
    return Cell(text if row["comparable"] else f"({text})", quiet=True)


def _printed_change(row: Row) -> Cell:
    if row["printed"] is None:
        return Cell("not printed", quiet=True)
    text = arrow(row["printed"] / 100, 2)
    return Cell(text if row["comparable"] else f"({text})", quiet=True)


def _ablation(frame: pl.DataFrame) -> Iterator[Block]:
    if frame.is_empty():
        return
    bodies = []
    for block in BLOCKS:
        own = frame.filter(pl.col("block") == block)
        rows = [
            line
            for (label,), part in own.group_by("label", maintain_order=True)
            for aggregator in _aggregators(part)
            for line in _line(str(label), part, aggregator)
        ]
        if rows:
            bodies.append(Body(tuple(rows), _BLOCKS[block]))
    yield from _layout("Ablation over all languages, in points, with intervals", frame, bodies)


# --- the paper -----------------------------------------------------------------------------


def _paper(paper: GapTables) -> Section:
    slips = Bullets(
        tuple((None, f"Table {s.table}: {s.what} (Shown by {s.evidence}.)") for s in paper.slips)
    )
    facts = Facts((("paper", (f"{paper.authors}: {paper.title}.", paper.source)),))
    blocks: tuple[Block, ...] = (
        facts,
        Text("What is known to be otherwise in the printed numbers:"),
        slips,
        _turned(paper),
        _printed_table(paper),
    )
    return Section("The paper", "paper", blocks)


def _turned(paper: GapTables) -> Table:
    """AVG over all languages as printed, and by each aggregator out of the printed languages."""
    body = []
    for key, model in paper.models.items():
        own = paper.result(key, ALL)
        if own is None:
            continue
        cells = [Cell(model.name)]
        for modality, aggregator in itertools.product(MODALITIES, (None, *AGGREGATORS)):
            name: Any = modality
            value = (
                own.numbers(name)[-1]
                if aggregator is None
                else paper.recomputed(key, name, aggregator)["avg_gap"]
            )
            used = aggregator == paper.aggregators[key]
            cells.append(Cell(f"{value:.2f}", number=True, small="the printed one" if used else ""))
        body.append(tuple(cells))
    heads = [
        f"{_SHORT[modality]}: {capital(AGGREGATED.get(aggregator or '', 'printed'))}"
        for modality, aggregator in itertools.product(MODALITIES, (None, *AGGREGATORS))
    ]
    return Table(
        "AVG of the printed languages by each aggregator, in points",
        ("Model", *heads),
        (Body(tuple(body)),),
    )


def _printed_table(paper: GapTables) -> Table:
    bodies = []
    for cell in (ALL, *paper.languages):
        rows = [
            _printed_line(paper.models[row.model].name, row)
            for row in paper.results
            if row.cell == cell
        ]
        bodies.append(Body(tuple(rows), language(cell)))
    for block in BLOCKS:
        rows = [_printed_line(row.name, row) for row in paper.ablations if row.block == block]
        bodies.append(Body(tuple(rows), _BLOCKS[block]))
    heads = [f"{_SHORT[modality]}: {_HEADS[name]}" for modality in MODALITIES for name in NUMBERS]
    return Table(
        "Tables 2 and 3 as printed, of MELD-ST", ("Model", *heads, "Change of AVG"), tuple(bodies)
    )


def _printed_line(name: str, row: PrintedRow) -> tuple[Cell, ...]:
    numbers = [Cell(f"{value:.2f}", number=True) for value in (*row.speech, *row.both)]
    return (Cell(name), *numbers, Cell(arrow(row.change / 100, 2), number=True))
