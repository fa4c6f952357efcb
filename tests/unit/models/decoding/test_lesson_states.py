"""States at wanted places: a plain pass of the model's own classes is the oracle."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equivoice.models.decoding import lesson_states
from equivoice.models.decoding.last_layer import only_at
from equivoice.models.decoding.lesson_states import SAVINGS, LessonStates, alike
from equivoice.models.decoding.lora_layers import make_lean

HIDDEN, VOCABULARY = 16, 40
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
BEGIN, ROWS, LENGTH = 20, 3, 28


@cache
def stock(kind: str) -> Any:
    import torch
    import transformers

    sizes = {
        "hidden_size": HIDDEN,
        "intermediate_size": 24,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "vocab_size": VOCABULARY,
        "initializer_range": 0.3,
    }
    torch.manual_seed(1)
    config, model = {
        "llama": ("LlamaConfig", "LlamaModel"),
        "qwen2": ("Qwen2Config", "Qwen2Model"),
        "granite": ("GraniteConfig", "GraniteModel"),
        "sliding": ("MistralConfig", "MistralModel"),
        "gemma2": ("Gemma2Config", "Gemma2Model"),
    }[kind]
    # a window that is shorter than the common beginning
    window = {"sliding_window": 6} if kind == "sliding" else {}
    return getattr(transformers, model)(getattr(transformers, config)(**sizes, **window)).eval()


def body(kind: str = "qwen2", *, dropout: float = 0.0) -> Any:
    """A language model without its head, with an adapter that does something."""
    import peft
    import torch

    model = copy.deepcopy(stock(kind)).requires_grad_(False)
    config = peft.LoraConfig(r=2, lora_dropout=dropout, target_modules=TARGETS)
    peft.inject_adapter_in_model(config, model)
    make_lean(model)
    torch.manual_seed(5)
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.2)
    return model


def lessons(model: Any) -> tuple[Any, Any, Any]:
    """Embeddings with a common beginning; rows and columns of wanted states after it."""
    import torch

    torch.manual_seed(7)
    ids = torch.randint(VOCABULARY, (ROWS, LENGTH))
    ids[:, :BEGIN] = ids[0, :BEGIN]
    row, column = torch.tensor([0, 0, 1, 2, 2]), torch.tensor([26, 27, BEGIN, 24, 25])
    return model.get_input_embeddings()(ids), row, column


def gradients(model: Any, states: Any) -> dict[str, Any]:
    import torch

    weights = torch.arange(states.numel()).view(states.shape).cos()
    named = {name: each for name, each in model.named_parameters() if each.requires_grad}
    found = torch.autograd.grad((states * weights).sum(), list(named.values()), allow_unused=True)
    return dict(zip(named, found, strict=True))


def plain(model: Any) -> Any:
    embeds, row, column = lessons(model)
    return model(inputs_embeds=embeds, use_cache=False).last_hidden_state[row, column]


def passes(model: Any) -> list[tuple[int, ...]]:
    """A list that tells the shape of what each layer's feed-forward part is given."""
    seen: list[tuple[int, ...]] = []
    for layer in model.layers:
        layer.mlp.gate_proj.register_forward_hook(
            lambda _module, given, _out: seen.append(tuple(given[0].shape[:-1]))
        )
    return seen


FULL, SUFFIX = (ROWS, LENGTH), (ROWS, LENGTH - BEGIN)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("qwen2", [(1, BEGIN), (1, BEGIN), (1, 0), SUFFIX, SUFFIX, (1, 5)]),
        ("llama", [(1, BEGIN), (1, BEGIN), (1, 0), SUFFIX, SUFFIX, (1, 5)]),
        ("granite", [(1, BEGIN), (1, BEGIN), (1, 0), SUFFIX, SUFFIX, (1, 5)]),
        ("sliding", [FULL, FULL, (1, 5)]),
        ("gemma2", [FULL, FULL, FULL]),
    ],
)
def test_states_and_gradients_are_those_of_a_plain_pass(kind: str, expected: list[Any]) -> None:
    import torch

    model = body(kind).train()
    wanted = plain(model)
    states = LessonStates(model)
    embeds, row, column = lessons(model)
    states.at(embeds, row, column)
    seen = passes(model)
    found = states.at(embeds, row, column, shared=BEGIN)
    assert seen == expected
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)
    theirs, ours = gradients(model, wanted), gradients(model, found)
    assert any(each is not None and each.abs().max() > 0.1 for each in theirs.values())
    for name, gradient in theirs.items():
        scale = max(1.0, float(gradient.abs().max()))
        torch.testing.assert_close(ours[name], gradient, atol=1e-5 * scale, rtol=1e-5)


def test_gradients_of_embeddings_that_are_trained() -> None:
    import torch

    model = body()
    model.get_input_embeddings().weight.requires_grad_(True)
    theirs = gradients(model, plain(model))
    embeds, row, column = lessons(model)
    ours = gradients(model, LessonStates(model).at(embeds, row, column, shared=BEGIN))
    for name, gradient in theirs.items():
        torch.testing.assert_close(ours[name], gradient, atol=1e-4, rtol=1e-4)


def test_it_says_what_is_done() -> None:
    model = body("sliding")
    states = LessonStates(model)
    assert set(states.describe()) == set(SAVINGS)
    assert {each["on"] for each in states.describe().values()} == {None}
    states.at(*lessons(model))
    told = states.describe()
    assert told["last_layer"]["on"] is True
    assert "allowed" in told["last_layer"]["why"]
    assert told["shared_beginning"] == {
        "on": False,
        "why": "the cache does not keep every token's keys in order",
    }


def test_nothing_is_shared_while_dropout_draws() -> None:
    """Each lesson has draws of its own; without dropout, as when asked, the beginning is shared."""
    model = body(dropout=0.3).train()
    states = LessonStates(model)
    embeds, row, column = lessons(model)
    states.ready()
    seen = passes(model)
    states.at(embeds, row, column, shared=BEGIN)
    assert seen == [FULL, FULL, (1, 5)]
    model.eval()
    states.at(embeds, row, column, shared=BEGIN)
    assert len(seen) == 9
    # in training, whatever the mode is now
    told = states.describe()["shared_beginning"]
    assert told == {"on": False, "why": "off in training: dropout draws for each lesson"}


def test_the_gates_draw_nothing_and_leave_every_mode() -> None:
    import torch

    model = body(dropout=0.3).train()
    model.layers[0].eval()
    modes = [module.training for module in model.modules()]
    embeds, row, column = lessons(model)
    states = LessonStates(model)
    torch.manual_seed(3)
    first = states.at(embeds, row, column)
    assert [module.training for module in model.modules()] == modes
    torch.manual_seed(3)
    assert torch.equal(states.at(embeds, row, column), first)


def test_what_a_short_beginning_would_save_is_not_worth_a_pass() -> None:
    model = body()
    states = LessonStates(model)
    embeds, row, column = lessons(model)
    states.at(embeds, row, column)
    seen = passes(model)
    states.at(embeds, row, column, shared=8)
    assert seen == [FULL, FULL, (1, 5)]
    seen.clear()
    states.at(embeds[:1], row[:2], column[:2], shared=BEGIN)
    assert seen == [(1, LENGTH), (1, LENGTH), (1, 2)]


def test_a_layer_that_is_computed_again_has_the_same_places() -> None:
    import torch

    model = body(dropout=0.3).train()
    states = LessonStates(model)
    embeds, row, column = lessons(model)
    torch.manual_seed(3)
    theirs = gradients(model, states.at(embeds, row, column))
    # as releases of transformers before 5.21 named it
    newer = getattr(model, "activation_checkpointing_enable", None)
    enable = newer or model.gradient_checkpointing_enable
    enable({"use_reentrant": False, "context_fn": states.layer_contexts})
    torch.manual_seed(3)
    found = states.at(embeds, row, column, shared=BEGIN)
    # another pass before the gradients, as where several micro-batches are kept
    states.at(embeds[:2], row[:2], column[:2])
    ours = gradients(model, found)
    for name, gradient in theirs.items():
        torch.testing.assert_close(ours[name], gradient, atol=1e-6, rtol=1e-5)


def test_nothing_is_shared_while_layers_are_computed_again() -> None:
    """No cache is kept then."""
    model = body().train()
    states = LessonStates(model)
    embeds, row, column = lessons(model)
    states.ready()
    for layer in model.layers:
        layer.gradient_checkpointing = True
        layer._gradient_checkpointing_func = lambda run, *given: run(*given)
    seen = passes(model)
    states.at(embeds, row, column, shared=BEGIN)
    assert seen == [FULL, FULL, (1, 5)]
    assert "computed again" in states.describe()["shared_beginning"]["why"]


def test_a_layer_that_sees_other_places_fails_its_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys at the wanted places only: no longer what the model computes."""
    import torch

    model = body()
    keys = [model.layers[-1].self_attn.k_proj]
    monkeypatch.setattr(lesson_states, "by_place", lambda _body: keys)
    states = LessonStates(model)
    with torch.no_grad():
        found = states.at(*lessons(model))
        torch.testing.assert_close(found, plain(model), atol=1e-5, rtol=1e-5)
        with only_at(keys, torch.tensor([0])):
            assert float((plain(model) - found).abs().max()) > 1e-3
    assert states.describe()["last_layer"]["on"] is False
    assert states.describe()["shared_beginning"]["on"] is True


def test_a_model_that_forgets_its_cache_fails_its_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    model = body()
    stock_forward = model.forward

    def forgetful(**given: Any) -> Any:
        return stock_forward(**{**given, "past_key_values": None})

    monkeypatch.setattr(model, "forward", forgetful)
    states = LessonStates(model)
    embeds, row, column = lessons(model)
    found = states.at(embeds, row, column, shared=BEGIN)
    assert states.describe()["shared_beginning"]["on"] is False
    torch.testing.assert_close(found, plain(model), atol=1e-5, rtol=1e-5)


def test_a_model_that_takes_no_cache_fails_its_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    model = body()
    stock_forward = model.forward

    def strict(*, past_key_values: Any, **given: Any) -> Any:
        if past_key_values is not None:
            raise ValueError("no cache, please")
        return stock_forward(**given)

    monkeypatch.setattr(model, "forward", strict)
    states = LessonStates(model)
    states.at(*lessons(model))
    told = states.describe()["shared_beginning"]
    assert told == {"on": False, "why": "the model does not go on from a cache: no cache, please"}


@given(st.lists(st.lists(st.integers(0, 3), max_size=6), min_size=1, max_size=4))
def test_how_many_tokens_are_alike(rows: list[list[int]]) -> None:
    count = alike(rows, never=0)
    begin = rows[0][:count]
    assert all(row[:count] == begin for row in rows)
    assert 0 not in begin
    longer = {tuple(row[: count + 1]) for row in rows}
    ended = any(len(row) == count for row in rows)
    assert ended or len(longer) > 1 or rows[0][count] == 0
