"""What training minimises: losses that return one value per item, and penalties on gaps between groups.

An objective is a module here. It imports torch and knows nothing of records, metrics or its
siblings; reduction, penalty and weight are put together in ``training``. What losses over
classes share stands in ``targets`` and ``class_counts``. Importing them loads no torch.
"""

from __future__ import annotations

from equivoice.objectives.class_balanced import ClassBalancedSoftCrossEntropy
from equivoice.objectives.cross_entropy import CrossEntropy
from equivoice.objectives.generalised_cross_entropy import GeneralisedCrossEntropy
from equivoice.objectives.kl_divergence import KLDivergence
from equivoice.objectives.label_smoothing import LabelSmoothing
from equivoice.objectives.penalisation import Penalisation
from equivoice.objectives.reductions import REDUCTIONS, reduced
from equivoice.objectives.soft_cross_entropy import SoftCrossEntropy
from equivoice.objectives.targets import ItemLoss
from equivoice.objectives.vector_scaling import VectorScaling
from equivoice.objectives.weighted_cross_entropy import WeightedCrossEntropy
from equivoice.objectives.weighted_focal import WeightedFocal

__all__ = [
    "REDUCTIONS",
    "ClassBalancedSoftCrossEntropy",
    "CrossEntropy",
    "GeneralisedCrossEntropy",
    "ItemLoss",
    "KLDivergence",
    "LabelSmoothing",
    "Penalisation",
    "SoftCrossEntropy",
    "VectorScaling",
    "WeightedCrossEntropy",
    "WeightedFocal",
    "reduced",
]
