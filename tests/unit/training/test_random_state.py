"""All streams of random numbers can be set back to a moment."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from equivoice.training.random_state import RandomState


def draw() -> list[float]:
    """One number of each stream; a normal one too, of which numpy and python keep a spare."""
    return [
        random.random(),  # noqa: S311
        random.gauss(),
        float(np.random.rand()),  # noqa: NPY002
        float(np.random.standard_normal()),  # noqa: NPY002
        float(torch.rand(1)),
        float(torch.nn.functional.dropout(torch.ones(1000)).sum()),
    ]


def test_what_was_drawn_is_drawn_again() -> None:
    draw()
    state = RandomState.now()
    first = [draw() for _ in range(3)]
    state.restore()
    assert [draw() for _ in range(3)] == first


def test_a_state_can_be_used_again_and_is_not_moved_by_drawing() -> None:
    state = RandomState.now()
    first = draw()
    for _ in range(2):
        state.restore()
        assert draw() == first


def test_it_is_read_without_drawing() -> None:
    torch.manual_seed(3)
    first = draw()[4:]
    torch.manual_seed(3)
    RandomState.now()
    assert draw()[4:] == first


def test_accelerators_are_left_alone_until_they_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked() -> list[torch.Tensor]:
        raise AssertionError("an accelerator was started")

    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: False)
    monkeypatch.setattr(torch.cuda, "get_rng_state_all", asked)
    assert RandomState.now().cuda == ()


def test_the_state_of_accelerators_is_kept_and_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    streams = [torch.tensor([1]), torch.tensor([2])]
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_rng_state_all", lambda: [each.clone() for each in streams])
    monkeypatch.setattr(torch.cuda, "set_rng_state_all", streams.extend)
    state = RandomState.now()
    state.restore()
    assert [int(each) for each in streams] == [1, 2, 1, 2]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no accelerator")
def test_dropout_on_an_accelerator_is_drawn_again() -> None:
    ones = torch.ones(1000, device="cuda")
    torch.nn.functional.dropout(ones)
    state = RandomState.now()
    first = torch.nn.functional.dropout(ones)
    state.restore()
    assert torch.equal(torch.nn.functional.dropout(ones), first)
