"""What the chain found on one corpus, as a page shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from equivoice.corpora import Corpus
from equivoice.evaluation.open_answers import Form
from equivoice.rationales.ground_run import Grounded
from equivoice.store.rationale_folder import RationaleFolder
from equivoice.studies.chain.answering import Answered
from equivoice.studies.chain.judging import Judged
from equivoice.studies.chain.settings import ChainSettings
from equivoice.studies.explainable.measuring import Measured

__all__ = ["Chain"]


@dataclass(frozen=True)
class Chain:
    """What the chain found on one corpus.

    Args:
        settings: how it was run.
        corpus: with folds.
        fold: whose training part was explained, and whose test part was asked about.
        written: what the teacher wrote, with what was planted in it.
        rationales: the teacher's folder, filtered.
        dropped: what each filter dropped, a row a filter.
        answered: each student with its answers.
        forms: scores in both forms with paired differences and word error rates, by seed.
        ablation: by form, score with and without reasons over seeds and speakers.
        grounded: the claims of teacher and students, held against the sound.
        judged: the first seed's reasons against either opponent's.
    """

    settings: ChainSettings
    corpus: Corpus
    fold: str
    written: pl.DataFrame
    rationales: RationaleFolder
    dropped: pl.DataFrame
    answered: tuple[Answered, ...]
    forms: Mapping[int, Measured]
    ablation: Mapping[Form, pl.DataFrame]
    grounded: Grounded
    judged: tuple[Judged, ...]
