"""What a report is made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from equivoice.records import EnsembleFindings, RunRecord

__all__ = ["ReportInputs"]


@dataclass(frozen=True)
class ReportInputs:
    """One run, with all that a report may show of it.

    Args:
        title: the heading of the report; names the run where several are shown.
        record: what was run, with what, and where.
        estimates: a table of ``records.ESTIMATES``; every number in the report
            comes from here.
        predictions: a table of ``records.PREDICTIONS``; needed only to list the
            hardest utterances.
        utterances: a table of ``records.UTTERANCES``; needed for the same.
        cards: from a corpus name to its :class:`~equivoice.corpora.card.Card`.
        findings: what the checks of the corpora found: objects with
            ``severity`` (error, warning, note), ``code`` and ``message``, and,
            where they apply, ``count`` and ``corpus``.
        left_out: what was left out, and how many, by reason.
        notes: further sentences that a reader should know.
        answers: what became of answers in words: estimates whose metrics are statuses
            (:func:`equivoice.evaluation.answers.answer_shares`).
        calibration: estimates of how far probabilities can be taken at their word
            (:func:`equivoice.evaluation.calibration.calibration`).
        sensitivity: how scores hang on prompt and label order
            (:func:`equivoice.evaluation.sensitivity.sensitivity`), with ``corpus`` and
            ``temperature``.
        labels: ``utterance_id`` and ``emotion``: the labels that a rule made out of votes,
            where answers were held against those.
        minority: utterances on which a system sides with a minority that people hold, in the
            order to be shown: ``utterance_id``, ``system``, ``said``, ``votes_for_it``,
            ``votes`` (how many there are), ``crowd_says`` (in words), ``transcript``,
            ``audio``; and, where known, ``corpus``, ``start``, ``end``, ``speaker``.
        ensemble: what was found of an ensemble besides its scores, where the run is one.
    """

    title: str
    record: RunRecord
    estimates: pl.DataFrame
    predictions: pl.DataFrame | None = None
    utterances: pl.DataFrame | None = None
    cards: Mapping[str, Any] = field(default_factory=dict)
    findings: Sequence[Any] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)
    notes: Sequence[str] = ()
    answers: pl.DataFrame | None = None
    calibration: pl.DataFrame | None = None
    sensitivity: pl.DataFrame | None = None
    labels: pl.DataFrame | None = None
    minority: pl.DataFrame | None = None
    ensemble: EnsembleFindings | None = None
