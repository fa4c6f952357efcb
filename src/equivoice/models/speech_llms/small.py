"""A small speech LLM, written here and not fetched: for people without a GPU, and for teaching.

:func:`make_small_speech_llm` writes a checkpoint of the real Qwen2-Audio classes with a
few million random weights, a tokenizer of its own in which each label is one token, a
chat template and a processor. The system ``qwen2-audio`` loads it as any other
checkpoint of that family::

    equivoice benchmark --system qwen2-audio options.qwen2-audio.model=FOLDER ...

It knows nothing until it is trained, or until its weights are set from training speech
(:func:`~equivoice.models.small_start.start_from_speech`). Its feature extractor is that of Whisper with fewer
bands, a longer step and a longer window than the published one, which makes sequences
short and lets the harmonics of a voice be told apart.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from equivoice.errors import ConfigError
from equivoice.models.from_scratch import (
    checked_labels,
    counts_below_one,
    embedding_rows,
    ended_by,
    named_size,
    own_tokenizer,
    random_state,
    transformers_library,
    write_model,
)
from equivoice.models.hearing.language_part import part_of

if TYPE_CHECKING:
    import torch

__all__ = ["SIZES", "SmallSize", "make_small_speech_llm"]

_RATE = 16_000
_AUDIO = "<|AUDIO|>"
_SPECIALS = (_AUDIO, "<|audio_bos|>", "<|audio_eos|>")
# as Qwen2-Audio's, without the system turn that it writes where a prompt has none
_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for content in message['content'] %}"
    "{% if content['type'] == 'audio' %}<|audio_bos|><|AUDIO|><|audio_eos|>\n"
    "{% elif 'text' in content %}{{ content['text'] }}{% endif %}{% endfor %}{% endif %}"
    "<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
# what prompts about emotions say, so that they are few tokens
_TEXTS = (
    "You are a highly capable assistant specialized in Speech Emotion Recognition",
    "Classify the speaker's tone in the preceding audio. Options: , . Answer:",
    "Listen to the audio and identify the speaker's emotion. Choose from: , . Answer:",
    "You are an emotion classifier.\nPossible emotions: , .\nTranscript:\nAnswer:",
    "system\nuser\nassistant\n",
)


@dataclass(frozen=True)
class SmallSize:
    """The sizes of a small speech LLM.

    Args:
        bands: mel bands.
        step: samples from one frame to the next, at 16 kHz.
        window: samples of a frame.
        width: of the audio encoder.
        layers: of the audio encoder.
        heads: of the audio encoder.
        inner: width of its feed-forward layers.
        dropout: in the audio encoder, while it is trained.
        text_width: of the language model.
        text_layers: of the language model.
        text_heads: of the language model.

    Raises:
        ConfigError: a size is below 1, heads do not divide a width, 30 s are no even
            number of steps, or dropout is not within 0 and 1.
    """

    bands: int = 80
    step: int = 320
    window: int = 800
    width: int = 384
    layers: int = 1
    heads: int = 6
    inner: int = 2048
    dropout: float = 0.1
    text_width: int = 128
    text_layers: int = 1
    text_heads: int = 4

    def __post_init__(self) -> None:
        problems = counts_below_one(self)
        if problems:
            raise ConfigError.from_problems(problems)
        wrong = {
            f"heads: {self.heads} does not divide width {self.width}": self.width % self.heads,
            f"text_heads: {self.text_heads} does not divide text_width {self.text_width}": (
                self.text_width % self.text_heads
            ),
            f"width: {self.width} is odd": self.width % 2,
            f"step: 30 s are no even number of {self.step} samples": (30 * _RATE % (2 * self.step)),
            f"dropout: {self.dropout} is not within 0 and 1": not 0 <= self.dropout < 1,
        }
        if any(wrong.values()):
            raise ConfigError.from_problems([problem for problem, found in wrong.items() if found])


SIZES: Mapping[str, SmallSize] = MappingProxyType(
    {
        "small": SmallSize(),
        "wide": SmallSize(inner=4096, dropout=0.0),
        "tiny": SmallSize(
            bands=40,
            step=500,
            width=64,
            heads=4,
            inner=128,
            text_width=32,
        ),
    }
)
"""The sizes that have a name.

``small`` (3 million weights); ``wide`` (5 million), which has room for a start from speech
(:mod:`equivoice.models.small_start`); and ``tiny``, for tests.
"""


def make_small_speech_llm(
    folder: str | Path,
    *,
    labels: Sequence[str],
    texts: Sequence[str] = (),
    size: str | SmallSize = "small",
    seed: int = 0,
) -> Path:
    """Write a small speech LLM with random weights.

    The same arguments give the same files. A label that is one word is one token at the
    start of an answer, as given and with a capital; and one within a sentence.

    Args:
        folder: where it is written; made where it does not exist.
        labels: the words of the answers that it will be asked for.
        texts: prompts and transcripts that it will read, for the tokenizer; any other
            text can be read too, in more tokens.
        size: of :data:`SIZES`, or sizes of one's own.
        seed: of the weights.

    Returns:
        The folder, as ``options.SYSTEM.model`` takes it.

    Raises:
        ConfigError: no labels, empty or doubled ones, or an unknown size.
        MissingDependencyError: torch or transformers is not installed.
        StorageError: the folder holds something already, or cannot be written.

    Example:
        >>> import tempfile
        >>> from equivoice.models.registry import load_model
        >>> with tempfile.TemporaryDirectory() as place:
        ...     made = make_small_speech_llm(f"{place}/small", labels=["happy", "sad"], size="tiny")
        ...     load_model("qwen2-audio", model=str(made)).family
        'qwen2_audio'
    """
    sizes, words = named_size(size, SIZES), checked_labels(labels)
    transformers = transformers_library("making a small speech LLM")
    tokenizer = own_tokenizer([*_TEXTS, *texts], labels=words, specials=_SPECIALS)
    model = _model(sizes, tokenizer, seed)
    extractor = transformers.WhisperFeatureExtractor(
        feature_size=sizes.bands, hop_length=sizes.step, n_fft=sizes.window, chunk_length=30
    )
    processor = transformers.Qwen2AudioProcessor(extractor, tokenizer, chat_template=_TEMPLATE)

    def write(place: Path) -> None:
        model.save_pretrained(place)
        processor.save_pretrained(place)

    return write_model(Path(folder), "small speech LLM", write)


def _model(sizes: SmallSize, tokenizer: Any, seed: int) -> Any:
    from transformers import Qwen2AudioForConditionalGeneration

    with random_state(seed):
        model = Qwen2AudioForConditionalGeneration(_config(sizes, tokenizer))
        _start(part_of(model, "audio_tower"))
    return ended_by(model, tokenizer)


def _config(sizes: SmallSize, tokenizer: Any) -> Any:
    from transformers import Qwen2AudioConfig

    text = {
        "model_type": "qwen2",
        "hidden_size": sizes.text_width,
        "num_hidden_layers": sizes.text_layers,
        "num_attention_heads": sizes.text_heads,
        "num_key_value_heads": sizes.text_heads,
        "intermediate_size": 4 * sizes.text_width,
        "max_position_embeddings": 4096,
        "initializer_range": 1 / math.sqrt(sizes.text_width),
        "vocab_size": embedding_rows(tokenizer),
        "bos_token_id": tokenizer.pad_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    audio = {
        "model_type": "qwen2_audio_encoder",
        "num_mel_bins": sizes.bands,
        "d_model": sizes.width,
        "encoder_layers": sizes.layers,
        "encoder_attention_heads": sizes.heads,
        "encoder_ffn_dim": sizes.inner,
        "dropout": sizes.dropout,
        "initializer_range": 1 / math.sqrt(sizes.width),
        "max_source_positions": 30 * _RATE // (2 * sizes.step),
    }
    return Qwen2AudioConfig(
        text_config=text,
        audio_config=audio,
        audio_token_index=tokenizer.convert_tokens_to_ids(_AUDIO),
    )


def _start(tower: Any) -> None:
    """Weights from which a tower can be trained: the classes' own are for the published one.

    Convolutions that keep the size of what goes through them, and the sinusoids by which
    Whisper's encoder knows positions, at a third of their size: else they drown the sound.
    """
    import torch

    for convolution in (tower.conv1, tower.conv2):
        torch.nn.init.kaiming_normal_(convolution.weight, nonlinearity="linear")
        torch.nn.init.zeros_(convolution.bias)
    table = tower.embed_positions.weight
    with torch.no_grad():
        table.copy_(_sinusoids(*table.shape) / 3)


def _sinusoids(length: int, width: int) -> torch.Tensor:
    """(length, width): half sines and half cosines, of wavelengths from 2π to 20,000π."""
    import torch

    half = width // 2
    speeds = torch.exp(-math.log(10_000) / max(1, half - 1) * torch.arange(half))
    angles = torch.arange(length)[:, None] * speeds
    return torch.cat([angles.sin(), angles.cos()], dim=1)
