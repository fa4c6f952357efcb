"""What is compared: methods of training, seeds, folds, and the recipe that all have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any

from equivoice.errors import ConfigError
from equivoice.models.speech_llms.small import SIZES

__all__ = ["METHODS", "STUDY_RECIPE", "FairSettings", "Method", "read_method"]

_FIXED = "fixed"

STUDY_RECIPE: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "model": {"tuning": "full"},
        "data": {"prompt": "direct"},
        "groups": {"cell": "language"},
        "optimiser": {"epochs": 16, "batch": 24, "micro": 8, "lr": 3e-3, "warmup": 0.1},
        "selection": {"patience": None},
        "checkpoints": {"keep": 1},
        "tracking": {"tensorboard": False},
    }
)
"""What is otherwise than in the recipes, for a model that begins with random weights; ours."""


@dataclass(frozen=True)
class Method:
    """One way of training.

    Args:
        key: stands in the names of folders.
        name: stands in tables.
        recipe: the recipe it begins with.
        changes: what is otherwise, section by section.
    """

    key: str
    name: str
    recipe: str
    changes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def read_method(text: str) -> Method:
    """A method as it is typed: ``erm``, ``minmaxgap``, or ``fixed:WEIGHT``.

    Args:
        text: with the weight λ of a penalty that never moves, where it is fixed.

    Raises:
        ConfigError: there is no such method, or a weight that is none.

    Example:
        >>> read_method("fixed:2").name
        'fixed λ = 2'
        >>> read_method("minmaxgap").recipe
        'minmaxgap'
    """
    kind, colon, weight = text.partition(":")
    if text == "erm":
        return Method("erm", "ERM", "erm")
    if text == "minmaxgap":
        return Method("minmaxgap", "MinMaxGAP", "minmaxgap")
    if kind != _FIXED or not colon:
        raise ConfigError("unknown method", value=text, choices=["erm", "minmaxgap", "fixed:2"])
    value = _weight(weight, text)
    fixed = {"weight": {"kind": "fixed", "start": value}}
    return Method(f"{_FIXED}-{value:g}", f"fixed λ = {value:g}", "minmaxgap", fixed)


def _weight(written: str, text: str) -> float:
    try:
        value = float(written)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise ConfigError(
            "the weight of a penalty is a number, 0 or more", value=text, hint="such as fixed:2"
        )
    return value


METHODS = ("erm", "minmaxgap", "fixed:1")
"""The methods that are compared by default."""


@dataclass(frozen=True)
class FairSettings:
    """How the methods are compared.

    Args:
        methods: each as :func:`read_method` takes it.
        seeds: of a model's first weights and of its training; equal for all methods.
        folds: whose test parts are answered, each by a model of its own.
        size: of the model, see :data:`~equivoice.models.speech_llms.small.SIZES`.
        cell: what groups are compared within: ``language`` or ``corpus``.
        attribute: whose groups are compared.
        recipe: what is otherwise than in :data:`STUDY_RECIPE`, section by section.
        pretraining: the same of the training before all methods, where there is one.
        replicates: of the bootstrap.
        level: nominal coverage of the intervals.
        seed: of all resampling.

    Raises:
        ConfigError: an unknown method; or nothing to compare, something twice, an unknown
            size or cell: all of these together.
    """

    methods: tuple[str, ...] = METHODS
    seeds: tuple[int, ...] = (0, 1, 2)
    folds: tuple[str, ...] = ("1",)
    size: str = "tiny"
    cell: str = "language"
    attribute: str = "gender"
    recipe: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    pretraining: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    replicates: int = 2_000
    level: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        problems = [
            *(_listed("methods", self.methods) or _listed("methods", self._keys())),
            *_listed("seeds", self.seeds),
            *_listed("folds", self.folds),
        ]
        if self.size not in SIZES:
            problems.append(f"size: {self.size!r} is none of {', '.join(SIZES)}")
        if self.cell not in ("language", "corpus"):
            problems.append(f"cell: {self.cell!r} is none of language, corpus")
        if problems:
            raise ConfigError.from_problems(problems)

    @property
    def chosen(self) -> tuple[Method, ...]:
        """The methods, read."""
        return tuple(map(read_method, self.methods))

    def changes(self, method: Method) -> dict[str, dict[str, Any]]:
        """What a method's training has otherwise than its recipe.

        Args:
            method: what is asked of it goes before all else.
        """
        return self._merged(self.recipe, method.changes)

    def pretraining_changes(self) -> dict[str, dict[str, Any]]:
        """What the training before all methods has otherwise than the recipe ``erm``."""
        return self._merged(self.pretraining)

    def as_config(self) -> dict[str, Any]:
        """The settings as JSON can hold them."""
        return asdict(self)

    def _merged(self, *layers: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
        own = {"groups": {"cell": self.cell, "attribute": self.attribute}}
        merged: dict[str, dict[str, Any]] = {}
        for layer in (STUDY_RECIPE, own, *layers):
            for section, values in layer.items():
                merged[section] = merged.get(section, {}) | dict(values)
        return merged

    def _keys(self) -> list[str]:
        return [method.key for method in self.chosen]


def _listed(name: str, given: Sequence[object]) -> list[str]:
    """What is wrong with a list of different things."""
    if not given:
        return [f"{name}: there is none"]
    twice = [each for each in dict.fromkeys(given) if given.count(each) > 1]
    return [f"{name}: {each} stands there twice" for each in twice]
