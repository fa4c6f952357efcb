"""Systems that recognise emotions: protocols, a scripted fake, baselines and a registry."""

from equivoice.models.protocols import (
    LABEL_COLUMNS,
    EmotionRecognizer,
    FittedRecognizer,
    FloatArray,
    Prepares,
    Trainable,
    Watchable,
)

__all__ = [
    "LABEL_COLUMNS",
    "EmotionRecognizer",
    "FittedRecognizer",
    "FloatArray",
    "Prepares",
    "Trainable",
    "Watchable",
]
