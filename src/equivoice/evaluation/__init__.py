"""From systems and corpora to predictions, and from predictions to estimates."""

from equivoice.evaluation.score import Scores, score
from equivoice.evaluation.sweep import benchmark, plan_benchmark

__all__ = ["Scores", "benchmark", "plan_benchmark", "score"]
