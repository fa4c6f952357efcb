"""How little a chain with a scripted teacher and a small student proves, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from equivoice.corpora.folds import split
from equivoice.corpora.synthetic.plan import CORPUS
from equivoice.reports.formatting import count, percent
from equivoice.reports.rows import pick, read_estimates
from equivoice.studies.chain.found import Chain
from equivoice.studies.chain.settings import ARMS

__all__ = ["limits"]

_TEACHER = (
    "The teacher is scripted. It writes the two things that are measured clearest, in a dozen "
    "wordings, and makes nothing of the label: its reasons do not explain the emotion, and whatever "
    "they do for a student's score says nothing about the reasons of a model that does."
)
_GROUNDING = (
    "Teacher, grounding and judge share their measurements. That the teacher's claims hold (but for "
    "those that are wrong on purpose) is so by construction; of the student's claims it is not."
)
_JUDGE = (
    "The judge is scripted and counts claims that the sound bears out. No person and no language "
    "model was asked."
)
_SYNTHETIC = (
    "The speech is synthetic: its prosody was made from its label. What is found here shows that "
    "the chain does its work on such speech, and nothing about people."
)
_TRANSCRIPTS = (
    "The corpus has {sentences} sentences, and a student can learn them by heart: word error rates "
    "say which of them it takes an utterance for, not how well it would transcribe others."
)
_FEW_SENTENCES = 100


def limits(chain: Chain) -> Iterator[str]:
    """What a reader must not conclude, one sentence each.

    Args:
        chain: what was found on a corpus.
    """
    yield _TEACHER
    yield _GROUNDING
    yield _JUDGE
    yield from _sizes(chain)
    yield from _guessing(chain)
    if chain.corpus.name == CORPUS:
        yield _SYNTHETIC
    texts = chain.corpus.utterances.get_column("transcript").drop_nulls().n_unique()
    if texts < _FEW_SENTENCES:
        yield _TRANSCRIPTS.format(sentences=count(texts))


def _sizes(chain: Chain) -> Iterator[str]:
    test = split(chain.corpus, chain.fold).test
    speakers = test.get_column("speaker").drop_nulls().n_unique()
    yield (
        f"{count(test.height, 'utterance')} of {count(speakers, 'speaker')} were asked about, in one "
        f"fold, with {count(len(chain.settings.seeds), 'seed')}, by a model with half a million weights. "
        "Nothing follows about large models that know much before they are fine-tuned."
    )


def _guessing(chain: Chain) -> Iterator[str]:
    """Which half cannot be told from guessing, in the form it learnt in."""
    classes = len(chain.corpus.label_space.names)
    rows = read_estimates(chain.ablation["open"].filter(pl.col("run").is_null()))
    for arm in ARMS:
        for row in pick(rows, quantity="score", system=arm):
            low = row.value if row.low is None else row.low
            if low is not None and row.value is not None and low <= 1 / classes:
                yield (
                    f"The student {arm} ({percent(row.value)}%) cannot be told from guessing among "
                    f"{count(classes, 'label')} ({percent(1 / classes)}%): what it says of the "
                    "emotion is of little worth."
                )
