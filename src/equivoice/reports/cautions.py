"""What must be known before any score is read: unreadable answers, choices made on test data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from equivoice.reports.formatting import capital, count, percent
from equivoice.reports.rows import Estimate, pick, repeated
from equivoice.reports.sweeps import OPTIONS, at_main_temperature, model_of, reading_of

__all__ = ["Statement", "chosen_on_test", "unreadable"]

_MOSTLY_UNREAD = 0.5


@dataclass(frozen=True)
class Statement:
    """One sentence or two of the verdict.

    Args:
        supported: whether the data support a conclusion; false for a refusal and
            for a difference that was not detected.
        text: the sentence.
        subject: the condition it is about, such as ``acoustic on ravdess``.
        about: ``score``, a grouping such as ``gender``, or ``comparison``.
    """

    supported: bool
    text: str
    subject: str
    about: str


def unreadable(rows: Sequence[Estimate]) -> Iterator[Statement]:
    """That most answers of a model could not be read, and where labels are to be had.

    Args:
        rows: pooled over folds.
    """
    coverages = pick(rows, quantity="score", metric="coverage", label=None, group_by=None)
    for row in at_main_temperature(coverages):
        if reading_of(row.system) or row.value is None or row.value >= _MOSTLY_UNREAD:
            continue
        name = row.system or "the predictions"
        share = "None" if row.value == 0 else f"Only {percent(row.value)}%"
        noun = "answer" if repeated(row) else "utterance"
        at = "" if row.temperature is None else f" at temperature {row.temperature:g}"
        text = (
            f"{share} of the answers of {name} could be read as a label "
            f"({count(row.n, noun)}{at}). Its scores say how it words its answers, and little "
            "about how it hears emotions."
        )
        text += _way_out(name, row.corpus, coverages)
        place = f" on {row.corpus}" if row.corpus and row.corpus != "all" else ""
        yield Statement(False, text, f"The answers{place}", "answers")


def _way_out(name: str, corpus: str | None, coverages: Sequence[Estimate]) -> str:
    """Where labels are to be had in spite of unreadable answers; empty where nowhere."""
    options = [
        row
        for row in at_main_temperature(coverages)
        if row.corpus == corpus
        and reading_of(row.system) == OPTIONS
        and model_of(row.system) == name
        and (row.value or 0.0) >= _MOSTLY_UNREAD
    ]
    if not options:
        return ""
    temperature = options[0].temperature
    at = "" if temperature is None else f", here at temperature {temperature:g}"
    return (
        f" {name}/{OPTIONS} does not depend on readable answers: it takes the most probable of the "
        f"options offered{at}."
    )


def chosen_on_test(selection: Sequence[Mapping[str, Any]]) -> Iterator[Statement]:
    """That something was chosen by its score on the test data; once for all folds.

    Args:
        selection: of the run record.
    """
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for choice in selection:
        if choice.get("split") == "test":
            key = (str(choice.get("what", "a setting")), str(choice.get("system") or ""))
            found.setdefault(key, []).append(choice)
    for (what, system), choices in found.items():
        chosen = list(dict.fromkeys(_plain(each.get("chosen", "not recorded")) for each in choices))
        most = max(len(each.get("candidates") or ()) for each in choices)
        many = f", the best of {count(most, 'candidate')}" if most else ""
        whose = f" of {system}" if system else ""
        text = (
            f"{capital(what)}{whose} was chosen by its score on the test data "
            f"({'; '.join(chosen)}{many}). What is reported for it tends to "
            "be better than what new speakers would give, and no interval or test allows for that."
        )
        yield Statement(False, text, "Choices made on test data", "selection")


def _plain(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_plain(each)}" for name, each in value.items())
    return f"{value:g}" if isinstance(value, float) else str(value)
