"""The study as sections of a page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import polars as pl

from equivoice.reports.cells import (
    Reasons,
    counted,
    interval_cell,
    spread_cells,
    spread_headings,
    written,
)
from equivoice.reports.document import Block, Body, Bullets, Cell, Facts, Section, Table, Text
from equivoice.reports.formatting import count
from equivoice.reports.rows import Estimate
from equivoice.reports.wording import attribute, metric
from equivoice.studies.published import PublishedStudy
from equivoice.studies.zero_shot.conventions import changes, named
from equivoice.studies.zero_shot.tables import AuditTables

__all__ = ["paper_sections"]

Row = Mapping[str, Any]
_ESTIMATE = (
    *("value", "low", "high", "level", "method", "unit", "n", "clusters", "noise_floor"),
    *("p_value", "p_floor", "sd_folds", "sd_runs", "sd_orders", "undefined", "convention"),
)
_CONTEXT = (
    "In brackets: printed for another model than the one that was run here. It stands there for "
    "orientation and says nothing about this model."
)


def paper_sections(tables: AuditTables, study: PublishedStudy) -> tuple[Section, ...]:
    """The conventions, Tables I to IV and what is known to be otherwise in the paper."""
    return (
        _conventions(tables),
        Section("Table I: corpora", "table-1", tuple(_corpora(tables.table_1))),
        Section("Table II: macro-F1", "table-2", tuple(_f1(tables.table_2, study))),
        Section("Table III: reading the answers", "table-3", tuple(_parsers(tables.table_3))),
        Section("Table IV: gaps between groups", "table-4", tuple(_gaps(tables.table_4))),
        _slips(study, tables.table_1),
    )


def _conventions(tables: AuditTables) -> Section:
    found = changes(tables)
    intro = Text(
        "The same answers, read and scored by our rules, by the paper's formulas and by its "
        "released code (macro-F1 over K + 1 classes as soon as an answer is unread; unread answers "
        "dropped before gaps; overall accuracy equality as a sum of recalls; averages over folds "
        "and runs)."
    )
    if not found:
        same = Text(
            "Nowhere does another convention change the order of systems, leave our "
            "intervals, or make another measure the largest."
        )
        return Section("Do the conventions change the verdict?", "conventions", (intro, same))
    bullets = Bullets(tuple((None, text) for text in found))
    return Section("Do the conventions change the verdict?", "conventions", (intro, bullets))


def _corpora(frame: pl.DataFrame) -> Iterator[Block]:
    body = []
    for row in frame.iter_rows(named=True):
        cells = [Cell(row["corpus"]), counted(row["utterances"])]
        for name in ("speakers", "women", "men", "emotions"):
            printed = row[f"printed_{name}"]
            cells.append(counted(row[name]))
            cells.append(Cell("not printed", quiet=True) if printed is None else counted(printed))
        body.append(tuple(cells))
    heads = [
        f"{name}{printed}"
        for name in ("Speakers", "Women", "Men", "Emotions")
        for printed in (", here", ", printed")
    ]
    yield Table(
        "What was tested, beside what was printed",
        ("Corpus", "Utterances", *heads),
        (Body(tuple(body)),),
    )
    slips = [row["slip"] for row in frame.iter_rows(named=True) if row["slip"]]
    if slips:
        yield Bullets(tuple((None, slip) for slip in slips))


def _f1(frame: pl.DataFrame, study: PublishedStudy) -> Iterator[Block]:
    for (corpus,), own in _groups(frame, "corpus"):
        yield _table(
            own,
            f"Macro-F1 on {corpus}, in per cent",
            head=lambda row: named(row["convention"]),
            heading="By",
            title=_system,
            metric_name="macro_f1",
        )
        yield from _trained(str(corpus), study)
    if not frame.is_empty() and not frame.filter(~pl.col("same_model")).is_empty():
        yield Text(_CONTEXT, quiet=True)


def _trained(corpus: str, study: PublishedStudy) -> Iterator[Block]:
    """The paper's trained models, for orientation; true values where the table has others."""
    (tess, *_) = [slip for slip in study.slips if slip.id == "meld-is-tess"]
    facts = []
    for key, model in study.models.items():
        number = study.score("II", key, corpus)
        if model.trained and number is not None:
            wrong = corpus == tess.corpus and key in tess.true
            value = (
                f"{tess.true[key]:.2f} (printed: {number.value:.2f})"
                if wrong
                else f"{number.value:.2f}"
            )
            facts.append((model.name, (value,)))
    if facts:
        yield Text("Printed for models that were trained on the corpus:", quiet=True)
        yield Facts(tuple(facts))


def _parsers(frame: pl.DataFrame) -> Iterator[Block]:
    if frame.is_empty():
        return
    yield Text(
        "The stored answers, read again. “exact” takes an answer only where it is a label as it "
        "stands, which the paper calls without post-processing; “fairalm_code” is its "
        "post-processing as released, “fairalm_paper” as printed in Eq. 8."
    )
    for (corpus, system, prompt), own in _groups(frame, "corpus", "system", "prompt"):
        yield _table(
            own,
            f"Macro-F1 of {system or 'the predictions'}{f', {prompt},' if prompt else ''} "
            f"on {corpus} by the way of reading, in per cent",
            head=lambda row: str(row["parser"]),
            heading="Read by",
            title=lambda row: f"Scored by {named(row['convention'])}",
            metric_name="macro_f1",
            coverage=True,
        )


def _gaps(frame: pl.DataFrame) -> Iterator[Block]:
    if frame.is_empty():
        return
    yield Text(
        "Mean over pairs of groups (Eq. 4); where a gap has a value for each emotion, their mean "
        "(Eq. 6). The noise floor is what to expect if the groups did not differ."
    )
    for (corpus, system, prompt), own in _groups(frame, "corpus", "system", "prompt"):
        yield _table(
            own,
            f"Gaps of {system or 'the predictions'}{f', {prompt},' if prompt else ''} on {corpus}, "
            "in points",
            head=lambda row: named(row["convention"]),
            heading="By",
            title=lambda row: f"{metric(row['measure'])}, {attribute(row['groups'])}",
            metric_name="gap",
            floor=True,
        )


def _table(
    frame: pl.DataFrame,
    caption: str,
    *,
    head: Callable[[Row], str],
    heading: str,
    title: Callable[[Row], str],
    metric_name: str,
    coverage: bool = False,
    floor: bool = False,
) -> Table:
    """A table of numbers with intervals and spreads, beside the printed ones."""
    reasons = Reasons()
    rows = list(frame.iter_rows(named=True))
    estimates = [_estimate(row, metric_name) for row in rows]
    bodies: dict[str, list[tuple[Cell, ...]]] = {}
    for row, estimate in zip(rows, estimates, strict=True):
        cells = [Cell(head(row)), reasons.cell(written(estimate, estimate.value), estimate)]
        cells.append(interval_cell(estimate, reasons))
        cells += spread_cells(estimate, estimates)
        if floor:
            cells.append(_plain(estimate, estimate.noise_floor))
        if coverage:
            cells.append(_plain(estimate, row["coverage"]))
        speakers = count(row["clusters"], row["unit"] or "unit")
        cells += [Cell(count(row["n"]), number=True, small=speakers), _printed(row)]
        if "mark" in row:
            cells.append(Cell(row["mark"] or "none", quiet=True))
        bodies.setdefault(title(row), []).append(tuple(cells))
    columns = (
        heading,
        "Value",
        "Interval",
        *spread_headings(estimates),
        *(("Noise floor",) if floor else ()),
        *(("Coverage, %",) if coverage else ()),
        "Answers",
        "Printed",
        *(("Where it parts from ours",) if rows and "mark" in rows[0] else ()),
    )
    made = tuple(Body(tuple(cells), name) for name, cells in bodies.items())
    return Table(caption, columns, made, reasons.note)


def _estimate(row: Row, metric_name: str) -> Estimate:
    return Estimate("score", metric_name, **{name: row[name] for name in _ESTIMATE})


def _plain(estimate: Estimate, value: float | None) -> Cell:
    text = written(estimate, value)
    return Cell("not given", quiet=True) if text is None else Cell(text, number=True)


def _printed(row: Row) -> Cell:
    if row["printed"] is None:
        return Cell("not printed", quiet=True)
    spread = "" if row["printed_sd"] is None else f" ± {row['printed_sd']:.2f}"
    number = f"{row['printed']:.2f}{spread}"
    if row["same_model"]:
        return Cell(number, number=True)
    return Cell(f"({number})", quiet=True, small=str(row["printed_for"]))


def _system(row: Row) -> str:
    parts = [row["system"] or "the predictions"]
    parts += [str(row[name]) for name in ("prompt",) if row[name]]
    if row["temperature"] is not None:
        parts.append(f"temperature {row['temperature']:g}")
    return ", ".join(parts)


def _groups(frame: pl.DataFrame, *names: str) -> Iterator[tuple[tuple[Any, ...], pl.DataFrame]]:
    if not frame.is_empty():
        yield from frame.group_by(names, maintain_order=True)


def _slips(study: PublishedStudy, corpora: pl.DataFrame) -> Section:
    shown = set(corpora.get_column("corpus")) if not corpora.is_empty() else set()
    own = [slip for slip in study.slips if slip.corpus is None or slip.corpus in shown]
    items = [(None, f"Table {slip.table}: {slip.what} (Shown by {slip.evidence}.)") for slip in own]
    left = [
        f"{each.what}: {metric(each.metric)} {each.value:.2f}"
        f"{'' if each.sd is None else f' ± {each.sd:.2f}'}"
        for each in study.left_out
        if each.corpus in shown
    ]
    blocks: list[Block] = [
        Facts(
            (
                ("paper", (f"{study.authors}: {study.title}. {study.venue}.", study.source)),
                ("code", (study.code,)),
                ("± in the paper", (study.settings.spread,)),
            )
        ),
        Text("What is known to be otherwise in the printed numbers:"),
        Bullets(tuple(items)),
    ]
    if left:
        blocks += [
            Text("Computed with the released code and not printed:"),
            Bullets(tuple((None, text) for text in left)),
        ]
    return Section("The paper", "paper", tuple(blocks))
