"""Splits that keep speakers apart.

Everything is a function of the table and a seed: the order of rows changes
nothing, and the same seed gives the same split on any machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from equivoice.corpora.corpus import Corpus
from equivoice.errors import CorpusError
from equivoice.records import FOLDS

__all__ = ["Split", "make_folds", "most_folds", "split", "validation_split"]

_CANDIDATES = 200
_NO_GENDER = "(unknown)"


@dataclass(frozen=True)
class Split:
    """The utterances of one fold.

    Args:
        fold: the name of the fold.
        train: what a model may be fitted on.
        validation: what choices may be made on; ``None`` where there is none.
        test: what is reported.
        validation_made: whether the validation part was made here, out of the
            training part, and is not the corpus's own.
    """

    fold: str
    train: pl.DataFrame
    validation: pl.DataFrame | None
    test: pl.DataFrame
    validation_made: bool = False


def split(
    corpus: Corpus,
    fold: str,
    *,
    make_validation: bool = False,
    seed: int = 0,
    share: float = 0.2,
    by: str = "speaker",
) -> Split:
    """The training, validation and test utterances of a fold.

    Args:
        corpus: the corpus.
        fold: the name of the fold.
        make_validation: whether to make a validation part out of the training
            part where the corpus has none of its own.
        seed: for the validation part.
        share: of the speakers of each gender that go to validation.
        by: the column whose values are kept apart.

    Raises:
        CorpusError: there is no such fold, it has no test or train part, or no
            validation part can be made.
    """
    if fold not in corpus.fold_names:
        raise CorpusError(
            f"{corpus.name} has no such fold", value=fold, choices=corpus.fold_names or ("(none)",)
        )
    entries = corpus.folds.filter(pl.col("fold") == fold).select("utterance_id", "split")
    joined = corpus.utterances.join(entries, on="utterance_id", how="inner", maintain_order="left")
    parts = {name: joined.filter(pl.col("split") == name).drop("split") for name in _PARTS}
    for name in ("train", "test"):
        if parts[name].is_empty():
            raise CorpusError(f"fold {fold} of {corpus.name} has no {name} part")
    train, validation = parts["train"], parts["validation"]
    made = validation.is_empty() and make_validation
    if made:
        train, validation = validation_split(train, seed=seed, share=share, by=by)
    return Split(fold, train, None if validation.is_empty() else validation, parts["test"], made)


_PARTS = ("train", "validation", "test")


def validation_split(
    train: pl.DataFrame, *, seed: int, share: float = 0.2, by: str = "speaker"
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Take a validation part out of training utterances, speaker by speaker.

    From each gender ``share`` of the speakers, at least one where it has two; among
    random choices of them the one whose labels are spread most like the whole's.

    Args:
        train: utterances with ``speaker``, ``gender`` and ``emotion``.
        seed: of the random choices.
        share: between 0 and 1.
        by: the column whose values are kept apart.

    Returns:
        what remains for training, and the validation part, in the given order.

    Raises:
        CorpusError: unknown speakers, or fewer than two.

    Example:
        >>> table = pl.DataFrame({"speaker": ["a", "b", "c", "d"], "emotion": ["sad"] * 4,
        ...                       "gender": ["female", "female", "male", "male"]})
        >>> train, validation = validation_split(table, seed=1)
        >>> train.height, sorted(validation["gender"])
        (2, ['female', 'male'])
    """
    if not 0 < share < 1:
        raise CorpusError("the share for validation lies between 0 and 1", value=share)
    speakers = _speakers(train, by)
    _need_two(speakers, by)
    generator = np.random.default_rng(seed)
    sizes = _validation_sizes(speakers, share)
    candidates = [_draw(speakers, sizes, generator) for _ in range(_CANDIDATES)]
    best = min(candidates, key=lambda chosen: _mismatch(speakers, chosen))
    names = {speakers.names[index] for index in best}
    inside = train.get_column(by).cast(pl.String).is_in(list(names))
    return train.filter(~inside), train.filter(inside)


def most_folds(utterances: pl.DataFrame, *, at_most: int = 5, by: str = "speaker") -> int:
    """The number of folds in which each gender still stands in every test part.

    Raises:
        CorpusError: unknown speakers, or fewer than two.

    Example:
        >>> table = pl.DataFrame({"speaker": list("abcd"), "emotion": ["sad"] * 4,
        ...                       "gender": ["female", "female", "male", "male"]})
        >>> most_folds(table)
        2
    """
    speakers = _speakers(utterances, by)
    _need_two(speakers, by)
    fewest = min(speakers.genders.count(gender) for gender in set(speakers.genders))
    return min(at_most, fewest if fewest >= 2 else len(speakers.names))


def make_folds(
    utterances: pl.DataFrame, *, n_folds: int, seed: int, by: str = "speaker"
) -> pl.DataFrame:
    """Folds in which each speaker is tested once and never trained on meanwhile.

    Speakers are dealt out gender by gender, the largest first, each to the fold
    that has fewest of that gender and then to the one whose labels it balances best.

    Args:
        utterances: with ``utterance_id``, ``speaker``, ``gender`` and ``emotion``.
        n_folds: how many; at least 2 and at most the number of speakers.
        seed: decides between equally good places.
        by: the column whose values are kept apart.

    Returns:
        a table of ``records.FOLDS`` with folds ``1`` to ``n_folds``, train and test.

    Raises:
        CorpusError: unknown speakers, or fewer speakers than folds.
    """
    speakers = _speakers(utterances, by)
    _need_two(speakers, by)
    if not 2 <= n_folds <= len(speakers.names):
        raise CorpusError(
            f"{len(speakers.names)} speakers cannot be dealt out to {n_folds} folds",
            value=n_folds,
            hint=f"choose 2 to {len(speakers.names)} folds",
        )
    place = _deal(speakers, n_folds, np.random.default_rng(seed))
    home = pl.DataFrame({"_by": list(place), "_home": [number + 1 for number in place.values()]})
    rows = utterances.select("utterance_id", _by=pl.col(by).cast(pl.String))
    rows = rows.join(home, on="_by", how="left", maintain_order="left")
    tables = [
        rows.select(
            "utterance_id",
            fold=pl.lit(str(fold)),
            split=pl.when(pl.col("_home") == fold).then(pl.lit("test")).otherwise(pl.lit("train")),
        )
        for fold in range(1, n_folds + 1)
    ]
    return FOLDS.validate(pl.concat(tables))


@dataclass(frozen=True)
class _Speakers:
    """Speakers in the order of their names, with gender and label counts (S, K)."""

    names: list[str]
    genders: list[str]
    counts: NDArray[np.float64]


def _speakers(utterances: pl.DataFrame, by: str) -> _Speakers:
    if by not in utterances.columns:
        raise CorpusError(f"the utterances have no column {by!r}", column=by)
    unknown = utterances.get_column(by).null_count()
    if unknown:
        raise CorpusError(
            f"{unknown} of {utterances.height} utterances have no {by}, so nothing keeps them apart",
            column=by,
            hint="fill the column, leave them out, or keep another column apart (dialogue)",
        )
    gender = pl.col("gender") if "gender" in utterances.columns else pl.lit(None)
    rows = utterances.select(
        name=pl.col(by).cast(pl.String),
        gender=gender.cast(pl.String).fill_null(_NO_GENDER),
        emotion=pl.col("emotion").fill_null("(none)"),
    )
    names = rows.get_column("name").unique().sort().to_list()
    labels = rows.get_column("emotion").unique().sort().to_list()
    first = rows.group_by("name").agg(pl.col("gender").mode().sort().first())
    genders = dict(first.iter_rows())
    counts = np.zeros((len(names), len(labels)))
    for name, label, number in rows.group_by("name", "emotion").len().iter_rows():
        counts[names.index(name), labels.index(label)] = number
    return _Speakers(names, [genders[name] for name in names], counts)


def _need_two(speakers: _Speakers, by: str) -> None:
    if len(speakers.names) < 2:
        raise CorpusError(
            f"{len(speakers.names)} {by} is too few to keep two parts apart",
            column=by,
            hint="at least two are needed",
        )


def _validation_sizes(speakers: _Speakers, share: float) -> dict[str, int]:
    """How many speakers of each gender to take; at least one in all, never everybody."""
    totals = {gender: speakers.genders.count(gender) for gender in sorted(set(speakers.genders))}
    sizes = {
        gender: 0 if total == 1 else min(total - 1, max(1, round(share * total)))
        for gender, total in totals.items()
    }
    if not any(sizes.values()):  # one speaker of each gender: one of them has to go
        sizes[next(iter(sizes))] = 1
    return sizes


def _draw(
    speakers: _Speakers, sizes: dict[str, int], generator: np.random.Generator
) -> tuple[int, ...]:
    chosen: list[int] = []
    for gender, size in sizes.items():
        members = [index for index, held in enumerate(speakers.genders) if held == gender]
        chosen += generator.choice(members, size=size, replace=False).tolist()
    return tuple(sorted(chosen))


def _mismatch(speakers: _Speakers, chosen: Sequence[int]) -> float:
    """How far the chosen speakers' labels are spread from the whole's (total variation)."""
    whole = speakers.counts.sum(axis=0)
    part = speakers.counts[list(chosen)].sum(axis=0)
    return float(np.abs(part / part.sum() - whole / whole.sum()).sum() / 2)


def _excess(
    filled: NDArray[np.float64], counts: NDArray[np.float64], target: NDArray[np.float64]
) -> list[float]:
    """For each fold, how much farther from the even share these counts would take it."""
    after = np.abs(filled + counts - target).sum(axis=1)
    return [float(gain) for gain in after - np.abs(filled - target).sum(axis=1)]


def _deal(speakers: _Speakers, n_folds: int, generator: np.random.Generator) -> dict[str, int]:
    """From each speaker's name to the number of its fold, from 0."""
    target = speakers.counts.sum(axis=0) / n_folds
    filled = np.zeros((n_folds, speakers.counts.shape[1]))
    members: dict[str, list[int]] = {gender: [0] * n_folds for gender in set(speakers.genders)}
    total = [0] * n_folds
    shuffled = generator.permutation(len(speakers.names))
    order = sorted(
        shuffled.tolist(), key=lambda i: (speakers.genders[i], -speakers.counts[i].sum())
    )
    place: dict[str, int] = {}
    for index in order:
        held = members[speakers.genders[index]]
        excess = _excess(filled, speakers.counts[index], target)
        fold = min(range(n_folds), key=lambda k: (held[k], total[k], excess[k], k))
        place[speakers.names[index]] = fold
        filled[fold] += speakers.counts[index]
        held[fold] += 1
        total[fold] += 1
    return place
