"""The names of the published checkpoints, all of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from equivoice.errors import ConfigError
from equivoice.models.salmonn.keys import Source, adapter_place_of, place_of
from equivoice.models.salmonn.model import SalmonnConfig, SalmonnForConditionalGeneration

LARGE_V2 = {
    "d_model": 1280,
    "encoder_layers": 32,
    "encoder_attention_heads": 20,
    "encoder_ffn_dim": 5120,
    "decoder_layers": 1,
}


@pytest.fixture(scope="module")
def seven() -> dict[str, list[int]]:
    """The shapes of the weights of the 7B release, in our names."""
    with torch.device("meta"):
        model = SalmonnForConditionalGeneration(SalmonnConfig(whisper_config=LARGE_V2))
    return {name: list(weight.shape) for name, weight in model.state_dict().items()}


def test_every_name_of_the_7b_release_has_a_place_of_its_shape(
    golden: Path, seven: dict[str, list[int]]
) -> None:
    published = json.loads((golden / "official_keys.json").read_text())
    filled: set[str] = set()
    unused: set[str] = set()
    for part in ("beats", "qformer"):
        for name, shape in published[part].items():
            place = place_of(name, "salmonn")
            if place is None:
                unused.add(name)
                continue
            assert seven[place] == shape, name
            filled.add(place)
    wanted = {
        name for name in seven if name.startswith(("audio_tower.beats", "multi_modal_projector.q"))
    }
    assert wanted - filled == {"multi_modal_projector.query_tokens"}
    # the classes of BEATs, the words and text layers of BERT
    assert {name.split(".")[1] for name in unused} == {"predictor", "cls", "bert"}
    assert not any("_query" in name or "crossattention" in name for name in unused)


def test_what_else_salmonn_trained_has_its_place(seven: dict[str, list[int]]) -> None:
    shapes = {
        "speech_query_tokens": [1, 1, 768],
        "speech_llama_proj.weight": [4096, 768],
        "speech_llama_proj.bias": [4096],
        "ln_speech.weight": [1280],
        "ln_speech.bias": [1280],
        "ln_audio.weight": [768],
        "ln_audio.bias": [768],
    }
    for name, shape in shapes.items():
        assert seven[str(place_of(name, "salmonn"))] == shape


@pytest.mark.parametrize("middle", ["", ".default"])
def test_lora_is_known_with_and_without_the_adapters_name(
    middle: str, seven: dict[str, list[int]]
) -> None:
    name = f"llama_model.base_model.model.model.layers.7.self_attn.v_proj.lora_B{middle}.weight"
    place = adapter_place_of(name)
    assert place == (
        "base_model.model.language_model.model.layers.7.self_attn.v_proj.lora_B.weight"
    )
    within = place.removeprefix("base_model.model.").replace(".lora_B", "")
    assert within in seven
    assert adapter_place_of("ln_audio.bias") is None


@pytest.mark.parametrize(
    ("name", "source", "place"),
    [
        ("model.encoder.layers.0.fc1.bias", "whisper", "audio_tower.whisper.layers.0.fc1.bias"),
        ("encoder.layer_norm.bias", "whisper", "audio_tower.whisper.layer_norm.bias"),
        ("model.decoder.layers.0.fc1.bias", "whisper", None),
        ("proj_out.weight", "whisper", None),
        ("model.norm.weight", "language", "language_model.model.norm.weight"),
        ("lm_head.weight", "language", "language_model.lm_head.weight"),
        ("model.layers.0.self_attn.rotary_emb.inv_freq", "language", None),
        ("encoder.layers.2.fc1.bias", "beats", "audio_tower.beats.encoder.layers.2.fc1.bias"),
        ("speech_encoder.conv1.bias", "salmonn", "audio_tower.whisper.conv1.bias"),
    ],
)
def test_names_of_each_source(
    name: str, source: Source, place: str | None, seven: dict[str, list[int]]
) -> None:
    assert place_of(name, source) == place
    assert place is None or place in seven


@pytest.mark.parametrize("source", ["salmonn", "beats", "whisper", "language"])
def test_a_name_that_nobody_published_is_named(source: Source) -> None:
    with pytest.raises(ConfigError, match=r"known to have such a weight: 'speech_what\.weight'"):
        place_of("speech_what.weight", source)
    if source == "salmonn":
        with pytest.raises(ConfigError, match=r"speech_Qformer\.bert\.pooler"):
            place_of("speech_Qformer.bert.pooler.dense.bias", source)
