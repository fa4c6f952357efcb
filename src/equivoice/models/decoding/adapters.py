"""What of a model is trained: LoRA adapters through peft, and parts of the model itself.

A model comes frozen. :func:`attach_lora` adds small matrices beside some of its linear
layers and leaves all else as it is; :func:`unfreeze` trains parts as they are. Both
work in place and may be combined, LoRA first. What changed is saved by
:func:`save_adapter` and loaded with the model by ``LoadOptions(adapter=FOLDER)``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from equivoice.errors import ConfigError
from equivoice.models.decoding.adapter_files import (
    adapter_config,
    inject,
    peft_library,
    read_adapter,
    write_adapter,
)
from equivoice.models.decoding.checkpoint import weights_fingerprint
from equivoice.models.decoding.learning_model import LearningModel

if TYPE_CHECKING:
    from torch.nn import Parameter

__all__ = [
    "PARTS",
    "HoldsModel",
    "LoraSettings",
    "attach_lora",
    "load_adapter",
    "save_adapter",
    "trainable_parameters",
    "unfreeze",
]

_GROUPS = ("language", "all-linear")
PARTS = ("all", "encoder", "head", "language", "projector")
"""The parts of a model that :func:`unfreeze` knows by name."""


class HoldsModel(Protocol):
    """What has a model with embeddings of tokens; and ``tower`` and ``projector``, if it hears."""

    @property
    def model(self) -> Any:
        """The model, as transformers loads it."""


@dataclass(frozen=True)
class LoraSettings:
    """A LoRA adapter.

    Args:
        rank: of the two matrices.
        alpha: their product is scaled by alpha / rank.
        dropout: share of their input that is set to 0 in training.
        targets: ``language``: every linear layer of the language model but its head;
            ``all-linear``: those of encoder and projector too; or the names of
            modules, such as ``("q_proj", "v_proj")``, wherever they stand.

    Raises:
        ConfigError: a value is out of its range; all of them together.

    Example:
        >>> LoraSettings().targets
        'language'
        >>> LoraSettings(rank=0)
        Traceback (most recent call last):
        ...
        equivoice.errors.ConfigError: 1 problem in the configuration
          - rank: 0 is below 1
    """

    rank: int = 16
    alpha: float = 32.0
    dropout: float = 0.05
    targets: str | tuple[str, ...] = "language"

    def __post_init__(self) -> None:
        if isinstance(self.targets, str) and self.targets not in _GROUPS:
            unknown = f"targets: unknown choice {self.targets!r} ({', '.join(_GROUPS)})"
        else:
            unknown = "" if self.targets else "targets: empty; name a module"
        wrong = {
            f"rank: {self.rank} is below 1": self.rank < 1,
            f"alpha: {self.alpha} is not above 0": not self.alpha > 0,
            f"dropout: {self.dropout} is not within 0 and 1": not 0 <= self.dropout < 1,
            unknown: bool(unknown),
        }
        problems = [problem for problem, found in wrong.items() if found]
        if problems:
            raise ConfigError.from_problems(problems)


def attach_lora(backend: HoldsModel, settings: LoraSettings) -> None:
    """Give a model a LoRA adapter, in place; only the adapter is trained from then on.

    A fresh adapter changes no answer. Its weights are drawn from torch's global random
    state. A model that was loaded with an adapter goes on with that one.

    Args:
        backend: whose model is changed.
        settings: of the adapter.

    Raises:
        ConfigError: the model has no such modules, or has an adapter of other settings.
        MissingDependencyError: peft is not installed.
    """
    peft = peft_library()
    model = backend.model
    config = peft.LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=_target_modules(backend, settings.targets),
    )
    held = adapter_config(model)
    if held is None:
        inject(model, config)
        return
    _check_same(held, config)
    for name, weight in model.named_parameters():
        weight.requires_grad_("lora_" in name)


def unfreeze(backend: LearningModel, patterns: Sequence[str]) -> list[str]:
    """Train parts of the model as they are.

    Args:
        backend: whose model is changed.
        patterns: names of :data:`PARTS`, or of parameters, in which ``*`` stands for
            anything: ``model.language_model.layers.31.*``.

    Returns:
        The names of the parameters that are trained now and were not.

    Raises:
        ConfigError: a pattern fits nothing, or weights that are quantised.
    """
    chosen: dict[str, Parameter] = {}
    for pattern in patterns:
        found = _fitting(backend, pattern)
        if not found:
            raise ConfigError(
                "no weight of the model fits the pattern",
                value=pattern,
                choices=(*PARTS, *sorted({_plain_parent(name) for name, _ in _own(backend)})),
            )
        chosen.update(found)
    quantised = [name for name, weight in chosen.items() if not weight.is_floating_point()]
    if quantised:
        raise ConfigError(
            "quantised weights cannot be trained as they are",
            value=quantised[0],
            hint="quantisation=none, or train an adapter alone",
        )
    changed = [name for name, weight in chosen.items() if not weight.requires_grad]
    for weight in chosen.values():
        weight.requires_grad_(True)
    return changed


def trainable_parameters(backend: LearningModel) -> list[tuple[str, Parameter]]:
    """The weights that are trained, by name, in the order of the model."""
    return [each for each in backend.model.named_parameters() if each[1].requires_grad]


def save_adapter(backend: LearningModel, folder: str | Path) -> None:
    """Write what training changed; see :mod:`~equivoice.models.decoding.adapter_files`.

    Args:
        backend: whose model is trained.
        folder: made where it is not there.

    Raises:
        ConfigError: nothing of the model is trained.
    """
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    source = backend.options.folder
    origin = {
        "model": backend.options.model,
        "revision": backend.options.revision,
        "weights": None if source is None else weights_fingerprint(source),
    }
    write_adapter(backend.model, place, origin=origin)


def load_adapter(backend: LearningModel, folder: str | Path) -> None:
    """Give a model what training changed in its like; what is trained stays as it is set.

    Args:
        backend: with an adapter of the same settings, or without one.
        folder: as :func:`save_adapter` or peft wrote it.

    Raises:
        ConfigError: no adapter, a pickled one, or one that does not fit the model.
        MissingDependencyError: peft is not installed.
    """
    read_adapter(backend.model, Path(folder))


def _target_modules(backend: HoldsModel, targets: str | tuple[str, ...]) -> str | list[str]:
    """The modules that are given an adapter, as peft takes them: names or one expression."""
    from torch.nn import Linear

    if not isinstance(targets, str):
        return list(targets)
    parts = ["language"] if targets == "language" else ["language", "encoder", "projector"]
    within = {id(each) for part in parts for each in _modules(backend, part)}
    held = [(name, each) for name, each in backend.model.named_modules() if id(each) in within]
    choices = []
    for path, module in held:
        # a layer that has an adapter already is within it as its base layer
        names = [
            name.removesuffix(".base_layer")
            for name, each in module.named_modules()
            if isinstance(each, Linear) and ".lora_" not in name
        ]
        kinds = "|".join(sorted({re.escape(name.rpartition(".")[2]) for name in names}))
        if kinds:
            choices.append(rf"{re.escape(path)}\.(.*\.)?({kinds})")
    return "|".join(f"({choice})" for choice in choices)


def _language_path(model: Any) -> str:
    """Where the language model stands: it holds the embeddings of tokens."""
    embeddings = model.get_input_embeddings()
    name: str = next(name for name, module in model.named_modules() if module is embeddings)
    return name.rpartition(".")[0]


def _check_same(held: Any, wanted: Any) -> None:
    problems = [
        f"{said}: the adapter has {getattr(held, name)!r}, wanted is {getattr(wanted, name)!r}"
        for said, name in (
            ("rank", "r"),
            ("alpha", "lora_alpha"),
            ("targets", "target_modules"),
        )
        if getattr(held, name) != getattr(wanted, name)
    ]
    if problems:
        raise ConfigError.from_problems(
            ["the model has an adapter of other settings already", *problems]
        )


def _own(backend: LearningModel) -> list[tuple[str, Parameter]]:
    """The weights of the model itself, not of an adapter."""
    return [each for each in backend.model.named_parameters() if ".lora_" not in each[0]]


def _fitting(backend: LearningModel, pattern: str) -> dict[str, Parameter]:
    own = _own(backend)
    if pattern not in PARTS:
        return {
            name: weight
            for name, weight in own
            if fnmatchcase(name.replace(".base_layer.", "."), pattern)
        }
    wanted = {id(weight) for module in _modules(backend, pattern) for weight in module.parameters()}
    return {name: weight for name, weight in own if id(weight) in wanted}


def _modules(backend: HoldsModel, name: str) -> list[Any]:
    """The modules of a part; none where the model has no such part."""
    model = backend.model
    if name == "all":
        return [model]
    if name == "head":
        return [model.get_output_embeddings()]
    if name == "language":
        return [model.get_submodule(_language_path(model))]
    part = {"encoder": "tower", "projector": "projector"}[name]
    found = getattr(backend, part, None)
    return [] if found is None else [found]


def _plain_parent(name: str) -> str:
    """The module of a weight, two levels deep, as a pattern."""
    return ".".join(name.split(".")[:2]) + ".*"
