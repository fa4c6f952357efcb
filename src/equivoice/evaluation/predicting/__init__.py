"""From sound files to labels with any model: what is meant, which model, and its answers."""

from equivoice.evaluation.predicting.choosing import Asked, Predictor, choose_model
from equivoice.evaluation.predicting.finding import Found, find_sounds
from equivoice.evaluation.predicting.labelling import Predicted, hears, label_sounds, predict

__all__ = [
    "Asked",
    "Found",
    "Predicted",
    "Predictor",
    "choose_model",
    "find_sounds",
    "hears",
    "label_sounds",
    "predict",
]
