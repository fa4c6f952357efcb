"""Modules at some places, and which modules of a last layer these may be."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equivoice.models.decoding.last_layer import by_place, only_at


@given(st.lists(st.booleans(), min_size=6, max_size=6))
def test_wanted_places_are_as_ever_and_the_rest_is_zero(chosen: list[bool]) -> None:
    import torch

    torch.manual_seed(2)
    module = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.SiLU(), torch.nn.Linear(5, 3))
    x = torch.randn(2, 3, 4)
    places = torch.tensor([at for at, on in enumerate(chosen) if on], dtype=torch.long)
    plain = module(x)
    with only_at([module], places):
        found = module(x)
    assert found.shape == plain.shape
    wanted = torch.tensor(chosen).view(2, 3)
    torch.testing.assert_close(found[wanted], plain[wanted])
    assert not found[~wanted].any()


def test_gradients_come_from_the_wanted_places_alone() -> None:
    import torch

    module = torch.nn.Linear(1, 1, bias=False)
    x = torch.tensor([[[2.0], [3.0]], [[5.0], [7.0]]], requires_grad=True)
    with only_at([module], torch.tensor([1, 2])):
        module(x).sum().backward()
    assert module.weight.grad is not None
    assert float(module.weight.grad) == 8.0
    assert x.grad is not None
    assert [bool(each) for each in x.grad.flatten()] == [False, True, True, False]


def test_modules_are_left_as_they_were_also_after_an_error() -> None:
    import torch

    module = torch.nn.Linear(2, 2)
    with (
        pytest.raises(RuntimeError, match="shapes cannot be multiplied"),
        only_at([module], torch.tensor([0])),
    ):
        module(torch.zeros(1, 2, 3))
    assert not module._forward_hooks
    assert not module._forward_pre_hooks


def test_no_modules_is_no_change() -> None:
    import torch

    module = torch.nn.Linear(2, 2)
    x = torch.randn(1, 2, 2)
    with only_at([], torch.tensor([0])):
        assert torch.equal(module(x), module(x))
        assert module(x)[0, 1].any()


def body(**more: Any) -> Any:
    from transformers import Qwen2Config, Qwen2Model

    sizes = {"hidden_size": 8, "num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": 9}
    return Qwen2Model(Qwen2Config(num_hidden_layers=2, intermediate_size=12, **sizes, **more))


def test_the_modules_of_a_usual_layer() -> None:
    model = body()
    last = model.layers[-1]
    assert by_place(model) == [last.self_attn.q_proj, last.self_attn.o_proj, last.mlp]


def test_with_an_adapter_the_adapted_modules() -> None:
    import peft

    model = body()
    config = peft.LoraConfig(r=2, lora_dropout=0.1, target_modules=["q_proj", "up_proj"])
    peft.inject_adapter_in_model(config, model)
    assert len(by_place(model)) == 3


@pytest.mark.parametrize(
    "spoil",
    [
        lambda model: delattr(model.layers[-1].self_attn, "q_proj"),
        lambda model: setattr(model.layers[-1], "second_norm", model.norm),
        lambda model: setattr(model.layers[-1], "mlp", model.embed_tokens),
        lambda model: setattr(model.config, "num_hidden_layers", 1),
        lambda model: delattr(model, "layers"),
    ],
    ids=["queries", "norm", "mlp", "fewer-layers", "no-layers"],
)
def test_layers_of_another_kind_are_left_alone(spoil: Any) -> None:
    model = body()
    spoil(model)
    assert by_place(model) == []


def test_experts_are_left_alone() -> None:
    """A router tells an expert's share of the work by all places."""
    from transformers import Qwen2MoeConfig, Qwen2MoeModel

    sizes = {"hidden_size": 8, "num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": 9}
    experts = {"moe_intermediate_size": 4, "num_experts": 4, "num_experts_per_tok": 2}
    config = Qwen2MoeConfig(
        num_hidden_layers=1,
        intermediate_size=12,
        shared_expert_intermediate_size=4,
        **sizes,
        **experts,
    )
    assert by_place(Qwen2MoeModel(config)) == []
