"""Where releases of transformers keep the language model of a speech LLM."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from equivoice.errors import ConfigError
from equivoice.models.hearing.language_part import LanguagePart, part_of
from tiny.speech import TinyModels


def test_it_gives_the_logits_of_the_whole_model(tiny_models: TinyModels) -> None:
    import torch
    from transformers import Qwen2AudioForConditionalGeneration

    model = Qwen2AudioForConditionalGeneration.from_pretrained(tiny_models("qwen2_audio"))
    ids = torch.tensor([[3, 5, 8, 13]])
    part = LanguagePart(model)
    with torch.no_grad():
        whole = model(input_ids=ids).logits
        assert torch.allclose(part(input_ids=ids).logits, whole, atol=1e-6)
        last = part(inputs_embeds=part.embed(ids), logits_to_keep=1).logits
    assert torch.allclose(last, whole[:, -1:], atol=1e-6)


def test_a_causal_model_within_is_used_without_its_own_head(tiny_models: TinyModels) -> None:
    """As in releases in which the language model was a causal model."""
    import torch
    from transformers import Qwen2AudioForConditionalGeneration

    model = Qwen2AudioForConditionalGeneration.from_pretrained(tiny_models("qwen2_audio"))
    causal = SimpleNamespace(model=model.model.language_model, lm_head=object())
    older: Any = SimpleNamespace(
        language_model=causal, get_output_embeddings=model.get_output_embeddings
    )
    ids = torch.tensor([[3, 5]])
    with torch.no_grad():
        ours = LanguagePart(older)(input_ids=ids).logits
        assert torch.equal(ours, LanguagePart(model)(input_ids=ids).logits)


def test_a_part_that_is_nowhere() -> None:
    assert part_of(SimpleNamespace(model=SimpleNamespace(tower=3), tower=4), "tower") == 3
    with pytest.raises(ConfigError, match="keeps no tower in the model"):
        part_of(SimpleNamespace(), "tower")
