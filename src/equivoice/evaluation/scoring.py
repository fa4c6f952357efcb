"""The score of a finished benchmark: estimates, notes and what was left out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl

from equivoice.corpora.corpus import Corpus
from equivoice.evaluation.probabilities import probability_scores
from equivoice.evaluation.recording import fold_source
from equivoice.evaluation.score import Scores, score
from equivoice.evaluation.selecting import selected_rows, selection_notes
from equivoice.evaluation.task import Task, supported_groupings
from equivoice.inference import OPTIONS_SUFFIX, Progress, seed_for
from equivoice.store import RunFolder
from equivoice.store.provenance import now

__all__ = ["EXPECTED_SUFFIX", "NOTES", "score_run"]

NOTES = "notes.json"
EXPECTED_SUFFIX = "/expected"
"""What follows a system's name where its option probabilities are scored as they are."""

_EXPECTED_NOTE = (
    "{name}/options is scored by its most probable option; {name}/expected is the score of the "
    "confusion table that its option probabilities lead one to expect, what is outside the "
    "options counted as unparsed. It is not the expected score of sampled answers."
)


@dataclass(frozen=True)
class _Scored:
    """Scores on one corpus."""

    corpus: str
    scores: Scores


def score_run(task: Task, run: RunFolder, progress: Progress) -> None:
    """Score a run whose predictions are gathered, and close its record."""
    predictions, reference = run.predictions(), run.utterances()
    predictions = pl.concat([predictions, selected_rows(task, run, predictions)])
    scored: list[_Scored] = []
    tables: list[pl.DataFrame] = []
    for corpus in task.corpora.values():
        progress.scoring(corpus.name)
        made = _score_corpus(task, corpus, predictions, reference)
        scored += [_Scored(corpus.name, scores) for scores in made]
        options = _option_rows(_of(corpus, predictions), task.asked)
        if not options.is_empty():
            tables.append(_probabilities(task, corpus, options, reference))
    run.write_estimates(pl.concat([*(each.scores.estimates for each in scored), *tables]))
    said = (f"{each.corpus}: {note}" for each in scored for note in each.scores.notes)
    notes = list(dict.fromkeys([*_notes(task, predictions), *said]))
    run.write_text(NOTES, json.dumps(notes, ensure_ascii=False, indent=2) + "\n")
    record = run.record
    left_out = dict(record.left_out)
    for each in reversed(scored):  # where both say something, the score by label is heard
        left_out |= {f"{each.corpus}: {why}": n for why, n in each.scores.left_out.items()}
    run.save_record(record.model_copy(update={"finished": now(), "left_out": left_out}))


def _notes(task: Task, predictions: pl.DataFrame) -> Iterator[str]:
    for corpus in task.corpora.values():
        yield fold_source(task, corpus)
    yield from task.notes
    yield from selection_notes(task)
    for name in task.asked:
        if not _option_rows(predictions, [name]).is_empty():
            yield _EXPECTED_NOTE.format(name=name)


def _option_rows(predictions: pl.DataFrame, names: Iterable[str]) -> pl.DataFrame:
    """The option scores of these systems, where there are any."""
    wanted = [f"{name}{OPTIONS_SUFFIX}" for name in names]
    own = pl.col("system").is_in(wanted) & pl.col("probabilities").is_not_null()
    return predictions.filter(own)


def _score_corpus(
    task: Task, corpus: Corpus, predictions: pl.DataFrame, reference: pl.DataFrame
) -> list[Scores]:
    """By label; and of option scores also as the confusion table that is to be expected."""
    settings = task.settings
    own = reference.filter(pl.col("corpus") == corpus.name)
    given = _of(corpus, predictions)
    how = {"convention": settings.convention, **_how(task, corpus, own)}
    scored = [score(given, own, **how)]
    options = _option_rows(given, task.asked)
    if not options.is_empty():
        stem = pl.col("system").str.strip_suffix(OPTIONS_SUFFIX)
        renamed = options.with_columns(system=stem + EXPECTED_SUFFIX)
        scored.append(score(renamed, own, answers="expected", **how))
    return scored


def _probabilities(
    task: Task, corpus: Corpus, options: pl.DataFrame, reference: pl.DataFrame
) -> pl.DataFrame:
    """Option scores as probabilities: Brier, log loss, calibration, mass outside."""
    own = reference.filter(pl.col("corpus") == corpus.name)
    return probability_scores(options, own, **_how(task, corpus, own))


def _how(task: Task, corpus: Corpus, own: pl.DataFrame) -> dict[str, Any]:
    """The settings that all scores of a corpus share."""
    settings = task.settings
    group_by = supported_groupings(own) if settings.group_by is None else settings.group_by
    return {
        "label_space": corpus.label_space,
        "group_by": group_by,
        "replicates": settings.replicates,
        "permutations": settings.permutations,
        "level": settings.level,
        "seed": seed_for(settings.seed, "score", corpus.name),
    }


def _of(corpus: Corpus, predictions: pl.DataFrame) -> pl.DataFrame:
    own = corpus.utterances.select("utterance_id")
    return predictions.join(own, on="utterance_id", how="semi")
