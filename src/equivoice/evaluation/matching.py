"""Predictions meet their references: joined by key, with everything left out counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from equivoice.errors import InputError, LabelError
from equivoice.fairness import Grouping, group_items
from equivoice.metrics import UNPARSED, IntArray
from equivoice.records import PREDICTIONS, UTTERANCES, Label, LabelSpace

__all__ = ["Items", "Matched", "label_space_of", "match", "to_items"]

_ATTRIBUTES_OF_BOTH = ("emotion", "transcript", "valence", "arousal", "dominance")


@dataclass(frozen=True)
class Matched:
    """Predictions with the reference and the attributes of their utterance.

    Args:
        frame: a row a prediction: its conditions, ``predicted`` and ``reference``
            (labels), and the attributes of the utterance.
        left_out: how many rows were left out, by reason.
        utterances: how many utterances with a reference label there are, by corpus.
    """

    frame: pl.DataFrame
    left_out: Mapping[str, int]
    utterances: Mapping[str | None, int]


@dataclass(frozen=True)
class Items:
    """What is scored together, as codes.

    Args:
        reference: (n,) class codes.
        predicted: (n,) class codes, or UNPARSED.
        speakers: (n,) speaker codes, or ``None`` where no speaker is known.
        groupings: the groups of the items, one entry a grouping.
        n_classes: K.
    """

    reference: IntArray
    predicted: IntArray
    speakers: IntArray | None
    groupings: tuple[Grouping, ...]
    n_classes: int

    def subset(self, rows: IntArray) -> Items:
        """These items only; groups keep their codes."""
        return Items(
            self.reference[rows],
            self.predicted[rows],
            None if self.speakers is None else self.speakers[rows],
            tuple(
                replace(
                    grouping,
                    codes=grouping.codes[rows],
                    unknown=int((grouping.codes[rows] < 0).sum()),
                )
                for grouping in self.groupings
            ),
            self.n_classes,
        )


def label_space_of(reference: pl.DataFrame) -> LabelSpace:
    """The labels that stand in a reference table, in alphabetical order.

    Raises:
        InputError: no row has a label.
    """
    names = sorted(reference.get_column("emotion").drop_nulls().unique().to_list())
    if not names:
        raise InputError("no reference utterance has a label", column="emotion")
    return LabelSpace("reference", tuple(Label(name) for name in names))


def match(predictions: pl.DataFrame, reference: pl.DataFrame, labels: LabelSpace) -> Matched:
    """Join predictions with their references and count what finds no partner.

    Answers that failed for technical reasons are left out and counted: they
    are not wrong answers. Answers without a label (refused, ambiguous,
    unparsed) stay, as unparsed.

    Args:
        predictions: a PREDICTIONS table.
        reference: an UTTERANCES table.
        labels: every label must be one of these, or a synonym.

    Raises:
        SchemaError: a table breaks its schema.
        LabelError: a label is not in the label space.
        InputError: predictions and references have no utterance in common.
    """
    predictions = PREDICTIONS.validate(predictions)
    reference = UTTERANCES.validate(reference)
    answered = predictions.filter(pl.col("status").ne_missing("failed"))
    labelled = reference.filter(pl.col("emotion").is_not_null())
    known = answered.join(reference.select("utterance_id"), on="utterance_id", how="semi")
    _require_overlap(known, answered, reference)
    frame = _joined(answered, labelled, labels)
    unlabelled = known.height - frame.height
    left_out = {
        "answer failed": predictions.height - answered.height,
        "prediction without reference": answered.height - known.height,
        "reference without label": unlabelled,
    }
    by_corpus = dict(labelled.group_by("corpus").len().iter_rows())
    return Matched(frame, {why: n for why, n in left_out.items() if n}, by_corpus)


def _require_overlap(known: pl.DataFrame, answered: pl.DataFrame, reference: pl.DataFrame) -> None:
    if not known.is_empty():
        return
    examples = [
        frame.get_column("utterance_id")[0] if frame.height else "(no rows)"
        for frame in (answered, reference)
    ]
    raise InputError(
        "predictions and reference have no utterance in common: the predictions hold "
        f"{examples[0]!r}, the reference {examples[1]!r}",
        column="utterance_id",
        hint="check that both tables use the same ids, such as corpus/key",
    )


def _joined(answered: pl.DataFrame, labelled: pl.DataFrame, labels: LabelSpace) -> pl.DataFrame:
    predicted = _resolve(answered, labels, table="predictions").alias("predicted")
    true = _resolve(labelled, labels, table="reference").alias("reference")
    taken = {*answered.columns, *_ATTRIBUTES_OF_BOTH} - {"utterance_id"}
    attributes = [name for name in labelled.columns if name not in taken]
    left = answered.drop(
        [name for name in (*_ATTRIBUTES_OF_BOTH, "response", "reason") if name in answered.columns]
    ).with_columns(predicted)
    return left.join(labelled.select(attributes).with_columns(true), on="utterance_id", how="inner")


def _resolve(frame: pl.DataFrame, labels: LabelSpace, *, table: str) -> pl.Series:
    """Canonical labels; an error names the first row with an unknown one."""
    given = frame.get_column("emotion")
    words = given.drop_nulls().unique().to_list()
    meaning = {word: labels.resolve(word) for word in words}
    unknown = sorted(word for word, label in meaning.items() if label is None)
    if unknown:
        raise LabelError(
            f"the {table} table has a label that is not in label space {labels.id!r}",
            row=int((given == unknown[0]).arg_true()[0]) + 1,
            column="emotion",
            value=unknown[0],
            choices=labels.names,
            hint="map it to one of these labels, or leave it empty and set status",
        )
    return given.replace_strict(meaning, default=None, return_dtype=pl.String)


def to_items(frame: pl.DataFrame, labels: LabelSpace, group_by: tuple[str, ...]) -> Items:
    """Matched predictions as codes.

    Speakers are told apart by corpus; an utterance whose speaker is unknown
    among known ones stands for a speaker of its own.
    """
    codes = {name: code for code, name in enumerate(labels.names)}

    def encode(column: str) -> IntArray:
        series = frame.get_column(column)
        coded = series.replace_strict(codes, default=UNPARSED, return_dtype=pl.Int64)
        return coded.fill_null(UNPARSED).to_numpy()

    return Items(
        encode("reference"),
        encode("predicted"),
        _speaker_codes(frame),
        tuple(group_items(frame, grouping) for grouping in group_by),
        len(labels.names),
    )


def _speaker_codes(frame: pl.DataFrame) -> IntArray | None:
    if frame.get_column("speaker").is_null().all():
        return None
    identity = pl.coalesce(
        pl.concat_str(pl.col("corpus").fill_null(""), pl.col("speaker"), separator="\t"),
        pl.col("utterance_id"),
    )
    names = frame.select(identity).to_series()
    known = names.unique().sort()  # sorted, so that a seed draws the same speakers each time
    codes = names.replace_strict(known, pl.int_range(len(known), eager=True), return_dtype=pl.Int64)
    return np.asarray(codes.to_numpy(), dtype=np.int64)
