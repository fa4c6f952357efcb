"""LoRA layers in fewer passes: peft's own layers are the oracle."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import pytest

from equivoice.models.decoding.lora_layers import LeanLinear, make_lean

WIDTH, OUT, RANK = 6, 5, 3


def layers(*, bias: bool = True, dropout: float = 0.0, **more: Any) -> tuple[Any, Any]:
    """The same layer with an adapter: peft's, and in fewer passes."""
    import peft
    import torch

    torch.manual_seed(4)
    model = torch.nn.Sequential(torch.nn.Linear(WIDTH, OUT, bias=bias))
    model.requires_grad_(False)
    config = peft.LoraConfig(
        r=RANK, lora_alpha=4, lora_dropout=dropout, target_modules=["0"], **more
    )
    peft.inject_adapter_in_model(config, model)
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight)
    lean = copy.deepcopy(model)
    make_lean(lean)
    return model[0], lean[0]


def passed(layer: Any, x: Any, seed: int = 0) -> dict[str, Any]:
    """What a layer makes of ``x``, and all gradients of a sum with uneven weights."""
    import torch

    given = x.clone().requires_grad_()
    torch.manual_seed(seed)
    out = layer(given)
    weights = torch.arange(out.numel(), dtype=torch.float32).view(out.shape).cos()
    (out.float() * weights).sum().backward()
    found = {
        name: weight.grad.clone()
        for name, weight in layer.named_parameters()
        if weight.grad is not None
    }
    layer.zero_grad()
    return {"out": out.detach(), "x": given.grad, **found}


def same(layer: Any, lean: Any, x: Any) -> dict[str, Any]:
    """Both layers' results, which must agree."""
    import torch

    expected, found = passed(layer, x), passed(lean, x)
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, atol=1e-6, rtol=1e-5)
    return found


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(7,), (2, 7), (2, 3, 4), (1, 0)])
def test_values_and_gradients_are_those_of_peft(bias: bool, shape: tuple[int, ...]) -> None:
    import torch

    layer, lean = layers(bias=bias)
    assert type(lean) is LeanLinear
    found = same(layer, lean, torch.randn(*shape, WIDTH))
    assert {name for name in found if "lora" in name} == {
        "lora_A.default.weight",
        "lora_B.default.weight",
    }


def test_by_hand() -> None:
    """For x = 1, W = 2, A = 3, B = 5, scaling 4: y = 2 + 4 · 15, and its gradients."""
    import torch

    _, lean = layers(bias=False)
    lean.base_layer.weight.data = torch.tensor([[2.0]])
    lean.lora_A["default"].weight.data = torch.tensor([[3.0]])
    lean.lora_B["default"].weight.data = torch.tensor([[5.0]])
    lean.scaling["default"] = 4
    x = torch.tensor([[1.0]], requires_grad=True)
    out = lean(x)
    out.backward()
    assert x.grad is not None
    assert (out.item(), x.grad.item()) == (62.0, 62.0)
    assert float(lean.lora_A["default"].weight.grad) == 20.0
    assert float(lean.lora_B["default"].weight.grad) == 12.0


def test_dropout_draws_as_peft_does() -> None:
    import torch

    layer, lean = layers(dropout=0.5)
    x = torch.randn(3, 4, WIDTH)
    same(layer, lean, x)
    assert not torch.equal(passed(lean, x, 1)["out"], passed(lean, x, 2)["out"])
    layer.eval()
    lean.eval()
    same(layer, lean, x)
    assert torch.equal(passed(lean, x, 1)["out"], passed(lean, x, 2)["out"])


def test_an_input_without_gradient_gets_none() -> None:
    """As in the first layer of a language model whose embeddings are not trained."""
    import torch

    layer, lean = layers()
    x = torch.randn(4, WIDTH)
    for one in (layer, lean):
        one(x).square().sum().backward()
    for (name, expected), (_, found) in zip(
        layer.named_parameters(), lean.named_parameters(), strict=True
    ):
        assert (expected.grad is None) == (found.grad is None) == ("lora" not in name)
        if expected.grad is not None:
            torch.testing.assert_close(found.grad, expected.grad, atol=1e-6, rtol=1e-5)


def count(lean: Any, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A list that grows with each call of peft's own forward."""
    from peft.tuners.lora import Linear

    calls: list[int] = []
    stock = Linear.forward

    def noted(self: Any, *args: Any, **named: Any) -> Any:
        calls.append(1)
        return stock(self, *args, **named)

    monkeypatch.setattr(Linear, "forward", noted)
    return calls


def test_odd_cases_are_left_to_peft(monkeypatch: pytest.MonkeyPatch) -> None:
    """Base weights that are trained, half precision, autocast, adapters that are off."""
    import torch

    layer, lean = layers()
    calls = count(lean, monkeypatch)
    x = torch.randn(4, WIDTH)

    def left(times: int = 1) -> bool:
        calls.clear()
        same(layer, lean, x)
        return len(calls) == 1 + times

    assert left(0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        calls.clear()
        lean(x)
        assert calls
    for one in (layer, lean):
        one.base_layer.weight.requires_grad_(True)
    assert left()
    for one in (layer, lean):
        one.base_layer.weight.requires_grad_(False)
        one.enable_adapters(False)
    calls.clear()
    assert torch.equal(layer(x), lean(x))
    assert len(calls) == 2
    for one in (layer, lean):
        one.enable_adapters(True)
        one.base_layer.to(torch.bfloat16)
    calls.clear()
    assert torch.equal(layer(x.bfloat16()), lean(x.bfloat16()))
    assert len(calls) == 2


def test_other_kinds_of_adapters_are_left_to_peft(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    layer, lean = layers(use_dora=True)
    calls = count(lean, monkeypatch)
    same(layer, lean, torch.randn(4, WIDTH))
    assert len(calls) == 2


def test_merged_weights_are_left_to_peft(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    layer, lean = layers()
    x = torch.randn(4, WIDTH)
    before = lean(x)
    calls = count(lean, monkeypatch)
    lean.merge()
    torch.testing.assert_close(lean(x), before, atol=1e-5, rtol=1e-5)
    assert calls
    lean.unmerge()
    same(layer, lean, x)


def test_only_plain_linear_layers_are_changed() -> None:
    import peft
    import torch

    model = torch.nn.ModuleDict(
        {"linear": torch.nn.Linear(3, 3), "words": torch.nn.Embedding(4, 3)}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        config = peft.LoraConfig(r=2, target_modules=["linear", "words"])
        peft.inject_adapter_in_model(config, model)
    kinds = {name: type(module) for name, module in model.items()}
    make_lean(model)
    assert type(model["linear"]) is LeanLinear
    assert type(model["words"]) is kinds["words"]
    # once more changes nothing
    make_lean(model)
    assert type(model["linear"]) is LeanLinear


def test_the_layer_that_takes_the_place_holds_the_very_weights() -> None:
    """Peft's own layer is put aside and stays what it was."""
    import peft
    import torch

    model = torch.nn.Sequential(torch.nn.Linear(WIDTH, OUT), torch.nn.ReLU())
    peft.inject_adapter_in_model(peft.LoraConfig(r=RANK, target_modules=["0"]), model)
    stock = model[0]
    make_lean(model)
    lean = model[0]
    assert type(stock) is peft.tuners.lora.Linear
    assert type(lean) is LeanLinear
    own, theirs = dict(lean.named_parameters()), dict(stock.named_parameters())
    assert own.keys() == theirs.keys()
    assert all(own[name] is theirs[name] for name in own)
    assert lean.training is stock.training
    x = torch.randn(3, WIDTH)
    torch.testing.assert_close(lean(x), stock(x), atol=1e-6, rtol=1e-5)


def test_a_layer_in_two_places_stays_one_layer() -> None:
    import peft
    import torch

    shared = torch.nn.Linear(WIDTH, WIDTH)
    model = torch.nn.ModuleDict({"one": shared})
    peft.inject_adapter_in_model(peft.LoraConfig(r=RANK, target_modules=["one"]), model)
    model["two"] = model["one"]
    make_lean(model)
    assert type(model["one"]) is LeanLinear
    assert model["one"] is model["two"]
