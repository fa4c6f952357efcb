"""What small models that are written here and not fetched have in common.

A tokenizer trained on the texts that the model will read, weights drawn from a seed of
their own, and a folder that ``from_pretrained`` reads like any checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from equivoice.errors import ConfigError, MissingDependencyError, StorageError
from equivoice.models.decoding.loading import without_bars

__all__ = [
    "END",
    "PAD",
    "START",
    "checked_labels",
    "counts_below_one",
    "embedding_rows",
    "ended_by",
    "named_size",
    "own_tokenizer",
    "random_state",
    "transformers_library",
    "write_model",
]

PAD, START, END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
"""The tokens that fill a batch, begin a turn and end it."""

Size = TypeVar("Size")
# a label counts as much as so many sentences when the tokenizer is trained
_LABEL_WEIGHT = 50


def named_size(size: str | Size, sizes: Mapping[str, Size]) -> Size:
    """A size by its name, or as given.

    Args:
        size: a name, or sizes of one's own.
        sizes: those that have a name.

    Raises:
        ConfigError: an unknown name.

    Example:
        >>> named_size("tiny", {"tiny": 32}), named_size(48, {"tiny": 32})
        (32, 48)
    """
    if not isinstance(size, str):
        return size
    if size not in sizes:
        raise ConfigError("unknown size", value=size, choices=sizes)
    return sizes[size]


def checked_labels(labels: Sequence[str]) -> list[str]:
    """Labels without spaces around them.

    Args:
        labels: the words of the answers that a model will be asked for.

    Raises:
        ConfigError: there are none, one is empty, or one stands there twice.
    """
    words = [label.strip() for label in labels]
    if not words or not all(words) or len(set(words)) < len(words):
        raise ConfigError(
            "labels are words, one or more, none empty and none twice", value=list(labels)
        )
    return words


def counts_below_one(sizes: object) -> list[str]:
    """What is wrong with the sizes of a model that are counts; dropout is none.

    Args:
        sizes: whose attributes they are.

    Example:
        >>> from types import SimpleNamespace
        >>> counts_below_one(SimpleNamespace(width=0, layers=2, dropout=0.1))
        ['width: 0 is below 1']
    """
    counts = {name: value for name, value in vars(sizes).items() if name != "dropout"}
    return [f"{name}: {value} is below 1" for name, value in counts.items() if value < 1]


def embedding_rows(tokenizer: Any) -> int:
    """How many rows an embedding has: one a token, filled up to a multiple of 8.

    Example:
        >>> embedding_rows(["a"] * 9)
        16
    """
    return -(-len(tokenizer) // 8) * 8


def ended_by(model: Any, tokenizer: Any) -> Any:
    """A model that ends its answers with the token that ends a turn, in float32.

    Args:
        model: of transformers; changed in place.
        tokenizer: of :func:`own_tokenizer`.
    """
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.generation_config.do_sample = False
    return model.float().eval()


def own_tokenizer(
    texts: Sequence[str],
    *,
    labels: Sequence[str] = (),
    vocabulary: int = 1024,
    specials: Sequence[str] = (),
) -> Any:
    """A byte-level BPE tokenizer that reads any text, and these in few tokens.

    The same arguments give the same tokenizer. No word of a label is parted: as given
    and with a capital, at the start of a text and within it.

    Args:
        texts: what it is trained on, of the training data alone.
        labels: words that must be one token.
        vocabulary: how many tokens it may have, those of ``specials`` apart.
        specials: further tokens that no text is read as, after :data:`PAD`,
            :data:`START` and :data:`END`.

    Returns:
        A ``PreTrainedTokenizerFast`` that pads on the left.

    Raises:
        MissingDependencyError: transformers is not installed.

    Example:
        >>> tokens = own_tokenizer(["so it goes"] * 3, labels=["happy"])
        >>> tokens.tokenize("happy")
        ['happy']
    """
    transformers = transformers_library("training a tokenizer")
    import tokenizers
    from tokenizers import decoders, models, pre_tokenizers, trainers

    forms = [form for label in labels for form in dict.fromkeys((label, label.capitalize()))]
    bpe = tokenizers.Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    bpe.train_from_iterator(
        [*texts, *(_LABEL_WEIGHT * [*forms, *(f" {form}" for form in forms)])],
        trainers.BpeTrainer(
            vocab_size=vocabulary,
            show_progress=False,
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        ),
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        eos_token=END,
        pad_token=PAD,
        additional_special_tokens=[PAD, START, END, *specials],
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )


@contextmanager
def random_state(seed: int) -> Iterator[None]:
    """Draw from a seed, and leave the caller's random state as it was.

    Args:
        seed: of torch's generator on the CPU.
    """
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def write_model(folder: Path, what: str, write: Callable[[Path], None]) -> Path:
    """Write into a folder that holds nothing yet.

    Args:
        folder: made where it does not exist.
        what: the model, for messages.
        write: given the folder.

    Raises:
        StorageError: the folder holds something already, or cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise StorageError(f"the folder for the {what} is not empty: {folder}")
        with without_bars():
            write(folder)
    except OSError as error:
        raise StorageError(f"the {what} cannot be written: {error}") from error
    return folder


def transformers_library(purpose: str) -> Any:
    """The package transformers.

    Args:
        purpose: what for, for the message.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        import transformers
    except ImportError:
        raise MissingDependencyError("transformers", extra="models", purpose=purpose) from None
    return transformers
