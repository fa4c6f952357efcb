"""What the study of fair fine-tuning found, as a page shows it."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from equivoice.corpora import Corpus
from equivoice.studies.fair.answering import Answered
from equivoice.studies.fair.settings import FairSettings

__all__ = ["FairTraining"]


@dataclass(frozen=True)
class FairTraining:
    """What the study found.

    Args:
        settings: what was compared.
        corpora: what was learnt from and asked about.
        answered: each trained model, with what it answered.
        reference: the utterances that were asked about.
        estimates: score against worst gap, and differences between methods.
        pretrained: what the models had learnt from before, all methods alike.
    """

    settings: FairSettings
    corpora: tuple[Corpus, ...]
    answered: tuple[Answered, ...]
    reference: pl.DataFrame
    estimates: pl.DataFrame
    pretrained: tuple[Corpus, ...] = ()
