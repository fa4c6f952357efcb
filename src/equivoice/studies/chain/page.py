"""The chain as sections of a page: a chapter a corpus, step by step, and how little it proves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from equivoice.corpora.folds import split
from equivoice.evaluation.open_answers import FORMS
from equivoice.reports.cells import Reasons, value_cell
from equivoice.reports.document import (
    Block,
    Body,
    Bullets,
    Cell,
    Code,
    Facts,
    Folded,
    Section,
    Statements,
    Table,
    Text,
)
from equivoice.reports.formatting import count, interval, p_value, percent, signed
from equivoice.reports.rating import rating_sections
from equivoice.reports.rationale_cards import cards_section, precision_section
from equivoice.reports.rows import Estimate, pick, read_estimates
from equivoice.studies.chain.found import Chain
from equivoice.studies.chain.limits import limits
from equivoice.studies.chain.planted import planted_faults
from equivoice.studies.chain.settings import ARMS
from equivoice.studies.chain.verdict import chain_statements

__all__ = ["chain_sections"]

_CARDS = 4
_SCRIPTED = (
    "Teacher and judge are scripted: the teacher writes from measurements of the sound, the judge "
    "counts which claims those measurements bear out. The students are small speech LLMs, trained here."
)
_CONDITIONAL = (
    "Answers are those that a student writes, read as any words (open form) or as one of the options "
    "that it is shown (closed form). It learnt with the prompt of the open form alone."
)


def chain_sections(found: Sequence[Chain], *, command: str = "") -> list[Section]:
    """What came out, a chapter a corpus, what it does not prove, and how it was made.

    Args:
        found: what the chain found, corpus by corpus.
        command: the command line as typed.
    """
    verdicts = [Statements(chain.corpus.name, *chain_statements(chain)) for chain in found]
    made: list[Block] = [Code("Command", command)] if command else []
    made += [
        Text(f"{each.student.folder.path}, asked in {run.path}", quiet=True)
        for chain in found
        for each in chain.answered
        for run in each.runs.values()
    ]
    return [
        Section("What can be concluded", "verdict", (Text(_SCRIPTED), *verdicts)),
        *(chain_chapter(chain) for chain in found),
        Section("The runs", "runs", tuple(made), folded=True),
    ]


def chain_chapter(chain: Chain) -> Section:
    """The chain on one corpus, step by step.

    Args:
        chain: what was found.
    """
    name = chain.corpus.name
    steps = [
        ("What was done", "done", _done(chain)),
        ("What the filters dropped", "filters", _filters(chain)),
        ("With and without reasons", "ablation", _ablation(chain)),
        ("Open and closed form, seed by seed", "forms", _forms(chain)),
        ("What was heard", "heard", _heard(chain)),
    ]
    sections = [Section(title, f"{name}-{key}", tuple(blocks)) for title, key, blocks in steps]
    support = precision_section(chain.grounded.estimates)
    sections += [
        Section("What the recordings support", f"{name}-support", support.blocks),
        *_judgings(chain),
        _cards(chain),
        Section(
            "How little this proves",
            f"{name}-limits",
            (Bullets(tuple((None, text) for text in limits(chain))),),
        ),
    ]
    return Section(name, f"corpus-{name}", sections=tuple(each for each in sections if each.blocks))


def _done(chain: Chain) -> Iterator[Block]:
    parts = split(chain.corpus, chain.fold)
    sizes = {"training": parts.train, "validation": parts.validation, "test": parts.test}
    rows = tuple(
        (
            Cell(name),
            Cell(count(0 if part is None else part.height), number=True),
            Cell(_speakers(part), number=True),
        )
        for name, part in sizes.items()
    )
    yield Table(
        f"The parts of fold {chain.fold}", ("Part", "Utterances", "Speakers"), (Body(rows),)
    )
    made = chain.rationales.rationales()
    # the script knows a reason for every training utterance; the teacher may be asked for fewer
    said = chain.written.join(made.select("utterance_id"), on="utterance_id", how="semi")
    reasons = (count(made.height), count(made.filter(status="kept").height))
    settings = chain.settings
    yield Facts(
        (
            ("Reasons asked for, and kept", (", ".join(reasons),)),
            ("Claims that are wrong on purpose", (count(int(said.get_column("slips").sum())),)),
            ("Trainings", (f"{count(len(chain.answered))}, seeds {_listed(settings.seeds)}",)),
            ("Answers asked for", (count(_asked(chain)),)),
        )
    )
    trained = tuple(
        (
            Cell(each.student.arm),
            Cell(str(each.student.seed), number=True),
            Cell(count(steps.height), number=True),
            *(Cell(f"{steps['loss'][at]:.2f}", number=True) for at in (0, -1)),
        )
        for each in chain.answered
        for steps in [each.student.folder.table("steps")]
    )
    columns = ("Learnt", "Seed", "Steps", "Loss at the first", "Loss at the last")
    yield Table("The trainings", columns, (Body(trained),))


def _speakers(part: pl.DataFrame | None) -> str:
    if part is None:
        return count(0)
    if "speaker" not in part.columns:
        return "unknown"
    return count(part.get_column("speaker").drop_nulls().n_unique())


def _listed(given: Sequence[object]) -> str:
    return ", ".join(map(str, given))


def _asked(chain: Chain) -> int:
    return sum(run.predictions().height for each in chain.answered for run in each.runs.values())


def _filters(chain: Chain) -> Iterator[Block]:
    dropped = chain.dropped
    rows = tuple(
        (
            Cell(row["filter"].replace("_", " "), small=row["doc"]),
            Cell(count(row["dropped"]), number=True),
            Cell("" if row["alone"] is None else count(row["alone"]), number=True),
            Cell("–" if row["share"] is None else percent(row["share"]), number=True),
        )
        for row in dropped.iter_rows(named=True)
    )
    columns = ("Filter", "Dropped", "Broken, whatever else is", "Of all, %")
    yield Table("The teacher's reasons, filter by filter", columns, (Body(rows),))
    planted = planted_faults(chain.written, chain.rationales.rationales())
    if planted.is_empty():
        return
    rows = tuple(
        (
            Cell(row["fault"]),
            Cell(count(row["planted"]), number=True),
            Cell(row["expected"].replace("_", " ")),
            Cell(count(row["met"]), number=True),
        )
        for row in planted.iter_rows(named=True)
    )
    columns = ("A reason that …", "Planted", "Must be", "Was")
    yield Table("Faults that were planted, and what became of them", columns, (Body(rows),))


def _ablation(chain: Chain) -> Iterator[Block]:
    yield Text(_CONDITIONAL, quiet=True)
    reasons = Reasons()
    bodies = []
    for form in FORMS:
        rows = read_estimates(chain.ablation[form])
        scores = [_scored(rows, arm, reasons) for arm in ARMS]
        differences = [
            (
                Cell(row.system or ""),
                value_cell([row], reasons, difference=True),
                _spread(row),
                Cell(count(row.n), number=True),
                Cell(count(row.clusters), number=True),
            )
            for row in pick(rows, quantity="comparison")
        ]
        bodies.append(Body((*scores, *differences), f"{form} form"))
    columns = ("Learnt", "Macro-F1, %", "sd over seeds", "Utterances", "Speakers")
    yield Table(
        "Macro-F1 with and without reasons, the mean over seeds; and the paired difference, in points",
        columns,
        tuple(bodies),
        note=reasons.note,
    )
    yield Text(
        "Both halves of a seed begin with the same weights, learn from the same utterances in the "
        "same batches, and are asked the same. Intervals are over speakers and seeds. In a loss that "
        "is a mean over an answer's tokens, the label weighs less where a reason stands beside it.",
        quiet=True,
    )


def _scored(rows: Sequence[Estimate], arm: str, reasons: Reasons) -> tuple[Cell, ...]:
    found = [row for row in pick(rows, quantity="score", system=arm) if row.run is None]
    row = found[0] if found else None
    return (
        Cell(arm),
        value_cell(found, reasons),
        _spread(row),
        Cell("–" if row is None else count(row.n), number=True),
        Cell("–" if row is None else count(row.clusters), number=True),
    )


def _spread(row: Estimate | None) -> Cell:
    spread = None if row is None else row.sd_runs
    return Cell("–" if spread is None else percent(spread), number=True)


def _forms(chain: Chain) -> Iterator[Block]:
    bodies = []
    for seed, measured in chain.forms.items():
        own = measured.scores.table.filter(metric="macro_f1", subset="all", labels="majority")
        rows = tuple(_form_row(row) for row in own.iter_rows(named=True))
        bodies.append(Body(rows, f"seed {seed}"))
    columns = ("", "Form", "Macro-F1, %", "p, permutation", "p, McNemar", "Utterances", "Speakers")
    yield Table(
        "Macro-F1 of single students, and differences from the one without reasons, in points",
        columns,
        tuple(bodies),
    )
    kinds = _kinds(chain)
    read = tuple(
        (
            Cell(f"{system}, seed {seed}", small=f"{form} form"),
            *(Cell(count(reading.counts.get(kind, 0)), number=True) for kind in kinds),
        )
        for seed, measured in chain.forms.items()
        for (system, form), reading in measured.readings.items()
    )
    table = Table("What became of the answers", ("Student", *kinds), (Body(read),))
    yield Folded(table.caption, (table,))


def _kinds(chain: Chain) -> list[str]:
    """What became of any answer, in the order of the readers."""
    readings = [
        reading for measured in chain.forms.values() for reading in measured.readings.values()
    ]
    return list(dict.fromkeys(kind for reading in readings for kind in reading.counts))


def _form_row(row: Mapping[str, Any]) -> tuple[Cell, ...]:
    difference = row["quantity"] == "difference"
    name = f"{row['system']} minus {row['other']}" if difference else str(row["system"])
    if row["value"] is None:
        value = Cell("not defined", quiet=True, small=row["undefined"] or "")
    else:
        shown = (signed if difference else percent)(row["value"])
        ends = "no interval"
        if row["low"] is not None:
            ends = interval(row["low"], row["high"], sign=difference)
        value = Cell(shown, number=True, small=ends)
    tested = [
        Cell("–", quiet=True) if row[key] is None else Cell(p_value(row[key]), number=True)
        for key in ("p_value", "p_mcnemar")
    ]
    sizes = [Cell(count(row[key]), number=True) for key in ("n", "clusters")]
    return (Cell(name), Cell(row["form"]), value, *tested, *sizes)


def _heard(chain: Chain) -> Iterator[Block]:
    rows = []
    for seed, measured in chain.forms.items():
        if measured.transcripts.is_empty():
            continue
        own = measured.transcripts.filter(quantity="score", metric="word_error_rate")
        for row in own.iter_rows(named=True):
            ends = "no interval" if row["low"] is None else interval(row["low"], row["high"])
            value = (
                Cell("not defined", quiet=True)
                if row["value"] is None
                else Cell(percent(row["value"]), number=True, small=ends)
            )
            rows.append(
                (
                    Cell(row["system"]),
                    Cell(str(seed), number=True),
                    Cell(str(row["prompt"])),
                    value,
                    Cell(count(row["n"]), number=True),
                )
            )
    if rows:
        columns = ("Student", "Seed", "Form", "Word error rate, %", "Utterances")
        yield Table("Word error rate over all words", columns, (Body(tuple(rows)),))


def _judgings(chain: Chain) -> Iterator[Section]:
    for number, judged in enumerate(chain.judged):
        title = f"Judged: the student of seed {chain.settings.seeds[0]} against {judged.against}"
        anchor = f"{chain.corpus.name}-judged-{number}"
        lost = Bullets(
            tuple((None, f"left out: {why} ({count(n)})") for why, n in judged.left_out.items())
        )
        blocks: list[Block] = []
        if not judged.estimates.is_empty():
            for section in rating_sections(judged.estimates):
                blocks += section.blocks
        yield Section(title, anchor, (*blocks, *([lost] if judged.left_out else [])))


def _cards(chain: Chain) -> Section:
    grounded = chain.grounded
    student = pl.col("system").str.starts_with("the student")
    section = cards_section(
        grounded.reasons.filter(student),
        grounded.claims.filter(student),
        grounded.utterances,
        grounded.cards,
        most=_CARDS,
    )
    return Section("Some of the student's reasons", f"{chain.corpus.name}-cards", section.blocks)
