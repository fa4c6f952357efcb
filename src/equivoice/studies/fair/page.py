"""The study as sections of a page: the trade-off, how little it proves, and every training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from equivoice.reports.document import Body, Bullets, Cell, Code, Section, Table, Text
from equivoice.reports.formatting import count, percent
from equivoice.reports.rows import Estimate, pick, read_estimates
from equivoice.reports.trade_off import trade_off_section
from equivoice.reports.training import training_section
from equivoice.reports.training_inputs import TrainingInputs
from equivoice.studies.fair.answering import METRIC, Answered
from equivoice.studies.fair.found import FairTraining
from equivoice.studies.fair.proof import limits

__all__ = ["study_chapter", "study_sections"]

_CAUTION = (
    "On test speakers, whom no model has heard and who chose nothing. The methods of one seed began "
    "with the same weights and saw the same batches."
)


def study_sections(
    found: FairTraining, trainings: Sequence[TrainingInputs], *, command: str = ""
) -> list[Section]:
    """What was found, what it does not prove, and how each training went.

    Args:
        found: what the study found.
        trainings: what a report shows of each training, in the order of the answers.
        command: the command line as typed.
    """
    rows = read_estimates(found.estimates)
    several = [
        training_section(each, prefix=f"run{at}-", named=True) for at, each in enumerate(trainings)
    ]
    return [
        *_findings(found, rows),
        *several,
        _made(found, command),
    ]


def study_chapter(found: FairTraining, page: Path, *, introduction: str) -> Section:
    """The study as a chapter of a report about something else, without the single trainings.

    Args:
        found: what the study found.
        page: the study's own page, with the curves of every training.
        introduction: what was asked, and of what.
    """
    told = (Text(introduction), Text(f"The curves of every training are in {page}.", quiet=True))
    parts = tuple(_findings(found, read_estimates(found.estimates)))
    return Section("Fair fine-tuning of small models", "fair-training", told, parts)


def _findings(found: FairTraining, rows: Sequence[Estimate]) -> Iterator[Section]:
    yield trade_off_section(rows, caution=_CAUTION)
    told = limits(found.reference, rows, found.settings, found.corpora, pretrained=found.pretrained)
    limited = Bullets(tuple((None, text) for text in told))
    yield Section("How little this proves", "limits", (limited,))
    yield Section("What was trained", "trained", tuple(_trained(found, rows)))


def _trained(found: FairTraining, rows: Sequence[Estimate]) -> Iterator[Table | Text]:
    """One row a training: where it stopped, what was chosen, what it scored."""
    body = []
    for each in found.answered:
        facts = _facts(each)
        body.append(
            (
                Cell(each.trained.method.name),
                Cell(each.trained.fold),
                Cell(str(each.trained.seed), number=True),
                *(Cell(text, number=True) for text in facts),
            )
        )
    columns = (
        "Method",
        "Fold",
        "Seed",
        "Steps",
        "Chosen at step",
        "Macro-F1 on validation, %",
        "Last weight λ",
        "Largest λ",
    )
    yield Table("The trainings", columns, (Body(tuple(body)),))
    yield Text(
        "Validation speakers chose the step, so what a model scores on them is too good.",
        quiet=True,
    )
    seeds = [row for row in pick(rows, quantity="score", metric=METRIC) if row.run is not None]
    if seeds:
        values = [row.value for row in seeds if row.value is not None]
        yield Text(
            f"Single models score between {percent(min(values))}% and {percent(max(values))}% on "
            "test speakers."
        )


def _facts(each: Answered) -> tuple[str, ...]:
    folder = each.trained.folder
    steps = folder.table("steps")
    weights = [float(value) for value in steps.get_column("weight")]
    chosen = [one for one in folder.record.selection if one.get("what") == "checkpoint"]
    best = chosen[-1] if chosen else {}
    value = best.get("value")
    return (
        count(steps.height),
        str(best.get("chosen") or "–").removeprefix("step "),
        "–" if value is None or best.get("metric") != METRIC else percent(value),
        f"{weights[-1]:.2f}",
        f"{max(weights):.2f}",
    )


def _made(found: FairTraining, command: str) -> Section:
    blocks: list[Text | Code] = [Code("Command", command)] if command else []
    for each in found.answered:
        blocks.append(Text(f"{each.trained.folder.path}, asked in {each.run.path}", quiet=True))
    return Section("The runs", "runs", tuple(blocks))
