"""Losses of counted tokens, by numbers worked out by hand."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest

from equivoice.models.decoding import teacher_forcing
from equivoice.models.decoding.teacher_forcing import (
    Targets,
    forward_losses,
    padded_right,
    side_by_side,
    targets_of,
    token_losses,
)
from equivoice.models.learning import LessonTokens, TokenLosses

LESSONS = [LessonTokens([9, 0, 0, 8], [5, 2]), LessonTokens([9, 8], [2])]


def test_the_answer_is_counted_or_all_but_places_of_sound() -> None:
    assert targets_of(LESSONS) == Targets([0, 0, 1], [4, 5, 2], [5, 2, 2], 2)
    everything = targets_of(LESSONS, on="all", never=[0])
    assert everything == Targets([0, 0, 0, 1, 1], [3, 4, 5, 1, 2], [8, 5, 2, 8, 2], 2)
    assert targets_of(LESSONS[1:], on="all").column == [1, 2]


def test_each_lesson_is_moved_by_its_own_padding() -> None:
    assert targets_of(LESSONS).shifted([0, 3]).column == [4, 5, 5]


def test_padding_on_the_right() -> None:
    ids, mask = padded_right([[3, 4, 5], [6]], 7)
    assert ids.tolist() == [[3, 4, 5], [6, 7, 7]]
    assert mask.tolist() == [[True, True, True], [True, False, False]]


def uniform(width: int) -> Any:
    """A head that finds all of ``width`` tokens equally probable, whatever it is given."""
    import torch

    return lambda states: torch.zeros(len(states), width) + 0 * states.sum()


def test_where_the_states_that_foretell_stand() -> None:
    row, column = targets_of(LESSONS).foretelling()
    assert (row.tolist(), column.tolist()) == ([0, 0, 1], [3, 4, 1])


def foretelling(states: Any, targets: Targets) -> Any:
    """(m, width) of (n, L, width)."""
    return states[targets.foretelling()]


def test_losses_stand_in_the_rows_of_their_lessons() -> None:
    import torch

    found = token_losses(torch.zeros(3, 3), targets_of(LESSONS), uniform(10))
    assert found.mask.tolist() == [[True, True], [True, False]]
    expected = torch.tensor([[math.log(10)] * 2, [math.log(10), 0.0]])
    torch.testing.assert_close(found.nll, expected)


def test_a_token_is_foretold_by_the_state_before_it() -> None:
    """States that are logits: 3 for one token, 0 for three others."""
    import torch

    states = torch.zeros(1, 3, 4)
    states[0, 1, 2] = 3.0
    (lesson,) = [LessonTokens([1, 1], [2])]
    targets = targets_of([lesson])
    found = token_losses(foretelling(states, targets), targets, torch.nn.Identity())
    assert float(found.nll) == pytest.approx(math.log(1 + 3 * math.exp(-3)))
    # the state at the token itself, or at the prompt's first, is not looked at
    states[0, 2] = states[0, 0] = torch.tensor([7.0, -7.0, 5.0, 1.0])
    again = token_losses(foretelling(states, targets), targets, torch.nn.Identity())
    assert torch.equal(again.nll, found.nll)


def test_logits_that_do_not_fit_are_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """In parts of two: the same losses and gradients, each part run twice."""
    import torch

    generator = torch.Generator().manual_seed(0)
    states = torch.randn(2, 6, 3, generator=generator, requires_grad=True)
    head = torch.nn.Linear(3, 10)
    passes: list[int] = []
    head.register_forward_hook(lambda _head, given, _out: passes.append(len(given[0])))

    def run() -> tuple[Any, Any, Any]:
        states.grad = head.weight.grad = None
        passes.clear()
        targets = targets_of(LESSONS)
        losses = token_losses(foretelling(states, targets), targets, head).nll
        losses.sum().backward()
        assert states.grad is not None
        return losses.detach(), states.grad.clone(), head.weight.grad

    whole = run()
    assert passes == [3]
    monkeypatch.setattr(teacher_forcing, "_KEPT_LOGITS", 20)
    parts = run()
    assert sorted(passes) == [1, 1, 2, 2]
    for one, other in zip(whole, parts, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("keeps", [True, False])
def test_a_stock_forward_gives_the_last_columns(keeps: bool) -> None:
    """Whether or not it can leave out the logits of the rest."""
    import torch

    asked: list[dict[str, Any]] = []

    class Model:
        """Logits: 3 for the token after the one given, 0 for the others."""

        def run(self, input_ids: Any, keep: int, **named: Any) -> Any:
            asked.append(named)
            logits = 3.0 * torch.nn.functional.one_hot((input_ids + 1) % 10, 10)
            return SimpleNamespace(logits=logits[:, -keep:])

        def forward(self, *, input_ids: Any, logits_to_keep: int = 0, **named: Any) -> Any:
            return self.run(input_ids, logits_to_keep, **named)

        def __call__(self, **named: Any) -> Any:
            return self.forward(**named)

    class Older(Model):
        def forward(self, *, input_ids: Any, **named: Any) -> Any:  # type: ignore[override]
            return self.run(input_ids, 0, **named)

    # both answers end in the last column; the second lesson has one column of padding
    ids = torch.tensor([[1, 4, 5, 6], [0, 1, 4, 9]])
    mask = torch.tensor([[1, 1, 1, 1], [0, 1, 1, 1]]).bool()
    lessons = [LessonTokens([1, 4], [5, 6]), LessonTokens([1], [4, 9])]
    targets = targets_of(lessons).shifted([0, 1])
    model = Model() if keeps else Older()
    found = forward_losses(model, {"input_ids": ids}, mask, targets)
    hit = math.log(1 + 9 * math.exp(-3))
    miss = hit + 3
    torch.testing.assert_close(found.nll, torch.tensor([[hit, hit], [miss, miss]]))
    assert asked[0]["position_ids"].tolist() == [[0, 1, 2, 3], [0, 0, 1, 2]]
    assert asked[0]["attention_mask"].tolist() == mask.long().tolist()


def test_batches_side_by_side() -> None:
    import torch

    yes = torch.ones(1, 2, dtype=torch.bool)
    short = TokenLosses(torch.tensor([[1.0]]), torch.ones(1, 1, dtype=torch.bool))
    found = side_by_side([TokenLosses(torch.tensor([[2.0, 3.0]]), yes), short])
    assert found.nll.tolist() == [[2, 3], [1, 0]]
    assert found.mask.tolist() == [[True, True], [True, False]]
