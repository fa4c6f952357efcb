"""Results and caches on disk: run folders, training folders, and a cache of arrays by content."""

from equivoice.store.run_folder import RunFolder
from equivoice.store.training_folder import TrainingFolder

__all__ = ["RunFolder", "TrainingFolder"]
