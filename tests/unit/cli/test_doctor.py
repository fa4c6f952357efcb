"""The verb: what it prints, its exit codes, and what it says of an optimisation that fails."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from equivoice.cli import doctor as verb
from equivoice.cli.app import run
from equivoice.evaluation.selftests import Gate


def test_without_a_system_the_machine_is_described(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor"]) == 0
    said = capsys.readouterr().out
    assert "python" in said
    assert "GiB free" in said


def test_a_test_that_fails_ends_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--system", "prior", "--corpus", "ravdess"]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "hears failed" in said
    assert "does not listen" in said
    assert "prior on ravdess: unknown." in said


def test_json_holds_everything_and_nothing_else_is_printed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["doctor", "--system", "scripted-llm", "--corpus", "ravdess", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {"machine", "systems", "contamination"}
    gates = {gate["name"]: gate for gate in found["systems"]["scripted-llm"]}
    assert gates["hears"]["outcome"] == "failed"
    assert gates["hears"]["measured"] == 0
    assert gates["tree"]["outcome"] == "passed"
    assert found["contamination"][0]["kind"] == "unknown"


def test_options_go_to_their_system_and_others_are_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["doctor", "--system", "prior", "options.acoustic.x=1"]) == 2
    assert "options for a system that is not tested" in capsys.readouterr().err
    assert run(["doctor", "--system", "scripted-llm", "options.scripted-llm.confidence=3"]) == 2
    assert "confidence" in capsys.readouterr().err


def test_an_optimisation_that_fails_is_switched_off_aloud(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = Gate("tree", "checks", "failed", "7% of 64 answers differ", 0.07, 0.0, "tree")
    monkeypatch.setattr(verb, "load_model", lambda *_, **__: SimpleNamespace())
    monkeypatch.setattr(verb, "make_probes", lambda _: SimpleNamespace(made_by="a test"))
    monkeypatch.setattr(verb, "examine", lambda *_: iter([broken]))
    assert run(["doctor", "--system", "llm"]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "llm: the test of tree failed, so it is switched off here" in said
    assert "options.llm.tree=off" in said


def test_the_speech_can_be_kept(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:  # type: ignore[no-untyped-def]
    run(["doctor", "--system", "prior", "--keep", str(tmp_path / "probes")])
    assert (tmp_path / "probes" / "overlong.wav").is_file()
    assert "Praat" in capsys.readouterr().err
