"""Caches that are grown aside: the original stays as it was, for every kind of layer."""

from __future__ import annotations

import pytest
import torch
import transformers
from transformers import DynamicCache

from equivoice.models.decoding.caches import attends_to_all, bytes_per_row, fork, select_rows
from tiny.text import text_model

PLAIN = {
    "vocab_size": 60,
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "initializer_range": 0.3,
}


def _plain(length: int = 6, rows: int = 3) -> DynamicCache:
    cache = DynamicCache()
    made = torch.Generator().manual_seed(0)
    for layer in range(2):
        states = torch.randn(rows, 2, length, 4, generator=made)
        cache.update(states, states + 1, layer)
    return cache


def test_a_fork_grows_alone() -> None:
    cache = _plain()
    before = [layer.keys.clone() for layer in cache.layers]
    twin = fork(cache)
    for layer in range(2):
        twin.update(torch.ones(3, 2, 2, 4), torch.ones(3, 2, 2, 4), layer)
    assert twin.get_seq_length() == 8
    assert cache.get_seq_length() == 6
    assert all(
        torch.equal(layer.keys, keys) for layer, keys in zip(cache.layers, before, strict=True)
    )


def test_a_fork_of_attention_copies_nothing() -> None:
    cache = _plain()
    assert fork(cache).layers[0].keys.data_ptr() == cache.layers[0].keys.data_ptr()


def test_rows_are_selected_in_order_and_may_come_twice() -> None:
    cache = _plain()
    chosen = select_rows(cache, torch.tensor([2, 0, 2, 1]))
    assert torch.equal(chosen.layers[1].values, cache.layers[1].values[[2, 0, 2, 1]])
    assert cache.layers[1].values.shape[0] == 3


def test_the_memory_of_a_row() -> None:
    # two layers, keys and values, 2 heads, 6 columns, 4 numbers of 4 bytes
    assert bytes_per_row(_plain()) == 2 * 2 * 2 * 6 * 4 * 4


@pytest.mark.parametrize(
    ("architecture", "attends"),
    [("llama", True), ("qwen2", True), ("mistral", False), ("qwen2-sliding", False)],
)
def test_which_caches_keep_every_column(architecture: str, attends: bool) -> None:
    model = text_model(architecture).model
    ids = torch.arange(5, 15)[None]
    with torch.inference_mode():
        cache = model(input_ids=ids, use_cache=True).past_key_values
    assert attends_to_all(cache) is attends


def test_recurrent_states_are_overwritten_in_the_fork_only() -> None:
    torch.manual_seed(0)
    config = transformers.Lfm2Config(**PLAIN, layer_types=["conv", "full_attention"])
    model = transformers.Lfm2ForCausalLM(config).eval()
    with torch.inference_mode():
        cache = model(input_ids=torch.arange(5, 15)[None], use_cache=True).past_key_values
        assert not attends_to_all(cache)
        twin = fork(cache)
        before = cache.layers[0].conv_states[0].clone()
        model(input_ids=torch.tensor([[7]]), past_key_values=twin, use_cache=True)
    assert torch.equal(cache.layers[0].conv_states[0], before)
    assert not torch.equal(twin.layers[0].conv_states[0], before)


def test_a_cache_of_an_unknown_kind_is_copied_whole() -> None:
    class Strange:
        def __init__(self) -> None:
            self.states = [1, 2]

    strange = Strange()
    twin = fork(strange)
    twin.states.append(3)
    assert strange.states == [1, 2]
    assert not attends_to_all(strange)
