"""Whatever the groups, the pieces, the road and the penalty: the gradient is the formula's.

The oracle is autograd through torch's own means and maxima, on the whole batch at
once; dropout loses the same units of a row however the rows are batched.
"""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from equivoice.objectives.minmax_gap import GapPenalty, Stratum
from equivoice.training.effective_batches import plan_epoch
from equivoice.training.gradients import StepOutcome, accumulate
from oracles.whole_batch import TinyClassifier, by_autograd, items_of, objective, pieces

CELLS = st.sampled_from(["de", "en", "ja"])
GROUPS = st.sampled_from(["f", "m", "x", None])
STRATA = st.lists(st.tuples(CELLS, GROUPS), min_size=1, max_size=24)
POWERS = st.sampled_from([1, 2])
WEIGHTS = st.floats(0, 10)
SLOWLY = settings(deadline=None, max_examples=60)


def assert_same(model: TinyClassifier, expected: dict[str, torch.Tensor | None]) -> None:
    for name, gradient in model.gradients().items():
        wanted = expected[name]
        assert (gradient is None) == (wanted is None), name
        if wanted is not None:
            torch.testing.assert_close(gradient, wanted, rtol=1e-9, atol=1e-9)


@SLOWLY
@given(
    strata=STRATA,
    micro=st.integers(1, 8),
    chance=st.randoms(use_true_random=False),
    power=POWERS,
    weight=WEIGHTS,
    road=st.sampled_from(["one_pass", "two_pass"]),
)
def test_pieces_of_one_stratum_by_either_road(
    strata: list[Stratum], micro: int, chance: object, power: int, weight: float, road: str
) -> None:
    order = list(range(len(strata)))
    chance.shuffle(order)  # type: ignore[attr-defined]
    model = TinyClassifier([cell for cell, _ in strata])
    value, expected = by_autograd(model, strata, weight=weight, power=power)
    outcome = accumulate(
        model.of_micro,
        pieces(strata, micro, order),
        model.parameters(),
        penalty=GapPenalty(power),
        weight=weight,
        road=road,  # type: ignore[arg-type]
    )
    assert outcome.objective == pytest.approx(value, rel=1e-9)
    assert_same(model, expected)


@SLOWLY
@given(strata=STRATA, micro=st.integers(1, 8), power=POWERS, weight=WEIGHTS)
def test_mixed_pieces_by_two_passes_and_in_their_own_scope(
    strata: list[Stratum], micro: int, power: int, weight: float
) -> None:
    model = TinyClassifier([cell for cell, _ in strata])
    [batch] = plan_epoch(
        items_of(strata), batch=len(strata), micro=micro, seed=0, epoch=0, mixed=True
    )
    _, expected = by_autograd(model, strata, weight=weight, power=power)
    how = {"penalty": GapPenalty(power), "weight": weight}
    accumulate(model.of_micro, batch, model.parameters(), road="two_pass", **how)  # type: ignore[arg-type]
    assert_same(model, expected)

    model.zero_grad(set_to_none=True)
    for each in batch.micro_batches:
        share = len(each.rows) / len(strata)
        own = objective(model.of_micro(each), each.strata, weight=weight, power=power)
        (own * share).backward()
    expected = model.gradients()
    accumulate(model.of_micro, batch, model.parameters(), scope="microbatch", **how)  # type: ignore[arg-type]
    assert_same(model, expected)


@SLOWLY
@given(strata=STRATA, micro=st.integers(1, 8), power=POWERS, weight=WEIGHTS)
def test_both_roads_say_the_same_and_leave_the_random_stream_alike(
    strata: list[Stratum], micro: int, power: int, weight: float
) -> None:
    model = TinyClassifier([cell for cell, _ in strata], keyed=False)
    batch = pieces(strata, micro)
    said: list[StepOutcome] = []
    gradients, streams = [], []
    for road in ("one_pass", "two_pass"):
        torch.manual_seed(1)
        said.append(
            accumulate(
                model.of_micro,
                batch,
                model.parameters(),
                penalty=GapPenalty(power),
                weight=weight,
                road=road,  # type: ignore[arg-type]
            )
        )
        gradients.append(model.gradients())
        streams.append(torch.rand(4))
    assert said[0] == said[1]
    assert torch.equal(*streams)
    assert_same(model, gradients[0])


@SLOWLY
@given(strata=STRATA, micro=st.integers(1, 8), weight=WEIGHTS, scale=st.floats(0.1, 10))
def test_the_penalty_s_part_grows_with_the_weight(
    strata: list[Stratum], micro: int, weight: float, scale: float
) -> None:
    """∇J(λ) − ∇J(0) is λ times one vector."""
    model = TinyClassifier([cell for cell, _ in strata])
    batch = pieces(strata, micro)

    def first_at(amount: float) -> torch.Tensor:
        accumulate(model.of_micro, batch, model.parameters(), penalty=GapPenalty(2), weight=amount)
        assert model.first.grad is not None
        return model.first.grad.clone()

    plain = first_at(0.0)
    torch.testing.assert_close(
        (first_at(weight) - plain) * scale, first_at(weight * scale) - plain, rtol=1e-7, atol=1e-8
    )
