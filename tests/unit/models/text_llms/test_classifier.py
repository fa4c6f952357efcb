"""Text classifiers: what they compute, what of them is trained, and what they keep."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from equivoice.errors import ConfigError
from equivoice.models.classifiers.files import load_classifier
from equivoice.models.classifying import Classifiable, ClassifyingBackend, Sample
from equivoice.models.registry import load_model
from equivoice.models.text_llms.classifier import TextClassifier
from equivoice.records import Label, LabelSpace
from tiny.text import save_text_model

SPACE = LabelSpace("demo", (Label("angry"), Label("happy"), Label("sad")))
TEXTS = ("I am happy today", "the tone is terrible", "what", "I feel fine and not sad . ")
SAMPLES = [Sample(f"demo/{n}", None, text) for n, text in enumerate(TEXTS)]
SMALL: dict[str, Any] = {"head_width": 16, "attention_width": 8, "dtype": "float32"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_text_model(tmp_path_factory.mktemp("text") / "llama", "llama")


def made(folder: Path, seed: int = 0, **options: Any) -> Any:
    system = TextClassifier(str(folder), **{**SMALL, **options})
    return system.classifier(SPACE, seed=seed)


def test_it_is_loaded_by_name(folder: Path) -> None:
    system = load_model("text-classifier", model=str(folder), **SMALL)
    assert isinstance(system, Classifiable)
    backend = system.classifier(SPACE, seed=0)
    assert isinstance(backend, ClassifyingBackend)
    assert (system.modalities, backend.modalities) == (frozenset({"transcript"}),) * 2


# --------------------------------------------------------------------------- what it computes


def test_mean_and_one_layer_over_the_stock_model_s_last_layer(folder: Path) -> None:
    """Computed again from transformers' own classes, one text at a time."""
    backend = made(folder, trained="head", pooling="mean", head_width=0)
    stock = transformers.AutoModel.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    head = backend.model.head.out
    expected = []
    with torch.no_grad():
        for text in TEXTS:
            ids = tokenizer(text, return_tensors="pt")["input_ids"]
            frames = stock(ids).last_hidden_state[0]
            expected.append(frames.mean(0) @ head.weight.T + head.bias)
        found = backend.class_logits(SAMPLES)
    torch.testing.assert_close(found, torch.stack(expected), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["llama", "qwen2", "mistral"])
@pytest.mark.parametrize("pooling", ["attentive", "mean"])
def test_logits_do_not_depend_on_the_other_texts(tmp_path: Path, kind: str, pooling: str) -> None:
    backend = made(save_text_model(tmp_path / kind, kind), pooling=pooling)
    with torch.no_grad():
        together = backend.class_logits(SAMPLES)
        alone = torch.cat([backend.class_logits([sample]) for sample in SAMPLES])
    assert together.shape == (4, 3)
    assert together.dtype == torch.float32
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_the_words_matter_and_their_order(folder: Path) -> None:
    backend = made(folder)
    texts = ["I am happy today", "I am sad today", "today I am happy"]
    with torch.no_grad():
        logits = backend.class_logits([Sample("x", None, text) for text in texts])
    distances = torch.cdist(logits, logits) + torch.eye(3)
    assert distances.min() > 1e-4


def test_a_fresh_adapter_changes_nothing(folder: Path) -> None:
    with torch.no_grad():
        plain = made(folder, trained="head", pooling="mean", head_width=0)
        adapted = made(folder, trained="lora", pooling="mean", head_width=0)
        adapted.model.head.load_state_dict(plain.model.head.state_dict())
        torch.testing.assert_close(adapted.class_logits(SAMPLES), plain.class_logits(SAMPLES))


# --------------------------------------------------------------------------- what is trained


@pytest.mark.parametrize(
    ("trained", "within"), [("lora", {"lora_"}), ("all", {"encoder."}), ("head", set())]
)
def test_what_is_trained(folder: Path, trained: str, within: set[str]) -> None:
    backend = made(folder, trained=trained)
    backend.training_mode(on=True)
    torch.manual_seed(0)
    torch.nn.functional.cross_entropy(
        backend.class_logits(SAMPLES), torch.tensor([0, 1, 2, 1])
    ).backward()
    parameters = backend.trained_parameters()
    assert all(each.dtype == torch.float32 for each in parameters.values())
    encoder = {name for name in parameters if name.startswith("encoder.")}
    assert all(any(part in name for part in within) for name in encoder)
    assert bool(encoder) is bool(within)
    assert {name for name in parameters if name.startswith(("pooling.", "head."))}
    for name, parameter in parameters.items():
        assert parameter.grad is not None, name
    for name, parameter in backend.model.named_parameters():
        assert parameter.requires_grad is (name in parameters)
        assert name in parameters or parameter.grad is None


def test_lora_goes_to_every_linear_layer_of_the_language_model(folder: Path) -> None:
    names = {name for name in made(folder).trained_parameters() if "lora_A" in name}
    kinds = {name.split(".lora_A")[0].rpartition(".")[2] for name in names}
    assert kinds == {
        "q_proj",
        "k_proj",
        "v_proj",
        "o_proj",
        "gate_proj",
        "up_proj",
        "down_proj",
    }
    assert len(names) == 2 * 7


def test_lora_has_the_paper_s_settings(folder: Path) -> None:
    backend = made(folder, targets=("q_proj", "v_proj"))
    layer = backend.model.encoder.layers[0].self_attn.q_proj
    assert layer.r["default"] == 8
    assert layer.scaling["default"] == 32 / 8
    assert layer.lora_dropout["default"].p == 0.1
    assert len(backend.trained_parameters()) == 2 * 2 * 2 + len(
        made(folder, trained="head").trained_parameters()
    )


def test_only_what_is_trained_has_dropout(tmp_path: Path) -> None:
    place = save_text_model(tmp_path / "m", attention_dropout=0.5)
    for trained, drops in (("head", False), ("lora", True), ("all", True)):
        backend = made(place, trained=trained, head_dropout=0.0)
        with torch.no_grad():
            for name, parameter in backend.model.named_parameters():
                if "lora_B" in name:
                    parameter.fill_(0.1)
            backend.training_mode(on=True)
            torch.manual_seed(0)
            first, second = (backend.class_logits(SAMPLES) for _ in "ab")
            assert torch.equal(first, second) is not drops, trained
            backend.training_mode(on=False)
            assert torch.equal(backend.class_logits(SAMPLES), backend.class_logits(SAMPLES))
        modules = [each.training for each in backend.model.encoder.modules()]
        assert not any(modules)


def test_a_frozen_language_model_has_no_graph(folder: Path) -> None:
    backend = made(folder, trained="head")
    seen = []
    backend.model.encoder.register_forward_hook(
        lambda _, __, out: seen.append(out.last_hidden_state.requires_grad)
    )
    backend.class_logits(SAMPLES).sum().backward()
    assert seen == [False]


def test_it_learns_to_tell_texts_apart(folder: Path) -> None:
    backend = made(folder, trained="lora", head_dropout=0.0, lora_dropout=0.0)
    optimizer = torch.optim.AdamW(backend.trained_parameters().values(), lr=5e-3)
    targets = torch.tensor([1, 0, 2, 1])
    backend.training_mode(on=True)
    losses = []
    for _ in range(12):
        loss = torch.nn.functional.cross_entropy(backend.class_logits(SAMPLES), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]


def test_a_seed_gives_the_same_first_weights_and_disturbs_nobody(folder: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    one, again, other = (made(folder, seed).trained_parameters() for seed in (1, 1, 2))
    assert torch.equal(torch.rand(3), expected)
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


# --------------------------------------------------------------------------- files


@pytest.mark.parametrize("trained", ["lora", "all", "head"])
def test_saved_and_loaded_it_says_the_same(folder: Path, tmp_path: Path, trained: str) -> None:
    backend = made(folder, trained=trained, prompt="sentence {transcript}", max_tokens=9)
    with torch.no_grad():
        for parameter in backend.trained_parameters().values():
            parameter.add_(0.01 * torch.randn_like(parameter))
        expected = backend.class_logits(SAMPLES)
    (tmp_path / "best").mkdir()
    backend.save(tmp_path / "best")
    again: Any = load_classifier(tmp_path / "best")
    with torch.no_grad():
        assert torch.equal(again.class_logits(SAMPLES), expected)
    told = json.loads((tmp_path / "best" / "config.json").read_text())
    assert told["modality"] == "transcript"
    assert list(told["base"]) == [str(folder)]


def test_named_targets_come_back_from_files(folder: Path, tmp_path: Path) -> None:
    backend = made(folder, targets=("q_proj", "v_proj"))
    backend.save(tmp_path)
    again: Any = load_classifier(tmp_path)
    assert set(again.trained_parameters()) == set(backend.trained_parameters())


def test_an_adapter_is_saved_without_the_language_model(folder: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    backend = made(folder)
    backend.save(tmp_path)
    held = load_file(tmp_path / "weights.safetensors")
    assert set(held) == set(backend.trained_parameters())


def test_another_language_model_is_refused(folder: Path, tmp_path: Path) -> None:
    other = save_text_model(tmp_path / "other", seed=9)
    (tmp_path / "best").mkdir()
    made(folder).save(tmp_path / "best")
    with pytest.raises(ConfigError, match="not the one that this classifier was trained on"):
        load_classifier(tmp_path / "best", model=str(other))


def test_it_says_what_it_is(folder: Path) -> None:
    backend = made(folder, max_tokens=2)
    with torch.no_grad():
        backend.class_logits(SAMPLES)
    told = backend.describe()
    json.dumps(told)
    assert told["language_model"]["architecture"] == "LlamaForCausalLM"
    assert told["language_model"]["weights"]
    assert (told["trained"], told["max_tokens"], told["texts_cut"]) == ("lora", 2, 3)
    assert backend.cuts() == {"end of a text longer than 2 tokens": 3}
    assert told["options"]["rank"] == 8
    assert 0 < told["trained_parameters"] < told["parameters"]


# --------------------------------------------------------------------------- bad input


def test_a_sample_without_words_is_named(folder: Path) -> None:
    with pytest.raises(ConfigError, match="demo/9 has no transcript"):
        made(folder).class_logits([Sample("demo/9")])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"trained": "adapter"}, "lora, all, head"),
        ({"trained": "all", "dtype": "bfloat16"}, "float32 only"),
        ({"trained": "all", "quantisation": "4bit"}, "float32 only"),
    ],
)
def test_settings_that_cannot_be(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        TextClassifier("somewhere", **options)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"prompt": "which emotion?"}, "no place"),
        ({"max_tokens": 0}, "below 1"),
        ({"max_tokens": 5000}, r"more than the language model can read(.|\n)*256"),
        ({"rank": 0}, "rank: 0"),
        ({"targets": ("no_such_layer",)}, "cannot be given the adapter"),
        ({"pooling": "median"}, "attentive"),
    ],
)
def test_settings_that_do_not_fit_the_model(
    folder: Path, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        made(folder, **options)
