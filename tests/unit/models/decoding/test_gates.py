"""The gate of the token tree: it passes models that honour masks, and only those."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from equivoice.models.decoding.gates import honours_tree_masks
from equivoice.models.decoding.prefix import Prefix
from tiny.text import question, text_model

QUESTIONS = [question("the speaker sounds sad"), question("happy"), question("not angry but calm")]


def _prefix(architecture: str = "llama", **settings: Any) -> Prefix:
    return text_model(architecture, **settings).prepare(QUESTIONS)


@pytest.mark.parametrize("architecture", ["llama", "qwen2"])
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_models_that_honour_masks_pass(architecture: str, attention: str, dtype: str) -> None:
    gate = honours_tree_masks(_prefix(architecture, attention=attention, dtype=dtype))
    assert gate.passed, gate.why


@pytest.mark.parametrize("architecture", ["mistral", "qwen2-sliding"])
def test_caches_that_drop_columns_do_not(architecture: str) -> None:
    gate = honours_tree_masks(_prefix(architecture))
    assert not gate.passed
    assert "keep" in gate.why


class _Deaf:
    """A model that does something else with masks of a tree."""

    def __init__(self, model: Any, instead: str) -> None:
        self.model, self.instead = model, instead
        self.config, self.dtype = model.config, model.dtype

    def __call__(self, *, attention_mask: torch.Tensor, **given: Any) -> Any:
        if attention_mask.dim() == 4:
            if self.instead == "refuses":
                raise ValueError("a 2D mask is needed\nat least here")
            if self.instead == "blurs":
                out = self.model(attention_mask=attention_mask, **given)
                out.logits = out.logits + 0.02 * torch.sin(torch.arange(out.logits.numel())).view(
                    out.logits.shape
                )
                return out
            columns = attention_mask.shape[-1]
            attention_mask = torch.ones(attention_mask.shape[0], columns, dtype=torch.long)
        return self.model(attention_mask=attention_mask, **given)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_model_that_ignores_the_mask_does_not_pass(dtype: str) -> None:
    prefix = _prefix(dtype=dtype)
    gate = honours_tree_masks(replace(prefix, model=_Deaf(prefix.model, "ignores")))
    assert not gate.passed
    assert "differ" in gate.why


def test_a_model_that_is_only_nearly_right_does_not_pass() -> None:
    prefix = _prefix()
    gate = honours_tree_masks(replace(prefix, model=_Deaf(prefix.model, "blurs")))
    assert not gate.passed


def test_a_model_that_refuses_the_mask_does_not_pass_and_says_why() -> None:
    prefix = _prefix()
    gate = honours_tree_masks(replace(prefix, model=_Deaf(prefix.model, "refuses")))
    assert not gate.passed
    assert gate.why.endswith("a 2D mask is needed")


def test_the_gate_leaves_the_prefix_as_it_was() -> None:
    prefix = _prefix()
    before = [layer.keys.clone() for layer in prefix.cache.layers]
    honours_tree_masks(prefix)
    after = [layer.keys for layer in prefix.cache.layers]
    assert all(torch.equal(old, new) for old, new in zip(before, after, strict=True))


def test_the_backend_continues_by_rows_where_the_gate_fails() -> None:
    model = text_model("mistral")
    gated = model._gated(model.prepare(QUESTIONS))
    assert gated.strategy == "rows"
    told = model.describe()["optimisations"]["prefix_tree"]
    assert told["on"] is False
