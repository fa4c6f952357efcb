"""Pretrained speech encoders small enough for tests: real classes, random weights, on disk."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["KINDS", "classification_model", "save_tiny_encoder"]

KINDS = ("wavlm", "hubert", "wav2vec2", "data2vec-audio", "wav2vec2-bert", "whisper")
"""From which families."""

LAYERS, WIDTH = 3, 16

_CONVOLUTIONS = {
    "conv_dim": (8, 8, 8),
    "conv_kernel": (10, 8, 4),
    "conv_stride": (5, 8, 8),
    "num_feat_extract_layers": 3,
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 2,
}
_SIZES = {
    "hidden_size": WIDTH,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "classifier_proj_size": 12,
    "num_labels": 3,
    "vocab_size": 8,
}


def configuration(kind: str, **changes: Any) -> Any:
    """The configuration of a tiny encoder."""
    import transformers

    if kind == "whisper":
        return transformers.WhisperConfig(
            **{
                "d_model": WIDTH,
                "encoder_layers": LAYERS,
                "encoder_attention_heads": 2,
                "encoder_ffn_dim": 24,
                "decoder_layers": 1,
                "decoder_attention_heads": 2,
                "decoder_ffn_dim": 24,
                "num_mel_bins": 20,
                "max_source_positions": 50,
                "classifier_proj_size": 12,
                "num_labels": 3,
                "vocab_size": 40,
                "pad_token_id": 0,
                "bos_token_id": 1,
                "eos_token_id": 2,
                "decoder_start_token_id": 1,
                "suppress_tokens": None,
                "begin_suppress_tokens": None,
            }
            | changes
        )
    sizes = dict(_SIZES)
    if kind == "wav2vec2-bert":
        own = {"feature_projection_input_dim": 40, "conv_depthwise_kernel_size": 5}
        return transformers.Wav2Vec2BertConfig(**{**sizes, **own, **changes})
    names = {
        "wavlm": transformers.WavLMConfig,
        "hubert": transformers.HubertConfig,
        "wav2vec2": transformers.Wav2Vec2Config,
        "data2vec-audio": transformers.Data2VecAudioConfig,
    }
    own = dict(_CONVOLUTIONS)
    if kind == "data2vec-audio":
        own["conv_pos_kernel_size"] = 5
        own["num_conv_pos_embeddings"] = 2
    return names[kind](**{**sizes, **own, **changes})


def extractor(kind: str) -> Any:
    """The feature extractor of a tiny encoder."""
    import transformers

    if kind == "whisper":
        return transformers.WhisperFeatureExtractor(feature_size=20, chunk_length=1)
    if kind == "wav2vec2-bert":
        return transformers.SeamlessM4TFeatureExtractor(feature_size=20, num_mel_bins=20, stride=2)
    return transformers.Wav2Vec2FeatureExtractor(return_attention_mask=True)


def classification_model(kind: str, seed: int = 0, **changes: Any) -> Any:
    """Transformers' own classifier with random weights of some size, in evaluation mode."""
    import torch
    import transformers

    names = {
        "wavlm": "WavLMForSequenceClassification",
        "hubert": "HubertForSequenceClassification",
        "wav2vec2": "Wav2Vec2ForSequenceClassification",
        "data2vec-audio": "Data2VecAudioForSequenceClassification",
        "wav2vec2-bert": "Wav2Vec2BertForSequenceClassification",
        "whisper": "WhisperForAudioClassification",
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = getattr(transformers, names[kind])(configuration(kind, **changes))
        for parameter in model.parameters():
            if parameter.dim() > 1:
                torch.nn.init.normal_(parameter, std=parameter[0].numel() ** -0.5)
            elif parameter.requires_grad:
                torch.nn.init.normal_(parameter, mean=float(parameter.detach().mean()), std=0.1)
    return model.eval()


def save_tiny_encoder(kind: str, folder: Path, seed: int = 0, **changes: Any) -> Path:
    """Write a tiny encoder as ``from_pretrained`` reads it.

    Args:
        kind: of :data:`KINDS`.
        folder: where.
        seed: of the weights, which are those of :func:`classification_model`.
        changes: of its configuration.
    """
    import transformers

    classifier = classification_model(kind, seed, **changes)
    with _quiet():
        if kind == "whisper":
            model = transformers.WhisperModel(classifier.config)
            model.encoder.load_state_dict(classifier.encoder.state_dict())
            model.save_pretrained(folder)
        else:
            classifier.base_model.save_pretrained(folder)
        extractor(kind).save_pretrained(folder)
    return folder


def speech(seconds: float, seed: int) -> np.ndarray:
    """Something that is no silence, at 16 kHz."""
    generator = np.random.default_rng(seed)
    time = np.arange(round(seconds * 16_000)) / 16_000
    tone = np.sin(2 * np.pi * (120 + 30 * seed) * time * (1 + 0.1 * np.sin(5 * time)))
    return (0.3 * tone + 0.05 * generator.standard_normal(len(time))).astype(np.float32)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
