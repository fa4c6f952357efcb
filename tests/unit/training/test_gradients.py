"""The gradient by pieces is autograd's on the whole effective batch."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from equivoice.errors import ConfigError, RunError
from equivoice.objectives.minmax_gap import GapPenalty, Stratum
from equivoice.training.effective_batches import EffectiveBatch, MicroBatch, plan_epoch
from equivoice.training.gradients import StepOutcome, accumulate, buffer_bytes
from equivoice.training.random_state import RandomState
from oracles.whole_batch import TinyClassifier, by_autograd, items_of, objective, pieces

ROADS = ("one_pass", "two_pass")
STRATA: list[Stratum] = [
    *[("de", "f")] * 7,
    *[("de", "m")] * 4,
    *[("en", "f")] * 5,
    *[("en", "m")] * 6,
    *[("ja", "f")] * 3,
    *[("ja", None)] * 2,
]


def model_of(strata: list[Stratum], **settings: Any) -> TinyClassifier:
    return TinyClassifier([cell for cell, _ in strata], **settings)


def assert_gradients(
    model: TinyClassifier, expected: dict[str, torch.Tensor | None], tolerance: float = 1e-10
) -> None:
    for name, gradient in model.gradients().items():
        wanted = expected[name]
        if wanted is None:
            assert gradient is None, name
        else:
            assert gradient is not None, name
            torch.testing.assert_close(gradient, wanted, rtol=tolerance, atol=tolerance)


# --------------------------------------------------------------------- worked by hand

X = torch.tensor([1.0, 3.0, 4.0, 5.0, 1.0, 2.0])
BY_HAND = EffectiveBatch(
    (
        MicroBatch((0,), "de", "f"),
        MicroBatch((3,), "en", "f"),
        MicroBatch((1,), "de", "f"),
        MicroBatch((2,), "de", "m"),
        MicroBatch((4, 5), "en", "m"),
    )
)


def by_hand(**settings: Any) -> tuple[StepOutcome, float]:
    """Losses θ x at θ = 2: de f 2, 6; de m 8; en f 10; en m 2, 4."""
    theta = torch.tensor([2.0], requires_grad=True)
    outcome = accumulate(lambda micro: theta * X[list(micro.rows)], BY_HAND, [theta], **settings)
    assert theta.grad is not None
    return outcome, float(theta.grad)


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize(
    ("power", "weight", "penalty", "gradient"),
    [
        # Δ = 10 − 3 in en; mean of x = 16/6; the pair's part is (5 − 1.5)
        (1, 0.3, 7.0, 16 / 6 + 0.3 * 3.5),
        (2, 0.3, 49.0, 16 / 6 + 0.3 * 2 * 7 * 3.5),
        (2, 0.0, 49.0, 16 / 6),
    ],
)
def test_by_hand(road: str, power: int, weight: float, penalty: float, gradient: float) -> None:
    outcome, found = by_hand(penalty=GapPenalty(power), weight=weight, road=road)
    assert found == pytest.approx(gradient, rel=1e-6)
    assert outcome.loss == pytest.approx(32 / 6)
    assert outcome.penalty == pytest.approx(penalty)
    assert outcome.objective == pytest.approx(32 / 6 + weight * penalty)
    assert (outcome.gap, outcome.worst_cell, outcome.pair) == (7.0, "en", ("f", "m"))


def test_plain_training_still_says_what_the_gap_is() -> None:
    outcome, found = by_hand()
    assert found == pytest.approx(16 / 6)
    assert (outcome.penalty, outcome.weight, outcome.gap) == (0.0, 0.0, 7.0)
    assert outcome.objective == outcome.loss


def test_sums_and_counts_are_by_cell_and_group() -> None:
    outcome, _ = by_hand()
    assert outcome.sums == {("de", "f"): 8, ("de", "m"): 8, ("en", "f"): 10, ("en", "m"): 6}
    assert outcome.counts == {("de", "f"): 2, ("de", "m"): 1, ("en", "f"): 1, ("en", "m"): 2}


def test_the_scope_of_a_micro_batch_by_hand() -> None:
    theta = torch.tensor([2.0], requires_grad=True)
    strata: tuple[Stratum, ...] = (("de", "f"), ("de", "m"), ("en", "f"), ("en", "m"))
    first = MicroBatch((0, 2, 3, 4), None, None, mixed=strata)  # 2, 8, 10, 2: Δ = 8 in en
    second = MicroBatch((1, 5), None, None, mixed=(("de", "f"), ("en", "m")))  # no gap
    outcome = accumulate(
        lambda micro: theta * X[list(micro.rows)],
        EffectiveBatch((first, second)),
        [theta],
        penalty=GapPenalty(2),
        weight=0.3,
        scope="microbatch",
    )
    assert theta.grad is not None
    assert float(theta.grad) == pytest.approx(16 / 6 + 0.3 * (4 / 6) * 2 * 8 * (5 - 1))
    assert outcome.penalty == pytest.approx(64 * 4 / 6)
    assert outcome.loss == pytest.approx(32 / 6)
    # the gap that is told is that of the effective batch in either scope
    assert (outcome.gap, outcome.worst_cell) == (7.0, "en")


# ----------------------------------------------------------- against the whole batch


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize("micro", [1, 2, 3, 7])
def test_it_is_autograd_s_on_the_whole_batch(road: str, power: int, micro: int) -> None:
    model = model_of(STRATA)
    value, expected = by_autograd(model, STRATA, weight=1.7, power=power)
    outcome = accumulate(
        model.of_micro,
        pieces(STRATA, micro),
        model.parameters(),
        penalty=GapPenalty(power),
        weight=1.7,
        road=road,  # type: ignore[arg-type]
    )
    assert outcome.objective == pytest.approx(value, rel=1e-12)
    assert_gradients(model, expected)


@pytest.mark.parametrize("road", ROADS)
def test_in_single_precision_within_a_hundred_thousandth(road: str) -> None:
    model = model_of(STRATA, dtype=torch.float32)
    _, expected = by_autograd(model, STRATA, weight=1.7, power=2)
    accumulate(
        model.of_micro,
        pieces(STRATA, 2),
        model.parameters(),
        penalty=GapPenalty(2),
        weight=1.7,
        road=road,  # type: ignore[arg-type]
    )
    assert_gradients(model, expected, 1e-5)


@pytest.mark.parametrize("road", ROADS)
def test_the_order_of_the_micro_batches_changes_nothing(road: str) -> None:
    model = model_of(STRATA)
    _, expected = by_autograd(model, STRATA, weight=1.7, power=2)
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(len(STRATA)).tolist()
        accumulate(
            model.of_micro,
            pieces(STRATA, 3, order),
            model.parameters(),
            penalty=GapPenalty(2),
            weight=1.7,
            road=road,  # type: ignore[arg-type]
        )
        assert_gradients(model, expected)


@pytest.mark.parametrize("road", ROADS)
def test_each_batch_of_a_planned_epoch_is_exact(road: str) -> None:
    model = model_of(STRATA)
    plan = plan_epoch(items_of(STRATA), batch=14, micro=2, seed=0, epoch=0)
    for batch in plan:
        rows = batch.rows
        own = [STRATA[row] for row in rows]
        model.zero_grad(set_to_none=True)
        objective(model.losses(rows), own, weight=2.5, power=2).backward()
        expected = model.gradients()
        accumulate(
            model.of_micro,
            batch,
            model.parameters(),
            penalty=GapPenalty(2),
            weight=2.5,
            road=road,  # type: ignore[arg-type]
        )
        assert_gradients(model, expected)


def test_two_passes_take_micro_batches_of_any_strata() -> None:
    model = model_of(STRATA)
    _, expected = by_autograd(model, STRATA, weight=1.7, power=2)
    [batch] = plan_epoch(items_of(STRATA), batch=27, micro=5, seed=0, epoch=0, mixed=True)
    accumulate(
        model.of_micro,
        batch,
        model.parameters(),
        penalty=GapPenalty(2),
        weight=1.7,
        road="two_pass",
    )
    assert_gradients(model, expected)


@pytest.mark.parametrize("road", ROADS)
def test_dropout_of_torch_s_own_stream_is_the_same_by_either_road(road: str) -> None:
    """Masks are drawn once a micro-batch, in its order: those that one pass over all draws."""
    model = model_of(STRATA, keyed=False)
    batch = pieces(STRATA, 3)
    torch.manual_seed(5)
    losses = torch.cat([model.of_micro(micro) for micro in batch.micro_batches])
    after = torch.rand(3)
    own = [STRATA[row] for row in batch.rows]
    model.zero_grad(set_to_none=True)
    objective(losses, own, weight=1.7, power=2).backward()
    expected = model.gradients()
    torch.manual_seed(5)
    accumulate(
        model.of_micro,
        batch,
        model.parameters(),
        penalty=GapPenalty(2),
        weight=1.7,
        road=road,  # type: ignore[arg-type]
    )
    assert_gradients(model, expected)
    # and the stream stands where one pass would have left it
    assert torch.equal(torch.rand(3), after)


def test_two_passes_replay_numpy_and_python_too() -> None:
    theta = torch.tensor([2.0], requires_grad=True)
    seen: list[tuple[float, float]] = []

    def losses(micro: MicroBatch) -> torch.Tensor:
        seen.append((float(np.random.rand()), random.random()))  # noqa: NPY002, S311
        return theta * X[list(micro.rows)] * seen[-1][0]

    accumulate(losses, BY_HAND, [theta], penalty=GapPenalty(1), weight=1.0, road="two_pass")
    # the last keeps its graph
    assert len(seen) == 2 * len(BY_HAND.micro_batches) - 1
    assert seen[:4] == seen[5:]
    assert len(set(seen)) == 5


def test_a_second_pass_that_draws_other_numbers_is_an_error() -> None:
    theta = torch.tensor([2.0], requires_grad=True)
    private = torch.Generator().manual_seed(0)

    def losses(micro: MicroBatch) -> torch.Tensor:
        return theta * X[list(micro.rows)] * torch.rand(1, generator=private)

    with pytest.raises(RunError, match="second pass are not those of the first"):
        accumulate(losses, BY_HAND, [theta], penalty=GapPenalty(1), weight=1.0, road="two_pass")


# ------------------------------------------------------------------------ special cases


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize(
    "strata",
    [
        [("de", "f"), ("de", "f"), ("en", "f"), ("en", "m")],  # de without men
        [("de", "f"), ("de", "m"), ("de", "m")],  # one cell
        [("de", "f"), ("en", "m"), ("en", "m")],  # no gap at all
        [("de", None), ("de", None), ("en", None)],  # no group known
        [("de", "a"), ("de", "b"), ("de", "c"), ("de", "c"), ("en", "a"), ("en", "c")],
        [("de", "f")],
    ],
    ids=["group missing", "one cell", "no gap", "no groups", "three groups", "one item"],
)
def test_whatever_is_missing_it_is_exact(road: str, strata: list[Stratum]) -> None:
    model = model_of(strata)
    value, expected = by_autograd(model, strata, weight=1.7, power=2)
    outcome = accumulate(
        model.of_micro,
        pieces(strata, 1),
        model.parameters(),
        penalty=GapPenalty(2),
        weight=1.7,
        road=road,  # type: ignore[arg-type]
    )
    assert outcome.objective == pytest.approx(value, rel=1e-12)
    assert_gradients(model, expected)


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("power", [1, 2])
def test_a_gap_of_zero_leaves_the_plain_gradient(road: str, power: int) -> None:
    theta = torch.tensor([2.0], requires_grad=True)
    strata: list[Stratum] = [("de", "f"), ("de", "m"), ("de", "m")]
    outcome = accumulate(
        lambda micro: theta * torch.tensor([3.0, 2.0, 4.0])[list(micro.rows)],
        pieces(strata, 1),
        [theta],
        penalty=GapPenalty(power),
        weight=10.0,
        road=road,  # type: ignore[arg-type]
    )
    assert theta.grad is not None
    assert theta.grad.tolist() == pytest.approx([3.0], rel=1e-6)
    assert (outcome.gap, outcome.penalty, outcome.pair) == (0.0, 0.0, ("f", "m"))


@pytest.mark.parametrize("road", ROADS)
def test_of_two_equal_cells_the_first_by_name_is_pulled(road: str) -> None:
    weights = torch.tensor([1.0, 0.0, 1.0, 0.0])
    theta = torch.ones(4, requires_grad=True)
    strata: list[Stratum] = [("en", "f"), ("en", "m"), ("de", "f"), ("de", "m")]
    outcome = accumulate(
        lambda micro: (theta * weights)[list(micro.rows)],
        pieces(strata, 1),
        [theta],
        penalty=GapPenalty(1),
        weight=1.0,
        road=road,  # type: ignore[arg-type]
    )
    assert outcome.worst_cell == "de"
    assert theta.grad is not None
    assert theta.grad.tolist() == [0.25, 0.0, 1.25, 0.0]


def test_what_stood_in_the_gradients_is_dropped() -> None:
    model = model_of(STRATA)
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, 1e6)
    _, expected = by_autograd(model, STRATA, weight=1.7, power=2)
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, 1e6)
    accumulate(
        model.of_micro, pieces(STRATA, 2), model.parameters(), penalty=GapPenalty(2), weight=1.7
    )
    assert_gradients(model, expected)
    assert model.unused.grad is None


def test_a_parameter_with_two_names_is_counted_once() -> None:
    model = model_of(STRATA)
    _, expected = by_autograd(model, STRATA, weight=1.7, power=2)
    twice = [*model.parameters(), *model.parameters()]
    accumulate(model.of_micro, pieces(STRATA, 2), twice, penalty=GapPenalty(2), weight=1.7)
    assert_gradients(model, expected)


# ---------------------------------------------------------------------- weight of zero


def trained(steps: int = 6, **settings: Any) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    model = model_of(STRATA, keyed=False, dtype=torch.float32)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.05, weight_decay=0.01)
    mixed = settings.pop("mixed", False)
    for epoch in range(steps):
        [batch] = plan_epoch(items_of(STRATA), batch=27, micro=4, seed=0, epoch=epoch, mixed=mixed)
        accumulate(model.of_micro, batch, model.parameters(), **settings)
        optimizer.step()
    return {name: each.detach().clone() for name, each in model.named_parameters()}


@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize(
    "how",
    [
        {"road": "one_pass"},
        {"road": "two_pass"},
        {"road": "two_pass", "mixed": True},
        {"scope": "microbatch", "mixed": True},
    ],
    ids=str,
)
def test_at_weight_zero_training_is_plain_training(how: dict[str, Any], power: int) -> None:
    plain = trained(mixed=how.get("mixed", False))
    penalised = trained(penalty=GapPenalty(power), weight=0.0, **how)
    assert all(torch.equal(plain[name], penalised[name]) for name in plain)


def test_with_a_weight_training_is_another_by_the_same_steps_on_both_roads() -> None:
    plain = trained()
    one, two = (trained(penalty=GapPenalty(2), weight=2.0, road=road) for road in ROADS)
    assert not torch.allclose(plain["first"], one["first"], atol=1e-3)
    for name in one:
        torch.testing.assert_close(one[name], two[name], rtol=1e-4, atol=1e-5)


def test_the_weight_closes_the_gap() -> None:
    """Two groups that want opposite things: with the penalty they end up alike."""

    def gap_after(weight: float) -> float:
        theta = torch.tensor([0.0], requires_grad=True)
        optimizer = torch.optim.SGD([theta], lr=0.02)
        strata: list[Stratum] = [("de", "f")] * 3 + [("de", "m")]
        target = torch.tensor([1.0, 1.0, 1.0, -1.0])
        for _ in range(400):
            outcome = accumulate(
                lambda micro: (theta - target[list(micro.rows)]) ** 2,
                pieces(strata, 2),
                [theta],
                penalty=GapPenalty(2),
                weight=weight,
            )
            optimizer.step()
        assert outcome.gap is not None
        return outcome.gap

    assert gap_after(0.0) == pytest.approx(2.0, abs=1e-3)  # at θ = 0.5
    assert gap_after(5.0) < 0.1


# ------------------------------------------------------------------- the other scope


@pytest.mark.parametrize("power", [1, 2])
def test_the_scope_of_a_micro_batch_is_autograd_s(power: int) -> None:
    model = model_of(STRATA)
    [batch] = plan_epoch(items_of(STRATA), batch=27, micro=9, seed=0, epoch=0, mixed=True)
    model.zero_grad(set_to_none=True)
    whole = sum(
        objective(model.of_micro(micro), micro.strata, weight=1.7, power=power)
        * (len(micro.rows) / 27)
        for micro in batch.micro_batches
    )
    assert isinstance(whole, torch.Tensor)
    whole.backward()
    expected = model.gradients()
    outcome = accumulate(
        model.of_micro,
        batch,
        model.parameters(),
        penalty=GapPenalty(power),
        weight=1.7,
        scope="microbatch",
    )
    assert outcome.objective == pytest.approx(float(whole.detach()), rel=1e-12)
    assert_gradients(model, expected)


def test_the_two_scopes_are_different_objectives() -> None:
    model = model_of(STRATA)
    [batch] = plan_epoch(items_of(STRATA), batch=27, micro=9, seed=0, epoch=0, mixed=True)
    found = {}
    for scope in ("batch", "microbatch"):
        outcome = accumulate(
            model.of_micro,
            batch,
            model.parameters(),
            penalty=GapPenalty(2),
            weight=1.7,
            scope=scope,  # type: ignore[arg-type]
            road="two_pass",
        )
        found[scope] = outcome.penalty
    # the mean of maxima of noisier gaps is the larger
    assert found["microbatch"] > 1.1 * found["batch"]


# --------------------------------------------------------------------------- bad input


def test_one_pass_refuses_mixed_micro_batches_before_it_begins() -> None:
    model = model_of(STRATA)
    [batch] = plan_epoch(items_of(STRATA), batch=27, micro=9, seed=0, epoch=0, mixed=True)
    with pytest.raises(ConfigError, match=r"one cell and group(.|\n)*two_pass"):
        accumulate(_never, batch, model.parameters(), penalty=GapPenalty(2), weight=1.0)


def test_the_scope_of_a_micro_batch_refuses_those_of_one_group() -> None:
    model = model_of(STRATA)
    with pytest.raises(ConfigError, match=r"needs several groups(.|\n)*mixed=True"):
        accumulate(
            _never,
            pieces(STRATA, 3),
            model.parameters(),
            penalty=GapPenalty(2),
            weight=1.0,
            scope="microbatch",
        )


def _never(micro: MicroBatch) -> torch.Tensor:
    raise AssertionError("the model was run")


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("wrong", [math.nan, math.inf])
@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_a_loss_that_is_no_number_stops_the_step(road: str, wrong: float, weight: float) -> None:
    theta = torch.tensor([2.0], requires_grad=True)
    x = torch.tensor([1.0, 3.0, wrong, 5.0, 1.0, 2.0])
    with pytest.raises(RunError, match="group m in cell de are no numbers"):
        accumulate(
            lambda micro: theta * x[list(micro.rows)],
            BY_HAND,
            [theta],
            penalty=GapPenalty(2),
            weight=weight,
            road=road,  # type: ignore[arg-type]
        )


@pytest.mark.parametrize("road", ROADS)
def test_losses_without_a_trainable_parameter_are_an_error(road: str) -> None:
    with pytest.raises(RunError, match="do not depend on any trainable parameter"):
        accumulate(
            lambda micro: X[list(micro.rows)],
            BY_HAND,
            [torch.zeros(1, requires_grad=True)],
            penalty=GapPenalty(2),
            weight=1.0,
            road=road,  # type: ignore[arg-type]
        )


def test_one_loss_for_a_whole_micro_batch_is_an_error() -> None:
    theta = torch.tensor([2.0], requires_grad=True)
    batch = EffectiveBatch((MicroBatch((0, 1), "de", "f"),))
    with pytest.raises(RunError, match=r"a loss for each, not losses of shape \(1,\)"):
        accumulate(lambda micro: theta * X[list(micro.rows)].mean(), batch, [theta])


# -------------------------------------------------------------------------- what it costs


class Operations(TorchDispatchMode):
    """Counts the operations of torch, as the kernels see them."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: dict[str, int] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = str(func.overloadpacket).removeprefix("aten.")
        self.counts[name] = self.counts.get(name, 0) + 1
        return func(*args, **(kwargs or {}))


def operations(**settings: Any) -> dict[str, int]:
    model = model_of(STRATA, keyed=False)
    with Operations() as seen:
        accumulate(model.of_micro, pieces(STRATA, 3), model.parameters(), **settings)
    return seen.counts


def test_one_pass_moves_gradients_and_copies_none() -> None:
    plain = operations()
    penalised = operations(penalty=GapPenalty(2), weight=1.7)
    more = {
        name: penalised.get(name, 0) - plain.get(name, 0)
        for name in set(plain) | set(penalised)
        if penalised.get(name, 0) != plain.get(name, 0)
    }
    # four additions of whole lists stand for those that plain training makes one by one
    assert more.pop("_foreach_add_") == 4
    # and one gradient, which only one stratum has, is moved to the sum and scaled there
    assert more.pop("_foreach_mul_") == 1
    assert set(more) <= {"add_", "add", "detach"}
    assert more.get("add_", 0) + more.get("add", 0) < 0


def test_two_passes_run_all_but_the_last_twice_and_learn_once() -> None:
    plain = operations()
    penalised = operations(penalty=GapPenalty(2), weight=1.7, road="two_pass")
    number = len(pieces(STRATA, 3).micro_batches)
    assert plain["tanh"] == plain["tanh_backward"] == plain["rand"] == number
    assert penalised["rand"] == penalised["tanh"] == 2 * number - 1
    assert penalised["tanh_backward"] == number


class Kept:
    """A tensor that a graph keeps for its gradients, counted as long as it lives."""

    alive = most = 0

    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor = tensor
        Kept.alive += 1
        Kept.most = max(Kept.most, Kept.alive)

    def __del__(self) -> None:
        Kept.alive -= 1


def kept_at_most(**settings: Any) -> int:
    model = model_of(STRATA)
    Kept.most = 0
    with torch.autograd.graph.saved_tensors_hooks(Kept, lambda kept: kept.tensor):
        accumulate(model.of_micro, pieces(STRATA, 3), model.parameters(), **settings)
    assert Kept.alive == 0
    return Kept.most


@pytest.mark.parametrize("road", ROADS)
def test_either_road_holds_one_graph_at_a_time(road: str) -> None:
    assert kept_at_most() > 0
    assert kept_at_most(penalty=GapPenalty(2), weight=1.7, road=road) == kept_at_most()


def test_what_one_pass_keeps_is_of_the_size_of_the_trained_parameters() -> None:
    batch = pieces(STRATA, 3)
    trained_parameters = [torch.zeros(100, requires_grad=True), torch.zeros(5, requires_grad=True)]
    # four strata of two cells can have a gap; the rest share one gradient
    assert buffer_bytes(batch, trained_parameters) == 5 * 105 * 4
    assert buffer_bytes(pieces(STRATA[:11], 3), trained_parameters) == 2 * 105 * 4


def test_the_random_state_is_only_read_where_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden() -> RandomState:
        raise AssertionError("read")

    monkeypatch.setattr(RandomState, "now", forbidden)
    by_hand(penalty=GapPenalty(2), weight=1.0, road="one_pass")
    with pytest.raises(AssertionError, match="read"):
        by_hand(penalty=GapPenalty(2), weight=1.0, road="two_pass")
