"""The folds that a corpus without its own is given, the same for all who learn from it."""

from __future__ import annotations

from dataclasses import replace

from equivoice.corpora.corpus import Corpus
from equivoice.corpora.folds import make_folds, most_folds
from equivoice.inference.seeds import seed_for

__all__ = ["DEFAULT_FOLDS", "FOLD_SEED", "with_default_folds"]

DEFAULT_FOLDS = 5
FOLD_SEED = 0


def with_default_folds(corpus: Corpus) -> tuple[Corpus, int]:
    """A corpus with folds, and how many were made; 0 where it has its own.

    They keep speakers apart, and are those that ``benchmark`` makes by default.

    Raises:
        CorpusError: speakers are unknown, or there are fewer than two.
    """
    if not corpus.folds.is_empty():
        return corpus, 0
    number = most_folds(corpus.utterances, at_most=DEFAULT_FOLDS)
    seed = seed_for(FOLD_SEED, "folds", corpus.name)
    return replace(corpus, folds=make_folds(corpus.utterances, n_folds=number, seed=seed)), number
