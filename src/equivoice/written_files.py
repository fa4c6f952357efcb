"""Files that people write, in YAML: read so that what is wrong with them is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from equivoice.errors import ConfigError

__all__ = ["parse_yaml", "read_text", "read_yaml"]


def read_yaml(path: Path, *, what: str) -> Any:
    """What stands in a YAML file.

    Args:
        path: the file.
        what: it is, for messages: ``the recipe``.

    Raises:
        ConfigError: it cannot be read, or is not YAML in UTF-8.
    """
    return parse_yaml(read_text(path, what=what), file=path)


def read_text(path: Path, *, what: str) -> str:
    """The text of a file in UTF-8.

    Args:
        path: the file.
        what: it is, for messages.

    Raises:
        ConfigError: it cannot be read, or is not UTF-8.
    """
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise ConfigError(
            f"{what} cannot be read: {error.strerror}", file=path, hint="check the path"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{what} cannot be read: it is not UTF-8 text", file=path, hint="save it as UTF-8"
        ) from error


def parse_yaml(text: str, *, file: str | Path) -> Any:
    """What a text in YAML holds: plain values, never objects.

    Args:
        text: the text.
        file: that it stands in, for messages.

    Raises:
        ConfigError: it is not YAML.

    Example:
        >>> parse_yaml("a: [1, 2]", file="a.yaml")
        {'a': [1, 2]}
    """
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"not YAML: {error}", file=file) from error
    except RecursionError as error:
        raise ConfigError("nested too deeply to be read", file=file) from error
