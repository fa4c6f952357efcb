"""The files of published checkpoints, read without running what they may hold.

Tensors come from safetensors, or from files of ``torch.save`` by torch's restricted
reader (``weights_only=True``), which takes tensors and plain values and refuses all else.
Files are mapped into memory, so that names and shapes cost nothing.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError  # what torch's reader raises; nothing is unpickled here
from typing import TYPE_CHECKING, Any

from equivoice.errors import ConfigError

if TYPE_CHECKING:
    import torch

__all__ = ["Published", "read_published", "weights_files"]

# what checkpoints call the tensors among other things that they hold
_TENSORS = ("model", "state_dict")
_SETTINGS = ("cfg", "config")


@dataclass(frozen=True)
class Published:
    """A checkpoint as its makers published it.

    Args:
        file: where it stands.
        tensors: by the names of its makers.
        settings: what it says of its sizes; empty where it says nothing.
    """

    file: Path
    tensors: Mapping[str, torch.Tensor]
    settings: Mapping[str, Any] = field(default_factory=dict)


def weights_files(folder: Path) -> list[Path]:
    """The files of weights of a saved model: its safetensors, or else its pickled ones.

    Raises:
        ConfigError: it has neither.
    """
    for pattern in ("*.safetensors", "pytorch_model*.bin"):
        found = sorted(folder.glob(pattern))
        if found:
            return found
    raise ConfigError(
        "the folder holds no weights (*.safetensors, pytorch_model*.bin)",
        file=folder,
        hint="give the folder of a model as saved by save_pretrained",
    )


def read_published(file: Path) -> Published:
    """A checkpoint's tensors and settings.

    Args:
        file: ``.safetensors``, its metadata holding settings as JSON under ``config``; or
            a file of ``torch.save``: of tensors by name, or of those under ``model``
            beside settings under ``cfg`` or ``config``.

    Raises:
        ConfigError: no such file, a broken one, one that holds code, or no tensors.
    """
    if not file.is_file():
        raise ConfigError("there is no such checkpoint", file=file)
    if file.suffix == ".safetensors":
        return _safe(file)
    held = _restricted(file)
    if not isinstance(held, Mapping):
        raise _without_tensors(file)
    inner = next((held[name] for name in _TENSORS if isinstance(held.get(name), Mapping)), held)
    settings: Mapping[str, Any] = next(
        (held[name] for name in _SETTINGS if isinstance(held.get(name), Mapping)), {}
    )
    tensors = dict(_only_tensors(inner))
    if not tensors:
        raise _without_tensors(file)
    return Published(file, tensors, settings)


def _safe(file: Path) -> Published:
    from safetensors import SafetensorError, safe_open
    from safetensors.torch import load_file

    try:
        with safe_open(file, framework="pt") as opened:
            told = opened.metadata() or {}
        tensors = load_file(file)
        settings = json.loads(told.get("config", "{}"))
    except (SafetensorError, OSError, ValueError) as error:
        raise _broken(file, error) from error
    return Published(file, tensors, settings)


def _restricted(file: Path) -> Any:
    import torch

    try:
        return torch.load(
            file, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(file)
        )
    except UnpicklingError as error:
        raise ConfigError(
            "the checkpoint holds more than tensors and plain values, and reading it could run "
            "whatever code it holds",
            file=file,
            value=_what_is_refused(error),
            hint="get it from its makers; Equivoice never unpickles code",
        ) from error
    except (RuntimeError, OSError, EOFError, ValueError, KeyError) as error:
        raise _broken(file, error) from error


def _what_is_refused(error: Exception) -> str:
    """The name that torch's reader stumbled upon, in its long explanation."""
    for line in str(error).splitlines():
        if "Unsupported" in line or "GLOBAL" in line:
            return line.strip()
    return str(error).strip().partition("\n")[0]


def _only_tensors(held: Mapping[Any, Any]) -> Iterator[tuple[str, torch.Tensor]]:
    import torch

    for name, value in held.items():
        if isinstance(value, torch.Tensor):
            yield str(name), value


def _without_tensors(file: Path) -> ConfigError:
    return ConfigError(
        "the checkpoint holds no tensors by name", file=file, hint="is it the right file?"
    )


def _broken(file: Path, error: Exception) -> ConfigError:
    said = str(error).strip().partition("\n")[0]
    return ConfigError(
        f"the checkpoint cannot be read: {said}", file=file, hint="is the file whole?"
    )
