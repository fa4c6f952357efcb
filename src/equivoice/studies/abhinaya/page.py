"""The study as sections of a page: Tables 1 to 4 and Figure 2, the printed numbers beside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from equivoice.reports.document import Block, Body, Bullets, Cell, Code, Facts, Section, Table, Text
from equivoice.reports.ensembles import TIES, ensemble_section
from equivoice.reports.formatting import count, interval, p_value, percent, signed
from equivoice.reports.rows import read_estimates
from equivoice.studies.abhinaya.measuring import LOSSES, Votes
from equivoice.studies.abhinaya.tables import AbhinayaTables
from equivoice.studies.published.ensembles import PublishedEnsemble

__all__ = ["study_sections"]

Row = Mapping[str, Any]
_NOT_PRINTED = Cell("not printed", quiet=True)
_CONTEXT = (
    "In brackets: printed for the paper's own systems on MSP-Podcast's balanced validation and "
    "test data. They stand there for orientation and say nothing about what was run here."
)


def study_sections(
    votes: Votes | None,
    tables: AbhinayaTables,
    paper: PublishedEnsemble,
    *,
    same: bool = False,
    command: str = "",
) -> list[Section]:
    """What was found, then the tables in the paper's order, then the paper.

    Args:
        votes: the vote by both readings of a tie; ``None`` where only tables of models were
            asked for.
        tables: the tables.
        paper: what was printed.
        same: whether what was run is the paper's own systems on the paper's corpus; else
            printed numbers stand in brackets.
        command: the command line as typed.
    """
    made = [
        _found(votes, tables),
        Section(
            "Table 1: the systems and their vote", "table-1", tuple(_table_1(tables, same=same))
        ),
        Section("Table 2: losses", "table-2", tuple(_models(tables.table_2, "Loss", same=same))),
        Section("Figure 2: zero-shot models", "figure-2", tuple(_zero_shot(tables, same=same))),
        Section("Table 3: each emotion", "table-3", tuple(_table_3(tables.table_3, same=same))),
        Section("Table 4: every combination", "table-4", tuple(_table_4(tables, same=same))),
    ]
    if votes is not None:
        rows = read_estimates(votes.paper.estimates)
        made.append(ensemble_section(votes.paper.findings, rows))
    return [*made, _paper(paper), _made(command)]


def _found(votes: Votes | None, tables: AbhinayaTables) -> Section:
    items = [*_about_vote(votes, tables), *_about_losses(tables.table_2)]
    blocks: list[Block] = [Bullets(tuple((None, text) for text in items))] if items else []
    if votes is not None and votes.paper.notes:
        blocks.append(Bullets(tuple((None, text) for text in votes.paper.notes)))
    return Section("What was found", "found", tuple(blocks))


def _about_vote(votes: Votes | None, tables: AbhinayaTables) -> Iterator[str]:
    if votes is None:
        return
    rows = {row["tie"]: row for row in tables.table_1.iter_rows(named=True) if row["tie"]}
    paper, ours = rows["abhinaya_paper"], rows["among_tied"]
    findings = votes.paper.findings
    ties = sum(sum(each.values()) for each in findings.ties.values())
    yield f"{count(paper['n'])} utterances were voted on; {count(ties, 'tie')} had to be settled."
    if paper["value"] is not None and ours["value"] is not None:
        change = ours["value"] - paper["value"]
        yield (
            "How a tie is read changes the vote's macro-F1 by "
            f"{signed(change)} points (“{TIES['among_tied']}”, against “{TIES['own_label']}”)."
        )
    oracle = findings.oracle.get("macro_f1")
    if oracle is not None and oracle.value is not None:
        yield (
            f"A system that always knew whom to trust would score {percent(oracle.value)}%; on "
            f"{percent(findings.none_right)}% of the utterances no member is right."
        )


def _about_losses(frame: pl.DataFrame) -> Iterator[str]:
    for row in frame.iter_rows(named=True):
        low, high = row["difference_low"], row["difference_high"]
        if row["difference"] is None or low is None or high is None:
            continue
        told = "which does not tell them apart" if low <= 0 <= high else "which tells them apart"
        yield (
            f"{row['system']}: {_loss(row['label'])} minus {_loss(row['against'])} is "
            f"{signed(row['difference'])} points of macro-F1, {interval(low, high, sign=True)}, "
            f"{told}."
        )


def _table_1(tables: AbhinayaTables, *, same: bool) -> Iterator[Block]:
    if tables.table_1.is_empty():
        return
    body = []
    for row in tables.table_1.iter_rows(named=True):
        name = row["system"] if row["tie"] is None else f"{row['system']}: {TIES[row['tie']]}"
        printed = [_printed(row[key], same=same) for key in ("printed_validation", "printed_test")]
        counted = Cell(count(row["n"]), number=True)
        body.append((Cell(name), _score(row), *printed, Cell(row["printed_for"] or "–"), counted))
    columns = (
        "System",
        "Macro-F1, %",
        "Printed, validation",
        "Printed, test",
        "Printed for",
        "Utterances",
    )
    yield Table("Members and their majority vote", columns, (Body(tuple(body)),))
    yield from _context(same)


def _models(frame: pl.DataFrame, heading: str, *, same: bool) -> Iterator[Block]:
    """A run of rows a system; each model beside the first of its system."""
    if frame.is_empty():
        return
    bodies = []
    for (system,), own in frame.group_by("system", maintain_order=True):
        rows = tuple(_model(row, same=same) for row in own.iter_rows(named=True))
        bodies.append(Body(rows, str(system)))
    columns = (heading, "Macro-F1, %", "Against the first, points", "p", "Printed", "Utterances")
    caption = "Macro-F1, with the paired difference from the first of each system"
    yield Table(caption, columns, tuple(bodies))
    yield from _context(same)


def _model(row: Row, *, same: bool) -> tuple[Cell, ...]:
    difference = Cell("–", quiet=True)
    if row["difference"] is not None:
        low, high = row["difference_low"], row["difference_high"]
        ends = "no interval" if low is None else interval(low, high, sign=True)
        difference = Cell(signed(row["difference"]), number=True, small=ends)
    tested = Cell("–", quiet=True)
    if row["p_value"] is not None:
        tested = Cell(p_value(row["p_value"]), number=True)
    printed = _printed(row["printed"], same=same)
    return (
        Cell(_loss(row["label"])),
        _score(row),
        difference,
        tested,
        printed,
        Cell(count(row["n"]), number=True),
    )


def _zero_shot(tables: AbhinayaTables, *, same: bool) -> Iterator[Block]:
    yield from _models(tables.figure_2, "Model", same=same)


def _table_3(frame: pl.DataFrame, *, same: bool) -> Iterator[Block]:
    if frame.is_empty():
        return
    systems = frame.get_column("system").unique(maintain_order=True).to_list()
    body = []
    for (emotion,), own in frame.group_by("emotion", maintain_order=True):
        by = {row["system"]: row for row in own.iter_rows(named=True)}
        defined = [row["value"] for row in by.values() if row["value"] is not None]
        best = max(defined, default=None)
        cells = [_class_cell(by.get(system), best, same=same) for system in systems]
        body.append((Cell(str(emotion)), *cells))
    yield Table(
        "F1 of each emotion, in per cent, with its interval and what was printed",
        ("Emotion", *systems),
        (Body(tuple(body)),),
        "▲ is the highest of its row; neighbours whose intervals overlap are not told apart.",
    )
    yield from _context(same)


def _class_cell(row: Row | None, best: float | None, *, same: bool) -> Cell:
    if row is None or row["value"] is None:
        return Cell("not defined", quiet=True)
    ends = "no interval" if row["low"] is None else interval(row["low"], row["high"])
    printed = "" if row["printed"] is None else f"; {_number(row['printed'], same=same)} printed"
    mark = "▲ " if row["value"] == best else ""
    return Cell(f"{mark}{percent(row['value'])}", number=True, small=f"{ends}{printed}")


def _table_4(tables: AbhinayaTables, *, same: bool) -> Iterator[Block]:
    frame = tables.table_4
    if frame.is_empty():
        return
    body = []
    for row in frame.sort("size", "value", descending=True, nulls_last=True).iter_rows(named=True):
        printed = [_printed(row[key], same=same) for key in ("printed_validation", "printed_test")]
        body.append(
            (
                Cell(row["members"], small=row["printed_as"] or ""),
                _score(row),
                *printed,
                Cell(row["breaker"] or "–", quiet=True),
                Cell(count(row["ties"]), number=True),
            )
        )
    columns = (
        "Members",
        "Macro-F1, %",
        "Printed, validation",
        "Printed, test",
        "Asked first at a tie",
        "Ties",
    )
    yield Table("Majority votes of every subset of the members", columns, (Body(tuple(body)),))
    yield Text(
        "All subsets are scored on the same utterances: the highest of many is partly highest by "
        "luck.",
        quiet=True,
    )
    yield from _context(same)


def _paper(paper: PublishedEnsemble) -> Section:
    further = [f"{each.what}: {each.value:.2f}" for each in paper.further]
    submitted = paper.submitted
    printed = (
        f"{paper.baseline.name}: {paper.baseline.test:.2f} on the test data",
        f"{submitted.name}: {submitted.validation:.2f} validation, {submitted.test:.2f} test",
        *further,
    )
    slips = tuple(
        (None, f"{each.table}: {each.what} (Shown by {each.evidence}.)") for each in paper.slips
    )
    blocks: tuple[Block, ...] = (
        Facts(
            (
                ("paper", (f"{paper.authors}: {paper.title}.", paper.source)),
                ("code", (paper.code,)),
                ("printed besides", printed),
            )
        ),
        Text("What the paper leaves open, or what is known to be otherwise:"),
        Bullets(slips),
    )
    return Section("The paper", "paper", blocks)


def _made(command: str) -> Section:
    return Section("How this was made", "made", (Code("Command", command),) if command else ())


def _context(same: bool) -> Sequence[Block]:
    return () if same else (Text(_CONTEXT, quiet=True),)


def _score(row: Row) -> Cell:
    if row["value"] is None:
        return Cell(f"not defined: {row['undefined'] or 'no reason was recorded'}", quiet=True)
    ends = "no interval" if row["low"] is None else interval(row["low"], row["high"])
    return Cell(percent(row["value"]), number=True, small=ends)


def _printed(share: float | None, *, same: bool) -> Cell:
    if share is None:
        return _NOT_PRINTED
    return Cell(_number(share, same=same), number=same, quiet=not same)


def _number(share: float, *, same: bool) -> str:
    return percent(share, 2) if same else f"({percent(share, 2)})"


def _loss(label: str) -> str:
    return f"{LOSSES[label]} ({label.upper()})" if label in LOSSES else label
