"""The speech that the models learn from and answer about: made here, or prepared corpora."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from equivoice.corpora import Corpus
from equivoice.corpora.corpus import load_corpus, save_corpus
from equivoice.corpora.folds import split
from equivoice.corpora.synthetic import Biases, Noise, make_synthetic
from equivoice.errors import ConfigError, CorpusError
from equivoice.uncertainty import FEWEST_UNITS

__all__ = [
    "check_unheard",
    "made_speech",
    "tested_utterances",
    "with_labels",
    "with_one_fold",
    "with_shared_labels",
]

_UNFINISHED = "corpus.json"
_PLANTED = replace(Biases.none(), noise=Noise("female", snr_db=-20.0, language="ja"))


def made_speech(
    out: Path,
    *,
    seed: int = 0,
    speakers: int = 72,
    per_speaker: int = 8,
    tested: int = FEWEST_UNITS,
    biases: Biases | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Corpus:
    """Speech in three languages with a planted bias, and one fold with enough test speakers.

    Args:
        out: the sound goes to ``out/synthetic``, the corpus to ``out/corpora/synthetic``.
        seed: decides everything that is drawn.
        speakers: in all; a sixth of them of each gender in each language.
        per_speaker: utterances of each speaker.
        tested: test speakers of each gender in each language; with fewer than by default
            there are no intervals. Of the others a third chooses checkpoints.
        biases: what is planted; by default Japanese women are recorded in loud babble: one
            language is worst by far, and so much so that a small model shows it. See
            :class:`~equivoice.corpora.synthetic.Biases`.
        progress: is called with the number of speakers done and in all.

    Raises:
        ConfigError: too few speakers.
    """
    made = make_synthetic(
        out / "synthetic",
        seed=seed,
        speakers=speakers,
        per_speaker=per_speaker,
        biases=_PLANTED if biases is None else biases,
        progress=progress,
    )
    return _kept(with_one_fold(made, tested), out / "corpora" / made.name)


def with_one_fold(corpus: Corpus, tested: int) -> Corpus:
    """The corpus with one fold, ``1``, that tests so many speakers of each gender and language.

    Args:
        corpus: whose speakers have a gender and a language.
        tested: how many; of the others a third chooses, at least one.

    Raises:
        ConfigError: too few speakers to test, to choose and to train on.
    """
    parts = {}
    who = corpus.utterances.select("language", "gender", "speaker").unique()
    for (language, gender), own in who.group_by("language", "gender"):
        # the voices of a corpus are drawn apart, so their names draw as well as lots
        names = sorted(own.get_column("speaker"), key=lambda name: (len(name), name))
        chosen = tested + max(1, (len(names) - tested) // 3)
        if len(names) <= chosen:
            raise ConfigError(
                f"{language}, {gender}: {len(names)} speakers are too few to test {tested}, to "
                "choose by one and to train on one",
                value=len(names),
                hint="make more speakers, or test fewer",
            )
        for place, name in enumerate(names):
            parts[name] = "test" if place < tested else "validation" if place < chosen else "train"
    folds = corpus.utterances.select(
        "utterance_id",
        fold=pl.lit("1"),
        split=pl.col("speaker").replace_strict(parts, return_dtype=pl.String),
    )
    return replace(corpus, folds=folds, provenance={**corpus.provenance, "tested_a_group": tested})


def with_shared_labels(corpora: Sequence[Corpus], out: Path) -> list[Corpus]:
    """The corpora with the labels that all of them have, so that one model can be asked of all.

    Args:
        corpora: one or several. Where they have the same labels they are given back.
        out: corpora that lose utterances are kept in ``out/corpora``, and found there again.

    Raises:
        ConfigError: two corpora of one name, or fewer than two labels in common.
        StorageError: a corpus cannot be written.
    """
    names = [corpus.name for corpus in corpora]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError("two corpora have the same name", value=twice[0])
    every = [set(corpus.label_space.names) for corpus in corpora]
    shared = [name for name in corpora[0].label_space.names if all(name in own for own in every)]
    if len(shared) < 2:
        raise ConfigError(
            "the corpora have too few labels in common",
            value=", ".join(shared) or "none",
            hint="take corpora that share two labels or more",
        )
    return [with_labels(corpus, shared, out / "corpora" / corpus.name) for corpus in corpora]


def with_labels(corpus: Corpus, labels: Sequence[str], place: Path) -> Corpus:
    """The corpus with some of its labels.

    Args:
        corpus: given back as it is where it has no others.
        labels: those that are kept.
        place: where a corpus that loses utterances is kept, and found again.

    Raises:
        ConfigError: the corpus lacks one of them.
        StorageError: the corpus cannot be written.
    """
    own = corpus.label_space.names
    lacking = [label for label in labels if label not in own]
    if lacking:
        raise ConfigError(f"{corpus.name} has no such label", value=lacking[0], choices=own)
    return corpus if set(own) == set(labels) else _kept(_restricted(corpus, labels), place)


def _restricted(corpus: Corpus, labels: Sequence[str]) -> Corpus:
    known = corpus.utterances.filter(pl.col("emotion").is_in(list(labels)))
    lost = corpus.utterances.height - known.height
    return replace(
        corpus,
        label_space=corpus.label_space.restrict(labels),
        utterances=known,
        folds=corpus.folds.join(known, on="utterance_id", how="semi"),
        votes=None,
        left_out={**corpus.left_out, "label that not all corpora have": lost},
        provenance={**corpus.provenance, "restricted_to": list(labels)},
    )


def _kept(corpus: Corpus, place: Path) -> Corpus:
    if (place / _UNFINISHED).is_file():
        found = load_corpus(place)
        if found.provenance == corpus.provenance:
            return found
    return load_corpus(save_corpus(corpus, place))


def tested_utterances(corpora: Sequence[Corpus], folds: Sequence[str]) -> pl.DataFrame:
    """The test parts of folds, all corpora together.

    Raises:
        CorpusError: a corpus has no such fold.
    """
    parts = []
    for corpus in corpora:
        missing = [fold for fold in folds if fold not in corpus.fold_names]
        if missing:
            raise CorpusError(
                f"{corpus.name} has no such fold", value=missing[0], choices=corpus.fold_names
            )
        parts += [
            split(corpus, fold).test.with_columns(corpus=pl.lit(corpus.name)) for fold in folds
        ]
    return pl.concat(parts, how="diagonal_relaxed")


def check_unheard(tested: pl.DataFrame, before: Sequence[Corpus], fold: str) -> None:
    """Refuse to test on what models have learnt from before.

    Args:
        tested: the test utterances of all folds.
        before: what models learn from before.
        fold: whose training part that is.

    Raises:
        ConfigError: a sound is in both.
    """
    for corpus in before:
        learnt = corpus.folds.filter(pl.col("split") != "test", fold=fold)
        heard = corpus.utterances.join(learnt, on="utterance_id", how="semi")
        place = [name for name in ("audio", "start") if name in tested.columns]
        both = tested.join(heard.select(place), on=place, how="semi", nulls_equal=True)
        if not both.is_empty():
            raise ConfigError(
                f"models would be tested on what they learn from before ({corpus.name})",
                value=str(both.item(0, "utterance_id")),
                hint="one fold alone, or other corpora to learn from before",
            )
