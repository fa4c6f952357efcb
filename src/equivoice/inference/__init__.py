"""The one road by which anybody runs a model: plan, seeds, cells, resume, progress."""

from equivoice.inference.asking import Asking
from equivoice.inference.cells import Answer, predict_rows, run_cell
from equivoice.inference.plan import DEFAULT_BATCH_SIZE, Batch, Cell, Plan, Shard
from equivoice.inference.progress import Progress, Silence
from equivoice.inference.replies import OPTIONS_SUFFIX
from equivoice.inference.seeds import seed_for

__all__ = [
    "DEFAULT_BATCH_SIZE",
    "OPTIONS_SUFFIX",
    "Answer",
    "Asking",
    "Batch",
    "Cell",
    "Plan",
    "Progress",
    "Shard",
    "Silence",
    "predict_rows",
    "run_cell",
    "seed_for",
]
