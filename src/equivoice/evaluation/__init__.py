"""From systems and corpora to predictions, and from predictions to estimates."""

from equivoice.evaluation.compare import Comparison, compare
from equivoice.evaluation.ensemble import Ensemble, ensemble
from equivoice.evaluation.predicting import Predicted, predict
from equivoice.evaluation.rerun import Rerun, rerun
from equivoice.evaluation.score import Scores, score
from equivoice.evaluation.sweep import benchmark, plan_benchmark

__all__ = [
    "Comparison",
    "Ensemble",
    "Predicted",
    "Rerun",
    "Scores",
    "benchmark",
    "compare",
    "ensemble",
    "plan_benchmark",
    "predict",
    "rerun",
    "score",
]
