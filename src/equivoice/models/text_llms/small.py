"""A small LLaMA, written here and not fetched: for people without a GPU, and for teaching.

:func:`make_small_llama` writes a checkpoint of the real LLaMA classes with about a
million random weights, a tokenizer trained on the texts that it is given, and a chat
template. ``text-classifier`` and ``text-llm`` load it as any other checkpoint. It knows
nothing until it is trained, all of it: there is nothing for an adapter to adapt::

    equivoice train ... --system text-classifier options.text-classifier.model=FOLDER \
        options.text-classifier.trained=all
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

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

__all__ = ["LLAMA_SIZES", "LlamaSize", "make_small_llama"]

_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
# what the template writes
_TEXTS = ("system\nuser\nassistant\n",)


@dataclass(frozen=True)
class LlamaSize:
    """The sizes of a small LLaMA.

    Args:
        width: of its layers.
        layers: how many.
        heads: of attention.
        inner: width of the feed-forward layers.
        dropout: of attention, while it is trained.
        vocabulary: tokens, the three of the chat template apart.
        context: the longest text, in tokens.

    Raises:
        ConfigError: a size is below 1, heads do not divide the width into even parts,
            the vocabulary is smaller than the bytes, or dropout is not within 0 and 1.
    """

    width: int = 128
    layers: int = 2
    heads: int = 4
    inner: int = 384
    dropout: float = 0.1
    vocabulary: int = 2048
    context: int = 1024

    def __post_init__(self) -> None:
        problems = counts_below_one(self)
        if not problems and self.width % (2 * self.heads):
            # rotary positions turn pairs of channels
            problems.append(f"heads: 2 × {self.heads} does not divide width {self.width}")
        if 1 <= self.vocabulary < 256:
            problems.append(f"vocabulary: {self.vocabulary} is below the 256 bytes")
        if not 0 <= self.dropout < 1:
            problems.append(f"dropout: {self.dropout} is not within 0 and 1")
        if problems:
            raise ConfigError.from_problems(problems)


LLAMA_SIZES: Mapping[str, LlamaSize] = MappingProxyType(
    {
        "small": LlamaSize(),
        "tiny": LlamaSize(width=32, layers=2, inner=64, vocabulary=320, context=256),
    }
)
"""The sizes that have a name: ``small`` (0.7 million weights) and ``tiny``, for tests."""


def make_small_llama(
    folder: str | Path,
    *,
    texts: Sequence[str],
    labels: Sequence[str] = (),
    size: str | LlamaSize = "small",
    seed: int = 0,
) -> Path:
    """Write a small LLaMA with random weights.

    The same arguments give the same files.

    Args:
        folder: where it is written; made where it does not exist.
        texts: what its tokenizer is trained on, such as the transcripts of the training
            split; any other text can be read too, in more tokens.
        labels: words that are to be one token, for a model that answers in words.
        size: of :data:`LLAMA_SIZES`, or sizes of one's own.
        seed: of the weights.

    Returns:
        The folder, as ``options.SYSTEM.model`` takes it.

    Raises:
        ConfigError: no texts, empty or doubled labels, or an unknown size.
        MissingDependencyError: torch or transformers is not installed.
        StorageError: the folder holds something already, or cannot be written.

    Example:
        >>> import tempfile
        >>> from equivoice.models.registry import load_model
        >>> with tempfile.TemporaryDirectory() as place:
        ...     made = make_small_llama(f"{place}/small", texts=["so it goes"], size="tiny")
        ...     load_model("text-llm", model=str(made)).family
        'text'
    """
    sizes = named_size(size, LLAMA_SIZES)
    if isinstance(texts, str) or not any(text.strip() for text in texts):
        raise ConfigError(
            "a tokenizer needs texts to be trained on",
            hint="give the transcripts of the training split, a list of strings",
        )
    words = checked_labels(labels) if labels else []
    transformers = transformers_library("making a small LLaMA")
    tokenizer = own_tokenizer([*_TEXTS, *texts], labels=words, vocabulary=sizes.vocabulary)
    tokenizer.chat_template = _TEMPLATE
    tokenizer.model_max_length = sizes.context
    model = _model(transformers, sizes, tokenizer, seed)

    def write(place: Path) -> None:
        model.save_pretrained(place)
        tokenizer.save_pretrained(place)

    return write_model(Path(folder), "small LLaMA", write)


def _model(transformers: Any, sizes: LlamaSize, tokenizer: Any, seed: int) -> Any:
    config = transformers.LlamaConfig(
        hidden_size=sizes.width,
        num_hidden_layers=sizes.layers,
        num_attention_heads=sizes.heads,
        num_key_value_heads=sizes.heads,
        intermediate_size=sizes.inner,
        attention_dropout=sizes.dropout,
        max_position_embeddings=sizes.context,
        initializer_range=1 / math.sqrt(sizes.width),
        vocab_size=embedding_rows(tokenizer),
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with random_state(seed):
        model = transformers.LlamaForCausalLM(config)
    return ended_by(model, tokenizer)
