"""Systems that recognise emotions: protocols, a scripted fake, baselines and a registry."""

from equivoice.models.classifying import (
    Calibrates,
    Classifiable,
    ClassifyingBackend,
    Sample,
)
from equivoice.models.language import (
    Clip,
    Decoding,
    Draw,
    LanguageBackend,
    OptionScores,
    PrefixBackend,
    Question,
    Said,
)
from equivoice.models.protocols import (
    LABEL_COLUMNS,
    Cuts,
    EmotionRecognizer,
    FittedRecognizer,
    FloatArray,
    Prepares,
    Trainable,
    Watchable,
    cuts_of,
)

__all__ = [
    "LABEL_COLUMNS",
    "Calibrates",
    "Classifiable",
    "ClassifyingBackend",
    "Clip",
    "Cuts",
    "Decoding",
    "Draw",
    "EmotionRecognizer",
    "FittedRecognizer",
    "FloatArray",
    "LanguageBackend",
    "OptionScores",
    "PrefixBackend",
    "Prepares",
    "Question",
    "Said",
    "Sample",
    "Trainable",
    "Watchable",
    "cuts_of",
]
