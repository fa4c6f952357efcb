"""What crosses a border between rooms: table schemas, label spaces, the run record."""

from equivoice.records.ensemble import (
    EnsembleFindings,
    PairOfMembers,
    SubsetOfMembers,
    WithInterval,
)
from equivoice.records.labels import Label, LabelSpace
from equivoice.records.run import RunRecord
from equivoice.records.schema import Column, Schema
from equivoice.records.schemas import (
    CHANNELS,
    ESTIMATES,
    FOLDS,
    ITEMS,
    MODALITIES,
    PREDICTIONS,
    QUANTITIES,
    QUESTIONS,
    REFERENCES,
    SPLITS,
    STATUSES,
    TIMINGS,
    TRAINING_EVALUATIONS,
    TRAINING_LOSSES,
    TRAINING_STEPS,
    UTTERANCES,
    VOTES,
)
from equivoice.records.tables import (
    TABLE_SUFFIXES,
    read_frame,
    read_table,
    replace_file,
    write_table,
)

__all__ = [
    "CHANNELS",
    "ESTIMATES",
    "FOLDS",
    "ITEMS",
    "MODALITIES",
    "PREDICTIONS",
    "QUANTITIES",
    "QUESTIONS",
    "REFERENCES",
    "SPLITS",
    "STATUSES",
    "TABLE_SUFFIXES",
    "TIMINGS",
    "TRAINING_EVALUATIONS",
    "TRAINING_LOSSES",
    "TRAINING_STEPS",
    "UTTERANCES",
    "VOTES",
    "Column",
    "EnsembleFindings",
    "Label",
    "LabelSpace",
    "PairOfMembers",
    "RunRecord",
    "Schema",
    "SubsetOfMembers",
    "WithInterval",
    "read_frame",
    "read_table",
    "replace_file",
    "write_table",
]
