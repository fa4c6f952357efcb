"""What is said of the machine, and of models and corpora that have met before."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from equivoice.evaluation.selftests import contacts, examine_machine, machine, make_probes, probes


def facts(**options: object) -> dict[str, machine.Fact]:
    return {fact.name: fact for fact in examine_machine(**options)}  # type: ignore[arg-type]


def test_facts_are_values_that_json_can_hold(tmp_path: Path) -> None:
    found = facts(cache=tmp_path)
    assert {"python", "equivoice", "audio", "models", "cores", "memory", "disk", "hub"} <= set(
        found
    )
    json.dumps([fact.as_dict() for fact in found.values()])
    assert "GiB free" in found["disk"].value


def test_a_missing_package_names_the_extra_that_brings_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    known = machine._version
    monkeypatch.setattr(machine, "_version", lambda name: None if name == "ray" else known(name))
    fact = facts(cache=tmp_path)["ray"]
    assert (fact.state, fact.value) == ("missing", "without ray")
    assert 'pip install "equivoice[ray]"' in fact.hint


def test_models_in_the_cache_are_listed_by_their_hub_id(tmp_path: Path) -> None:
    (tmp_path / "hub" / "models--Qwen--Qwen2-Audio-7B-Instruct").mkdir(parents=True)
    assert facts(cache=tmp_path)["models in the cache"].value == "Qwen/Qwen2-Audio-7B-Instruct"


def test_offline_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "offline" in facts(cache=tmp_path)["hub"].value
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.delenv("TRANSFORMERS_OFFLINE", raising=False)
    assert "offline" not in facts(cache=tmp_path)["hub"].value


@pytest.mark.parametrize(
    ("model", "corpus", "kind"),
    [
        ("emotion2vec/emotion2vec_plus_large", "iemocap", "fine-tuned"),
        ("/models/emotion2vec_plus_base/", "cremad", "fine-tuned"),
        ("emotion2vec/emotion2vec_base", "cremad", "unknown"),
        ("emotion2vec/emotion2vec_plus_large", "synthetic", "unknown"),
        ("Qwen/Qwen2-Audio-7B-Instruct", "meld", "unknown"),
    ],
)
def test_what_is_known_of_a_model_and_a_corpus(model: str, corpus: str, kind: str) -> None:
    assert contacts(model, corpus)[0].kind == kind


def test_unknown_is_not_called_clean() -> None:
    (note,) = contacts("my/model", "ravdess")
    assert note.source is None
    assert "not the same as clean" in note.what


def test_probes_differ_in_sound_and_not_in_length(tmp_path: Path) -> None:
    made = make_probes(tmp_path)
    first, second, silent = (
        soundfile.read(clip.path)[0] for clip in (made.first, made.second, made.silent)
    )
    assert len(first) == len(second) == len(silent)
    assert not silent.any()
    assert np.abs(first - second).max() > 0.01
    one, other = (soundfile.read(clip.path)[0] for clip in (made.overlong, made.overlong_changed))
    assert len(one) == 35 * probes.RATE
    same = 30 * probes.RATE
    assert (one[:same] == other[:same]).all()
    assert (one[same:] != other[same:]).any()


def test_without_praat_vowels_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from equivoice.errors import MissingDependencyError

    def missing(*_: object) -> None:
        raise MissingDependencyError("parselmouth", extra="praat", purpose="speech")

    monkeypatch.setattr(probes, "speak", missing)
    made = make_probes(tmp_path)
    assert "praat-parselmouth is not installed" in made.made_by
    sound = soundfile.read(made.first.path)[0]
    assert 0.01 < np.sqrt((sound**2).mean()) < 0.2
