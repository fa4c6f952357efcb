"""The verbs of ``equivoice`` and the one place where errors become messages.

A verb is a module that holds ``app``, a :class:`typer.Typer`. It is imported
when it is called and not before, so that ``equivoice --help`` loads nothing
heavy. To add one, add a line to :data:`VERBS`.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from types import TracebackType
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

from equivoice.errors import EquivoiceError

__all__ = ["VERBS", "Verb", "run"]

INTERRUPTED = 130


class Verb(NamedTuple):
    """A verb: where it lives and what one line of help says about it.

    Args:
        module: the module that holds ``app``.
        summary: one line for ``equivoice --help``.
    """

    module: str
    summary: str


VERBS = {
    "quickstart": Verb(
        "equivoice.cli.quickstart",
        "Make speech, audit a baseline, train models fairly, write a report.",
    ),
    "corpora": Verb("equivoice.cli.corpora", "List, show, prepare, check and export corpora."),
    "models": Verb("equivoice.cli.models", "List the models that can be run."),
    "doctor": Verb("equivoice.cli.doctor", "Look at the machine, and test systems on made speech."),
    "benchmark": Verb("equivoice.cli.benchmark", "Run systems on corpora, fold by fold."),
    "train": Verb("equivoice.cli.train", "Fine-tune a speech LLM, fairly if you like."),
    "rationales": Verb("equivoice.cli.rationales", "Let a teacher explain labels; filter that."),
    "parse": Verb("equivoice.cli.parse", "Show which label an answer is read as, and why."),
    "score": Verb("equivoice.cli.score", "Score predictions against a reference, by group."),
    "compare": Verb("equivoice.cli.compare", "Compare two runs on the same utterances."),
    "judge": Verb("equivoice.cli.judge", "Let a language model judge reasons."),
    "ensemble": Verb("equivoice.cli.ensemble", "Let several systems vote, and say what it gains."),
    "predict": Verb("equivoice.cli.predict", "Label sound files with a model, one JSON line each."),
    "study": Verb(
        "equivoice.cli.study",
        "Let people rate in a browser; repeat published studies beside what was printed.",
    ),
    "report": Verb("equivoice.cli.report", "Write the report of one run or several."),
    "rerun": Verb("equivoice.cli.rerun", "Repeat a run from its record."),
}


class _LazyVerbs(TyperGroup):
    """Lists verbs from the table above; imports only the one that is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in VERBS:
            return None
        return TyperCommand(cmd_name, help=VERBS[cmd_name].summary)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        self.commands = {name: self.get_command(ctx, name) for name in VERBS}  # to suggest from
        name, command, rest = super().resolve_command(ctx, args)
        return name, command and _load(str(name)), rest


def _load(name: str) -> Any:
    command = typer.main.get_command(import_module(VERBS[name].module).app)
    command.name = name
    return command


app = typer.Typer(
    cls=_LazyVerbs, no_args_is_help=True, rich_markup_mode="rich", pretty_exceptions_enable=False
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"equivoice {version('equivoice')}")
        raise typer.Exit


@app.callback(epilog="Start with 'equivoice quickstart'; every verb shows an example with --help.")
def equivoice(
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the version."
    ),
    debug: bool = typer.Option(False, "--debug", help="Show the full trace of an error."),
) -> None:
    """Speech emotion recognition in which every voice counts.

    Benchmark systems, audit them for fairness between groups of speakers, and
    report it with honest intervals.
    """


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        arguments: the words after ``equivoice``; those typed where not given.

    Returns:
        0 done, 1 the work failed, 2 the input was wrong, 130 interrupted.
        An error that nobody foresaw is not caught here: the interpreter ends
        with code 1, and the hook below says so in a few lines.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    if not debug:
        sys.excepthook = _say_unexpected
    try:
        typer.main.get_command(app)(args=words, prog_name="equivoice")
    except EquivoiceError as error:
        if debug:
            traceback.print_exc()
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else int(done.code is not None)
    return 0


def _say_unexpected(
    kind: type[BaseException], error: BaseException, _: TracebackType | None
) -> None:
    """Say shortly that Equivoice itself failed; the interpreter then exits with 1."""
    print(
        f"error: Equivoice failed unexpectedly: {kind.__name__}: {error}\n"
        "  next: run it again with --debug and report the trace",
        file=sys.stderr,
    )
