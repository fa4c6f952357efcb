"""Options that verbs share: they follow those of the verb, and reach what scores."""

from __future__ import annotations

import pytest

from equivoice.cli.app import run
from equivoice.cli.certainty import CertaintyConfig
from equivoice.cli.config import option
from equivoice.cli.ensemble import EnsembleConfig


class Own(CertaintyConfig):
    """A verb of its own."""

    place: str = option("where", default="here")
    replicates: int = option("fewer than others", default=7, ge=5)


def test_what_is_handed_on_is_what_was_given() -> None:
    given = Own(seed=3, level=0.9)
    assert given.certainty == {
        "convention": "equivoice",
        "replicates": 7,
        "permutations": 2_000,
        "level": 0.9,
        "seed": 3,
    }


def test_an_ensemble_needs_more_replicates_than_a_score() -> None:
    assert CertaintyConfig(replicates=1).replicates == 1
    with pytest.raises(ValueError, match="greater than or equal to 20"):
        EnsembleConfig(members=("a",), out="b", replicates=19)  # type: ignore[arg-type]


@pytest.mark.parametrize("verb", ["score", "compare", "ensemble"])
def test_in_the_help_the_verbs_own_options_come_first(
    verb: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    run([verb, "--help"])
    shown = capsys.readouterr().out
    shared = [shown.index(f"--{name}") for name in ("convention", "permutations", "level")]
    assert shown.index("--out") < min(shared)
    assert shared == sorted(shared)
