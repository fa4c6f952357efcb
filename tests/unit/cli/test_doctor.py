"""The verb: what it prints, its exit codes, and what it says of an optimisation that fails."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from equivoice.cli import doctor as verb
from equivoice.cli.app import run
from equivoice.evaluation.selftests import Gate, Probes, make_probes
from equivoice.models.encoders.compact import CompactEncoder
from equivoice.records import Label, LabelSpace


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


def test_the_speech_can_be_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["doctor", "--system", "prior", "--keep", str(tmp_path / "probes")])
    assert (tmp_path / "probes" / "overlong.wav").is_file()
    assert "Praat" in capsys.readouterr().err


# ---------------------------------------------------------------------------- classifiers

SIZES = {"channels": [4, 8], "width": 8, "attention_width": 4}


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Probes:
    return make_probes(tmp_path_factory.mktemp("speech"))


@pytest.fixture
def spoken(speech: Probes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Speech that is made once for all tests that ask for it."""
    monkeypatch.setattr(verb, "make_probes", lambda _: speech)


def outcomes(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, str]]:
    code = run(["doctor", *words, "--json"])
    (gates,) = json.loads(capsys.readouterr().out)["systems"].values()
    return code, {gate["name"]: gate["outcome"] for gate in gates}


@pytest.mark.usefixtures("spoken")
def test_a_classifier_is_tested_before_it_is_trained(capsys: pytest.CaptureFixture[str]) -> None:
    sizes = [f"options.compact-encoder.{name}={value}" for name, value in SIZES.items()]
    code, found = outcomes(["--system", "compact-encoder", *sizes], capsys)
    assert (code, found) == (0, {"hears": "passed", "batch": "passed", "repeat": "passed"})


@pytest.mark.usefixtures("spoken")
def test_a_saved_classifier_is_tested(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = LabelSpace("demo", (Label("angry"), Label("sad"), Label("happy")))
    CompactEncoder(**SIZES).classifier(labels, seed=3).save(tmp_path)  # type: ignore[arg-type]
    words = ["--system", "classifier", f"options.classifier.model={tmp_path}"]
    code, found = outcomes(words, capsys)
    assert (code, found) == (0, {"hears": "passed", "batch": "passed", "repeat": "passed"})


@pytest.mark.usefixtures("spoken")
def test_a_classifier_that_hears_nothing_cannot_be_tested_on_speech(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["--system", "text-classifier", "options.text-classifier.model=nowhere"]
    assert run(["doctor", *words]) == 2
    said = capsys.readouterr().err
    assert "the self-tests are of speech, and text-classifier is given none" in said
