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
)
from equivoice.studies.gender_gap.findings import findings, one_corpus_a_language
from equivoice.studies.gender_gap.measuring import CHANGE
from equivoice.studies.gender_gap.reading import BOTH, MODALITIES, SPEECH
from equivoice.studies.gender_gap.tables import StudyTables
from equivoice.studies.gender_gap.values import AGGREGATORS, MEASURES, SCORES
from equivoice.studies.gender_gap.words import AGGREGATED, arrow, language, reason
from equivoice.studies.published.gap_tables import ALL, BLOCKS, GapTables, PrintedRow

__all__ = ["study_sections"]

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
_BLOCKS = {
    "components": "Main components",
    "weight": "Weight λ of the penalty",
    "power": "Power p of the penalty",
}


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
        Section(
            "Table 3: ablation",
            "table-3",
            (*_ablation(tables.table_3), *_differences(tables.differences)),
        ),
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
    yield _averages(frame)
    bodies = []
    for (cell,), own in frame.group_by("cell", maintain_order=True):
        rows = tuple(_lines(own, _shown(frame)))
        bodies.append(Body(rows, language(str(cell))))
    yield from _layout(
        "Scores and gaps between groups in points, with intervals; change of AVG with the transcript",
        frame,
        bodies,
    )


def _shown(frame: pl.DataFrame) -> list[str]:
    """The modalities that any system was asked in."""
    known = set(frame.get_column("modality"))
    return [name for name in MODALITIES if name in known]


def _averages(frame: pl.DataFrame) -> Table:
    """AVG alone, which the full table shows at its far end."""
    shown = _shown(frame)
    bodies = []
    for (cell,), own in frame.filter(metric="avg_gap").group_by("cell", maintain_order=True):
        rows = []
        keys = ("system", "prompt", "aggregator")
        for (system, prompt, how), lines in own.group_by(keys, maintain_order=True):
            by = {row["modality"]: row for row in lines.iter_rows(named=True)}
            name = ", ".join(str(each) for each in (system, prompt) if each)
            head = f"{name}, {AGGREGATED[str(how)]}" if how else name
            cells = [_number(by.get(modality)) for modality in shown]
            cells += [_change(by.get(CHANGE))] if len(shown) == 2 else []
            rows.append((Cell(head), *cells))
        bodies.append(Body(tuple(rows), language(str(cell))))
    heads = [f"{_SHORT[modality]}: AVG gap ↓" for modality in shown]
    change = ("Change with the transcript",) if len(shown) == 2 else ()
    return Table(
        "AVG, the mean of the four gaps, in points", ("System", *heads, *change), tuple(bodies)
    )


def _layout(caption: str, frame: pl.DataFrame, bodies: Sequence[Body]) -> Iterator[Block]:
    """The paper's columns: seven numbers without the transcript, seven with it, the arrow."""
    shown = _shown(frame)
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
    return "No interval: " + "; ".join(map(reason, reasons)) if len(reasons) else ""


def _lines(own: pl.DataFrame, shown: Sequence[str]) -> Iterator[tuple[Cell, ...]]:
    """The rows of one cell: a line for each system, and for each aggregator where there are some."""
    for (system, prompt), rows in own.group_by("system", "prompt", maintain_order=True):
        name = ", ".join(str(each) for each in (system, prompt) if each)
        for aggregator in _aggregators(rows):
            yield from _line(name, rows, aggregator, shown)


def _aggregators(rows: pl.DataFrame) -> tuple[str | None, ...]:
    several = set(rows.filter(metric="avg_gap").get_column("aggregator").drop_nulls())
    return tuple(name for name in AGGREGATORS if name in several) or (None,)


def _line(
    name: str, rows: pl.DataFrame, aggregator: str | None, shown: Sequence[str]
) -> Iterator[tuple[Cell, ...]]:
    """The numbers of one system, and below them what was printed, where anything was."""
    picked = {
        (row["modality"], row["metric"]): row
        for row in rows.iter_rows(named=True)
        if row["aggregator"] == aggregator or row["metric"] in SCORES
    }
    how = "" if aggregator is None else f", {AGGREGATED[aggregator]}"
    places = list(itertools.product(shown, NUMBERS))
    changes = [(CHANGE, "avg_gap")] if len(shown) > 1 else []
    numbers = [_number(picked.get(place)) for place in places]
    yield (Cell(f"{name}{how}"), *numbers, *(_change(picked.get(place)) for place in changes))
    average = next(row for (_, metric), row in picked.items() if metric == "avg_gap")
    if average["printed"] is not None:
        named = how if average["printed_by"] in _BY_AGGREGATOR else ""
        head = f"{average['printed_by']} for {average['printed_for']}{named}"
        printed = [_printed(picked.get(place)) for place in places]
        arrows = [_printed(picked.get(place), change=True) for place in changes]
        yield (Cell(head, quiet=True), *printed, *arrows)


_BY_AGGREGATOR = ("printed", "recomputed")


def _number(row: Row | None) -> Cell:
    if row is None:
        return _NOT_ASKED
    if row["value"] is None:
        return Cell("not defined", quiet=True)
    ends = "no interval" if row["low"] is None else interval(row["low"], row["high"])
    p = "" if row["p_value"] is None else f", p {_p(row)}"
    return Cell(percent(row["value"]), number=True, small=f"{ends}{p}")


def _change(row: Row | None) -> Cell:
    if row is None:
        return _NOT_ASKED
    if row["value"] is None:
        return Cell("not defined", quiet=True)
    ends = "no interval" if row["low"] is None else interval(row["low"], row["high"], sign=True)
    p = "" if row["p_value"] is None else f", p {_p(row)}"
    return Cell(arrow(row["value"]), number=True, small=f"{ends}{p}")


_NOT_ASKED = Cell("not asked", quiet=True)


def _p(row: Row) -> str:
    """A p-value; where the test cannot give a small one, its floor too."""
    text = p_value(row["p_value"])
    floor = row["p_floor"]
    return f"{text} (floor {p_floor(floor)})" if floor is not None and floor > 0.01 else text


def _printed(row: Row | None, *, change: bool = False) -> Cell:
    if row is None or row["printed"] is None:
        return Cell("not printed", quiet=True)
    text = arrow(row["printed"] / 100, 2) if change else f"{row['printed']:.2f}"
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
            for line in _line(str(label), part, aggregator, _shown(frame))
        ]
        if rows:
            bodies.append(Body(tuple(rows), _BLOCKS[block]))
    yield from _layout("Ablation over all languages, in points, with intervals", frame, bodies)


def _differences(frame: pl.DataFrame) -> Iterator[Block]:
    """AVG and accuracy of each run minus those of the first run of its block."""
    if frame.is_empty():
        return
    cell = ALL if ALL in set(frame.get_column("cell")) else frame.get_column("cell")[0]
    own = frame.filter(pl.col("cell") == cell)
    kinds: list[tuple[str, str | None]] = [(name, None) for name in SCORES]
    kinds += [("avg_gap", how) for how in _aggregators(own)]
    bodies = []
    for (block,), part in own.group_by("block", maintain_order=True):
        lines = []
        keys = ("label", "against", "modality")
        for (label, against, modality), rows in part.group_by(keys, maintain_order=True):
            picked = [_of_kind(rows, kind) for kind in kinds]
            head = (Cell(f"{label} minus {against}"), Cell(_SHORT[str(modality)]))
            lines.append((*head, *map(_change, picked)))
        bodies.append(Body(tuple(lines), _BLOCKS[str(block)]))
    gaps = [f"AVG gap, {AGGREGATED[how]}" if how else "AVG gap" for _, how in kinds[2:]]
    yield Table(
        "Paired differences of the runs, in points, with intervals",
        ("Run", "From", "W-F1", "ACC", *gaps),
        tuple(bodies),
        _missing(own),
    )
    yield Text(
        "A replicate draws speakers with all that both runs said of them. The test swaps the two "
        "runs speaker by speaker. Of a gap ↓ is a smaller one.",
        quiet=True,
    )


def _of_kind(rows: pl.DataFrame, kind: tuple[str, str | None]) -> Row:
    metric, how = kind
    own = rows.filter(pl.col("metric") == metric)
    if metric == "avg_gap":
        own = own.filter(pl.col("aggregator").eq_missing(pl.lit(how)))
    return own.row(0, named=True)


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
