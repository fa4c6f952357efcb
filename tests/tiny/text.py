"""Tiny text language models of real architectures, with random weights, saved as released ones are.

Nothing is downloaded: a tokenizer with a chat template and a model of the
architecture's own classes are made, saved by ``save_pretrained`` and loaded by
``from_pretrained`` like any checkpoint.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|> {{ message['content'] }} <|end|> "
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
_TEXT = (
    "angry happy sad sadness neutral fear surprise disgust calm Angry Happy Sad Neutral "
    "the speaker sounds very a bit of and or not is what which emotion tone voice words said I am "
    "feel fine today terrible great classify options answer : , . ? !"
)
WORDS = _TEXT.split()
SPECIAL = (
    "<pad>",
    "<unk>",
    "<s>",
    "<|end|>",
    "<|stop|>",
    "<|system|>",
    "<|user|>",
    "<|assistant|>",
)
PAD, UNKNOWN, START, END, STOP = range(5)
_TOKENS: Mapping[str, Any] = {
    "pad_token": "<pad>",
    "unk_token": "<unk>",
    "bos_token": "<s>",
    "eos_token": "<|end|>",
    "additional_special_tokens": list(SPECIAL[4:]),
    "padding_side": "left",
}

_KINDS: Mapping[str, tuple[str, str, Mapping[str, Any]]] = {
    "llama": ("LlamaConfig", "LlamaForCausalLM", {}),
    "qwen2": ("Qwen2Config", "Qwen2ForCausalLM", {"use_sliding_window": False}),
    # the window is shorter than any prompt of the tests
    "mistral": ("MistralConfig", "MistralForCausalLM", {"sliding_window": 6}),
    "qwen2-sliding": (
        "Qwen2Config",
        "Qwen2ForCausalLM",
        {"use_sliding_window": True, "sliding_window": 5, "max_window_layers": 1},
    ),
}


def make_tokenizer(words: Sequence[str] = WORDS, *, template: str = TEMPLATE) -> Any:
    """A tokenizer of whole words, with special tokens and a chat template."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {word: number for number, word in enumerate([*SPECIAL, *words])}
    raw = Tokenizer(models.WordLevel(vocabulary, SPECIAL[UNKNOWN]))
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw,
        **_TOKENS,
    )
    tokenizer.chat_template = template
    return tokenizer


def make_bpe_tokenizer(*, template: str = TEMPLATE) -> Any:
    """A byte-level BPE tokenizer trained on a few words, so that answers have several tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=330,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    raw.train_from_iterator([" ".join(WORDS)] * 4, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw,
        **_TOKENS,
    )
    tokenizer.chat_template = template
    return tokenizer


def question(
    text: str, *, name: str = "demo/1", system: str | None = "which emotion is it ?"
) -> Any:
    """A question without sound."""
    from equivoice.models.language import Question
    from equivoice.prompting.turns import Turn

    turns = [] if system is None else [Turn("system", (system,))]
    return Question(name, (*turns, Turn("user", (text,))))


def save_text_model(
    folder: Path,
    architecture: str = "llama",
    *,
    seed: int = 0,
    tokenizer: Any = None,
    generation: Mapping[str, Any] | None = None,
    peak: float = 1.0,
    **config: Any,
) -> Path:
    """A tiny model of an architecture, saved with its tokenizer.

    Args:
        folder: where to.
        architecture: ``llama``, ``qwen2``, ``mistral`` (sliding window), ``qwen2-sliding``.
        seed: of the weights.
        tokenizer: by default the one of whole words; for Qwen2, whose tokenizer class
            brings its own splitting, the one of bytes.
        generation: what the checkpoint's own generation settings say.
        peak: multiplies the last layer's weights; the larger, the surer the model.
        config: what else its configuration says.
    """
    import torch
    import transformers

    if tokenizer is None:
        tokenizer = make_bpe_tokenizer() if "qwen2" in architecture else make_tokenizer()
    config_class, model_class, implied = _KINDS[architecture]
    settings = {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 256,
        "bos_token_id": START,
        "eos_token_id": END,
        "pad_token_id": PAD,
        "tie_word_embeddings": False,
        # large weights: answers depend on every token of the prompt
        "initializer_range": 0.3,
        **implied,
        **config,
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = getattr(transformers, model_class)(getattr(transformers, config_class)(**settings))
    with torch.no_grad():
        model.lm_head.weight.mul_(peak)
    model.generation_config = transformers.GenerationConfig(
        **{"eos_token_id": [END, STOP], "pad_token_id": PAD, **(generation or {})}
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def generated(model: Any, questions: Sequence[Any], **settings: Any) -> list[list[int]]:
    """What ``generate`` of transformers says to questions, as token ids up to the first end.

    Args:
        model: a ``CausalTextModel``.
        questions: as for ``answer``.
        settings: of ``generate``.
    """
    ends = model.model.generation_config.eos_token_id
    found = []
    for each in questions:
        # alone: before transformers 5.20 a repetition penalty also hits a batch's padding
        given = model.tokenizer(model.prompt(each), return_tensors="pt", add_special_tokens=False)
        given.pop("token_type_ids", None)
        rows = model.model.generate(**given, **settings)[:, given["input_ids"].shape[1] :]
        found += [_until(row.tolist(), ends) for row in rows]
    return found


def _until(row: Sequence[int], ends: Sequence[int]) -> list[int]:
    stop = next((at for at, token in enumerate(row) if token in ends), len(row))
    return list(row[:stop])


@cache
def text_model(architecture: str = "llama", **settings: Any) -> Any:
    """A tiny ``CausalTextModel``, saved and loaded once in a session, in memory only.

    Args:
        architecture: as for :func:`save_text_model`.
        settings: for it; ``generation`` as a tuple of pairs; ``attention`` and
            ``dtype`` go to the backend.
    """
    from equivoice.models.text_llms.causal import CausalTextModel

    how = {name: settings.pop(name) for name in ("attention", "dtype") if name in settings}
    settings["generation"] = dict(settings.pop("generation", ()))
    with tempfile.TemporaryDirectory() as place:
        folder = save_text_model(Path(place) / architecture, architecture, **settings)
        return CausalTextModel(str(folder), **how)


@cache
def logits_alone(architecture: str, text: str, answer: tuple[int, ...]) -> Any:
    """(V,) float64: what follows a prompt and a part of an answer, from a plain pass of its own.

    Args:
        architecture: of :func:`text_model`, without settings.
        text: the prompt as the model is given it.
        answer: the tokens of the answer so far.
    """
    import torch

    model = text_model(architecture)
    ids = model.tokenizer(text, add_special_tokens=False)["input_ids"]
    with torch.inference_mode():
        logits = model.model(input_ids=torch.tensor([[*ids, *answer]])).logits[0, -1]
    return logits.double().numpy()
