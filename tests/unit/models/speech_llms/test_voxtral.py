"""Voxtral: whole windows, and a tokenizer with rules of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from equivoice.errors import ConfigError, MissingDependencyError
from equivoice.models import Question
from equivoice.models.registry import load_model
from equivoice.prompting.turns import Turn
from tiny.sounds import ask, buzz, write
from tiny.speech import TinyModels
from tiny.stock import STOCK

TEXT = "Which emotion is it? Answer:"


@pytest.fixture
def backend(tiny_models: TinyModels) -> Any:
    return load_model("voxtral", model=str(tiny_models("voxtral")))


def test_a_long_clip_takes_whole_windows(
    backend: Any, tiny_models: TinyModels, tmp_path: Path
) -> None:
    sounds = [write(tmp_path / f"{i}.wav", buzz(130, 33.0 - 30 * i)) for i in range(2)]
    ours = backend.prepare([ask(path, TEXT) for path in sounds])
    theirs = STOCK["voxtral"](tiny_models("voxtral"), sounds, TEXT)
    assert ours.input_ids.tolist() == theirs.inputs["input_ids"].tolist()
    np.testing.assert_allclose(ours.logits.numpy(), theirs.logits().numpy(), atol=1e-4)
    assert backend.encoder_passes == 2 + 1


def test_a_system_turn_goes_with_text_and_not_with_sound(backend: Any, tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", buzz(130, 1.0))
    with pytest.raises(ConfigError, match="no system turn beside sound") as error:
        backend.prepare([ask(path, system="Be brief.")])
    assert "family voxtral" in str(error.value)
    turns = (Turn("system", ("Be brief.",)), Turn("user", (TEXT,)))
    text = backend.decode(backend.prepare([Question("a", turns)]).input_ids[0].tolist())
    assert text == f"Be brief.{TEXT}"


def test_turns_that_its_tokenizer_refuses(backend: Any) -> None:
    turns = (Turn("user", ("One",)), Turn("assistant", ("Two",)))
    with pytest.raises(ConfigError, match="does not take the prompt"):
        backend.prepare([Question("a", turns)])


def test_without_mistral_common(tiny_models: TinyModels, monkeypatch: pytest.MonkeyPatch) -> None:
    """Transformers then takes a tokenizer that can write no prompt, and says nothing."""
    import transformers

    class Fallback:
        tokenizer = object()

        @classmethod
        def from_pretrained(cls, *_: Any, **__: Any) -> Fallback:
            return cls()

    monkeypatch.setattr(transformers, "AutoProcessor", Fallback)
    with pytest.raises(MissingDependencyError, match="mistral-common"):
        load_model("voxtral", model=str(tiny_models("voxtral")))


def test_why_its_padding_stays(backend: Any) -> None:
    told = backend.describe()["optimisations"]["trimmed_encoding"]
    assert told["on"] is False
    assert "attends to the padding" in told["why"]
