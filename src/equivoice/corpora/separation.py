"""Whether the folds keep speakers apart, and what each part can show."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from equivoice.corpora.corpus import Corpus
from equivoice.corpora.finding import Finding, counted, finding, listed

__all__ = ["check_folds", "shared_speakers"]

_NOUN = {"female": "women", "male": "men"}


def shared_speakers(corpus: Corpus, fold: str) -> list[str]:
    """The speakers who stand in both training (or validation) and test of a fold.

    Example:
        >>> from equivoice.corpora.labels import label_space
        >>> rows = pl.DataFrame({"utterance_id": ["a", "b"], "speaker": ["x", "x"]})
        >>> folds = pl.DataFrame({"utterance_id": ["a", "b"], "fold": "1",
        ...                       "split": ["train", "test"]})
        >>> shared_speakers(Corpus("demo", label_space(["sad"]), rows, folds), "1")
        ['x']
    """
    rows = _rows(corpus, fold).drop_nulls("speaker")
    test = pl.col("split") == "test"
    tested = rows.filter(test).select("speaker").unique()
    seen = rows.filter(~test).select("speaker").unique()
    return tested.join(seen, on="speaker", how="semi").get_column("speaker").sort().to_list()


def check_folds(corpus: Corpus, groups: tuple[str, ...] = ("gender",)) -> list[Finding]:
    """Speakers in two parts, parts of one group only, labels missing from a part.

    Args:
        corpus: the corpus.
        groups: the attributes by which fairness will be looked at.
    """
    if not corpus.fold_names:
        return [
            finding(
                "warning",
                "no-folds",
                "the corpus has no folds, so nothing says what may be trained on",
            )
        ]
    found = list(_speaker_overlap(corpus))
    for fold in corpus.fold_names:
        rows = _rows(corpus, fold)
        for group in groups:
            found += _single_group(rows, fold, group)
        found += _missing_labels(corpus, rows, fold)
    return [*found, *_not_in_folds(corpus)]


def _rows(corpus: Corpus, fold: str) -> pl.DataFrame:
    entries = corpus.folds.filter(pl.col("fold") == fold).drop("fold")
    return corpus.utterances.join(entries, on="utterance_id", how="inner", maintain_order="left")


def _speaker_overlap(corpus: Corpus) -> Iterator[Finding]:
    unknown = corpus.utterances.get_column("speaker").null_count()
    total = corpus.utterances.height
    if unknown:
        message = (
            f"the speaker of {unknown} of {total} utterances is unknown; whether folds share "
            f"speakers cannot be computed for them"
        )
        yield finding("warning", "speaker-unknown", message)
    if unknown == total:
        return
    disjoint = []
    for fold in corpus.fold_names:
        shared = shared_speakers(corpus, fold)
        if not shared:
            disjoint.append(fold)
            continue
        tested = _rows(corpus, fold).filter(pl.col("split") == "test")
        speakers = tested.get_column("speaker").drop_nulls().n_unique()
        message = (
            f"fold {fold}: {len(shared)} of {speakers} test speakers also stand in "
            f"training ({listed(shared)}); scores there do not speak for new speakers"
        )
        yield finding("warning", "shared-speakers", message, shared)
    if disjoint:
        message = f"no speaker stands in both training and test in fold {listed(disjoint, 20)}"
        yield finding("note", "speaker-disjoint", message)


def _single_group(rows: pl.DataFrame, fold: str, group: str) -> Iterator[Finding]:
    if group not in rows.columns:
        return
    everywhere = rows.get_column(group).drop_nulls().n_unique()
    for part in ("train", "test"):
        members = rows.filter(pl.col("split") == part)
        held = members.get_column(group).drop_nulls().unique().to_list()
        if everywhere > 1 and len(held) == 1:
            word = _NOUN.get(str(held[0]), f"{group} {held[0]}")
            speakers = members.get_column("speaker").drop_nulls().unique().sort()
            message = (
                f"fold {fold}: the {part} part holds {word} only ({counted(members.height, 'utterance')}; "
                f"speakers {listed(speakers, 10)}), so no gap by {group} can be computed within it"
            )
            yield finding("warning", "single-group-fold", message, speakers)


def _missing_labels(corpus: Corpus, rows: pl.DataFrame, fold: str) -> Iterator[Finding]:
    for part in ("train", "test"):
        held = set(rows.filter(pl.col("split") == part).get_column("emotion").drop_nulls())
        missing = [name for name in corpus.label_space.names if name not in held]
        if missing:
            message = f"fold {fold}: the {part} part has no utterance that is {listed(missing)}"
            yield finding("warning", "label-missing", message)


def _not_in_folds(corpus: Corpus) -> Iterator[Finding]:
    outside = corpus.utterances.join(corpus.folds, on="utterance_id", how="anti")
    if outside.height:
        ids = outside.get_column("utterance_id")
        yield finding("note", "not-in-folds", f"in no fold: {counted(len(ids), 'utterance')}", ids)
