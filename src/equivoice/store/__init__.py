"""Results and caches on disk: run folders, and a content-addressed cache of arrays."""

from equivoice.store.run_folder import RunFolder

__all__ = ["RunFolder"]
