"""A trained classifier as files, and back.

A folder holds

- ``config.json``: the system and its options, the labels, and what else is needed;
- ``weights.safetensors``: all weights but those of a pretrained model that were not
  trained. That model is named by where it comes from and a hash.

Nothing is unpickled, and nothing is taken in part: tensors that are missing, too many, or
of another shape are refused by name, and so is another pretrained model than the one that
the classifier was trained on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from equivoice.errors import ConfigError, StorageError
from equivoice.models.classifying import Classifiable, ClassifyingBackend
from equivoice.models.registry import load_model
from equivoice.records import Label, LabelSpace

if TYPE_CHECKING:
    import torch

__all__ = [
    "SavedClassifier",
    "is_saved",
    "load_classifier",
    "load_weights",
    "read_saved",
    "restore",
    "stored_names",
    "write_classifier",
]

_CONFIG = "config.json"
_WEIGHTS = "weights.safetensors"
_FORMAT = 1
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.ckpt")
_MOST_NAMED = 5


@dataclass(frozen=True)
class SavedClassifier:
    """What ``config.json`` says.

    Args:
        system: by which name it is loaded, such as ``compact-encoder``.
        options: of the system; what JSON can hold.
        name: of the classifier, as it stands in tables.
        label_space: its labels.
        modality: what it was trained on: ``speech``, ``transcript``, ``speech+transcript``.
        base: from each pretrained model whose weights are not all in the folder to its
            hash; ``None`` where it is known by its name alone.
    """

    system: str
    options: Mapping[str, Any]
    name: str
    label_space: LabelSpace
    modality: str
    base: Mapping[str, str | None] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """As it is written."""
        labels = [
            {"name": each.name, "synonyms": list(each.synonyms)} for each in self.label_space.labels
        ]
        return {
            "format": _FORMAT,
            "system": self.system,
            "options": dict(self.options),
            "name": self.name,
            "label_space": {"id": self.label_space.id, "labels": labels},
            "modality": self.modality,
            "base": dict(self.base),
        }


def is_saved(folder: str | Path) -> bool:
    """Whether a folder says that it holds a classifier, whatever stands of it.

    Example:
        >>> is_saved("runs/none/best")
        False
    """
    try:
        told = json.loads((Path(folder) / _CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(told, dict) and {"format", "system", "label_space"} <= told.keys()


def write_classifier(
    folder: str | Path, saved: SavedClassifier, tensors: Mapping[str, torch.Tensor]
) -> None:
    """Write a classifier.

    Args:
        folder: exists.
        saved: all but its weights.
        tensors: by their names in ``model``.

    Raises:
        StorageError: it could not be written.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    folder = Path(folder)
    told = json.dumps(saved.as_json(), indent=2, ensure_ascii=False)
    try:
        held = {name: each.detach().cpu().contiguous() for name, each in tensors.items()}
        save_file(held, folder / _WEIGHTS)
        (folder / _CONFIG).write_text(told + "\n", encoding="utf-8")
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise StorageError(f"the classifier cannot be written into {folder}: {reason}") from error


def read_saved(folder: str | Path) -> SavedClassifier:
    """What the configuration of a saved classifier says.

    Raises:
        ConfigError: no folder, no such file, or one that says something else.
    """
    file = Path(folder) / _CONFIG
    _check_folder(Path(folder), file)
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        if told["format"] != _FORMAT:
            raise ConfigError(
                "the classifier was written by another release of Equivoice",
                file=file,
                value=f"format {told['format']}",
                choices=[_FORMAT],
            )
        space = told["label_space"]
        labels = tuple(Label(each["name"], tuple(each["synonyms"])) for each in space["labels"])
        return SavedClassifier(
            str(told["system"]),
            dict(told["options"]),
            str(told["name"]),
            LabelSpace(str(space["id"]), labels),
            str(told["modality"]),
            dict(told["base"]),
        )
    except OSError as error:
        raise ConfigError(f"cannot be read ({error.strerror})", file=file) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            "this is no configuration of a classifier of Equivoice",
            file=file,
            value=f"{type(error).__name__}: {error}",
            hint="give the folder 'best' of a training, as it was written",
        ) from error


def load_classifier(folder: str | Path, **options: Any) -> ClassifyingBackend:
    """A trained classifier from its folder, ready to predict.

    Args:
        folder: such as ``OUT/best`` of a training.
        options: of its system that shall be otherwise than in the training, such as
            ``device`` or, where the pretrained model lies elsewhere now, ``model``.

    Raises:
        ConfigError: the folder holds no classifier; a tensor is missing, too many, or of
            another shape; the weights are pickled; the pretrained model is another one.

    Example:
        >>> load_classifier("runs/none/best")
        Traceback (most recent call last):
        ...
        equivoice.errors.ConfigError: there is no such classifier
          file: runs/none/best
          next: give the folder 'best' of a training
    """
    folder = Path(folder)
    saved = read_saved(folder)
    system = load_model(saved.system, **{**saved.options, **options})
    if not isinstance(system, Classifiable):
        raise ConfigError(
            "the system of the classifier cannot be one", file=folder / _CONFIG, value=saved.system
        )
    backend = system.classifier(saved.label_space, seed=0)
    restore(backend, folder, saved)
    backend.training_mode(on=False)
    return backend


def restore(backend: ClassifyingBackend, folder: str | Path, saved: SavedClassifier) -> None:
    """Give a fresh classifier the weights of a saved one; all of them, or an error.

    Args:
        backend: of the same system, options and labels.
        folder: as :func:`write_classifier` wrote it.
        saved: what its configuration says.

    Raises:
        ConfigError: as for :func:`load_classifier`.
    """
    _check_base(backend, Path(folder), saved)
    load_weights(backend, folder)


def load_weights(backend: ClassifyingBackend, folder: str | Path) -> None:
    """Give a classifier the weights in a folder; all that are stored, or an error.

    Args:
        backend: of the same system, options, labels and pretrained model.
        folder: as :func:`write_classifier` wrote it.

    Raises:
        ConfigError: a tensor is missing, too many, or of another shape; the weights are
            pickled, or no safetensors.
    """
    folder = Path(folder)
    tensors = _tensors(folder)
    known = backend.model.state_dict()
    expected = set(stored_names(backend))
    _check_names(folder, expected, set(tensors))
    for name, each in tensors.items():
        if each.shape != known[name].shape:
            raise ConfigError(
                f"the weight {name} is of another shape than the model's",
                file=folder / _WEIGHTS,
                value=tuple(each.shape),
                choices=[tuple(known[name].shape)],
                hint="were the system's options changed?",
            )
    backend.model.load_state_dict(tensors, strict=False)


def stored_names(backend: ClassifyingBackend) -> list[str]:
    """The tensors of a classifier that its folder holds, by their names in ``model``.

    All but those of a pretrained model that are not trained: a system tells which are
    pretrained by ``pretrained``, a set of prefixes of names.
    """
    foreign = tuple(getattr(backend, "pretrained", ()))
    trained = set(backend.trained_parameters())
    return [
        name
        for name in backend.model.state_dict()
        if name in trained or not (foreign and name.startswith(foreign))
    ]


# ------------------------------------------------------------------------ inner part


def _check_folder(folder: Path, config: Path) -> None:
    if not folder.is_dir():
        raise ConfigError(
            "there is no such classifier", file=folder, hint="give the folder 'best' of a training"
        )
    if not config.is_file():
        raise ConfigError(
            "the folder holds no config.json, so it is no saved classifier",
            file=folder,
            hint="give the folder 'best' of a training",
        )


def _check_base(backend: ClassifyingBackend, folder: Path, saved: SavedClassifier) -> None:
    """What was not saved must be what it was."""
    own = dict(getattr(backend, "base", {}))
    trained_on = {value for value in saved.base.values() if value is not None}
    here = {value for value in own.values() if value is not None}
    if trained_on and here and trained_on != here:
        raise ConfigError(
            "the pretrained model is not the one that this classifier was trained on",
            file=folder / _CONFIG,
            value=", ".join(own),
            choices=[f"{name} ({value})" for name, value in saved.base.items()],
            hint="give that one as the option model",
        )


def _tensors(folder: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    file = folder / _WEIGHTS
    if not file.is_file():
        pickled = sorted(path for pattern in _PICKLES for path in folder.glob(pattern))
        if pickled:
            raise ConfigError(
                "the weights are pickled, and reading them runs whatever code they hold",
                file=pickled[0],
                hint=f"save them as {_WEIGHTS}",
            )
        raise ConfigError(f"the folder holds no {_WEIGHTS}", file=folder)
    try:
        return load_file(file)
    except (OSError, SafetensorError) as error:
        raise ConfigError(
            "the weights cannot be read as safetensors",
            file=file,
            value=str(error),
            hint="a pickle is not read under any name; copy the file again if it was cut off",
        ) from error


def _check_names(folder: Path, expected: set[str], found: set[str]) -> None:
    problems = [
        f"{kind}: {', '.join(sorted(names)[:_MOST_NAMED])}"
        + (f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else "")
        for kind, names in (("missing", expected - found), ("not of the model", found - expected))
        if names
    ]
    if problems:
        raise ConfigError(
            "the weights are not those of the model",
            file=folder / _WEIGHTS,
            value="; ".join(problems),
            hint="were the system's options, or the labels, changed?",
        )
