"""Files that people write, in YAML: read so that what is wrong with them is named."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from equivoice.errors import ConfigError

__all__ = ["OwnFiles", "is_written_file", "parse_yaml", "read_text", "read_yaml"]

_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True)
class OwnFiles:
    """Equivoice's own files of one kind, beside which people write theirs.

    Args:
        what: such a file holds: ``prompt``.
        package: that they lie in.
        folder: within it.

    Example:
        >>> own = OwnFiles("rubric", "equivoice.rating", "rubric_files")
        >>> own.names()
        ('acceptance', 'pairwise', 'plausibility')
        >>> own.text("best")
        Traceback (most recent call last):
        ...
        equivoice.errors.ConfigError: unknown rubric: 'best'
          choices: acceptance, pairwise, plausibility
          next: or give the path of a file (.yaml)
    """

    what: str
    package: str
    folder: str = ""

    def names(self) -> tuple[str, ...]:
        """Their names, in alphabetical order."""
        files = (entry.name for entry in self._place().iterdir())
        return tuple(sorted(name.removesuffix(".yaml") for name in files if name.endswith(".yaml")))

    def text(self, name: str) -> str:
        """What stands in the file of that name.

        Raises:
            ConfigError: there is none.
        """
        if name not in self.names():
            raise ConfigError(
                f"unknown {self.what}",
                value=name,
                choices=self.names(),
                hint="or give the path of a file (.yaml)",
            )
        return (self._place() / f"{name}.yaml").read_text("utf-8")

    def _place(self) -> resources.abc.Traversable:
        place = resources.files(self.package)
        return place / self.folder if self.folder else place


def is_written_file(name_or_path: str | Path) -> bool:
    """Whether something is named by the path of its file, and not by a name of ours.

    What ends in ``.yaml`` or ``.yml``, or has a folder in it, is a path.

    Example:
        >>> is_written_file("user_labels"), is_written_file("mine.yaml")
        (False, True)
    """
    path = Path(name_or_path)
    return isinstance(name_or_path, Path) or path.suffix in _SUFFIXES or path.name != str(path)


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
