"""The score of a finished benchmark: estimates, notes and what was left out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from equivoice.corpora.corpus import Corpus
from equivoice.evaluation.recording import fold_source
from equivoice.evaluation.score import Scores, score
from equivoice.evaluation.task import Task, supported_groupings
from equivoice.inference import Progress, seed_for
from equivoice.store import RunFolder
from equivoice.store.provenance import now

__all__ = ["NOTES", "score_run"]

NOTES = "notes.json"


@dataclass(frozen=True)
class _Scored:
    """The scores of one corpus."""

    corpus: str
    scores: Scores


def score_run(task: Task, run: RunFolder, progress: Progress) -> None:
    """Score a run whose predictions are gathered, and close its record."""
    predictions, reference = run.predictions(), run.utterances()
    scored = []
    for corpus in task.corpora.values():
        progress.scoring(corpus.name)
        scored.append(_Scored(corpus.name, _score_corpus(task, corpus, predictions, reference)))
    run.write_estimates(pl.concat([each.scores.estimates for each in scored]))
    notes = [*_notes(task), *(f"{each.corpus}: {n}" for each in scored for n in each.scores.notes)]
    run.write_text(NOTES, json.dumps(notes, ensure_ascii=False, indent=2) + "\n")
    record = run.record
    left_out = dict(record.left_out)
    for each in scored:
        left_out |= {f"{each.corpus}: {why}": n for why, n in each.scores.left_out.items()}
    run.save_record(record.model_copy(update={"finished": now(), "left_out": left_out}))


def _notes(task: Task) -> Iterator[str]:
    for corpus in task.corpora.values():
        yield fold_source(task, corpus)
    yield from task.notes


def _score_corpus(
    task: Task, corpus: Corpus, predictions: pl.DataFrame, reference: pl.DataFrame
) -> Scores:
    settings = task.settings
    own = reference.filter(pl.col("corpus") == corpus.name)
    group_by = settings.group_by
    return score(
        predictions.join(own.select("utterance_id"), on="utterance_id", how="semi"),
        own,
        label_space=corpus.label_space,
        group_by=supported_groupings(own) if group_by is None else group_by,
        convention=settings.convention,
        replicates=settings.replicates,
        permutations=settings.permutations,
        level=settings.level,
        seed=seed_for(settings.seed, "score", corpus.name),
    )
