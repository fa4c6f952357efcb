"""Parts with equally many utterances of each emotion, drawn by seed.

A score on such a part says how well a system tells emotions apart where none of them is
rarer than another: ABHINAYA (§4.1) chooses checkpoints on "a balanced validation set,
using the same number of utterances (326) for each of the 8 emotion classes", and the
challenge's test set is balanced too. The utterances that are left out stay in the
corpus, in no part of the fold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from equivoice.corpora.corpus import Corpus
from equivoice.corpora.limiting import draw
from equivoice.errors import ConfigError, CorpusError
from equivoice.records import LabelSpace

__all__ = ["Balanced", "balanced_corpus", "balanced_sample"]

_PARTS = ("validation", "test")


@dataclass(frozen=True)
class Balanced:
    """What was drawn.

    Args:
        utterances: those that were drawn, in the order given.
        per_class: how many of each label.
        absent: labels of the space that no utterance has.
        left_out: how many utterances were left out, by reason.
    """

    utterances: pl.DataFrame
    per_class: int
    absent: tuple[str, ...]
    left_out: dict[str, int]


def balanced_sample(
    utterances: pl.DataFrame,
    labels: LabelSpace,
    *,
    per_class: int | None = None,
    seed: int = 0,
    name: str = "the utterances",
) -> Balanced:
    """Equally many utterances of each label that occurs, drawn by a hash of seed and id.

    The draw depends on the seed and the ids, not on the order of the rows nor on what else
    is there: of two seeds' draws neither is better.

    Args:
        utterances: rows with ``utterance_id`` and ``emotion``; those without a label are
            left out.
        labels: the label space.
        per_class: how many of each; as many as the rarest label has by default.
        seed: of the draw.
        name: what is drawn from, for messages.

    Raises:
        CorpusError: no labelled utterance, or a label with fewer than ``per_class``.
        ConfigError: ``per_class`` is below 1.

    Example:
        >>> from equivoice.records import Label
        >>> space = LabelSpace("demo", (Label("angry"), Label("sad")))
        >>> table = pl.DataFrame({"utterance_id": [f"a/{i}" for i in range(5)],
        ...                       "emotion": ["angry", "sad", "sad", "sad", None]})
        >>> made = balanced_sample(table, space, seed=1)
        >>> sorted(made.utterances["emotion"]), made.left_out
        (['angry', 'sad'], {'without a label': 1, 'not drawn': 2})
    """
    if per_class is not None and per_class < 1:
        raise ConfigError("per_class: a label needs at least one utterance", value=per_class)
    known = utterances.filter(pl.col("emotion").is_not_null())
    counts = dict(known.group_by("emotion").len().iter_rows())
    if not counts:
        raise CorpusError(f"{name}: no utterance has a label", column="emotion")
    number = min(counts.values()) if per_class is None else per_class
    short = {label: have for label, have in sorted(counts.items()) if have < number}
    if short:
        raise CorpusError(
            f"{name} cannot hold {number} utterances of each emotion",
            value=", ".join(f"{label}: {have}" for label, have in short.items()),
            hint=f"ask for at most {min(counts.values())}",
        )
    draws = [draw(seed, each) for each in known.get_column("utterance_id")]
    ranked = known.select("utterance_id", "emotion", draw=pl.Series(draws, dtype=pl.String))
    drawn = ranked.filter(pl.col("draw").rank("ordinal").over("emotion") <= number)
    kept = utterances.join(drawn, on="utterance_id", how="semi", maintain_order="left")
    left = {
        "without a label": utterances.height - known.height,
        "not drawn": known.height - kept.height,
    }
    absent = tuple(each for each in labels.names if each not in counts)
    return Balanced(kept, number, absent, {why: n for why, n in left.items() if n})


def balanced_corpus(
    corpus: Corpus,
    *,
    parts: Sequence[str] = _PARTS,
    per_class: int | None = None,
    seed: int = 0,
) -> tuple[Corpus, list[str]]:
    """The corpus with balanced validation and test parts in each fold.

    Training parts stay as they are. A fold that lacks one of the parts keeps lacking it.

    Args:
        corpus: with folds.
        parts: which parts are balanced.
        per_class: how many utterances of each emotion; as many as a part's rarest emotion
            has by default.
        seed: of the draws.

    Returns:
        the corpus, and a sentence on each part of each fold.

    Raises:
        ConfigError: an unknown part, or ``per_class`` below 1.
        CorpusError: no folds, none of the parts in any of them, or too few utterances.
    """
    unknown = [part for part in parts if part not in _PARTS]
    if unknown or not parts:
        raise ConfigError(
            "part: only these can be balanced", value=next(iter(unknown), None), choices=_PARTS
        )
    notes: list[str] = []
    kept = [corpus.folds.filter(~pl.col("split").is_in(list(parts)))]
    for fold in corpus.fold_names:
        for part in parts:
            own = corpus.folds.filter((pl.col("fold") == fold) & (pl.col("split") == part))
            if own.is_empty():
                continue
            rows = corpus.utterances.join(own, on="utterance_id", how="semi", maintain_order="left")
            where = f"the {part} part of fold {fold} of {corpus.name}"
            made = balanced_sample(
                rows, corpus.label_space, per_class=per_class, seed=seed, name=where
            )
            kept.append(own.join(made.utterances, on="utterance_id", how="semi"))
            notes.append(_told(made, where))
    if not notes:
        raise CorpusError(
            f"no fold of {corpus.name} has a part to balance ({', '.join(parts)})",
            hint="prepare it with --folds, or name another part",
        )
    folds = pl.concat(kept).sort("fold", "split", "utterance_id")
    provenance = {**corpus.provenance, "balanced": {"parts": list(parts), "seed": seed}}
    return replace(corpus, folds=folds, provenance=provenance), notes


def _told(made: Balanced, where: str) -> str:
    emotions = made.utterances.get_column("emotion").n_unique()
    absent = f"; none of {', '.join(made.absent)}" if made.absent else ""
    left = sum(made.left_out.values())
    return f"{where}: {made.per_class} of each of {emotions} emotions, {left} left out{absent}"
