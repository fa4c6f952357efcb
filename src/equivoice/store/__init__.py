"""Results and caches on disk: run folders, and a content-addressed cache of arrays."""
