"""Corpora: what is spoken, by whom, with which emotion, and how it may be split."""

from equivoice.corpora.card import Card, Fact
from equivoice.corpora.corpus import Corpus, load_corpus, save_corpus
from equivoice.corpora.labels import label_space

__all__ = ["Card", "Corpus", "Fact", "label_space", "load_corpus", "save_corpus"]
