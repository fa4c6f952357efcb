"""What the students answer about speakers whom they have not heard, asked in both forms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import polars as pl

from equivoice.corpora import Corpus
from equivoice.evaluation import benchmark
from equivoice.evaluation.open_answers import Form, read_form
from equivoice.inference import Progress
from equivoice.store import RunFolder
from equivoice.studies.chain.learning import PROMPT, Student
from equivoice.studies.chain.settings import ARMS, ChainSettings
from equivoice.studies.fair.learning import SYSTEM

__all__ = ["PROMPTS", "Answered", "ask", "reasons_given"]

PROMPTS: Mapping[Form, str] = {"open": PROMPT, "closed": "closed_form"}
"""The prompts of the two forms, as published; the students learnt with that of the open form."""


@dataclass(frozen=True)
class Answered:
    """A student with what it answered.

    Args:
        student: the model.
        runs: of ``benchmark``, by form.
    """

    student: Student
    runs: Mapping[Form, RunFolder]


def ask(
    student: Student,
    corpus: Corpus,
    fold: str,
    settings: ChainSettings,
    *,
    progress: Progress | None = None,
    watch: Callable[[str], None] = lambda _: None,
    command: str = "",
) -> Answered:
    """Ask a student about the test part in both forms, with room for its whole answer.

    Args:
        student: the model; its answers go beside its training, to ``answers``.
        corpus: with folds.
        fold: whose test part is asked about.
        settings: of the chain.
        progress: is told how far a benchmark is.
        watch: is told which model is asked how.
        command: the command line as typed, for the records.
    """
    place = student.folder.path.parent.parent / "answers"
    options = {
        "model": str(student.base.absolute()),
        "adapter": str(student.folder.best_path.absolute()),
    }
    runs: dict[Form, RunFolder] = {}
    for form, prompt in PROMPTS.items():
        watch(f"{corpus.name}: asking {student.key}, {form} form")
        runs[form] = benchmark(
            f"{student.key}={SYSTEM}",
            corpus,
            out=place / f"{student.key}-{form}",
            options={student.key: options},
            folds=(fold,),
            limit=settings.limit,
            prompts=(prompt,),
            answer_form=ARMS[student.arm],
            decoding={"max_new_tokens": settings.max_new_tokens},
            option_scores=False,
            # scores are made of the answers later, in the form in which they were asked for
            group_by=(),
            replicates=20,
            permutations=1,
            seed=settings.seed,
            progress=progress,
            command=command,
        )
    return Answered(student, runs)


def reasons_given(answered: Answered, corpus: Corpus) -> pl.DataFrame:
    """The reasons that a student gave in the open form.

    Args:
        answered: a student that was asked.
        corpus: whose labels the answers are read as.

    Returns:
        ``utterance_id``, ``emotion`` as read (null where it is none), ``reason``; rows
        without a reason are left out.
    """
    said = answered.runs["open"].predictions().filter(pl.col("status") != "failed")
    if said.is_empty():
        return said.select("utterance_id", "emotion", "reason")
    read = read_form(said, corpus.label_space, "open").predictions
    named = read.select("utterance_id", "emotion", pl.col("reason").str.strip_chars())
    return named.filter(pl.col("reason").fill_null("") != "")
