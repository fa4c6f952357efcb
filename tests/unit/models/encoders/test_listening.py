"""Limits on sound, padding, a seed a batch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from equivoice.errors import ConfigError
from equivoice.models import Clip
from equivoice.models.classifying import Sample
from equivoice.models.encoders.listening import clips_of, drawn_seed, padded, reader


def test_padding_is_nought_behind_the_mask() -> None:
    rows = [np.full((length, 2), 7, dtype=np.float32) for length in (3, 1)]
    values, mask = padded(rows)
    assert values.shape == (2, 3, 2)
    assert mask.tolist() == [[True, True, True], [True, False, False]]
    assert bool((values[mask] == 7).all())
    assert bool((values[~mask] == 0).all())


def test_a_reader_cuts() -> None:
    assert reader(10.0).describe() == {
        "max_seconds": 10.0,
        "longer": "cut",
        "channels": "mean",
        "clips_cut": 0,
    }


@pytest.mark.parametrize("seconds", [0.0, -1.0, 31.0, float("nan")])
def test_a_limit_that_cannot_be_is_refused(seconds: float) -> None:
    with pytest.raises(ConfigError, match="seconds is not within 0 and 30"):
        reader(seconds, longest=30.0)


def test_a_seed_comes_from_the_stream_of_torch() -> None:
    torch.manual_seed(1)
    first = drawn_seed()
    assert drawn_seed() != first
    torch.manual_seed(1)
    assert drawn_seed() == first


def test_clips_in_order() -> None:
    clips = [Clip("/a"), Clip("/b")]
    assert clips_of([Sample("a", clips[0]), Sample("b", clips[1])]) == clips
