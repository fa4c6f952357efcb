"""Fine-tuning of the systems that Equivoice benchmarks, with a weight on the gap between groups."""

from equivoice.training.from_scratch import train_from_scratch
from equivoice.training.loop import run_training, train
from equivoice.training.recipes import load_recipe, recipe_names, resolve_settings
from equivoice.training.settings import TrainingSettings
from equivoice.training.task import TrainingTask, plan_training

__all__ = [
    "TrainingSettings",
    "TrainingTask",
    "load_recipe",
    "plan_training",
    "recipe_names",
    "resolve_settings",
    "run_training",
    "train",
    "train_from_scratch",
]
