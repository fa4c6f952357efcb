"""Each self-test fails on the system that is broken in its way, and passes on the sound one."""

from __future__ import annotations

import pytest

from equivoice.evaluation.selftests import Gate, Probes, examine, make_probes
from equivoice.models.scripted_language import ScriptedLanguageModel
from oracles.listeners import Listener, ListeningServer

CUTS = {"clips": {"max_seconds": 30.0, "longer": "cut", "clips_cut": 0}}


@pytest.fixture(scope="module")
def probes(tmp_path_factory: pytest.TempPathFactory) -> Probes:
    return make_probes(tmp_path_factory.mktemp("probes"))


def gates(system: ListeningServer, probes: Probes) -> dict[str, Gate]:
    return {gate.name: gate for gate in examine(system, probes)}


def outcomes(system: ListeningServer, probes: Probes) -> dict[str, str]:
    return {name: gate.outcome for name, gate in gates(system, probes).items()}


def test_a_sound_model_passes_all_that_apply(probes: Probes) -> None:
    assert outcomes(Listener(), probes) == {
        "hears": "passed",
        "batch": "passed",
        "padding": "passed",
        "trimming": "not applicable",
        "tree": "passed",
        "option tree": "passed",
        "seeds": "passed",
        "independent runs": "passed",
        "hidden settings": "passed",
        "long clips": "passed",
    }


@pytest.mark.parametrize(
    ("flaw", "failing"),
    [
        ("deaf", {"hears", "long clips"}),
        ("leaks", {"batch", "padding"}),
        ("pads", {"padding"}),
        ("cuts", {"long clips"}),
        ("one-seed", {"independent runs"}),
        ("unseeded", {"seeds", "tree"}),
        ("crowded", {"tree"}),
        ("huddled", {"option tree"}),
        ("silent-record", {"hidden settings"}),
    ],
)
def test_each_flaw_fails_its_own_test_and_no_other(
    probes: Probes, flaw: str, failing: set[str]
) -> None:
    found = outcomes(Listener(frozenset({flaw})), probes)
    assert {name for name, outcome in found.items() if outcome == "failed"} == failing


@pytest.mark.parametrize(
    ("flaw", "failing"),
    [
        ("", set()),
        ("deaf", {"hears", "long clips"}),
        ("leaks", {"batch", "padding"}),
        ("cuts", {"long clips"}),
        ("one-seed", {"independent runs"}),
        ("unseeded", {"seeds"}),
    ],
)
def test_a_server_is_tested_by_its_answers(probes: Probes, flaw: str, failing: set[str]) -> None:
    found = outcomes(ListeningServer(frozenset({flaw}) - {""}), probes)
    assert {name for name, outcome in found.items() if outcome == "failed"} == failing
    assert found["tree"] == found["option tree"] == "not applicable"


def test_a_server_without_seeds_is_not_called_hearing(probes: Probes) -> None:
    found = gates(ListeningServer(frozenset({"deaf", "unseeded"})), probes)
    assert found["hears"].outcome == "undefined"
    assert "equal seeds" in found["hears"].why


def test_one_answer_to_everything_shows_nothing(probes: Probes) -> None:
    found = outcomes(ListeningServer(frozenset({"stubborn"})), probes)
    assert found["hears"] == "undefined"
    assert found["long clips"] == "undefined"
    # eight equal answers at a temperature of 2 are what a shared seed looks like
    assert found["independent runs"] == "failed"


@pytest.mark.parametrize("kind", [Listener, ListeningServer])
def test_long_clips_may_be_refused_or_cut_with_a_word(probes: Probes, kind: type) -> None:
    refused = gates(kind(frozenset({"refuses"})), probes)["long clips"]
    assert (refused.outcome, refused.why) == ("passed", "refused: too long: 35 s")
    said = gates(kind(frozenset({"cuts"}), described=CUTS), probes)["long clips"]
    assert (said.outcome, said.why) == ("passed", "cut at 30 s, as the record says")


def test_the_scripted_model_is_deaf_and_is_found_out(probes: Probes) -> None:
    found = outcomes(ScriptedLanguageModel(confidence=0.4), probes)
    assert found["hears"] == "failed"
    assert {name for name, each in found.items() if each == "failed"} == {"hears", "long clips"}


def test_hidden_settings_are_listed(probes: Probes) -> None:
    settings = {"generation_settings": {"repetition_penalty": 1.1, "top_k": 20, "top_p": 1.0}}
    gate = gates(Listener(described=settings), probes)["hidden settings"]
    assert gate.outcome == "passed"
    assert "repetition_penalty 1.1, top_k 20;" in gate.why
    told = gates(ListeningServer(described={"generation": "the server's own"}), probes)
    assert told["hidden settings"].outcome == "undefined"


def test_half_precision_is_given_its_noise_and_no_more(probes: Probes) -> None:
    half = {"dtype": "bfloat16"}
    assert (
        outcomes(Listener(frozenset({"huddled"}), described=half), probes)["option tree"]
        == "passed"
    )
    assert outcomes(Listener(frozenset({"leaks"}), described=half), probes)["batch"] == "failed"


def test_a_test_that_breaks_off_is_undefined_and_the_others_go_on(probes: Probes) -> None:
    class Broken(Listener):
        def option_logprobs(self, *_: object):  # type: ignore[no-untyped-def, override]
            raise RuntimeError("no scores today")

    found = gates(Broken(), probes)
    assert found["hears"].outcome == "undefined"
    assert "no scores today" in found["hears"].why
    assert found["seeds"].outcome == "passed"


def test_text_models_have_nothing_to_hear(probes: Probes) -> None:
    reader = ScriptedLanguageModel(modalities=frozenset({"transcript"}))
    found = outcomes(reader, probes)
    assert found["hears"] == found["padding"] == found["long clips"] == "not applicable"
    assert found["tree"] == "passed"
