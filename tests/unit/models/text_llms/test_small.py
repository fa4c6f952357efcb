"""The small LLaMA: real classes, own tokenizer, loaded as any checkpoint."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from equivoice.errors import ConfigError, StorageError
from equivoice.models.registry import load_model
from equivoice.models.text_llms.small import LLAMA_SIZES, LlamaSize, make_small_llama
from tiny.text import question

TEXTS = ["I am so happy for you", "that is what you said", "I am so sorry"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("small") / "llama"
    return make_small_llama(place, texts=TEXTS, labels=["happy", "sad"], size="tiny", seed=3)


@pytest.fixture(scope="module")
def backend(folder: Path) -> Any:
    return load_model("text-llm", model=str(folder), dtype="float32")


def test_it_is_the_real_architecture_in_float32(folder: Path, backend: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    assert config["architectures"] == ["LlamaForCausalLM"]
    assert (config["hidden_size"], config["num_hidden_layers"]) == (32, 2)
    assert isinstance(backend.model, transformers.LlamaForCausalLM)
    assert backend.model.dtype == torch.float32
    assert (folder / "model.safetensors").is_file()


def test_it_answers_as_the_stock_class_generates(folder: Path, backend: Any) -> None:
    from equivoice.models import Decoding, Draw

    asked = question("I am so happy")
    text = backend.prompt(asked)
    assert text == (
        "<|im_start|>system\nwhich emotion is it ?<|im_end|>\n<|im_start|>user\n"
        "I am so happy<|im_end|>\n<|im_start|>assistant\n"
    )
    stock = transformers.AutoModelForCausalLM.from_pretrained(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    given = tokenizer(text, return_tensors="pt", add_special_tokens=False)
    given.pop("token_type_ids", None)
    row = stock.generate(**given, max_new_tokens=5, do_sample=False)[0, given.input_ids.shape[1] :]
    said = backend.answer([asked], [[Draw(0.0, 0)]], Decoding(max_new_tokens=5))
    assert said[0][0].text == tokenizer.decode(row, skip_special_tokens=True)


def test_a_label_is_one_token(backend: Any) -> None:
    assert [len(backend.option_tokens(word)) for word in ("happy", "Sad")] == [1, 1]


def test_a_seed_gives_the_same_weights(tmp_path: Path) -> None:
    hashes = [
        hashlib.sha256((made / "model.safetensors").read_bytes()).hexdigest()
        for made in (
            make_small_llama(tmp_path / name, texts=TEXTS, size="tiny", seed=seed)
            for name, seed in (("one", 1), ("again", 1), ("other", 2))
        )
    ]
    assert hashes[0] == hashes[1] != hashes[2]


def test_the_named_size_has_as_many_weights_as_is_said(tmp_path: Path) -> None:
    place = make_small_llama(tmp_path / "m", texts=[f"{n} {n}th" for n in range(3000)])
    model: Any = load_model("text-llm", model=str(place))
    assert 0.6e6 < sum(each.numel() for each in model.model.parameters()) < 0.8e6
    assert len(model.tokenizer) == LLAMA_SIZES["small"].vocabulary + 3


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ({"width": 0}, "width: 0 is below 1"),
        ({"heads": 5}, "does not divide width 128"),
        ({"vocabulary": 100}, "below the 256 bytes"),
        ({"dropout": 1.0}, "dropout"),
        ({"context": 0, "layers": -1}, "2 problems"),
    ],
)
def test_sizes_that_cannot_be(sizes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        LlamaSize(**sizes)


@pytest.mark.parametrize("texts", [[], ["", "  "], "one text"])
def test_a_tokenizer_needs_texts(tmp_path: Path, texts: Any) -> None:
    with pytest.raises(ConfigError, match="needs texts"):
        make_small_llama(tmp_path / "m", texts=texts)


def test_doubled_labels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="none twice"):
        make_small_llama(tmp_path / "m", texts=TEXTS, labels=["a", "a"])


def test_a_folder_that_holds_something_is_left_alone(folder: Path) -> None:
    with pytest.raises(StorageError, match="not empty"):
        make_small_llama(folder, texts=TEXTS, size="tiny")
