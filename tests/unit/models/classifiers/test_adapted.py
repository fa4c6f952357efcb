"""Options of language models with an adapter and a head."""

from __future__ import annotations

import pytest

from equivoice.errors import ConfigError
from equivoice.models.classifiers.adapted import AdaptedLanguageModel
from equivoice.models.classifiers.settings import HeadSettings, as_options
from equivoice.models.classifiers.speech_llm import SpeechLLMClassifier
from equivoice.models.decoding.adapters import LoraSettings
from equivoice.models.text_llms.classifier import TextClassifier


def test_defaults_are_those_of_abhinaya() -> None:
    options = AdaptedLanguageModel()
    assert options.lora == LoraSettings(rank=8, alpha=32.0, dropout=0.1, targets="language")
    assert options.head == HeadSettings(pooling="attentive", head_width=1024, head_dropout=0.5)


def test_targets_out_of_json_are_those_out_of_python() -> None:
    one, other = (
        AdaptedLanguageModel(targets=kind(["q_proj", "v_proj"])) for kind in (list, tuple)
    )
    assert one.lora == other.lora
    with pytest.raises(ConfigError, match="rank: 0 is below 1"):
        _ = AdaptedLanguageModel(rank=0).lora


@pytest.mark.parametrize(
    ("options", "exact"),
    [
        ({}, True),
        ({"dtype": "float32"}, True),
        ({"dtype": "bfloat16"}, False),
        ({"quantisation": "8bit"}, False),
    ],
)
def test_whole_weights_are_trained_in_float32(options: dict[str, str], exact: bool) -> None:
    assert AdaptedLanguageModel(**options).exact is exact  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [TextClassifier, SpeechLLMClassifier])
def test_options_make_the_same_system_again_on_any_device(kind: type[TextClassifier]) -> None:
    made = kind("folder", rank=3, targets=("q_proj",), device="cpu", pooling="mean")
    told = as_options(made)
    assert "device" not in told
    assert told["targets"] == ["q_proj"]
    again = kind(**told)
    assert (again.lora, again.head, again.model) == (made.lora, made.head, "folder")
