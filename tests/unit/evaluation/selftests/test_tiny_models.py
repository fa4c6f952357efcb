"""The self-tests on a real architecture with random weights, sound and broken on purpose."""

from __future__ import annotations

from typing import Any

import pytest

from equivoice.evaluation.selftests import Gate, Probes, examine, make_probes

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def probes(tmp_path_factory: pytest.TempPathFactory) -> Probes:
    return make_probes(tmp_path_factory.mktemp("probes"))


def load(tiny_models: Any, **options: Any) -> Any:
    from equivoice.models.speech_llms.qwen2_audio import Qwen2Audio

    return Qwen2Audio(str(tiny_models("qwen2_audio")), device="cpu", dtype="float32", **options)


def gates(system: Any, probes: Probes) -> dict[str, Gate]:
    return {gate.name: gate for gate in examine(system, probes)}


def test_a_real_architecture_passes(tiny_models: Any, probes: Probes) -> None:
    found = gates(load(tiny_models), probes)
    outcomes = {name: gate.outcome for name, gate in found.items()}
    assert set(outcomes.values()) == {"passed"}, found
    assert found["long clips"].why.startswith("refused")


def test_an_encoder_whose_trimming_is_wrong_is_found_out(
    tiny_models: Any, probes: Probes, monkeypatch: pytest.MonkeyPatch
) -> None:
    from equivoice.models.hearing import trimming

    exact = trimming.trimmed_forward
    monkeypatch.setattr(
        trimming, "trimmed_forward", lambda tower, mel, frames: exact(tower, mel * 0.9, frames)
    )
    system = load(tiny_models)
    gate = gates(system, probes)["trimming"]
    assert (gate.outcome, gate.switches_off) == ("failed", "trim")
    assert not system.trim  # switched off here and now


def test_a_model_whose_sound_is_dropped_is_deaf(
    tiny_models: Any, probes: Probes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a renamed argument: placeholders stand in the prompt, and nothing fills them."""
    from equivoice.models.hearing.trimming import TrimmingModel

    project = TrimmingModel.project

    def deaf(self: Any, heard: Any) -> Any:
        return [found * 0 for found in project(self, heard)]

    monkeypatch.setattr(TrimmingModel, "project", deaf)
    found = gates(load(tiny_models), probes)
    assert found["hears"].outcome == "failed"


def test_what_is_switched_off_is_not_tested(tiny_models: Any, probes: Probes) -> None:
    found = gates(load(tiny_models, trim="off", tree="off", longer="cut"), probes)
    assert (found["trimming"].outcome, found["trimming"].why) == ("not applicable", "switched off")
    assert found["tree"].outcome == "passed"
    assert "switched off" in found["tree"].why
    assert found["long clips"].why == "cut at 30 s, as the record says"
