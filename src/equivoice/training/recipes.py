"""Recipes as data: all settings of a training but the system and the corpora.

A recipe is a YAML file: one of Equivoice's own by name, or a user's file by path. Language
models have ``erm``, ``minmaxgap``, ``rationales`` and, from scratch, ``small``; classifiers ``encoder`` and
``compact``; each is documented line by line, with what its paper says. A user's file need
name only what differs from ``erm``. Single settings are then changed by overrides.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from equivoice.errors import ConfigError
from equivoice.training.settings import TrainingSettings
from equivoice.written_files import OwnFiles, is_written_file, parse_yaml, read_text

__all__ = ["default_recipe", "load_recipe", "recipe_names", "resolve_settings"]

_OWN = OwnFiles("recipe", "equivoice.training", "recipes")
_NOT_OF_A_RECIPE = ("system", "options", "corpora", "fold", "recipe")


def recipe_names() -> tuple[str, ...]:
    """The names of Equivoice's own recipes.

    Example:
        >>> recipe_names()
        ('compact', 'encoder', 'erm', 'minmaxgap', 'rationales', 'small')
    """
    return _OWN.names()


def default_recipe(system: object, *, classifies: bool) -> str:
    """The recipe that suits a system.

    Args:
        system: what makes it, or itself; a classifier may name a recipe as ``RECIPE``.
        classifies: whether it is a classifier.

    Example:
        >>> from equivoice.models.encoders.compact import CompactEncoder
        >>> default_recipe(CompactEncoder, classifies=True)
        'compact'
        >>> default_recipe(object(), classifies=True), default_recipe(object(), classifies=False)
        ('encoder', 'erm')
    """
    return str(getattr(system, "RECIPE", "encoder")) if classifies else "erm"


def load_recipe(name_or_path: str | Path) -> dict[str, Any]:
    """The settings of a recipe, as its file has them.

    Args:
        name_or_path: a name of :func:`recipe_names`; what has the suffix ``.yaml`` or
            ``.yml``, or a folder in it, is a path.

    Raises:
        ConfigError: no such recipe, or the file cannot be read.

    Example:
        >>> load_recipe("minmaxgap")["weight"]["tolerance"]
        0.02
    """
    if is_written_file(name_or_path):
        path = Path(name_or_path)
        return _read(path, read_text(path, what="the recipe"))
    return _read(f"{name_or_path}.yaml", _OWN.text(str(name_or_path)))


def resolve_settings(
    recipe: str | Path = "erm",
    changes: Mapping[str, Any] | None = None,
    **settings: Any,
) -> TrainingSettings:
    """A recipe with what is to be otherwise, checked; all mistakes are reported together.

    Args:
        recipe: by name or path.
        changes: settings by name; sections as mappings of what differs.
        settings: system, options, corpora and fold.

    Raises:
        ConfigError: lists all that is wrong: unknown keys, values out of their range.

    Example:
        >>> settings = resolve_settings(
        ...     "minmaxgap", {"optimiser": {"epochs": 3}}, system="qwen2-audio", corpora=["a"])
        >>> settings.optimiser.epochs, settings.optimiser.batch, settings.weight.maximum
        (3, 64, 10.0)
        >>> resolve_settings("erm", {"optimiser": {"eopchs": 3}}, system="s", corpora=["a"])
        Traceback (most recent call last):
        ...
        equivoice.errors.ConfigError: 1 problem in the configuration
          - optimiser.eopchs: unknown key; did you mean 'epochs'?
    """
    merged: dict[str, Any] = {}
    for layer in (load_recipe("erm"), load_recipe(recipe), dict(changes or {})):
        merged = _merged(_without_foreign_options(merged, layer), layer)
    merged |= {"recipe": str(recipe), **settings}
    try:
        return TrainingSettings.model_validate(merged)
    except ValidationError as error:
        problems = list(dict.fromkeys(_sentence(fault) for fault in error.errors()))
        raise ConfigError.from_problems(problems) from error


def _read(file: str | Path, text: str) -> dict[str, Any]:
    content = parse_yaml(text, file=file)
    if content is not None and not isinstance(content, dict):
        raise ConfigError("a recipe holds 'key: value' lines", file=file)
    found = {str(key): value for key, value in (content or {}).items()}
    foreign = [key for key in found if key in _NOT_OF_A_RECIPE]
    if foreign:
        raise ConfigError(
            "a recipe says how to train, not what",
            file=file,
            value=foreign[0],
            hint=f"give {foreign[0]} with the command",
        )
    return found


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """``above`` laid over ``below``, section by section."""
    found = dict(below)
    for key, value in above.items():
        both = isinstance(value, Mapping) and isinstance(found.get(key), Mapping)
        found[key] = _merged(found[key], value) if both else value
    return found


def _without_foreign_options(
    below: Mapping[str, Any], above: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Options belong to the loss that they are named with: another loss does not take them."""
    objective, changed = below.get("objective"), above.get("objective")
    if not isinstance(objective, Mapping) or not isinstance(changed, Mapping):
        return below
    if changed.get("loss", objective.get("loss")) == objective.get("loss"):
        return below
    return {**below, "objective": {**objective, "options": {}}}


def _sentence(fault: Any) -> str:
    places = [str(part) for part in fault["loc"]]
    where = ".".join(places)
    if fault["type"] == "missing":
        return f"{where}: needed"
    if fault["type"] == "extra_forbidden":
        known = _keys_beside(places)
        close = get_close_matches(places[-1], known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known keys: {', '.join(known)}"
        return f"{where}: unknown key; {hint}"
    message = str(fault["msg"]).removeprefix("Value error, ").split(", unable to")[0]
    shown = "" if isinstance(fault["input"], Mapping) else f", not {fault['input']!r}"
    return f"{where}: {message[:1].lower()}{message[1:]}{shown}"


def _keys_beside(places: list[str]) -> list[str]:
    model: type[BaseModel] = TrainingSettings
    for part in places[:-1]:
        inner = model.model_fields[part].annotation if part in model.model_fields else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            break
        model = inner
    return list(model.model_fields)
