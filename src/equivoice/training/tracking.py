"""Who is told of each step besides the run folder: TensorBoard, Weights & Biases, MLflow."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from equivoice.errors import ConfigError
from equivoice.training.settings import TrackingSettings

__all__ = ["Tracker", "check_trackers", "open_trackers"]

_ASKED_FOR = ("wandb", "mlflow")


class Tracker(Protocol):
    """Is told numbers by step."""

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Numbers of a step, by name, such as ``train/loss``."""

    def close(self) -> None:
        """The training ends here, or is interrupted."""


def check_trackers(settings: TrackingSettings) -> None:
    """See that what is asked for by name is installed, before the first step.

    Raises:
        ConfigError: it is not.
    """
    for package in _ASKED_FOR:
        if getattr(settings, package) is not None and find_spec(package) is None:
            raise ConfigError(
                f"tracking.{package} is asked for, and the package is not installed",
                value=getattr(settings, package),
                hint=f"pip install {package}, or tracking.{package}=null",
            )


def open_trackers(
    settings: TrackingSettings, *, folder: Path, name: str, config: Mapping[str, Any], step: int
) -> list[Tracker]:
    """The trackers of a training; without TensorBoard's package there is none of it.

    Args:
        settings: which are wanted.
        folder: of TensorBoard's event files.
        name: of the run.
        config: the settings of the training.
        step: the last step that stands; what was logged behind it is void.
    """
    trackers: list[Tracker] = []
    if settings.tensorboard and find_spec("tensorboard") is not None:
        trackers.append(_TensorBoard(folder, step))
    if settings.wandb is not None:
        trackers.append(_WeightsAndBiases(settings.wandb, name, config))
    if settings.mlflow is not None:
        trackers.append(_MLflow(settings.mlflow, name, config))
    return trackers


class _TensorBoard:
    def __init__(self, folder: Path, step: int) -> None:
        from torch.utils.tensorboard.writer import SummaryWriter

        self._writer = SummaryWriter(str(folder), purge_step=step + 1)

    def log(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        self._writer.close()


class _WeightsAndBiases:
    def __init__(self, project: str, name: str, config: Mapping[str, Any]) -> None:
        import wandb

        # one name, one run: a training that goes on draws on in the same curves
        self._run = wandb.init(
            project=project, name=name, id=name, resume="allow", config=dict(config)
        )

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self._run.log(dict(values), step=step)

    def close(self) -> None:
        self._run.finish()


class _MLflow:
    def __init__(self, experiment: str, name: str, config: Mapping[str, Any]) -> None:
        import mlflow

        self._mlflow = mlflow
        mlflow.set_experiment(experiment)
        mlflow.start_run(run_name=name)
        mlflow.log_params(_flat(config))

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self._mlflow.log_metrics(dict(values), step=step)

    def close(self) -> None:
        self._mlflow.end_run()


def _flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested settings by dotted names.

    Example:
        >>> _flat({"seed": 1, "optimiser": {"lr": 0.1}})
        {'seed': '1', 'optimiser.lr': '0.1'}
    """
    found: dict[str, str] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = str(value)
    return found
