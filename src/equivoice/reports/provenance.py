"""Where the numbers come from: corpora, checks, what was left out, how to rerun and cite."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from equivoice.corpora.card import Card
from equivoice.records import RunRecord
from equivoice.reports.document import (
    Block,
    Bullets,
    Code,
    Facts,
    Folded,
    Mark,
    Section,
    Text,
)
from equivoice.reports.formatting import count
from equivoice.reports.inputs import ReportInputs
from equivoice.reports.rows import Estimate, in_order, pooled
from equivoice.reports.tables import left_out_table

__all__ = ["SOFTWARE_CITATION", "corpora_section", "left_out_section", "made_section"]

_SEVERITIES: tuple[Mark, ...] = ("error", "warning", "note")
SOFTWARE_CITATION = """@software{equivoice,
  title   = {Equivoice: speech emotion recognition in which every voice counts},
  version = {%s},
  license = {Apache-2.0}
}"""


def corpora_section(inputs: Sequence[ReportInputs]) -> Section:
    """The corpora: what their checks found, and what their cards say."""
    blocks: list[Block] = []
    findings = [finding for each in inputs for finding in each.findings]
    if findings:
        blocks += [Text("What the checks of the data found:"), _findings(findings)]
    else:
        blocks.append(Text("No checks of the corpora were handed to this report."))
    for name, card in _cards(inputs).items():
        blocks.append(Folded(f"Card of {name}", (Facts(tuple(_card_facts(card))),)))
    return Section("The data", "data", tuple(blocks))


def _cards(inputs: Sequence[ReportInputs]) -> dict[str, Any]:
    return {name: card for each in inputs for name, card in each.cards.items()}


def _findings(findings: Sequence[Any]) -> Bullets:
    """The findings, the grave ones first; each with the corpus it is about."""
    items: list[tuple[Mark | None, str]] = []
    for severity in _SEVERITIES:
        for finding in findings:
            if str(finding.severity) == severity:
                items.append((severity, _finding(finding)))
    others = [each for each in findings if str(each.severity) not in _SEVERITIES]
    items += [(None, _finding(finding)) for finding in others]
    return Bullets(tuple(items))


def _finding(finding: Any) -> str:
    corpus = getattr(finding, "corpus", None)
    return f"{corpus}: {finding.message}" if corpus else str(finding.message)


def _card_facts(card: Card) -> Iterator[tuple[str, tuple[str, ...]]]:
    for name, fact in card.facts().items():
        values = (str(fact), f"source: {fact.source}") if fact.known else (str(fact),)
        yield name.replace("_", " "), values
    for trap in card.traps:
        yield "trap", (str(trap), f"source: {trap.source}")


def left_out_section(inputs: Sequence[ReportInputs], rows: Sequence[Estimate]) -> Section:
    """What was left out and why: from the data, from the run, from single numbers."""
    blocks: list[Block] = []
    for each in inputs:
        counts = {**each.record.left_out, **each.left_out}
        run = f" of {each.title}" if len(inputs) > 1 else ""
        if counts:
            blocks.append(left_out_table(counts, caption=f"Left out of the data{run}"))
        else:
            blocks.append(Text(f"Nothing was left out of the data{run}."))
    whole = pooled(rows)
    reasons = in_order(reason for row in whole for reason in row.left_out)
    if reasons:
        largest = {reason: max(row.left_out.get(reason, 0) for row in whole) for reason in reasons}
        caption = "Left out of single numbers, or set aside: the most that any number states"
        blocks.append(left_out_table(largest, caption=caption))
    undefined = [row for row in whole if row.undefined]
    if undefined:
        blocks.append(_undefined(undefined))
    return Section("What was left out", "left-out", tuple(blocks))


def _undefined(rows: Sequence[Estimate]) -> Folded:
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.undefined or ""] = counts.get(row.undefined or "", 0) + 1
    most_first = dict(sorted(counts.items(), key=lambda item: -item[1]))
    table = left_out_table(most_first, caption="Numbers or intervals that are not defined, and why")
    return Folded(f"{count(len(rows), 'number')} without a value or an interval", (table,))


def made_section(inputs: Sequence[ReportInputs], rows: Sequence[Estimate]) -> Section:
    """How the report was made: conventions, versions, seeds, rerun and citation."""
    parts = [Section(each.title, f"made-{at}", _made(each)) for at, each in enumerate(inputs)]
    notes = in_order(note for each in inputs for note in each.notes)
    common: list[Block] = []
    if notes:
        common.append(Bullets(tuple((None, note) for note in notes)))
    common.append(Facts(tuple(_conventions(rows))))
    if len(parts) == 1:
        common += parts[0].blocks
        parts = []
    version = inputs[0].record.versions.get("equivoice", "not recorded")
    common.append(Code("How to cite Equivoice", SOFTWARE_CITATION % version))
    for name, card in _cards(inputs).items():
        if card.citation.known:
            common.append(Code(f"How to cite {name}", str(card.citation)))
    return Section("How this was made", "made", tuple(common), tuple(parts))


def _conventions(rows: Sequence[Estimate]) -> Iterator[tuple[str, tuple[str, ...]]]:
    asked = (("convention", "convention"), ("intervals by", "method"), ("resampled unit", "unit"))
    for name, column in asked:
        values = in_order(getattr(row, column) for row in rows)
        yield name, tuple(values) or ("not recorded",)


def _made(inputs: ReportInputs) -> tuple[Block, ...]:
    record = inputs.record
    facts = (
        ("verb", (record.verb,)),
        ("started", (record.started or "not recorded",)),
        ("finished", (record.finished or "not recorded",)),
        ("seeds", _pairs(record.seeds)),
        ("versions", _pairs(record.versions)),
        ("git revision", (record.git_revision or "not recorded",)),
        ("host", _pairs(record.host)),
    )
    blocks: list[Block] = [
        Code("Command", record.command or "started from Python; equivoice rerun RUN repeats it"),
        Facts(facts),
    ]
    details = (
        ("Configuration", record.config),
        ("Inputs and their SHA-256", record.inputs),
        ("Choices made from data (selection)", record.selection),
        ("Generation settings", record.generation),
    )
    for name, value in details:
        if value:
            blocks.append(Folded(name, (Code(name, _json(value)),), long=True))
    return tuple(blocks) + _unproved(record)


def _unproved(record: RunRecord) -> tuple[Block, ...]:
    """A word where the record does not show on which split choices were made."""
    loose = [each for each in record.selection if each.get("split") not in ("train", "validation")]
    if not loose:
        return ()
    return (
        Text(
            f"{count(len(loose), 'choice')} in the record did not state that only training or "
            "validation data were used."
        ),
    )


def _pairs(values: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(f"{name} {value}" for name, value in values.items()) or ("not recorded",)


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)
