"""What a checkpoint hides, and how two checkpoints are told apart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from transformers import GenerationConfig

from equivoice.models.decoding import checkpoint
from equivoice.models.decoding.checkpoint import checkpoint_settings, weights_fingerprint


class _Model:
    def __init__(self, **settings: object) -> None:
        self.generation_config = GenerationConfig(**settings)


def test_hidden_settings_are_read() -> None:
    # those of Qwen2-Audio-7B-Instruct
    found = checkpoint_settings(
        _Model(
            do_sample=True,
            eos_token_id=[151643, 151645],
            pad_token_id=151643,
            repetition_penalty=1.1,
            temperature=0.7,
            top_k=20,
            top_p=0.5,
        )
    )
    expected = {
        "do_sample": True,
        "eos_token_id": [151643, 151645],
        "repetition_penalty": 1.1,
        "temperature": 0.7,
        "top_k": 20,
        "top_p": 0.5,
        "ignored": {},
    }
    assert {name: found[name] for name in expected} == expected
    json.dumps(found)


def test_settings_that_are_not_honoured_are_named() -> None:
    hidden = _Model(
        eos_token_id=2, no_repeat_ngram_size=3, suppress_tokens=[1, 2], num_beams=4, typical_p=1.0
    )
    assert checkpoint_settings(hidden)["ignored"] == {
        "no_repeat_ngram_size": 3,
        "suppress_tokens": "[1, 2]",
        "num_beams": 4,
    }


def test_a_checkpoint_that_says_nothing() -> None:
    found = checkpoint_settings(_Model())
    assert found["top_k"] is None
    assert found["eos_token_id"] == []
    assert found["ignored"] == {}
    assert checkpoint_settings(object())["eos_token_id"] == []


def _folder(place: Path, weights: bytes, config: str = "{}") -> Path:
    place.mkdir()
    (place / "model.safetensors").write_bytes(weights)
    (place / "config.json").write_text(config)
    return place


def test_the_fingerprint_changes_with_weights_and_with_settings(tmp_path: Path) -> None:
    first = weights_fingerprint(_folder(tmp_path / "a", b"one"))
    assert first.startswith("sha256:")
    assert weights_fingerprint(_folder(tmp_path / "b", b"one")) == first
    assert weights_fingerprint(_folder(tmp_path / "c", b"two")) != first
    assert weights_fingerprint(_folder(tmp_path / "d", b"one", '{"a": 1}')) != first


def test_large_weights_are_sampled_over_their_whole_length(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "_WHOLE_BYTES", 2**20)
    size = 5 * 2**20
    plain = weights_fingerprint(_folder(tmp_path / "a", bytes(size)))
    assert plain.startswith("sha256-sampled:")
    for number, place in enumerate((0, size // 3, size - 1)):
        # a fine-tuned checkpoint differs in long stretches
        changed = bytearray(size)
        changed[max(0, place - 40_000) : place + 1] = b"x" * (place + 1 - max(0, place - 40_000))
        assert weights_fingerprint(_folder(tmp_path / f"c{number}", bytes(changed))) != plain
