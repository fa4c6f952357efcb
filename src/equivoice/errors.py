"""Every exception that Equivoice raises on purpose.

::

    EquivoiceError                  exit code 1: the work failed
    ├── InputError                  exit code 2: what was given is wrong
    │   ├── SchemaError             a table breaks its schema
    │   ├── LabelError              a label is not in the label space
    │   ├── AudioError              a sound file cannot be used
    │   ├── VotesError              what raters said cannot be counted
    │   ├── CorpusError             a corpus cannot be prepared or loaded
    │   ├── ConfigError             options or configuration are wrong
    │   └── MissingDependencyError  an optional package is not installed
    └── RunError                    a run could not be finished
        ├── LockedRunError          another process works on the same folder
        └── StorageError            a result could not be written

An :class:`InputError` names what a person needs to mend it: the file, the
row, the column, the value, the choices and the next step.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

__all__ = [
    "AudioError",
    "ConfigError",
    "CorpusError",
    "EquivoiceError",
    "InputError",
    "LabelError",
    "LockedRunError",
    "MissingDependencyError",
    "RunError",
    "SchemaError",
    "StorageError",
    "VotesError",
]

_MOST_CHOICES_SHOWN = 20
_LONGEST_VALUE_SHOWN = 120


class EquivoiceError(Exception):
    """Base of all errors that Equivoice raises on purpose."""

    exit_code = 1

    def __reduce__(self) -> tuple[Any, ...]:
        """Errors travel whole between processes, whatever their constructors take."""
        return _remade, (type(self), self.args), self.__dict__


class InputError(EquivoiceError):
    """What the caller gave is wrong; the message says what and where.

    Args:
        problem: one sentence that says what is wrong.
        file: the file that holds the problem.
        row: the data row, counted from 1 (a header line is not counted).
        column: the column.
        value: the offending value; long values are shortened.
        choices: the values that would have been accepted.
        hint: the next step.

    Example:
        >>> print(InputError("unknown split", file="folds.csv", row=3, value="tset",
        ...                  choices=["train", "test"]))
        unknown split: 'tset'
          file: folds.csv
          row: 3
          choices: train, test
    """

    exit_code = 2

    def __init__(
        self,
        problem: str,
        *,
        file: str | Path | None = None,
        row: int | None = None,
        column: str | None = None,
        value: object = None,
        choices: Iterable[object] | None = None,
        hint: str | None = None,
    ) -> None:
        self.problem = problem
        self.file = None if file is None else str(file)
        self.row = row
        self.column = column
        self.value = value
        self.choices = None if choices is None else tuple(str(choice) for choice in choices)
        self.hint = hint
        super().__init__(self._message())

    def _message(self) -> str:
        head = self.problem if self.value is None else f"{self.problem}: {_shown(self.value)}"
        details = [
            ("file", self.file),
            ("row", self.row),
            ("column", self.column),
            ("choices", None if self.choices is None else _shown_choices(self.choices)),
            ("next", self.hint),
        ]
        return "\n".join(
            [head] + [f"  {name}: {detail}" for name, detail in details if detail is not None]
        )


class SchemaError(InputError):
    """A table breaks its schema: a column, a type, a null, a range or a key."""


class LabelError(InputError):
    """A label is not in the label space and no map names it."""


class AudioError(InputError):
    """A sound file is missing, empty, corrupt or outside the allowed limits."""


class VotesError(InputError):
    """What raters said cannot be counted."""


class CorpusError(InputError):
    """A corpus cannot be prepared or loaded from what was given."""


class ConfigError(InputError):
    """Options or configuration are wrong; all mistakes are reported together.

    Example:
        >>> print(ConfigError.from_problems(["seed: not a number", "lmit: unknown key"]))
        2 problems in the configuration
          - seed: not a number
          - lmit: unknown key
    """

    @classmethod
    def from_problems(cls, problems: Sequence[str]) -> ConfigError:
        """One error out of all the mistakes that were found."""
        noun = "problem" if len(problems) == 1 else "problems"
        lines = "".join(f"\n  - {problem}" for problem in problems)
        return cls(f"{len(problems)} {noun} in the configuration{lines}")


class MissingDependencyError(InputError):
    """An optional package is needed and not installed.

    Args:
        package: the package as pip names it.
        extra: the extra of ``equivoice`` that brings it.
        purpose: what it is needed for.

    Example:
        >>> print(MissingDependencyError("praat-parselmouth", extra="praat", purpose="pitch"))
        praat-parselmouth is needed for pitch and is not installed
          next: pip install 'equivoice[praat]'
    """

    def __init__(self, package: str, *, extra: str, purpose: str) -> None:
        self.package = package
        self.extra = extra
        super().__init__(
            f"{package} is needed for {purpose} and is not installed",
            hint=f"pip install 'equivoice[{extra}]'",
        )


class RunError(EquivoiceError):
    """A run could not be finished; what is done stays done."""


class LockedRunError(RunError):
    """Another process works on the same run folder."""


class StorageError(RunError):
    """A result could not be written (full disk, unwritable folder)."""


def _remade(kind: type[EquivoiceError], args: tuple[Any, ...]) -> EquivoiceError:
    error = kind.__new__(kind)
    error.args = args
    return error


def _shown(value: object) -> str:
    text = repr(value)
    if len(text) <= _LONGEST_VALUE_SHOWN:
        return text
    return f"{text[:_LONGEST_VALUE_SHOWN]}… ({len(text)} characters)"


def _shown_choices(choices: Sequence[str]) -> str:
    shown = ", ".join(choices[:_MOST_CHOICES_SHOWN])
    rest = len(choices) - _MOST_CHOICES_SHOWN
    return shown if rest <= 0 else f"{shown}, … ({rest} more)"
