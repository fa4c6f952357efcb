"""How the published checkpoints name SALMONN's weights, and how this package does.

Three files of others make a SALMONN besides the language model's folder: SALMONN's own
(layer norms, Q-Former, query, projection, LoRA), BEATs', and Whisper's. For each name
:func:`place_of` gives ours, or ``None`` where the weight is not used: BEATs' classes,
the Q-Former's words, positions and text layers, Whisper's decoder.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

from equivoice.errors import ConfigError

__all__ = ["Source", "adapter_place_of", "place_of"]

Source: TypeAlias = Literal["salmonn", "beats", "whisper", "language"]
"""Whose checkpoint a name is from."""

_PROJECTOR = "multi_modal_projector."
_TOWER = "audio_tower."
_LORA = re.compile(
    r"llama_model\.base_model\.model\.(?P<module>.+)\.(?P<kind>lora_[AB])(\.default)?\.weight"
)
_PLAIN: Mapping[str, str] = {
    "speech_query_tokens": "query_tokens",
    "speech_llama_proj.weight": "proj.weight",
    "speech_llama_proj.bias": "proj.bias",
    "ln_speech.weight": "ln_speech.weight",
    "ln_speech.bias": "ln_speech.bias",
    "ln_audio.weight": "ln_audio.weight",
    "ln_audio.bias": "ln_audio.bias",
}
_QFORMER = "speech_Qformer."
_UNUSED_QFORMER = re.compile(
    r"cls\.|bert\.embeddings\.(position_ids|(word|position)_embeddings\.)"
    r"|bert\.encoder\.layer\.\d+\.(intermediate|output)\."
)


def place_of(name: str, source: Source) -> str | None:
    """Our name of a weight of a published checkpoint; ``None``: it is not used.

    Args:
        name: as the checkpoint has it.
        source: whose checkpoint.

    Raises:
        ConfigError: no published checkpoint of this kind has such a name.

    Example:
        >>> place_of("speech_Qformer.bert.embeddings.LayerNorm.bias", "salmonn")
        'multi_modal_projector.qformer.layernorm.bias'
        >>> place_of("beats.encoder.layers.3.self_attn.relative_attention_bias.weight", "beats")
        'audio_tower.beats.encoder.relative_attention_bias.weight'
        >>> place_of("model.decoder.layer_norm.bias", "whisper")
    """
    return _PLACES[source](name)


def adapter_place_of(name: str) -> str | None:
    """The name, in an adapter file of peft, of a LoRA weight of SALMONN; ``None``: it is none.

    Example:
        >>> adapter_place_of(
        ...     "llama_model.base_model.model.model.layers.0.self_attn.q_proj.lora_A.default.weight"
        ... )
        'base_model.model.language_model.model.layers.0.self_attn.q_proj.lora_A.weight'
    """
    found = _LORA.fullmatch(name)
    if found is None:
        return None
    return f"base_model.model.language_model.{found['module']}.{found['kind']}.weight"


def _of_salmonn(name: str) -> str | None:
    if name in _PLAIN:
        return _PROJECTOR + _PLAIN[name]
    if name.startswith("beats."):
        return _of_beats(name)
    if name.startswith("speech_encoder."):
        return _TOWER + "whisper." + name.removeprefix("speech_encoder.")
    if name.startswith(_QFORMER):
        return _of_qformer(name.removeprefix(_QFORMER))
    raise _unknown(name, "SALMONN")


def _of_qformer(name: str) -> str | None:
    if _UNUSED_QFORMER.match(name):
        return None
    ours = f"{_PROJECTOR}qformer."
    if name.startswith("bert.embeddings.LayerNorm."):
        return f"{ours}layernorm.{name.rpartition('.')[2]}"
    if name.startswith("bert.encoder.layer."):
        # each attention holds its projections in a module that BERT calls "self"
        return ours + name.removeprefix("bert.").replace("attention.self.", "attention.attention.")
    raise _unknown(_QFORMER + name, "SALMONN")


def _of_beats(name: str) -> str | None:
    within = name.removeprefix("beats.")
    if within.startswith("predictor."):
        return None
    if within.endswith(".self_attn.relative_attention_bias.weight"):
        return f"{_TOWER}beats.encoder.relative_attention_bias.weight"
    known = ("encoder.", "layer_norm.", "patch_embedding.", "post_extract_proj.")
    if within.startswith(known):
        return f"{_TOWER}beats.{within}"
    raise _unknown(name, "BEATs")


def _of_whisper(name: str) -> str | None:
    within = name.removeprefix("model.")
    if within.startswith("encoder."):
        return f"{_TOWER}whisper.{within.removeprefix('encoder.')}"
    if within.startswith(("decoder.", "proj_out.")):
        return None
    raise _unknown(name, "Whisper")


def _of_language(name: str) -> str | None:
    # written by old releases of transformers; it follows from the configuration
    if name.endswith("rotary_emb.inv_freq"):
        return None
    if name.startswith(("model.", "lm_head.")):
        return f"language_model.{name}"
    raise _unknown(name, "LLaMA or Vicuna")


def _unknown(name: str, whose: str) -> ConfigError:
    return ConfigError(
        f"no checkpoint of {whose} is known to have such a weight",
        value=name,
        hint=f"is the file a checkpoint of {whose}?",
    )


_PLACES: Mapping[Source, Callable[[str], str | None]] = {
    "salmonn": _of_salmonn,
    "beats": _of_beats,
    "whisper": _of_whisper,
    "language": _of_language,
}
