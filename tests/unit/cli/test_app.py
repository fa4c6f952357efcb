"""The command line as a whole: lazy verbs, exit codes, errors as messages."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType

import pytest
import typer
from typer.core import TyperGroup

from equivoice.cli import app as cli
from equivoice.errors import InputError, RunError, StorageError


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, BaseException]]:
    """A verb ``fail`` that raises what the test puts in."""
    holder: dict[str, BaseException] = {}
    module = ModuleType("verb_that_fails")
    module.app = typer.Typer(add_completion=False)  # type: ignore[attr-defined]

    @module.app.command()  # type: ignore[untyped-decorator]
    def fail() -> None:
        raise holder["error"]

    monkeypatch.setitem(sys.modules, "verb_that_fails", module)
    monkeypatch.setitem(cli.VERBS, "fail", cli.Verb("verb_that_fails", "Fail."))
    hook = sys.excepthook
    yield holder
    sys.excepthook = hook


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError("bad table", file="x.csv", row=3, column="emotion", value="hapy"), 2),
        (RunError("gave up"), 1),
        (StorageError("disk full"), 1),
    ],
)
def test_an_error_of_ours_becomes_a_message_and_a_code(
    failing: dict[str, BaseException],
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
) -> None:
    failing["error"] = error
    assert cli.run(["fail"]) == code
    out, err = capsys.readouterr()
    assert err == f"error: {error}\n"
    assert out == ""


def test_debug_adds_the_trace_wherever_it_stands(
    failing: dict[str, BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    failing["error"] = InputError("bad table")
    assert cli.run(["fail", "--debug"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_an_interrupt_ends_with_130(
    failing: dict[str, BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    failing["error"] = KeyboardInterrupt()
    assert cli.run(["fail"]) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_an_unforeseen_error_is_said_shortly_and_not_swallowed(
    failing: dict[str, BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    failing["error"] = ZeroDivisionError("by zero")
    with pytest.raises(ZeroDivisionError) as caught:
        cli.run(["fail"])
    sys.excepthook(caught.type, caught.value, caught.tb)
    err = capsys.readouterr().err
    assert "Equivoice failed unexpectedly: ZeroDivisionError: by zero" in err
    assert "--debug" in err
    assert "Traceback" not in err


def test_an_unknown_verb_suggests_a_known_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["scor"]) == 2
    assert "'score'" in capsys.readouterr().err


def test_an_unknown_flag_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["parse", "angry", "--lable", "x"]) == 2
    assert "--lable" in capsys.readouterr().err


def test_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("equivoice 0.")


def test_help_lists_every_verb_with_its_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    assert cli.run(["--help"]) == 0
    out = capsys.readouterr().out
    for name, verb in cli.VERBS.items():
        assert name in out
        assert verb.summary in out


@pytest.mark.parametrize("name", sorted(cli.VERBS))
def test_every_verb_exists_and_its_help_shows_an_example(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    app = import_module(cli.VERBS[name].module).app
    command = typer.main.get_command(app)
    inner = command.list_commands(None) if isinstance(command, TyperGroup) else []
    paths = [[name, each] for each in inner] or [[name]]
    for path in paths:
        assert cli.run([*path, "--help"]) == 0
        out = capsys.readouterr().out
        assert "Example" in out
        assert f"equivoice {' '.join(path)}" in out.partition("Example")[2]
        assert "--no-no-" not in out
