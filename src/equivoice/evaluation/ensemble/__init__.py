"""Several systems as one: votes, ties, stacking, agreement, and what an ensemble gains."""

from equivoice.evaluation.ensemble.combining import (
    Combined,
    EnsembleSettings,
    combine,
    ensemble_settings,
)
from equivoice.evaluation.ensemble.storing import Ensemble, ensemble
from equivoice.evaluation.ensemble.voting import TIES

__all__ = [
    "TIES",
    "Combined",
    "Ensemble",
    "EnsembleSettings",
    "combine",
    "ensemble",
    "ensemble_settings",
]
