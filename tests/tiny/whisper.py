"""A tiny Whisper with random weights, saved as released ones are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

LANGUAGES = ("en", "de", "ja")
_TEXT = [
    "Kids are talking by the door .",
    "Dogs are sitting by the door , quietly .",
    "I am so happy for you , am I not ?",
]


def save_whisper(
    folder: Path,
    *,
    seed: int = 0,
    languages: Sequence[str] = LANGUAGES,
    suppress: Sequence[int] = (),
    peak: float = 1.0,
    **config: Any,
) -> Path:
    """A Whisper of the architecture's own classes with its tokenizer and its feature extractor.

    Args:
        folder: where to.
        seed: of the weights.
        languages: that it knows; none for a Whisper of one language.
        suppress: tokens that it never says.
        peak: multiplies the embeddings of tokens, and so the logits; the larger, the surer.
        config: what else its configuration says.
    """
    import torch
    import transformers

    tokenizer = _tokenizer(languages)
    ids = {name: tokenizer.convert_tokens_to_ids(name) for name in tokenizer.all_special_tokens}
    settings = {
        "vocab_size": len(tokenizer),
        "num_mel_bins": 16,
        "d_model": 32,
        "encoder_layers": 1,
        "decoder_layers": 2,
        "encoder_attention_heads": 4,
        "decoder_attention_heads": 4,
        "encoder_ffn_dim": 48,
        "decoder_ffn_dim": 48,
        "max_target_positions": 40,
        "init_std": 0.3,
        "decoder_start_token_id": ids["<|startoftranscript|>"],
        "bos_token_id": ids["<|endoftext|>"],
        "eos_token_id": ids["<|endoftext|>"],
        "pad_token_id": ids["<|endoftext|>"],
        "suppress_tokens": None,
        "begin_suppress_tokens": None,
        **config,
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = transformers.WhisperForConditionalGeneration(transformers.WhisperConfig(**settings))
    with torch.no_grad():
        model.model.decoder.embed_tokens.weight.mul_(peak)
    model.generation_config = transformers.GenerationConfig(
        decoder_start_token_id=ids["<|startoftranscript|>"],
        eos_token_id=ids["<|endoftext|>"],
        pad_token_id=ids["<|endoftext|>"],
        bos_token_id=ids["<|endoftext|>"],
        no_timestamps_token_id=ids["<|notimestamps|>"],
        is_multilingual=bool(languages),
        begin_suppress_tokens=[ids["<|endoftext|>"]],
        suppress_tokens=list(suppress),
        max_length=settings["max_target_positions"],
        **(
            {
                "lang_to_id": {f"<|{code}|>": ids[f"<|{code}|>"] for code in languages},
                "task_to_id": {name: ids[f"<|{name}|>"] for name in ("transcribe", "translate")},
            }
            if languages
            else {}
        ),
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    transformers.WhisperFeatureExtractor(feature_size=16).save_pretrained(folder)
    return folder


def _tokenizer(languages: Sequence[str]) -> Any:
    """Bytes and a few merges; Whisper's control tokens in the order of its releases."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    raw.train_from_iterator(
        _TEXT,
        trainers.BpeTrainer(
            vocab_size=300,
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        ),
    )
    marks = [
        "<|endoftext|>",
        "<|startoftranscript|>",
        *(f"<|{code}|>" for code in languages),
        *(("<|translate|>", "<|transcribe|>") if languages else ()),
        "<|nospeech|>",
        "<|notimestamps|>",
    ]
    end = marks[0]
    return PreTrainedTokenizerFast(
        tokenizer_object=raw, eos_token=end, pad_token=end, additional_special_tokens=marks
    )
