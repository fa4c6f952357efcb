"""Errors say what is wrong, where, and what to do next."""

from __future__ import annotations

import inspect
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equivoice import errors
from equivoice.errors import (
    AudioError,
    ConfigError,
    EquivoiceError,
    InputError,
    LockedRunError,
    MissingDependencyError,
    RunError,
    SchemaError,
    StorageError,
)

CLASSES = [
    each
    for _, each in inspect.getmembers(errors, inspect.isclass)
    if issubclass(each, EquivoiceError)
]


def test_message_names_file_row_column_choices_and_next_step() -> None:
    error = SchemaError(
        "not one of the choices",
        file=Path("folds.csv"),
        row=3,
        column="split",
        value="tset",
        choices=("train", "test"),
        hint="correct it",
    )
    assert str(error).splitlines() == [
        "not one of the choices: 'tset'",
        "  file: folds.csv",
        "  row: 3",
        "  column: split",
        "  choices: train, test",
        "  next: correct it",
    ]
    assert (error.file, error.row, error.column, error.value) == ("folds.csv", 3, "split", "tset")
    assert error.choices == ("train", "test")


def test_what_is_not_known_is_not_mentioned() -> None:
    assert str(InputError("too quiet")) == "too quiet"


def test_a_value_of_zero_or_empty_text_is_shown() -> None:
    assert str(InputError("bad", value=0)) == "bad: 0"
    assert str(InputError("bad", value="")) == "bad: ''"


def test_long_values_and_many_choices_are_shortened_and_counted() -> None:
    error = InputError("bad", value="x" * 5000, choices=range(100))
    assert "(5002 characters)" in str(error)
    assert "… (80 more)" in str(error)
    assert len(str(error)) < 500
    assert error.value == "x" * 5000


def test_no_choices_is_not_the_same_as_unknown_choices() -> None:
    assert "choices:" in str(InputError("bad", choices=[]))
    assert "choices:" not in str(InputError("bad"))


@pytest.mark.parametrize("kind", CLASSES)
def test_exit_codes_follow_the_tree(kind: type[EquivoiceError]) -> None:
    assert kind.exit_code == (2 if issubclass(kind, InputError) else 1)


def test_the_tree_in_the_docstring_names_every_class() -> None:
    drawn = errors.__doc__ or ""
    assert {each.__name__ for each in CLASSES} == set(errors.__all__)
    assert all(each.__name__ in drawn for each in CLASSES)


def test_families() -> None:
    assert issubclass(AudioError, InputError)
    assert issubclass(LockedRunError, RunError)
    assert issubclass(StorageError, RunError)
    assert not issubclass(RunError, InputError)


def test_problems_are_counted_in_good_english() -> None:
    assert str(ConfigError.from_problems(["a"])) == "1 problem in the configuration\n  - a"
    assert str(ConfigError.from_problems(["a", "b"])).startswith("2 problems")


def test_a_missing_package_comes_with_its_install_line() -> None:
    error = MissingDependencyError("soundfile", extra="audio", purpose="reading sound")
    assert "pip install 'equivoice[audio]'" in str(error)
    assert error.package == "soundfile"


@given(st.text(), st.text() | st.none(), st.integers() | st.none(), st.lists(st.text()) | st.none())
def test_any_message_can_be_made(
    problem: str, value: str | None, row: int | None, choices: list[str] | None
) -> None:
    assert str(InputError(problem, value=value, row=row, choices=choices)).startswith(problem)


def test_an_error_survives_the_way_back_from_a_worker_process() -> None:
    for error in (
        InputError("bad", file="x", row=1),
        MissingDependencyError("soundfile", extra="audio", purpose="sound"),
        ConfigError.from_problems(["a"]),
    ):
        copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
        assert type(copy) is type(error)
        assert str(copy) == str(error)
        assert vars(copy) == vars(error)
