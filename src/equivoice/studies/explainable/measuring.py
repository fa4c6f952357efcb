"""What the study measures: answers read in their form, the four readings, word error rates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from equivoice.corpora import Corpus, load_corpus
from equivoice.errors import ConfigError, InputError
from equivoice.evaluation.ensemble.members import read_entry, read_source
from equivoice.evaluation.forms import FormEntry, FormScores, score_forms
from equivoice.evaluation.open_answers import Form, FormReading, Readers, read_form
from equivoice.evaluation.reference_votes import (
    NoConsensus,
    ReferenceVotes,
    gather_votes,
    heard_channel,
)
from equivoice.evaluation.transcripts import gives_transcripts, transcript_scores
from equivoice.records import VOTES, LabelSpace, read_frame

__all__ = ["FormSettings", "Measured", "measure_forms"]

Watch = Callable[[str], None]


@dataclass(frozen=True)
class FormSettings:
    """How the study scores.

    Args:
        baseline: the system that the others are compared with.
        channel: of the votes; the voice's by default.
        no_consensus: the crowd's label where there is no majority, in the reading of all labels.
        replicates: bootstrap replicates.
        permutations: arrangements of a permutation test.
        level: nominal coverage of the intervals.
        seed: of all draws.
    """

    baseline: str | None = None
    channel: str | None = None
    no_consensus: NoConsensus = "random"
    replicates: int = 2_000
    permutations: int = 1_000
    level: float = 0.95
    seed: int = 0

    @property
    def certainty(self) -> dict[str, Any]:
        """How intervals and tests are made."""
        names = ("replicates", "permutations", "level", "seed")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class Measured:
    """What was found.

    Args:
        corpus: the name of the corpus.
        scores: of every system in every form.
        readings: from a system and its form to how its answers were read; none for a system
            that gave labels without words.
        transcripts: an ESTIMATES table of word error rates; empty where nobody transcribes.
    """

    corpus: str
    scores: FormScores
    readings: Mapping[tuple[str, Form], FormReading]
    transcripts: pl.DataFrame


def measure_forms(
    runs: Mapping[Form, Sequence[str]],
    reference: str | Path | Corpus,
    settings: FormSettings,
    *,
    votes: str | Path | None = None,
    readers: Readers | None = None,
    watch: Watch = lambda _: None,
) -> Measured:
    """Read and score the answers of every run in its form.

    Args:
        runs: by form, entries as ``NAME=RUN#SYSTEM``.
        reference: a prepared corpus, or a table.
        settings: how it is scored.
        votes: a table of votes; those of the corpus by default.
        readers: language models that read answers; a lexicon and the parser by default.
        watch: told what is at work.

    Raises:
        ConfigError: nothing to score, or an entry that names several systems.
        InputError: no predictions, labels or votes where they are needed.
    """
    corpus = reference if isinstance(reference, Corpus) else load_corpus(reference)
    entries: list[FormEntry] = []
    readings: dict[tuple[str, Form], FormReading] = {}
    for form, texts in runs.items():
        for text in texts:
            system, given = _predictions(text, corpus.label_space)
            watch(f"reading {system}, {form} form")
            read = _read(given, corpus.label_space, form, readers)
            if read is not None:
                readings[system, form] = read
            entries.append(FormEntry(system, form, given if read is None else read.predictions))
    scores = score_forms(
        entries,
        corpus.utterances,
        corpus.label_space,
        votes=_votes(corpus, votes, settings),
        baseline=settings.baseline,
        no_consensus=settings.no_consensus,
        watch=watch,
        **settings.certainty,
    )
    watch("word error rates")
    return Measured(corpus.name, scores, readings, _transcripts(entries, corpus, settings))


def _predictions(text: str, labels: LabelSpace) -> tuple[str, pl.DataFrame]:
    """The name and the answers of one entry."""
    members = read_source(read_entry(text), labels).members
    if len(members) != 1:
        raise ConfigError(
            f"an entry is one system under one set of conditions, and this names {len(members)}",
            value=text,
            choices=[member.name for member in members],
            hint="name one: NAME=RUN#SYSTEM",
        )
    return members[0].name, members[0].predictions


def _read(
    given: pl.DataFrame, labels: LabelSpace, form: Form, readers: Readers | None
) -> FormReading | None:
    """The answers as they are read; ``None`` for a system that gave labels without words."""
    if "response" not in given.columns or given.get_column("response").is_null().all():
        return None
    return read_form(given, labels, form, readers=readers)


def _votes(
    corpus: Corpus, given: str | Path | None, settings: FormSettings
) -> ReferenceVotes | None:
    table = corpus.votes if given is None else read_frame(given, text=VOTES.text_columns)
    if table is None:
        if settings.channel is not None:
            raise InputError("a channel of votes is named, and there are no votes")
        return None
    return gather_votes(
        table,
        corpus.label_space,
        corpus.utterances.get_column("utterance_id").to_list(),
        channel=heard_channel(table, settings.channel, file=given),
        unknown="other",
        file=given,
    )


def _transcripts(
    entries: Sequence[FormEntry], corpus: Corpus, settings: FormSettings
) -> pl.DataFrame:
    """Word error rates of those that transcribe, each under its name and form."""
    told = [
        replace(
            entry,
            predictions=entry.predictions.with_columns(
                system=pl.lit(entry.system), prompt=pl.lit(entry.form)
            ),
        )
        for entry in entries
        if gives_transcripts(entry.predictions)
    ]
    truth = corpus.utterances
    if not told or "transcript" not in truth.columns or truth["transcript"].is_null().all():
        return pl.DataFrame()
    together = pl.concat([entry.predictions for entry in told], how="diagonal_relaxed")
    return transcript_scores(together, truth, **settings.certainty)
