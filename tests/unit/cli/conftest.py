"""What tests of the command line share."""

from __future__ import annotations

import pytest

from equivoice.cli.app import run
from tiny.commands import Typed


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Typed:
    """A command as typed, on a wide terminal: its exit code, standard output and error."""
    monkeypatch.setenv("COLUMNS", "200")

    def call(*words: object) -> tuple[int, str, str]:
        code = run([str(word) for word in words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call
