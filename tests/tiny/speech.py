"""Speech LLMs small enough for tests: real architectures, random weights, saved to disk.

Each ``save_tiny_*`` writes a folder that ``from_pretrained`` reads: configuration,
safetensors, generation settings, a tokenizer trained here on the text of prompts, the
real feature extractor (128 mel bands, 30 s) and the chat template of the family.
Sizes are arguments (:class:`Shape`), so that a benchmark can ask for larger ones.

From a script::

    cd tests && python -m tiny.speech OUT [NAME ...]
"""

from __future__ import annotations

import base64
import json
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tiny.templates import (
    FLAMINGO_TEMPLATE,
    GLM_TEMPLATE,
    GRANITE_TEMPLATE,
    QWEN_TEMPLATE,
    TRAINING_TEXT,
)

__all__ = [
    "SAVERS",
    "Shape",
    "TinyModels",
    "save_tiny_audio_flamingo3",
    "save_tiny_glm_asr",
    "save_tiny_granite_speech",
    "save_tiny_qwen2_5_omni",
    "save_tiny_qwen2_audio",
    "save_tiny_salmonn",
    "save_tiny_voxtral",
    "tiny_beats",
]

QWEN_SPECIALS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")


@dataclass(frozen=True)
class Shape:
    """The sizes of a model.

    Args:
        hidden: width of the language model.
        layers: its layers.
        heads: its attention heads.
        kv_heads: its key and value heads.
        ffn: width of its feed-forward layers; 4 × hidden where None.
        vocab: rows of its embedding; as few as the tokenizer needs where None.
        encoder_hidden: width of the audio encoder.
        encoder_layers: its layers.
        encoder_heads: its attention heads.
        encoder_ffn: width of its feed-forward layers; 4 × encoder_hidden where None.
        spread: standard deviation of the random weights.
        peak: factor on the output weights; from about 8, answers repeat from draw to draw.
        seed: of the weights.
        dtype: in which the weights are saved.
    """

    hidden: int = 32
    layers: int = 2
    heads: int = 4
    kv_heads: int = 2
    ffn: int | None = None
    vocab: int | None = None
    encoder_hidden: int = 32
    encoder_layers: int = 2
    encoder_heads: int = 2
    encoder_ffn: int | None = None
    spread: float = 0.2
    peak: float = 1.0
    seed: int = 1
    dtype: str = "float32"

    def text_sizes(self) -> dict[str, Any]:
        """The language model's sizes, as the configurations of transformers name them."""
        return {
            "hidden_size": self.hidden,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.kv_heads,
            "intermediate_size": self.ffn or 4 * self.hidden,
            "initializer_range": self.spread,
            "max_position_embeddings": 8192,
        }

    def whisper_sizes(self) -> dict[str, Any]:
        """The audio encoder's sizes, as encoders that descend from Whisper name them."""
        return {
            "d_model": self.encoder_hidden,
            "encoder_layers": self.encoder_layers,
            "encoder_attention_heads": self.encoder_heads,
            "encoder_ffn_dim": self.encoder_ffn or 4 * self.encoder_hidden,
            "initializer_range": self.spread,
            "num_mel_bins": 128,
            "max_source_positions": 1500,
        }

    def encoder_sizes(self) -> dict[str, Any]:
        """The audio encoder's sizes, as newer encoders name them."""
        return {
            "hidden_size": self.encoder_hidden,
            "num_hidden_layers": self.encoder_layers,
            "num_attention_heads": self.encoder_heads,
            "intermediate_size": self.encoder_ffn or 4 * self.encoder_hidden,
            "initializer_range": self.spread,
            "num_mel_bins": 128,
        }


_TINY = Shape()


def save_tiny_qwen2_audio(
    folder: Path, shape: Shape = _TINY, *, generation: Mapping[str, Any] | None = None
) -> Path:
    """Qwen2-Audio; ``generation`` adds to the checkpoint's own generation settings."""
    from transformers import (
        Qwen2AudioConfig,
        Qwen2AudioForConditionalGeneration,
        Qwen2AudioProcessor,
    )

    tokenizer = _tokenizer((*QWEN_SPECIALS, "<|AUDIO|>", "<|audio_bos|>", "<|audio_eos|>"))
    config = Qwen2AudioConfig(
        text_config={"model_type": "qwen2", **shape.text_sizes(), **_ids(shape, tokenizer)},
        audio_config={"model_type": "qwen2_audio_encoder", **shape.whisper_sizes()},
        audio_token_index=tokenizer.convert_tokens_to_ids("<|AUDIO|>"),
    )
    place = "Audio 1: <|audio_bos|><|AUDIO|><|audio_eos|>\n"
    processor = Qwen2AudioProcessor(
        _whisper_features(), tokenizer, chat_template=QWEN_TEMPLATE.replace("AUDIO_PLACE", place)
    )
    _save(folder, Qwen2AudioForConditionalGeneration, config, shape, generation)
    processor.save_pretrained(folder)
    return folder


def save_tiny_audio_flamingo3(
    folder: Path, shape: Shape = _TINY, *, generation: Mapping[str, Any] | None = None
) -> Path:
    """Audio Flamingo 3."""
    from transformers import (
        AudioFlamingo3Config,
        AudioFlamingo3ForConditionalGeneration,
        AudioFlamingo3Processor,
    )

    tokenizer = _tokenizer((*QWEN_SPECIALS, "<sound>"))
    config = AudioFlamingo3Config(
        text_config={"model_type": "qwen2", **shape.text_sizes(), **_ids(shape, tokenizer)},
        audio_config={"model_type": "audioflamingo3_encoder", **shape.encoder_sizes()},
        audio_token_id=tokenizer.convert_tokens_to_ids("<sound>"),
    )
    processor = AudioFlamingo3Processor(
        _whisper_features(return_attention_mask=True), tokenizer, chat_template=FLAMINGO_TEMPLATE
    )
    _save(folder, AudioFlamingo3ForConditionalGeneration, config, shape, generation)
    processor.save_pretrained(folder)
    return folder


def save_tiny_voxtral(
    folder: Path, shape: Shape = _TINY, *, generation: Mapping[str, Any] | None = None
) -> Path:
    """Voxtral, with a tekken file of bytes and the published special tokens."""
    from transformers import VoxtralConfig, VoxtralForConditionalGeneration

    folder.mkdir(parents=True, exist_ok=True)
    tokens = _write_tekken(folder / "tekken.json")
    ids = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 11}
    config = VoxtralConfig(
        text_config={
            "model_type": "llama",
            **shape.text_sizes(),
            "head_dim": shape.hidden // shape.heads,
            # its tokenizer decodes no id beyond its own
            "vocab_size": shape.vocab or tokens,
            **ids,
        },
        # the published encoder folds four frames into one: intermediate = 4 × hidden
        audio_config={
            "model_type": "voxtral_encoder",
            **shape.encoder_sizes(),
            "intermediate_size": 4 * shape.encoder_hidden,
        },
        audio_token_id=24,
    )
    _save(folder, VoxtralForConditionalGeneration, config, shape, {**ids, **(generation or {})})
    _whisper_features().save_pretrained(folder)
    settings = json.loads((folder / "preprocessor_config.json").read_text())
    settings["processor_class"] = "VoxtralProcessor"
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))
    return folder


def save_tiny_qwen2_5_omni(
    folder: Path,
    shape: Shape = _TINY,
    *,
    generation: Mapping[str, Any] | None = None,
    full: bool = False,
) -> Path:
    """Qwen2.5-Omni: the thinker alone, or (``full``) laid out as the published checkpoint.

    Its processor is not saved whole: that needs torchvision. What speech needs of it
    (feature extractor, tokenizer, chat template) stands in the same files.
    """
    import transformers

    specials = (
        *QWEN_SPECIALS,
        *("<|AUDIO|>", "<|audio_bos|>", "<|audio_eos|>", "<|IMAGE|>", "<|VIDEO|>"),
        *("<|vision_bos|>", "<|vision_eos|>"),
    )
    tokenizer = _tokenizer(specials)
    config = transformers.Qwen2_5OmniThinkerConfig(**_omni_sizes(shape, tokenizer))
    kind = transformers.Qwen2_5OmniThinkerForConditionalGeneration
    _save(folder, kind, config, shape, generation)
    if full:
        _lay_out_as_full_omni(folder, config)
    place = "<|audio_bos|><|AUDIO|><|audio_eos|>"
    tokenizer.chat_template = QWEN_TEMPLATE.replace("AUDIO_PLACE", place)
    tokenizer.save_pretrained(folder)
    _whisper_features(return_attention_mask=True, chunk_length=300).save_pretrained(folder)
    return folder


def save_tiny_glm_asr(
    folder: Path, shape: Shape = _TINY, *, generation: Mapping[str, Any] | None = None
) -> Path:
    """GLM-ASR, which no family of ours knows."""
    from transformers import GlmAsrConfig, GlmAsrForConditionalGeneration, GlmAsrProcessor

    specials = ("<|endoftext|>", "<|system|>", "<|user|>", "<|assistant|>")
    tokenizer = _tokenizer(
        (*specials, "<|begin_of_audio|>", "<|pad|>", "<|end_of_audio|>"), end="<|user|>"
    )
    config = GlmAsrConfig(
        text_config={"model_type": "llama", **shape.text_sizes(), **_ids(shape, tokenizer)},
        audio_config={
            "model_type": "glmasr_encoder",
            **shape.encoder_sizes(),
            "intermediate_size": 4 * shape.encoder_hidden,
        },
        audio_token_id=tokenizer.convert_tokens_to_ids("<|pad|>"),
        tie_word_embeddings=False,
    )
    processor = GlmAsrProcessor(
        _whisper_features(return_attention_mask=True), tokenizer, chat_template=GLM_TEMPLATE
    )
    _save(folder, GlmAsrForConditionalGeneration, config, shape, generation)
    processor.save_pretrained(folder)
    return folder


def save_tiny_granite_speech(
    folder: Path, shape: Shape = _TINY, *, generation: Mapping[str, Any] | None = None
) -> Path:
    """Granite Speech; its feature extractor needs torchaudio."""
    from transformers import (
        GraniteSpeechConfig,
        GraniteSpeechFeatureExtractor,
        GraniteSpeechForConditionalGeneration,
        GraniteSpeechProcessor,
    )

    specials = ("<|end_of_text|>", "<|start_of_role|>", "<|end_of_role|>", "<|audio|>")
    tokenizer = _tokenizer(specials, end="<|end_of_text|>")
    width = shape.encoder_hidden
    config = GraniteSpeechConfig(
        text_config={"model_type": "granite", **shape.text_sizes(), **_ids(shape, tokenizer)},
        encoder_config={
            "num_layers": shape.encoder_layers,
            "hidden_dim": width,
            "num_heads": shape.encoder_heads,
            "dim_head": width // shape.encoder_heads,
            "dropout": 0.0,
        },
        projector_config={
            "model_type": "blip_2_qformer",
            "hidden_size": width,
            "encoder_hidden_size": width,
            "num_hidden_layers": 1,
            "num_attention_heads": shape.encoder_heads,
            "intermediate_size": 4 * width,
            "cross_attention_frequency": 1,
        },
        audio_token_index=tokenizer.convert_tokens_to_ids("<|audio|>"),
        has_lora_adapter=False,
        tie_word_embeddings=False,
        initializer_range=shape.spread,
    )
    _save(folder, GraniteSpeechForConditionalGeneration, config, shape, generation)
    processor = GraniteSpeechProcessor(
        GraniteSpeechFeatureExtractor(), tokenizer, chat_template=GRANITE_TEMPLATE
    )
    processor.save_pretrained(folder)
    return folder


def save_tiny_salmonn(
    folder: Path, shape: Shape = _TINY, *, generation: Mapping[str, Any] | None = None
) -> Path:
    """SALMONN as the converter writes it, without an adapter of its own."""
    from transformers import WhisperFeatureExtractor

    from equivoice.models.salmonn.model import SalmonnConfig, SalmonnForConditionalGeneration

    tokenizer = _tokenizer(("<unk>", "<s>", "</s>"), end="</s>")
    tokenizer.bos_token, tokenizer.unk_token = "<s>", "<unk>"
    config = SalmonnConfig(
        whisper_config={**shape.whisper_sizes(), "num_mel_bins": 80, "decoder_layers": 1},
        beats_config=tiny_beats(shape),
        qformer_config={
            "hidden_size": shape.encoder_hidden,
            "num_attention_heads": shape.encoder_heads,
            "intermediate_size": 4 * shape.encoder_hidden,
        },
        text_config={**shape.text_sizes(), **_ids(shape, tokenizer)},
        audio_token_id=tokenizer.unk_token_id,
        initializer_range=shape.spread,
    )
    _save(folder, SalmonnForConditionalGeneration, config, shape, generation)
    tokenizer.save_pretrained(folder)
    WhisperFeatureExtractor(feature_size=80).save_pretrained(folder)
    return folder


def tiny_beats(shape: Shape = _TINY) -> dict[str, Any]:
    """The sizes of BEATs, as its released checkpoints name them."""
    return {
        "embed_dim": shape.encoder_hidden // 2,
        "encoder_layers": shape.encoder_layers,
        "encoder_embed_dim": shape.encoder_hidden,
        "encoder_ffn_embed_dim": 4 * shape.encoder_hidden,
        "encoder_attention_heads": shape.encoder_heads,
        "conv_pos": 16,
        "conv_pos_groups": 4,
        "num_buckets": 32,
        "max_distance": 128,
    }


SAVERS: Mapping[str, Callable[..., Path]] = {
    "qwen2_audio": save_tiny_qwen2_audio,
    "audio_flamingo3": save_tiny_audio_flamingo3,
    "voxtral": save_tiny_voxtral,
    "qwen2_5_omni": save_tiny_qwen2_5_omni,
    "glm_asr": save_tiny_glm_asr,
    "granite_speech": save_tiny_granite_speech,
    "salmonn": save_tiny_salmonn,
}
"""What can be built, by family."""


class TinyModels:
    """Tiny models by name, each built once; the session fixture ``tiny_models`` is one.

    Args:
        folder: where they are saved.
    """

    def __init__(self, folder: Path) -> None:
        import transformers

        # imported on first use, in seconds that no single test should bear
        self.needed = (transformers.AutoProcessor, transformers.Qwen2AudioForConditionalGeneration)
        self.folder = folder

    def __call__(self, name: str, shape: Shape = _TINY, **options: Any) -> Path:
        """The folder of a model of :data:`SAVERS`; the options are the builder's."""
        key = f"{name} {shape} {sorted(options.items())}"
        folder = self.folder / f"{name}-{zlib.crc32(key.encode()):08x}"
        if not folder.exists():
            SAVERS[name](folder, shape, **options)
        return folder


# ---------------------------------------------------------------- parts


def _tokenizer(specials: Sequence[str], *, end: str = "<|im_end|>") -> Any:
    """A byte-level BPE of about 400 tokens, trained on the text of prompts."""
    import tokenizers
    from tokenizers import decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = tokenizers.Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    bpe.train_from_iterator(
        TRAINING_TEXT,
        trainers.BpeTrainer(
            vocab_size=400,
            show_progress=False,
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        ),
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        eos_token=end,
        pad_token=specials[0],
        additional_special_tokens=list(specials),
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )


def _ids(shape: Shape, tokenizer: Any) -> dict[str, Any]:
    return {
        "vocab_size": shape.vocab or _rounded(len(tokenizer)),
        "bos_token_id": tokenizer.pad_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }


def _rounded(count: int) -> int:
    return -(-count // 8) * 8


def _whisper_features(**settings: Any) -> Any:
    from transformers import WhisperFeatureExtractor

    return WhisperFeatureExtractor(feature_size=128, **settings)


def _omni_sizes(shape: Shape, tokenizer: Any) -> dict[str, Any]:
    number = tokenizer.convert_tokens_to_ids
    half = shape.hidden // shape.heads // 2
    rope = {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [half - 2, 1, 1]}
    return {
        "text_config": {
            **shape.text_sizes(),
            **_ids(shape, tokenizer),
            "rope_parameters": rope,
            "tie_word_embeddings": False,
        },
        "audio_config": {**shape.whisper_sizes(), "output_dim": shape.hidden, "n_window": 100},
        "vision_config": {
            "depth": 1,
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_heads": 2,
            "out_hidden_size": shape.hidden,
            "fullatt_block_indexes": [0],
        },
        "audio_token_index": number("<|AUDIO|>"),
        "image_token_index": number("<|IMAGE|>"),
        "video_token_index": number("<|VIDEO|>"),
        "audio_start_token_id": number("<|audio_bos|>"),
        "audio_end_token_id": number("<|audio_eos|>"),
        "vision_start_token_id": number("<|vision_bos|>"),
        "tie_word_embeddings": False,
        "initializer_range": shape.spread,
    }


def _lay_out_as_full_omni(folder: Path, thinker: Any) -> None:
    """Name the weights and nest the configuration as the published checkpoint does."""
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    save_file(
        {f"thinker.{name}": tensor for name, tensor in weights.items()},
        folder / "model.safetensors",
        metadata={"format": "pt"},
    )
    config = {
        "model_type": "qwen2_5_omni",
        "architectures": ["Qwen2_5OmniModel"],
        "thinker_config": thinker.to_dict(),
        "enable_audio_output": False,
    }
    (folder / "config.json").write_text(json.dumps(config, default=str))


def _write_tekken(path: Path) -> int:
    """A tekken file of the 256 bytes; how many tokens it has, special ones included."""
    from mistral_common.tokens.tokenizers.base import SpecialTokens

    named = [
        *("<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]"),
        *("[TOOL_RESULTS]", "[/TOOL_RESULTS]", "[TOOL_CALLS]", "[IMG]", "<pad>", "[IMG_BREAK]"),
        *("[IMG_END]", "[PREFIX]", "[MIDDLE]", "[SUFFIX]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]"),
        *("[TOOL_CONTENT]", "<SPECIAL_20>", "<SPECIAL_21>", "<SPECIAL_22>", "<SPECIAL_23>"),
        *(SpecialTokens.audio.value, SpecialTokens.begin_audio.value),
        *(f"<SPECIAL_{i}>" for i in range(26, 32)),
        *(SpecialTokens.args.value, SpecialTokens.call_id.value, SpecialTokens.transcribe.value),
    ]
    tekken = {
        "config": {
            "pattern": r"[^\s]+|\s+",
            "num_vocab_tokens": 256,
            "default_vocab_size": 256 + len(named),
            "default_num_special_tokens": len(named),
            "version": "v11",
        },
        "vocab": [
            {"rank": i, "token_bytes": base64.b64encode(bytes([i])).decode(), "token_str": None}
            for i in range(256)
        ],
        "special_tokens": [
            {"rank": i, "token_str": token, "is_control": True} for i, token in enumerate(named)
        ],
        "audio": {
            "sampling_rate": 16000,
            "frame_rate": 12.5,
            "audio_encoding_config": {"num_mel_bins": 128, "hop_length": 160, "window_size": 400},
            "chunk_length_s": 30.0,
        },
    }
    path.write_text(json.dumps(tekken))
    return 256 + len(named)


def _save(
    folder: Path, kind: Any, config: Any, shape: Shape, generation: Mapping[str, Any] | None
) -> None:
    import torch
    from transformers import GenerationConfig

    with torch.random.fork_rng(devices=[]), _weights_in(shape.dtype):
        torch.manual_seed(shape.seed)
        model = kind(config)
    with torch.no_grad():
        model.get_output_embeddings().weight.mul_(shape.peak)
    text = config.get_text_config()
    ids = {name: getattr(text, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    model.generation_config = GenerationConfig(**{**ids, **(generation or {})})
    model.save_pretrained(folder)


@contextmanager
def _weights_in(dtype: str) -> Iterator[None]:
    import torch

    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, dtype))
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def _main(arguments: Sequence[str]) -> None:
    out = Path(arguments[0])
    for name in arguments[1:] or SAVERS:
        print(SAVERS[name](out / name))  # noqa: T201 - a script


if __name__ == "__main__":
    _main(sys.argv[1:])
