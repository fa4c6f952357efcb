"""What a benchmark is asked to do: the resolved configuration, as the run record holds it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from equivoice.inference import DEFAULT_BATCH_SIZE

__all__ = ["BenchmarkSettings"]

_FROZEN = ConfigDict(extra="forbid", frozen=True)


class BenchmarkSettings(BaseModel):
    """The settings of a benchmark; equal settings on equal inputs give equal tables.

    Args:
        systems: names of systems.
        options: from a system's name to its options.
        corpora: absolute paths of prepared corpora, or the names of such as were
            given in memory.
        folds: the folds to run; ``None`` for all of each corpus.
        n_folds: how many speaker-disjoint folds are made at most where a corpus has
            none of its own.
        limit: at most so many utterances of each training and each test part.
        batch_size: how many utterances a system is given at once.
        seed: the root of all seeds.
        group_by: groupings to audit; ``None`` for those that each corpus supports.
        convention: the rules that scores follow.
        replicates: bootstrap replicates.
        permutations: arrangements of a permutation test.
        level: nominal coverage of the intervals.
    """

    model_config = _FROZEN

    systems: tuple[str, ...] = Field(min_length=1)
    options: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)
    corpora: tuple[str, ...] = Field(min_length=1)
    folds: tuple[str, ...] | None = None
    n_folds: int = Field(default=5, ge=2)
    limit: int | None = Field(default=None, ge=1)
    batch_size: int = Field(default=DEFAULT_BATCH_SIZE, ge=1)
    seed: int = 0
    group_by: tuple[str, ...] | None = None
    convention: str = "equivoice"
    replicates: int = Field(default=10_000, ge=20)
    permutations: int = Field(default=2_000, ge=1)
    level: float = Field(default=0.95, gt=0, lt=1)

    def as_config(self) -> dict[str, Any]:
        """The settings as JSON can hold them, for the run record."""
        return self.model_dump(mode="json")
