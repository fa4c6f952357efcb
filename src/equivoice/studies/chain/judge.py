"""A scripted judge that cannot be flattered: it prefers the reason that the recording bears out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import polars as pl

from equivoice.models.scripted_judge import ScriptedJudge
from equivoice.rationales.grounding import Ground, ground_reasons

__all__ = ["GroundingJudge"]


@dataclass
class GroundingJudge(ScriptedJudge):
    """A judge whose points are claims: those that are supported less those that are contradicted.

    Pairs with equal points are ties. It stands in for a language model, and its taste is
    that of ``equivoice rationales ground``; what it prefers says nothing that grounding
    does not.

    Args:
        ground: what claims are held against.
    """

    ground: Ground = field(kw_only=True, repr=False)
    name: str = "grounding-judge"

    def describe(self) -> Mapping[str, Any]:
        """That the verdicts are scripted, and by which rules."""
        return {
            "weights": "none: the verdicts are scripted",
            "points": "claims supported less claims contradicted",
            "rules": asdict(self.ground.rules),
        }

    def points(self, utterance: str, text: str) -> float:
        """Claims of a text that the utterance supports, less those that it contradicts."""
        row = {"utterance_id": [utterance], "system": [self.name], "reason": [text]}
        outcomes = ground_reasons(pl.DataFrame(row), self.ground).get_column("outcome").to_list()
        return float(outcomes.count("supported") - outcomes.count("contradicted"))
