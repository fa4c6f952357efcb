"""The command line: one short file a verb; :mod:`equivoice.cli.app` finds and runs them."""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Run ``equivoice`` on the words typed; ends the process with an exit code."""
    from equivoice.cli.app import run

    raise SystemExit(run())
