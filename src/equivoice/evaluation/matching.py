"""Predictions meet their references: joined by key, with everything left out counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from equivoice.errors import InputError, LabelError
from equivoice.fairness import Grouping, group_items
from equivoice.metrics import UNPARSED, FloatArray, IntArray
from equivoice.records import PREDICTIONS, UTTERANCES, Label, LabelSpace
from equivoice.uncertainty import Unit

__all__ = [
    "CONDITIONS",
    "Items",
    "Matched",
    "check_shares",
    "label_space_of",
    "match",
    "to_items",
    "unit_codes",
]

CONDITIONS = ("corpus", "system", "prompt", "temperature", "modality")
"""What is scored apart, never together."""

_ROUNDING = 1e-3
_UNKNOWN = "prediction without reference"
_ANSWERS_OF_BOTH = ("emotion", "transcript", "valence", "arousal", "dominance")


@dataclass(frozen=True)
class Matched:
    """Predictions with the reference and the attributes of their utterance.

    Args:
        frame: a row a prediction: its conditions, ``predicted`` and ``reference``
            (labels), and the attributes of the utterance.
        lost: a row a prediction that was left out: its conditions and ``why``; the corpus
            is null where nothing is known of the utterance.
        utterances: how many utterances there are to be scored, by corpus.
    """

    frame: pl.DataFrame
    lost: pl.DataFrame
    utterances: Mapping[str | None, int]

    @property
    def left_out(self) -> dict[str, int]:
        """How many predictions were left out, by reason."""
        return dict(self.lost.group_by("why", maintain_order=True).len().iter_rows())

    def left_out_of(
        self, cell: pl.DataFrame, conditions: Sequence[str] = CONDITIONS
    ) -> dict[str, int]:
        """How many were left out under the conditions of a cell, by reason.

        Predictions of utterances that nothing is known of count for every corpus.

        Args:
            cell: rows of ``frame``, all under the same conditions.
            conditions: which of them count.
        """
        own = self.lost
        for name in conditions:
            here = pl.lit(cell.get_column(name)[0], dtype=own.schema[name])
            same = pl.col(name).eq_missing(here)
            own = own.filter(same | (pl.col("why") == _UNKNOWN) if name == "corpus" else same)
        return dict(own.group_by("why", maintain_order=True).len().iter_rows())


@dataclass(frozen=True)
class Items:
    """What is scored together, as codes.

    Args:
        reference: (n,) class codes.
        predicted: (n,) class codes, or UNPARSED.
        units: (n,) codes of what is resampled: the speakers; where none is known,
            the utterances; ``None`` where each item is an utterance of its own.
        unit: what the units are.
        groupings: the groups of the items, one entry a grouping.
        n_classes: K.
        shares: (n, K + 1) how probable each label is as the answer, the last for none
            of them; ``None`` where each answer is one label.
    """

    reference: IntArray
    predicted: IntArray
    units: IntArray | None
    unit: Unit
    groupings: tuple[Grouping, ...]
    n_classes: int
    shares: FloatArray | None = None

    def subset(self, rows: IntArray) -> Items:
        """These items only; groups keep their codes."""
        return Items(
            self.reference[rows],
            self.predicted[rows],
            None if self.units is None else self.units[rows],
            self.unit,
            tuple(grouping.subset(rows) for grouping in self.groupings),
            self.n_classes,
            None if self.shares is None else self.shares[rows],
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


def match(
    predictions: pl.DataFrame,
    reference: pl.DataFrame,
    labels: LabelSpace,
    *,
    expected: bool = False,
    scored: pl.Series | None = None,
    lacking: str = "reference without label",
) -> Matched:
    """Join predictions with their references and count what finds no partner.

    Answers that failed for technical reasons are left out and counted: they
    are not wrong answers. Answers without a label (refused, ambiguous,
    unparsed) stay, as unparsed.

    Args:
        predictions: a PREDICTIONS table.
        reference: an UTTERANCES table.
        labels: every label must be one of these, or a synonym.
        expected: keep ``probabilities``, and leave out predictions without them.
        scored: which rows of the reference something can be held against; by default
            those that have a label.
        lacking: what is said of the others, in ``left_out``.

    Raises:
        SchemaError: a table breaks its schema.
        LabelError: a label is not in the label space.
        InputError: predictions and references have no utterance in common.
    """
    predictions = PREDICTIONS.validate(predictions)
    reference = UTTERANCES.validate(reference)
    labelled = reference.filter(pl.col("emotion").is_not_null() if scored is None else scored)
    answered = predictions.filter(pl.col("status").ne_missing("failed"))
    if expected:
        answered = _with_probabilities(answered, labels)
    known = answered.join(reference.select("utterance_id"), on="utterance_id", how="semi")
    _require_overlap(known, answered, reference)
    frame = _joined(answered, labelled, labels)
    if frame.is_empty():
        nothing = "no predicted utterance has a reference label"
        raise InputError(
            nothing if scored is None else f"no prediction can be scored: {lacking}",
            column="emotion",
            hint="nothing to score",
        )
    lost = _lost(predictions, reference, labelled, lacking, expected=expected)
    by_corpus = dict(labelled.group_by("corpus").len().iter_rows())
    return Matched(frame, lost, by_corpus)


def _lost(
    predictions: pl.DataFrame,
    reference: pl.DataFrame,
    labelled: pl.DataFrame,
    lacking: str,
    *,
    expected: bool,
) -> pl.DataFrame:
    """The predictions that are left out, with the reason that comes first, in its order."""
    known, scored = (
        pl.col("utterance_id").is_in(frame.get_column("utterance_id").implode())
        for frame in (reference, labelled)
    )
    reasons = {
        "answer failed": pl.col("status").eq_missing("failed"),
        "prediction without probabilities": pl.col("probabilities").is_null() & expected,
        _UNKNOWN: ~known,
        lacking: ~scored,
    }
    place = pl.coalesce(pl.when(found).then(n) for n, found in enumerate(reasons.values()))
    own = [name for name in CONDITIONS if name != "corpus"]
    lost = predictions.select("utterance_id", *own, place=place).filter(
        pl.col("place").is_not_null()
    )
    of = reference.select("utterance_id", "corpus")
    lost = lost.join(of, on="utterance_id", how="left", maintain_order="left")
    why = pl.col("place").replace_strict(dict(enumerate(reasons)), return_dtype=pl.String)
    return lost.sort("place", maintain_order=True).select(*CONDITIONS, why=why)


def _with_probabilities(answered: pl.DataFrame, labels: LabelSpace) -> pl.DataFrame:
    """The predictions with probabilities, which must be over the label space."""
    kept = answered.filter(pl.col("probabilities").is_not_null())
    if kept.is_empty():
        raise InputError(
            "no prediction has probabilities, so there is no expected score",
            column="probabilities",
            hint="score by label, or run the system with option scores",
        )
    check_shares(kept, labels)
    return kept


def check_shares(frame: pl.DataFrame, labels: LabelSpace) -> None:
    """Refuse probabilities that are none over the label space; rows without any are passed over.

    Raises:
        InputError: names the first such row.
    """
    shares = frame.get_column("probabilities")
    lengths = shares.list.len()
    wrong = (
        (lengths != len(labels.names))
        | (shares.list.min() < -_ROUNDING)
        | (shares.list.sum() > 1 + _ROUNDING)
    ).arg_true()
    if len(wrong):
        raise InputError(
            f"the probabilities are not shares of 1 over the {len(labels.names)} labels of "
            f"{labels.id!r}",
            row=int(wrong[0]) + 1,
            column="probabilities",
            value=shares[int(wrong[0])].to_list(),
        )


def _require_overlap(known: pl.DataFrame, answered: pl.DataFrame, reference: pl.DataFrame) -> None:
    if not known.is_empty():
        return
    if answered.is_empty():
        raise InputError(
            "there is no answer to score: all predictions failed, or there are none",
            column="status",
            hint="see the column response for what went wrong, and run the system again",
        )
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
    """A row a prediction, in its order: attributes of the utterance, conditions, both labels."""
    given = _resolve(answered, labels, table="predictions")
    parsed = answered.get_column("status").is_in(["parsed"]).fill_null(value=True)
    kept = [*PREDICTIONS.key, "emotions", "probabilities"]
    answers = answered.select(kept).with_columns(
        predicted=given.zip_with(parsed, pl.Series([None], dtype=pl.String))
    )
    attributes = [name for name in labelled.columns if name not in _ANSWERS_OF_BOTH]
    truth = labelled.select(attributes).with_columns(
        reference=_resolve(labelled, labels, table="reference")
    )
    joined = answers.join(truth, on="utterance_id", how="inner", maintain_order="left")
    return joined.select(list(dict.fromkeys([*attributes, *joined.columns])))


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


def to_items(
    frame: pl.DataFrame, labels: LabelSpace, group_by: tuple[str, ...], *, expected: bool = False
) -> Items:
    """Matched predictions as codes, or with ``expected`` as shares.

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
        *unit_codes(frame),
        tuple(group_items(frame, grouping) for grouping in group_by),
        len(labels.names),
        _shares(frame) if expected else None,
    )


def _shares(frame: pl.DataFrame) -> FloatArray:
    """(n, K + 1): the probabilities of the labels, and what is left."""
    given = np.array(frame.get_column("probabilities").to_list(), dtype=np.float64)
    given = np.clip(given, 0.0, 1.0)
    rest = np.clip(1.0 - given.sum(-1, keepdims=True), 0.0, 1.0)
    whole = np.concatenate([given, rest], axis=-1)
    shares: FloatArray = whole / whole.sum(-1, keepdims=True)
    return shares


def unit_codes(frame: pl.DataFrame) -> tuple[IntArray | None, Unit]:
    """What is resampled: speakers, told apart by corpus; utterances where none are known.

    Args:
        frame: rows with ``corpus``, ``speaker`` and ``utterance_id``.

    Returns:
        (n,) codes, or ``None`` where each row is a unit of its own; and what the units are.
    """
    if not frame.get_column("speaker").is_null().all():
        identity = pl.coalesce(
            pl.concat_str(pl.col("corpus").fill_null(""), pl.col("speaker"), separator="\t"),
            pl.col("utterance_id"),
        )
        return _codes(frame.select(identity).to_series()), "speaker"
    utterances = frame.get_column("utterance_id")
    if utterances.n_unique() == len(utterances):
        return None, "utterance"
    return _codes(utterances), "utterance"  # several answers to an utterance are not independent


def _codes(names: pl.Series) -> IntArray:
    known = names.unique().sort()  # sorted, so that a seed draws the same units each time
    codes = names.replace_strict(known, pl.int_range(len(known), eager=True), return_dtype=pl.Int64)
    return np.asarray(codes.to_numpy(), dtype=np.int64)
