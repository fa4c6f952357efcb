"""How files of published numbers are read: by the name of a study, or by a path."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from equivoice.errors import InputError
from equivoice.written_files import parse_yaml

__all__ = ["read_published", "standing_twice"]

Numbers = TypeVar("Numbers", bound=BaseModel)
_SUFFIX = ".yaml"


def read_published(model: type[Numbers], name_or_path: str | Path, *, kind: str = "") -> Numbers:
    """Published numbers, checked.

    Args:
        model: what the file holds.
        name_or_path: of a study whose numbers are shipped, or a file of the same form.
        kind: the folder that shipped files of this form stand in.

    Raises:
        InputError: no such study, or a file that cannot be read or contradicts itself.
    """
    text, place = _text(name_or_path, kind)
    try:
        return model.model_validate(parse_yaml(text, file=place))
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(part) for part in fault["loc"]) or "the file"
        raise InputError(f"{where}: {fault['msg']}", file=place) from error


def _text(name_or_path: str | Path, kind: str) -> tuple[str, str]:
    folder = resources.files(__package__)
    if kind:
        folder = folder / kind
    inside = folder / f"{name_or_path}{_SUFFIX}"
    if isinstance(name_or_path, str) and inside.is_file():
        return inside.read_text(encoding="utf-8"), f"{name_or_path}{_SUFFIX}"
    path = Path(name_or_path)
    if path.is_file():
        return path.read_text(encoding="utf-8"), str(path)
    names = sorted(each.name for each in folder.iterdir() if each.name.endswith(_SUFFIX))
    raise InputError(
        "there are no such published tables" if kind else "there is no such published study",
        value=str(name_or_path),
        choices=[name.removesuffix(_SUFFIX) for name in names],
    )


def standing_twice(places: Sequence[str]) -> list[str]:
    """A sentence for each place that more than one number claims.

    Example:
        >>> standing_twice(["Table 1, men", "Table 1, women", "Table 1, men"])
        ['Table 1, men stands twice']
    """
    return [f"{place} stands twice" for place in dict.fromkeys(places) if places.count(place) > 1]
