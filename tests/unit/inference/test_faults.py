"""Which faults cost one answer, which end the run, and which are mistakes to be seen."""

from __future__ import annotations

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equivoice.errors import (
    AudioError,
    InputError,
    LockedRunError,
    MissingDependencyError,
    RunError,
    StorageError,
)
from equivoice.inference.faults import FAULTS, raise_if_hopeless, reason_of

MISSING = MissingDependencyError("torch", extra="models", purpose="hearing")


@pytest.mark.parametrize(
    "error",
    [
        AudioError("broken"),
        ZeroDivisionError(),
        FloatingPointError("overflow"),
        EOFError(),
        KeyError("x"),
        IndexError("y"),
        FileNotFoundError(errno.ENOENT, "no such file"),
        RuntimeError("the model fell over"),
        ValueError("no sound"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
    ],
)
def test_a_fault_of_one_utterance_is_caught_and_lets_the_run_go_on(error: Exception) -> None:
    assert isinstance(error, FAULTS)
    raise_if_hopeless(error)


@pytest.mark.parametrize("kind", [TypeError, AttributeError, NameError, AssertionError])
def test_a_mistake_in_a_program_is_not_caught(kind: type[Exception]) -> None:
    """It would fail on every utterance and stand in the table as answers that failed."""
    assert not issubclass(kind, FAULTS)


@pytest.mark.parametrize("kind", [RunError, StorageError, LockedRunError, KeyboardInterrupt])
def test_what_says_that_nothing_is_to_be_had_is_not_caught(kind: type[BaseException]) -> None:
    assert not issubclass(kind, FAULTS)


def test_a_missing_package_ends_the_run_as_it_is() -> None:
    assert isinstance(MISSING, FAULTS)
    with pytest.raises(MissingDependencyError) as caught:
        raise_if_hopeless(MISSING)
    assert caught.value is MISSING


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_full_disk_ends_the_run_with_the_systems_own_words(number: int) -> None:
    fault = OSError(number, "the system says no")
    with pytest.raises(StorageError, match=r"while predicting: .*the system says no") as caught:
        raise_if_hopeless(fault)
    assert caught.value.__cause__ is fault


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.EISDIR, None])
def test_other_faults_of_the_system_cost_one_answer(number: int | None) -> None:
    raise_if_hopeless(OSError("no number") if number is None else OSError(number, "no"))


def test_an_error_of_ours_needs_no_name_of_its_class() -> None:
    reason = reason_of(AudioError("too short", file="a.wav", hint="cut it elsewhere"))
    assert reason == "too short file: a.wav next: cut it elsewhere"


def test_an_error_of_others_is_named_by_its_class() -> None:
    assert reason_of(ValueError("no sound")) == "ValueError: no sound"


def test_an_error_that_says_nothing_is_at_least_named() -> None:
    assert reason_of(EOFError()) == "EOFError: EOFError"
    assert reason_of(InputError("")) == "InputError"


@given(st.text(max_size=2000), st.sampled_from([ValueError, InputError]))
def test_a_reason_is_one_short_line(text: str, kind: type[Exception]) -> None:
    reason = reason_of(kind(text))
    assert reason
    assert len(reason) <= 300
    assert len(reason.splitlines()) == 1
    assert "  " not in reason
