"""The options of verbs that score: by which convention, and how sure the numbers are."""

from __future__ import annotations

from typing import Any

from equivoice.cli.config import VerbConfig, option

__all__ = ["CertaintyConfig"]


class CertaintyConfig(VerbConfig):
    """Options that follow those of the verb itself."""

    convention: str = option("equivoice, fairalm_paper or fairalm_code", default="equivoice")
    replicates: int = option("bootstrap replicates", default=10_000, ge=1)
    permutations: int = option("arrangements of a permutation test", default=2_000, ge=1)
    level: float = option("coverage of the intervals", default=0.95, gt=0, lt=1)
    seed: int = option("of all draws", default=0, ge=0)

    @property
    def certainty(self) -> dict[str, Any]:
        """These options, as scores and comparisons take them."""
        return {name: getattr(self, name) for name in CertaintyConfig.model_fields}
