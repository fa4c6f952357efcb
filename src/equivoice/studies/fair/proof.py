"""How little a small study proves, in sentences with its own numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from equivoice.corpora import Corpus
from equivoice.corpora.synthetic.plan import CORPUS
from equivoice.reports.formatting import count, interval, percent, why
from equivoice.reports.rows import Estimate, pick
from equivoice.studies.fair.settings import FairSettings

__all__ = ["limits"]

_MINUS = " − "
_SYNTHETIC = (
    "The speech is synthetic and its bias was planted: what is found here shows that the method "
    "does its work on such speech, and nothing about people."
)
_SMALL = (
    "The models are small and began with random weights. Nothing follows about large models that "
    "know much before they are fine-tuned."
)
_PRETRAINED = (
    "The models are small, and what they knew before they had learnt from {utterances} of {names} "
    "(ERM, one model a seed). Nothing follows about large models that know much more."
)
_FLAT = (
    "A model that hardly does better than guessing has small gaps for want of skill. Read a gap "
    "beside its score."
)


def limits(
    reference: pl.DataFrame,
    rows: Sequence[Estimate],
    settings: FairSettings,
    corpora: Sequence[Corpus],
    *,
    pretrained: Sequence[Corpus] = (),
) -> Iterator[str]:
    """What a reader must not conclude, one sentence each.

    Args:
        reference: the test utterances.
        rows: score against worst gap, and differences between methods.
        settings: what was compared.
        corpora: what was learnt from.
        pretrained: what the models had learnt from before.
    """
    yield _sizes(reference, settings)
    yield from _undetected(rows)
    yield from _chance(rows, corpora[0])
    if any(corpus.name == CORPUS for corpus in corpora):
        yield _SYNTHETIC
    if settings.cell == "corpus" and len(corpora) > 1:
        yield (
            "Each corpus has its own language, speakers, sentences and recording: a difference "
            "between cells cannot be put down to any one of these."
        )
    yield _began(pretrained)


def _began(pretrained: Sequence[Corpus]) -> str:
    if not pretrained:
        return _SMALL
    heard = sum(corpus.utterances.height for corpus in pretrained)
    names = ", ".join(dict.fromkeys(corpus.name for corpus in pretrained))
    return _PRETRAINED.format(utterances=count(heard, "utterance"), names=names)


def _sizes(reference: pl.DataFrame, settings: FairSettings) -> str:
    by = [settings.cell, settings.attribute]
    known = reference.drop_nulls(by)
    speakers = known.get_column("speaker").n_unique() if "speaker" in known.columns else 0
    cells = known.group_by(by).agg(
        pl.col("speaker").n_unique() if speakers else pl.len().alias("speaker"),
        pl.len().alias("utterances"),
    )
    fewest = cells.sort("speaker", "utterances", *by).row(0, named=True)
    where = f"{fewest[settings.cell]}, {fewest[settings.attribute]}"
    folds = count(len(settings.folds), "fold")
    return (
        f"Tested on {count(known.height, 'utterance')} of {count(speakers, 'speaker')} "
        f"({folds}), {count(fewest['speaker'], 'speaker')} where there are fewest ({where}), with "
        f"{count(len(settings.seeds), 'seed')}. Intervals are over these speakers and seeds: other "
        "corpora, other recipes and models that began otherwise are not in them."
    )


def _undetected(rows: Sequence[Estimate]) -> Iterator[str]:
    """Which differences between methods could be chance, and which could not be judged."""
    for row in pick(rows, quantity="comparison"):
        if row.value is None or row.excludes_zero:
            continue
        first, _, second = (row.system or "").partition(_MINUS)
        what = "the worst gap" if row.class_aggregator else "the score"
        if row.low is None or row.high is None:
            yield (
                f"Whether {first} and {second} differ in {what} cannot be judged: no interval can "
                f"be given ({why(row.undefined)})."
            )
            continue
        yield (
            f"{first} and {second} may well be alike in {what}: the interval of their difference, "
            f"{interval(row.low, row.high, sign=True)} points, contains 0."
        )


def _chance(rows: Sequence[Estimate], corpus: Corpus) -> Iterator[str]:
    """Methods whose score cannot be told from guessing, where there are such."""
    classes = len(corpus.label_space.names)
    guess = 1 / classes
    weak = [
        f"{row.system} ({percent(row.value)}%)"
        for row in pick(rows, quantity="score")
        if row.run is None
        and row.value is not None
        and (row.value if row.low is None else row.low) <= guess
    ]
    if weak:
        yield (
            f"Cannot be told from guessing among {count(classes, 'label')} "
            f"({percent(guess)}%): {', '.join(weak)}. {_FLAT}"
        )
