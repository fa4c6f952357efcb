"""Encoders without padding: lengths, masks, what structure is known."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from equivoice.models.hearing.encoders import (
    by_length,
    frame_mask,
    known_structure,
    padding_mask,
    token_count,
)


@pytest.fixture(scope="module")
def formulas() -> dict[str, Any]:
    """Imported apart from the tests: it takes seconds."""
    import transformers

    names = ("Qwen2AudioEncoder", "AudioFlamingo3Encoder")
    return {name: getattr(transformers, name)._get_feat_extract_output_lengths for name in names}


@pytest.mark.parametrize("name", ["Qwen2AudioEncoder", "AudioFlamingo3Encoder"])
def test_tokens_are_counted_as_the_models_count_them(name: str, formulas: dict[str, Any]) -> None:
    import torch

    formula = formulas[name]
    frames = torch.arange(2, 3001)
    _, theirs = formula(None, frames)
    assert [token_count(int(count)) for count in frames] == theirs.tolist()
    assert token_count(1) == token_count(2) == 0


def test_groups_hold_every_clip_once_and_are_of_like_length() -> None:
    lengths = [300, 12, 290, 301, 11, 2999, 12, 360, 3000]
    groups = by_length(lengths, most=3)
    assert sorted(number for group in groups for number in group) == list(range(9))
    assert max(len(group) for group in groups) <= 3
    for group in groups:
        own = [lengths[number] for number in group]
        assert max(own) <= 1.25 * min(own)
    assert by_length([]) == []


@pytest.mark.parametrize("kernel", ["sdpa", "eager"])
def test_a_mask_hides_what_is_beyond_a_clip(kernel: str) -> None:
    import torch

    weight = torch.zeros(1, dtype=torch.float32)
    tower = SimpleNamespace(
        conv1=SimpleNamespace(weight=weight), config=SimpleNamespace(_attn_implementation=kernel)
    )
    mask = padding_mask(tower, [6, 3], 3)
    assert mask is not None
    assert mask.shape == (2, 1, 3, 3)
    seen = mask if kernel == "sdpa" else mask == 0
    assert seen[0].all()
    assert seen[1, 0].tolist() == [[True, True, False]] * 3
    assert padding_mask(tower, [6, 5], 3) is None


def test_frames_that_are_valid() -> None:
    import torch

    features = torch.zeros(2, 128, 4)
    assert frame_mask(features, [4, 1]).tolist() == [[1, 1, 1, 1], [1, 0, 0, 0]]


def test_another_structure_is_not_taken_for_exact() -> None:
    from torch import nn

    tower = nn.Module()
    assert known_structure(tower) == (
        "the encoder has no conv1, conv2, embed_positions, layers, avg_pooler, layer_norm"
    )
    for part in ("embed_positions", "layers", "avg_pooler", "layer_norm"):
        tower.add_module(part, nn.Identity())
    tower.conv1 = nn.Conv1d(2, 2, 3, padding=1)
    tower.conv2 = nn.Conv1d(2, 2, 3, stride=2, padding=1)
    assert known_structure(tower) is None
    tower.conv2 = nn.Conv1d(2, 2, 5, stride=2, padding=2)
    assert "of another shape" in str(known_structure(tower))
