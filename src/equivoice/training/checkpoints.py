"""Checkpoints: all that is needed to go on as if nothing had happened.

::

    checkpoints/step-000120/
      weights.safetensors     what is trained, in float32
      optimizer.safetensors   AdamW's two moments of each of them
      state.json              step, λ, best value and step, evaluations without a better one

There are no states of random numbers among them: every draw has a seed by hash
(:mod:`~equivoice.training.learner`). A checkpoint is written beside its place and then
renamed; nothing is pickled.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from equivoice.errors import ConfigError, StorageError
from equivoice.objectives.adaptive_weight import AdaptiveWeight
from equivoice.store.training_folder import part_beside, replace_folder
from equivoice.store.writing import storing

if TYPE_CHECKING:
    import torch
    from torch.nn import Parameter

__all__ = [
    "Standing",
    "latest_checkpoint",
    "load_checkpoint",
    "need_space",
    "read_standing",
    "save_checkpoint",
]

_WEIGHTS = "weights.safetensors"
_OPTIMIZER = "optimizer.safetensors"
_STATE = "state.json"
_VERSION = 1
_MOMENTS = ("exp_avg", "exp_avg_sq")
_COUNTED = "step"


@dataclass(frozen=True)
class Standing:
    """How far a training is.

    Args:
        step: the last step that was made; 0 before the first.
        weight: λ, and how it moves.
        best: the best value of the selecting metric; ``None`` before there is one.
        best_step: the step it was had at.
        worse: how many evaluations since have had no better one.
        stopped: why the training ended; ``None`` while it goes on.
    """

    step: int
    weight: AdaptiveWeight
    best: float | None = None
    best_step: int | None = None
    worse: int = 0
    stopped: str | None = None

    def evaluated(self, value: float | None, *, better: bool) -> Standing:
        """The standing after an evaluation of the selecting metric."""
        if better:
            return replace(self, best=value, best_step=self.step, worse=0)
        return replace(self, worse=self.worse + 1)


def save_checkpoint(
    folder: Path,
    parameters: Mapping[str, Parameter],
    optimizer: torch.optim.Optimizer,
    standing: Standing,
    *,
    keep: int,
) -> Path:
    """Write a checkpoint, whole or not at all, and remove the oldest beyond those kept.

    Args:
        folder: where the checkpoints stand.
        parameters: those that are trained, by name.
        optimizer: AdamW over them.
        standing: how far the training is.
        keep: how many are kept.

    Raises:
        StorageError: it could not be written; the ones before it stand.
    """
    from safetensors.torch import save_file

    place = folder / f"step-{standing.step:06d}"
    part = part_beside(place)
    with storing(part), _said_by_safetensors(part):
        save_file({name: each.detach() for name, each in parameters.items()}, part / _WEIGHTS)
        save_file(_moments(parameters, optimizer), part / _OPTIMIZER)
        state = {"version": _VERSION, **asdict(standing), "weight": standing.weight.as_dict()}
        (part / _STATE).write_text(json.dumps(state, indent=2) + "\n", encoding="utf-8")
    replace_folder(part, place)
    with storing(folder):
        for old in _checkpoints(folder)[:-keep]:
            shutil.rmtree(old)
    return place


def latest_checkpoint(folder: Path) -> Path | None:
    """The checkpoint of the last step; ``None`` where there is none."""
    found = _checkpoints(folder)
    return found[-1] if found else None


def read_standing(checkpoint: Path) -> Standing:
    """How far the training of a checkpoint was.

    Raises:
        ConfigError: the file is damaged, or of another version.
    """
    file = checkpoint / _STATE
    try:
        state: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        version = state.pop("version")
        weight = AdaptiveWeight.from_dict(state.pop("weight"))
        wrong = set(state) ^ {each.name for each in fields(Standing) if each.name != "weight"}
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise _damaged(file, error) from error
    if version != _VERSION or wrong:
        raise _damaged(file, f"version {version}, {', '.join(sorted(wrong)) or 'no'} fields differ")
    return Standing(weight=weight, **state)


def load_checkpoint(
    checkpoint: Path, parameters: Mapping[str, Parameter], optimizer: torch.optim.Optimizer
) -> Standing:
    """Put weights and moments back, and tell how far the training was.

    Args:
        checkpoint: as :func:`save_checkpoint` wrote it.
        parameters: those that are trained, by name.
        optimizer: AdamW over them, fresh.

    Raises:
        ConfigError: it is damaged, or of another model: names and shapes differ.
    """
    import torch

    standing = read_standing(checkpoint)
    weights = _read(checkpoint / _WEIGHTS)
    _check_fits(weights, parameters, checkpoint / _WEIGHTS)
    moments = _read(checkpoint / _OPTIMIZER)
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(weights[name])
            held = {key: moments.get(f"{name}:{key}") for key in (*_MOMENTS, _COUNTED)}
            if any(value is None for value in held.values()):
                continue  # it never had a gradient
            on = {key: held[key].to(parameter.device) for key in _MOMENTS}  # type: ignore[union-attr]
            optimizer.state[parameter] = on | {_COUNTED: held[_COUNTED]}
    return standing


def need_space(folder: Path, numbers: int, *, keep: int) -> None:
    """See that there is room for the checkpoints before the first step.

    Args:
        folder: of the training, which exists.
        numbers: how many numbers are trained.
        keep: how many checkpoints are kept.

    Raises:
        StorageError: there is less room than they need.
    """
    # weights and two moments in float32, one checkpoint being written beside those kept;
    # and twice the best weights
    needed = 4 * numbers * (3 * (keep + 1) + 2)
    with storing(folder):
        free = shutil.disk_usage(folder).free
    if free < needed:
        raise StorageError(
            f"{folder} has room for {_megabytes(free)}, and the checkpoints need "
            f"{_megabytes(needed)}; free some, name another --out, or set checkpoints.keep=1"
        )


@contextmanager
def _said_by_safetensors(part: Path) -> Iterator[None]:
    """A full disk, as safetensors reports it."""
    from safetensors import SafetensorError

    try:
        yield
    except SafetensorError as error:
        raise StorageError(f"cannot write into {part}: {error}") from error


def _megabytes(size: int) -> str:
    return f"{size / 2**20:,.1f} MB"


def _checkpoints(folder: Path) -> list[Path]:
    found = folder.glob("step-*") if folder.is_dir() else []
    return sorted((path for path in found if path.is_dir()), key=lambda path: int(path.name[5:]))


def _moments(
    parameters: Mapping[str, Parameter], optimizer: torch.optim.Optimizer
) -> dict[str, torch.Tensor]:
    return {
        f"{name}:{key}": optimizer.state[parameter][key].detach()
        for name, parameter in parameters.items()
        if parameter in optimizer.state
        for key in (*_MOMENTS, _COUNTED)
    }


def _read(file: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(file)
    except (SafetensorError, OSError) as error:
        raise _damaged(file, error) from error


def _check_fits(
    found: Mapping[str, torch.Tensor], parameters: Mapping[str, Parameter], file: Path
) -> None:
    shapes = {name: tuple(parameter.shape) for name, parameter in parameters.items()}
    problems = [
        *(f"{name} is not trained here" for name in sorted(found.keys() - shapes.keys())),
        *(f"{name} is missing" for name in sorted(shapes.keys() - found.keys())),
        *(
            f"{name} is {tuple(found[name].shape)}, and {shape} here"
            for name, shape in shapes.items()
            if name in found and tuple(found[name].shape) != shape
        ),
    ]
    if problems:
        raise ConfigError(
            f"the checkpoint is of another model ({len(problems)} weights differ)",
            file=file,
            value=problems[0],
            hint="give another --out, or --overwrite to begin anew",
        )


def _damaged(file: Path, why: object) -> ConfigError:
    return ConfigError(
        f"the checkpoint cannot be read: {why}",
        file=file,
        hint="remove this checkpoint's folder: the training then goes on from the one before",
    )
