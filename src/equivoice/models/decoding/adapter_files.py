"""What training changed in a model, as files: an adapter of peft, and further weights.

A folder holds, as far as there is such:

- ``adapter_config.json`` and ``adapter_model.safetensors``: a LoRA adapter as peft
  itself writes it, which peft alone can read;
- ``further_weights.safetensors``: weights of the model that were trained as they are;
- ``adapter_origin.json``: the model that all of it belongs to.

Nothing is unpickled, and nothing is taken in part: an adapter whose tensors are not
exactly those that the model has a place for is refused.

peft (extra ``train``) is imported late.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from equivoice.errors import ConfigError, MissingDependencyError
from equivoice.models.decoding.checkpoint import weights_fingerprint

if TYPE_CHECKING:
    import torch

__all__ = [
    "adapter_config",
    "changed_weights",
    "describe_adapter",
    "inject",
    "peft_library",
    "read_adapter",
    "write_adapter",
]

_CONFIG = "adapter_config.json"
_WEIGHTS = "adapter_model.safetensors"
_FURTHER = "further_weights.safetensors"
_ORIGIN = "adapter_origin.json"
# what peft puts before the names of a model that it wraps
_WRAPPED = "base_model.model."
# a module that was given an adapter holds what it was as its base layer
_BASE = ".base_layer."
_ADAPTER = "default"


def peft_library() -> Any:
    """The package peft.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        import peft
    except ImportError as error:
        raise MissingDependencyError("peft", extra="train", purpose="LoRA adapters") from error
    return peft


def adapter_config(model: Any) -> Any:
    """The configuration, peft's, of the adapter that a model has; ``None``: it has none."""
    return (getattr(model, "peft_config", None) or {}).get(_ADAPTER)


def inject(model: Any, config: Any) -> None:
    """Give a model a fresh adapter, in place, its weights in float32.

    Args:
        model: as transformers loads it.
        config: peft's.

    Raises:
        ConfigError: the model has none of the modules that the adapter goes to.
    """
    peft = peft_library()
    from equivoice.models.decoding.lora_layers import make_lean

    try:
        peft.inject_adapter_in_model(config, model, adapter_name=_ADAPTER)
    except ValueError as error:
        said = str(error).partition("\n")[0]
        raise ConfigError(
            f"{type(model).__name__} cannot be given the adapter: {said}",
            value=_shown_targets(config),
            hint="is the adapter made for this architecture? Modules: model.named_modules()",
        ) from error
    # its layers and their dropout come switched on, in whatever mode the model is
    for module in model.modules():
        if hasattr(module, "lora_A"):
            module.train(model.training)
    for _, weight in _adapter_weights(model):
        # small steps vanish in half precision
        weight.data = weight.data.float()
    make_lean(model)


def write_adapter(model: Any, folder: Path, *, origin: Mapping[str, Any]) -> None:
    """Write what training changed; each file appears whole or not at all.

    Args:
        model: with an adapter, weights of its own that are trained, or both.
        folder: an existing folder.
        origin: the model that it belongs to.

    Raises:
        ConfigError: nothing of the model is trained.
    """
    config = adapter_config(model)
    further = _further_weights(model)
    if config is None and not further:
        raise ConfigError(
            "nothing of the model is trained, so there is nothing to save",
            value=type(model).__name__,
            hint="attach an adapter or unfreeze a part of the model first",
        )
    if config is not None:
        _write_tensors(_adapter_state(model), folder / _WEIGHTS)
        told = config.to_dict() | {"inference_mode": True}
        told["base_model_name_or_path"] = str(origin.get("model"))
        _write_json(told, folder / _CONFIG)
    if further:
        _write_tensors({_plain_name(name): each for name, each in further}, folder / _FURTHER)
    _write_json({"architecture": type(model).__name__, **origin}, folder / _ORIGIN)


def read_adapter(model: Any, folder: Path) -> None:
    """Give a model what training changed in its like; all of it, or an error.

    Args:
        model: as transformers loads it, or with an adapter of the same shape.
        folder: as :func:`write_adapter` or peft wrote it.

    Raises:
        ConfigError: no adapter, a pickled one, another kind than LoRA, or one that
            belongs to another architecture.
        MissingDependencyError: peft is not installed.
    """
    import torch

    _check_folder(folder)
    _check_architecture(model, folder)
    if (folder / _CONFIG).is_file():
        if adapter_config(model) is None:
            inject(model, _read_config(folder))
        found = _read_tensors(folder / _WEIGHTS)
        _check_fit(_adapter_state(model), found, folder / _WEIGHTS)
        tensors = {name.removeprefix(_WRAPPED): each for name, each in found.items()}
        peft_library().set_peft_model_state_dict(model, tensors, adapter_name=_ADAPTER)
    if (folder / _FURTHER).is_file():
        found = _read_tensors(folder / _FURTHER)
        places = {_plain_name(name): weight for name, weight in model.named_parameters()}
        wanted = {name: weight for name, weight in places.items() if name in found}
        _check_fit(wanted, found, folder / _FURTHER)
        with torch.no_grad():
            for name, weight in wanted.items():
                weight.copy_(found[name])
        model.further_weights = changed_weights(model) | set(found)


def changed_weights(model: Any) -> frozenset[str]:
    """The names of weights of its own in which a model differs from its checkpoint."""
    return frozenset(getattr(model, "further_weights", ()))


def describe_adapter(model: Any, folder: Path) -> dict[str, Any]:
    """What a run record must know of an adapter, as JSON can hold it."""
    config = adapter_config(model)
    lora = None
    if config is not None:
        lora = {
            "rank": int(config.r),
            "alpha": config.lora_alpha,
            "dropout": config.lora_dropout,
            "targets": _shown_targets(config),
        }
    return {
        "folder": str(folder),
        "weights": weights_fingerprint(folder),
        "lora": lora,
        "further_weights": len(changed_weights(model)),
        "origin": _origin(folder),
    }


def _shown_targets(config: Any) -> str:
    targets = config.target_modules
    return targets if isinstance(targets, str) else ", ".join(sorted(targets or ()))


def _adapter_weights(model: Any) -> Iterator[tuple[str, Any]]:
    prefix = str(adapter_config(model).peft_type.value).lower() + "_"
    for name, weight in model.named_parameters():
        if prefix in name and f".{_ADAPTER}" in name:
            yield name, weight


def _adapter_state(model: Any) -> dict[str, torch.Tensor]:
    """The adapter's tensors by the names that peft gives them in files."""
    tensors: dict[str, torch.Tensor] = peft_library().get_peft_model_state_dict(
        model, adapter_name=_ADAPTER, save_embedding_layers=False
    )
    return {_WRAPPED + name: each.detach() for name, each in tensors.items()}


def _further_weights(model: Any) -> list[tuple[str, torch.Tensor]]:
    adapter = {name for name, _ in _adapter_weights(model)} if adapter_config(model) else set()
    changed = changed_weights(model)
    return [
        (name, weight.detach())
        for name, weight in model.named_parameters()
        if name not in adapter and (weight.requires_grad or _plain_name(name) in changed)
    ]


def _plain_name(name: str) -> str:
    """The name of a weight in a model without an adapter."""
    return name.replace(_BASE, ".")


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise ConfigError(
            "there is no such adapter folder",
            file=folder,
            hint="give the folder that training wrote, or one saved by peft",
        )
    if (folder / _WEIGHTS).is_file() == (folder / _CONFIG).is_file() and any(
        (folder / name).is_file() for name in (_CONFIG, _FURTHER)
    ):
        return
    pickled = sorted(folder.glob("adapter_model*.bin"))
    if pickled:
        raise ConfigError(
            "the adapter is pickled, and reading it runs whatever code it holds",
            file=pickled[0],
            hint="save it as safetensors: model.save_pretrained(folder) of a recent peft",
        )
    raise ConfigError(
        f"the folder holds no whole adapter ({_CONFIG} with {_WEIGHTS}, or {_FURTHER})",
        file=folder,
        hint="give the folder that training wrote, or one saved by peft",
    )


def _check_architecture(model: Any, folder: Path) -> None:
    origin = _origin(folder)
    brought = origin.get("architecture")
    if brought is None and (folder / _CONFIG).is_file():
        mapping = _json(folder / _CONFIG).get("auto_mapping") or {}
        brought = mapping.get("base_model_class")
    if brought is not None and brought != type(model).__name__:
        raise ConfigError(
            "the adapter is of another architecture than the model",
            file=folder,
            value=brought,
            choices=[type(model).__name__],
            hint=f"it belongs to {origin.get('model') or 'another model'}",
        )


def _read_config(folder: Path) -> Any:
    told = _json(folder / _CONFIG)
    kind = told.get("peft_type")
    if kind != "LORA":
        raise ConfigError(
            "an adapter of this kind cannot be used here",
            file=folder / _CONFIG,
            value=kind,
            choices=["LORA"],
        )
    config = peft_library().LoraConfig.from_pretrained(str(folder))
    config.inference_mode = False
    return config


def _check_fit(
    places: Mapping[str, torch.Tensor], found: Mapping[str, torch.Tensor], file: Path
) -> None:
    """See that every tensor has its place and every place its tensor.

    Raises:
        ConfigError: names or shapes differ.
    """
    problems = [
        *(f"{name} has no place in the model" for name in sorted(found.keys() - places.keys())),
        *(f"{name} is missing" for name in sorted(places.keys() - found.keys())),
        *(
            f"{name} is {tuple(found[name].shape)} and the model's {tuple(place.shape)}"
            for name, place in places.items()
            if name in found and found[name].shape != place.shape
        ),
    ]
    if problems:
        raise ConfigError(
            f"the adapter does not fit the model ({len(problems)} of "
            f"{len(found.keys() | places.keys())} tensors)",
            file=file,
            value=problems[0],
            hint="was it trained on a model of another size or architecture?",
        )


def _read_tensors(file: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(file)
    except (SafetensorError, OSError) as error:
        raise ConfigError(
            f"the weights cannot be read: {error}", file=file, hint="is the file whole?"
        ) from error


def _write_tensors(tensors: Mapping[str, torch.Tensor], file: Path) -> None:
    from safetensors.torch import save_file

    partial = file.with_name(f".{file.name}.partial")
    save_file(
        {name: each.contiguous() for name, each in tensors.items()}, partial, {"format": "pt"}
    )
    partial.replace(file)


def _write_json(told: Mapping[str, Any], file: Path) -> None:
    text = json.dumps(told, indent=2, sort_keys=True, default=_plain)
    partial = file.with_name(f".{file.name}.partial")
    partial.write_text(text + "\n", encoding="utf-8")
    partial.replace(file)


def _plain(value: object) -> Any:
    return sorted(value) if isinstance(value, Collection) else str(value)


def _origin(folder: Path) -> dict[str, Any]:
    return _json(folder / _ORIGIN) if (folder / _ORIGIN).is_file() else {}


def _json(file: Path) -> dict[str, Any]:
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"not JSON: {error}", file=file) from error
    if not isinstance(told, dict):
        raise ConfigError("not a JSON object", file=file)
    return told
