"""The Q-Former over windows against outputs of the release; sizes and files of the whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig

from equivoice.models.salmonn.keys import place_of
from equivoice.models.salmonn.model import (
    SalmonnConfig,
    SalmonnForConditionalGeneration,
    SalmonnProjector,
)
from equivoice.models.salmonn.windows import packed
from tiny.plain_salmonn import PlainSalmonn, plain_salmonn
from tiny.speech import TinyModels

Released = Callable[[str], Any]


def sizes_of(release: dict[str, Any]) -> SalmonnConfig:
    """A configuration with a release's Q-Former; the rest is as small as can be."""
    heads = {"encoder_attention_heads": 2, "encoder_layers": 1}
    return SalmonnConfig(
        whisper_config={"d_model": release["speech_width"], **heads, "decoder_layers": 1},
        beats_config={"encoder_embed_dim": release["audio_width"], **heads},
        qformer_config={
            name: release[name]
            for name in (
                "hidden_size",
                "num_attention_heads",
                "intermediate_size",
                "num_hidden_layers",
                "cross_attention_frequency",
            )
        },
        text_config={
            "hidden_size": release["llm_hidden_size"],
            "num_attention_heads": 2,
            "num_hidden_layers": 1,
            "intermediate_size": 8,
            "vocab_size": 16,
        },
        query_tokens=release["num_query_tokens"],
        seconds_per_window=release["second_per_frame"],
        seconds_per_stride=release["second_stride"],
    )


def of_release(released: Released) -> tuple[SalmonnProjector, SalmonnConfig, dict[str, Any]]:
    weights, sizes, values = released("qformer")
    config = sizes_of(sizes)
    projector = SalmonnProjector(config).eval()
    ours = {place_of(name, "salmonn"): tensor for name, tensor in weights.items()}
    ours.pop(None)
    projector.load_state_dict(
        {str(name).removeprefix("multi_modal_projector."): each for name, each in ours.items()}
    )
    return projector, config, values


def test_windows_become_what_the_release_makes_of_them(released: Released) -> None:
    projector, config, values = of_release(released)
    kernel, count = values["windows"].tolist()
    assert (config.windows.kernel, config.embeddings_per_clip) == (kernel, count)
    pairs = zip(values["speech"], values["audio"], strict=True)
    rows = torch.cat([packed(speech, audio, config.windows) for speech, audio in pairs])
    with torch.no_grad():
        torch.testing.assert_close(
            projector.queried(rows), values["query_output"], atol=1e-4, rtol=0
        )
        embeddings = projector(rows).view_as(values["llm_inputs"])
    torch.testing.assert_close(embeddings, values["llm_inputs"], atol=1e-4, rtol=0)


def test_silence_is_put_in_after_the_layer_norm(released: Released) -> None:
    """Zeros that were normed would be the norm's bias, and another sound."""
    projector, config, values = of_release(released)
    speech, audio = values["speech"][0], values["audio"][0]
    right = packed(speech, audio, config.windows)
    filled = torch.nn.functional.pad(audio, (0, 0, 0, len(speech) - len(audio)))
    wrong = packed(speech, filled, config.windows)
    with torch.no_grad():
        assert float((projector(right) - projector(wrong)).abs().max()) > 1e-3


def test_the_encoders_hear_each_clip_as_if_alone(tiny_models: TinyModels) -> None:
    model, inputs, _ = plain_salmonn(tiny_models("salmonn"), [tone(1.3), tone(0.2)], "Which?")
    from equivoice.models.salmonn.beats import normalised, patch_count
    from equivoice.models.salmonn.filter_bank import filter_bank

    banks = [normalised(filter_bank(wave)) for wave in inputs["waves"]]
    counts = [patch_count(len(wave)) for wave in inputs["waves"]]
    padded = torch.nn.utils.rnn.pad_sequence(banks, batch_first=True)
    with torch.no_grad():
        together = model.audio_tower(inputs["features"], padded, counts)
        for at, rows in enumerate(together):
            (alone,) = model.audio_tower(
                inputs["features"][at : at + 1], banks[at][None], counts[at : at + 1]
            )
            torch.testing.assert_close(rows, alone, atol=1e-4, rtol=0)
            plain = model._heard(inputs["waves"][at], inputs["features"][at])
            torch.testing.assert_close(model.multi_modal_projector(rows), plain, atol=1e-4, rtol=0)


def tone(seconds: float) -> Any:
    return 0.3 * torch.sin(torch.arange(round(16_000 * seconds)) * 0.1).numpy()


def test_it_comes_back_from_its_folder(tiny_models: TinyModels, tmp_path: Path) -> None:
    folder = tiny_models("salmonn")
    model = SalmonnForConditionalGeneration.from_pretrained(folder)
    model.save_pretrained(tmp_path)
    again, told = SalmonnForConditionalGeneration.from_pretrained(
        tmp_path, output_loading_info=True
    )
    assert not told["missing_keys"]
    assert not told["unexpected_keys"]
    for name, weight in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], weight)
    config = AutoConfig.from_pretrained(tmp_path)
    assert isinstance(config, SalmonnConfig)
    assert config.windows == model.config.windows
    assert config.beats_config.num_buckets == 32
    assert config.get_text_config().vocab_size == model.config.text_config.vocab_size


def test_its_forward_is_the_language_models(tiny_models: TinyModels) -> None:
    folder = tiny_models("salmonn")
    model = SalmonnForConditionalGeneration.from_pretrained(folder).eval()
    ids = torch.tensor([[5, 6, 7]])
    with torch.no_grad():
        torch.testing.assert_close(
            model(input_ids=ids).logits, model.language_model(input_ids=ids).logits
        )
    assert model.get_output_embeddings() is model.language_model.lm_head
    assert model.can_generate()
    assert isinstance(model.generate(input_ids=ids, max_new_tokens=2), torch.Tensor)
    assert issubclass(PlainSalmonn, SalmonnForConditionalGeneration)


@pytest.mark.parametrize(("hidden", "layers", "heads"), [(4096, 32, 32), (5120, 40, 40)])
def test_both_sizes_are_built_without_memory(hidden: int, layers: int, heads: int) -> None:
    """7B and 13B; 88 embeddings a clip, as in the release."""
    config = SalmonnConfig(
        whisper_config={
            "d_model": 1280,
            "encoder_layers": 32,
            "encoder_attention_heads": 20,
            "encoder_ffn_dim": 5120,
            "decoder_layers": 1,
        },
        text_config={
            "hidden_size": hidden,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "intermediate_size": hidden * 43 // 16,
        },
    )
    with torch.device("meta"):
        model = SalmonnForConditionalGeneration(config)
    assert config.embeddings_per_clip == 88
    assert config.qformer_config.encoder_hidden_size == 2048
    assert model.multi_modal_projector.proj.weight.shape == (hidden, 768)
    assert all(weight.is_meta for weight in model.parameters())
    size = sum(weight.numel() for weight in model.language_model.parameters()) / 1e9
    assert size == pytest.approx({4096: 6.7, 5120: 13.0}[hidden], abs=0.1)
