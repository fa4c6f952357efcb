"""Whether labels, groups and speakers can be told apart.

A difference between two groups means little where the groups were also different
people who showed different emotions. These checks say so, cell by cell.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray

from equivoice.corpora.corpus import Corpus
from equivoice.corpora.finding import Finding, Severity, counted, finding, listed

__all__ = ["association", "check_balance"]

_UNEVEN_NOTE = 3.0
_UNEVEN_WARNING = 10.0
_SMALL_GROUP = 0.3
_ASSOCIATED = 0.2
_FEW_SPEAKERS = 5
_ONE_EMOTION = 0.5


def check_balance(corpus: Corpus, groups: tuple[str, ...] = ("gender",)) -> list[Finding]:
    """Imbalance of labels and groups, and groups confounded with emotion and speaker.

    Args:
        corpus: the corpus.
        groups: the attributes by which fairness will be looked at.
    """
    rows = corpus.utterances.drop_nulls("emotion")
    found = [*_labels(corpus, rows), *_two_genders(rows)]
    for group in groups:
        if group in rows.columns:
            found += _unknown(rows, group)
            found += _small_groups(rows, group)
            found += _confounding(rows, group)
    return found


def association(rows: pl.DataFrame, first: str, second: str) -> float:
    """Cramér's V of two columns: 0 where independent, 1 where one tells the other.

    Rows with a null in either are left out; NaN where a column has one value only.

    Example:
        >>> table = pl.DataFrame({"a": ["x", "x", "y", "y"], "b": ["s", "s", "t", "t"]})
        >>> association(table, "a", "b")
        1.0
    """
    counts = _cells(rows, first, second)
    if min(counts.shape) < 2:
        return float("nan")
    total = counts.sum()
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True) / total
    chi_square = float(((counts - expected) ** 2 / expected).sum())
    return float(np.sqrt(chi_square / (total * (min(counts.shape) - 1))))


def _cells(rows: pl.DataFrame, first: str, second: str) -> NDArray[np.float64]:
    known = rows.select(first, second).drop_nulls()
    left = known.get_column(first).unique().sort().to_list()
    right = known.get_column(second).unique().sort().to_list()
    counts = np.zeros((len(left), len(right)))
    for one, other, number in known.group_by(first, second).len().iter_rows():
        counts[left.index(one), right.index(other)] = number
    return counts


def _labels(corpus: Corpus, rows: pl.DataFrame) -> Iterator[Finding]:
    unlabelled = corpus.utterances.height - rows.height
    if unlabelled:
        yield finding(
            "note", "no-label", f"without a reference label: {counted(unlabelled, 'utterance')}"
        )
    counts = dict(rows.group_by("emotion").len().iter_rows())
    absent = [name for name in corpus.label_space.names if name not in counts]
    if absent:
        yield finding("warning", "label-absent", f"no utterance of the corpus is {listed(absent)}")
    if not counts:
        return
    most, least = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
    ratio = counts[most] / counts[least]
    if ratio >= _UNEVEN_NOTE:
        message = (
            f"labels are uneven: {counts[most]} utterances are {most}, {counts[least]} are {least} "
            f"({ratio:.1f} to 1)"
        )
        severity: Severity = "warning" if ratio >= _UNEVEN_WARNING else "note"
        yield finding(severity, "label-imbalance", message)


def _two_genders(rows: pl.DataFrame) -> Iterator[Finding]:
    both = (
        rows.drop_nulls(["speaker", "gender"])
        .group_by("speaker")
        .agg(pl.col("gender").n_unique())
        .filter(pl.col("gender") > 1)
        .get_column("speaker")
        .sort()
    )
    if len(both):
        message = f"{counted(len(both), 'speaker')} with two genders: {listed(both)}"
        yield finding("warning", "speaker-two-genders", message, both)


def _unknown(rows: pl.DataFrame, group: str) -> Iterator[Finding]:
    unknown = rows.get_column(group).null_count()
    if unknown:
        message = f"{group} is unknown for {unknown} of {rows.height} labelled utterances"
        yield finding("note", f"{group}-unknown", message)


def _small_groups(rows: pl.DataFrame, group: str) -> Iterator[Finding]:
    known = rows.drop_nulls(group)
    table = known.group_by(group).agg(
        pl.len(), pl.col("speaker").drop_nulls().n_unique().alias("speakers")
    )
    for name, number, speakers in table.sort(group).iter_rows():
        if number / known.height < _SMALL_GROUP and table.height > 1:
            message = (
                f"{group} {name} makes {number / known.height:.0%} of the utterances "
                f"({number} of {known.height})"
            )
            yield finding("warning", "group-imbalance", message)
        if 0 < speakers < _FEW_SPEAKERS:
            message = f"{group} {name} has {counted(speakers, 'speaker')}: too few to tell the group from the people"
            yield finding("warning", "few-speakers", message)


def _confounding(rows: pl.DataFrame, group: str) -> Iterator[Finding]:
    known = rows.drop_nulls(group)
    if known.get_column(group).n_unique() < 2:
        return
    empty = _empty_cells(known, group)
    strength = association(known, group, "emotion")
    if not empty and not strength >= _ASSOCIATED:
        return
    parts = [
        f"{group} is confounded with emotion (Cramér's V {strength:.2f})"
        + (" and with speaker" if _by_speaker(known) else ""),
        f"empty: {listed(empty, 20)}" if empty else "no cell is empty",
        *_narrow_emotions(known, group),
    ]
    message = (
        "; ".join(parts) + f". A difference by {group} here may be one of emotion or of speaker."
    )
    yield finding("warning", "confounded-group", message)


def _empty_cells(known: pl.DataFrame, group: str) -> list[str]:
    held = set(known.select(group, "emotion").unique().iter_rows())
    groups = known.get_column(group).unique().sort().to_list()
    emotions = known.get_column("emotion").unique().sort().to_list()
    return [
        f"{name} × {label}" for name in groups for label in emotions if (name, label) not in held
    ]


def _by_speaker(known: pl.DataFrame) -> bool:
    """Whether most speakers show one emotion only, so that speaker tells emotion."""
    emotions = known.drop_nulls("speaker").group_by("speaker").agg(pl.col("emotion").n_unique())
    alone = emotions.filter(pl.col("emotion") == 1).height
    return emotions.height > 0 and alone / emotions.height >= _ONE_EMOTION


def _narrow_emotions(known: pl.DataFrame, group: str) -> list[str]:
    """Emotions that come from few speakers of a group, said in words."""
    cells = (
        known.drop_nulls("speaker")
        .group_by("emotion", group)
        .agg(pl.len().alias("utterances"), pl.col("speaker").unique().sort())
        .sort("emotion", group)
    )
    return [
        f"{emotion} × {name}: {counted(utterances, 'utterance')} by {counted(len(speakers), 'speaker')} "
        f"({listed(speakers)})"
        for emotion, name, utterances, speakers in cells.iter_rows()
        if len(speakers) < _FEW_SPEAKERS
    ]
