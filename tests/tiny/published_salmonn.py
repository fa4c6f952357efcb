"""The parts of a tiny SALMONN laid out and named as their makers publish them.

The weights are those of a converted folder, so that a conversion can be held against it.
What a published checkpoint holds besides (classes, words, text layers, a decoder) is there
too, filled with noise.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from transformers import LlamaForCausalLM, WhisperConfig, WhisperForConditionalGeneration

from equivoice.models.salmonn.convert import Parts
from equivoice.models.salmonn.model import SalmonnForConditionalGeneration

__all__ = ["LORA_RANK", "lay_out", "own_lora"]

LORA_RANK = 2
_TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")


def lay_out(converted: Path, out: Path, *, lora_name: str = ".default", lora: bool = True) -> Parts:
    """Write the four parts of a model."""
    out.mkdir(parents=True)
    model = SalmonnForConditionalGeneration.from_pretrained(converted)
    return Parts(
        salmonn=_salmonn(model, out / "salmonn.pth", lora_name if lora else None),
        beats=_beats(model, out / "beats.pt"),
        whisper=_whisper(model, converted, out / "whisper"),
        language=_language(model, converted, out / "vicuna"),
    )


def own_lora(model: Any) -> dict[str, torch.Tensor]:
    """A LoRA adapter for the queries and values of the language model, by bare names."""
    generator = torch.Generator().manual_seed(11)
    made = {}
    for number, layer in enumerate(model.language_model.model.layers):
        for kind in ("q_proj", "v_proj"):
            linear = getattr(layer.self_attn, kind)
            stem = f"layers.{number}.self_attn.{kind}"
            shapes = {
                "lora_A": (LORA_RANK, linear.in_features),
                "lora_B": (linear.out_features, LORA_RANK),
            }
            for matrix, shape in shapes.items():
                made[f"{stem}.{matrix}"] = 0.3 * torch.randn(shape, generator=generator)
    return made


def _salmonn(model: Any, file: Path, lora_name: str | None) -> Path:
    held = model.multi_modal_projector
    tensors = {
        "speech_query_tokens": held.query_tokens.data,
        "speech_llama_proj.weight": held.proj.weight.data,
        "speech_llama_proj.bias": held.proj.bias.data,
    }
    for norm in ("ln_speech", "ln_audio"):
        for name, weight in getattr(held, norm).state_dict().items():
            tensors[f"{norm}.{name}"] = weight
    for name, weight in held.qformer.state_dict().items():
        kind = "embeddings.LayerNorm" if name.startswith("layernorm.") else name
        if name.startswith("layernorm."):
            kind = f"{kind}.{name.rpartition('.')[2]}"
        kind = kind.replace("attention.attention.", "attention.self.")
        tensors[f"speech_Qformer.bert.{kind}"] = weight
    tensors["speech_Qformer.cls.predictions.bias"] = torch.randn(9)
    tensors["speech_Qformer.bert.embeddings.position_ids"] = torch.arange(9)[None]
    tensors["speech_Qformer.bert.encoder.layer.0.output.dense.bias"] = torch.randn(9)
    settings = {"lora_alpha": 28, "second_per_window": 0.333333, "second_stride": 0.333333}
    # as BERT's heads are 64 wide, and these are not
    settings["num_attention_heads"] = model.config.qformer_config.num_attention_heads
    if lora_name is not None:
        for name, weight in own_lora(model).items():
            stem = f"llama_model.base_model.model.model.{name}"
            tensors[f"{stem}{lora_name}.weight"] = weight
    torch.save({"model": tensors, "config": {"model": settings}, "epoch": 3}, file)
    return file


def _beats(model: Any, file: Path) -> Path:
    tensors = dict(model.audio_tower.beats.state_dict())
    table = tensors.pop("encoder.relative_attention_bias.weight")
    for number in range(model.config.beats_config.encoder_layers):
        tensors[f"encoder.layers.{number}.self_attn.relative_attention_bias.weight"] = table
    tensors["predictor.weight"] = torch.randn(527, 4)
    told = model.config.beats_config.to_dict()
    sizes = {
        k: v for k, v in told.items() if k.startswith(("enc", "embed", "conv", "max_d", "num"))
    }
    sizes |= {"input_patch_size": 16, "deep_norm": True, "layer_norm_first": False}
    sizes |= {"gru_rel_pos": True, "relative_position_embedding": True, "predictor_class": 527}
    torch.save({"cfg": sizes, "model": tensors}, file)
    return file


def _whisper(model: Any, converted: Path, folder: Path) -> Path:
    told = model.config.whisper_config.to_dict()
    # no more of the decoder than there must be
    decoder = {"decoder_layers": 1, "decoder_ffn_dim": 8, "vocab_size": 64, "pad_token_id": 0}
    ends = {"bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1}
    small = {**told, **decoder, **ends, "suppress_tokens": None, "begin_suppress_tokens": None}
    whole = WhisperForConditionalGeneration(
        WhisperConfig(**{**small, "decoder_attention_heads": 2})
    )
    whole.model.encoder.load_state_dict(model.audio_tower.whisper.state_dict())
    whole.save_pretrained(folder)
    shutil.copyfile(converted / "preprocessor_config.json", folder / "preprocessor_config.json")
    return folder


def _language(model: Any, converted: Path, folder: Path) -> Path:
    """Pickled in two files, as the older Vicunas are."""
    config = model.language_model.config
    whole = LlamaForCausalLM(config)
    whole.load_state_dict(model.language_model.state_dict())
    whole.save_pretrained(folder)
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    tensors["model.layers.0.self_attn.rotary_emb.inv_freq"] = torch.ones(4)
    names = sorted(tensors)
    for number, share in enumerate((names[::2], names[1::2]), 1):
        torch.save(
            {name: tensors[name] for name in share},
            folder / f"pytorch_model-{number:05d}-of-00002.bin",
        )
    for name in _TOKENIZER:
        if (converted / name).is_file():
            shutil.copyfile(converted / name, folder / name)
    generation = json.loads((converted / "generation_config.json").read_text())
    (folder / "generation_config.json").write_text(json.dumps(generation))
    return folder
