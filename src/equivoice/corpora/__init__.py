"""Corpora: what is spoken, by whom, with which emotion, and how it may be split."""

from equivoice.corpora.balanced import Balanced, balanced_corpus, balanced_sample
from equivoice.corpora.card import Card, Fact
from equivoice.corpora.cards import card_names, card_of
from equivoice.corpora.check import Finding, check
from equivoice.corpora.corpus import Corpus, load_corpus, save_corpus
from equivoice.corpora.folds import Split, make_folds, most_folds, split, validation_split
from equivoice.corpora.labels import canonical, label_space
from equivoice.corpora.prepare import prepare
from equivoice.corpora.registry import FORMATS, corpus_names, source_of
from equivoice.corpora.source import Draft, Request, Source
from equivoice.corpora.voting import votes_in_words

__all__ = [
    "FORMATS",
    "Balanced",
    "Card",
    "Corpus",
    "Draft",
    "Fact",
    "Finding",
    "Request",
    "Source",
    "Split",
    "balanced_corpus",
    "balanced_sample",
    "canonical",
    "card_names",
    "card_of",
    "check",
    "corpus_names",
    "label_space",
    "load_corpus",
    "make_folds",
    "most_folds",
    "prepare",
    "save_corpus",
    "source_of",
    "split",
    "validation_split",
    "votes_in_words",
]
