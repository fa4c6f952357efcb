"""``equivoice study rationale-chain`` as it is typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from equivoice.cli.app import run
from equivoice.cli.config import resolve
from equivoice.cli.study_rationale_chain import RationaleChainConfig, _settings
from equivoice.studies.chain.settings import ChainSettings

VERB = ["study", "rationale-chain"]


def test_a_dry_run_says_what_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "none"
    assert run([*VERB, "-o", str(place), "--seeds", "0,1,2", "--dry-run"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "would train 6 small speech LLMs for each corpus on speech that is made" in said
    assert "nothing was written" in said
    assert not place.exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--seeds", "1,1"], "seeds: 1 stands there twice"),
        (["--fold", "2"], "has one fold"),
        (["--faults", "2"], "faults"),
        (["--corpus", "nowhere"], "nowhere"),
        (["optimizer.epochs=1"], "optimizer"),
    ],
)
def test_what_cannot_be_is_named(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*VERB, "-o", str(tmp_path / "out"), *words]) == 2
    assert message in capsys.readouterr().err


def test_the_defaults_are_those_of_the_study() -> None:
    plain = resolve(RationaleChainConfig, words=["out=x"])
    assert _settings(plain) == ChainSettings()


def test_what_is_typed_is_what_is_asked_for() -> None:
    words = ["out=x", "seeds=4,5", "slips=0.2", "optimiser.epochs=3", "selection.metric=loss"]
    asked = _settings(resolve(RationaleChainConfig, words=words))
    assert asked.seeds == (4, 5)
    assert asked.slips == 0.2
    assert asked.recipe == {"optimiser": {"epochs": 3}, "selection": {"metric": "loss"}}
