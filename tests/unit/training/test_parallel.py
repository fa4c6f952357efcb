"""Several processes find what one does."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from equivoice.errors import ConfigError
from equivoice.training.effective_batches import EffectiveBatch, MicroBatch
from equivoice.training.parallel import Parallel, join
from oracles.processes import CASES, batch_of, both, gradients, in_processes
from oracles.whole_batch import TinyClassifier, by_autograd

LAUNCHED = {"RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "2"}


@pytest.fixture(scope="module")
def alone() -> dict[str, Any]:
    return gradients(None)


@pytest.fixture(scope="module", params=[2, pytest.param(3, marks=pytest.mark.slow)])
def started(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return in_processes(both, request.param, tmp_path_factory.mktemp("processes"))


@pytest.fixture
def together(started: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [found["gradients"] for found in started]


# --------------------------------------------------------------------------- gradients


@pytest.mark.parametrize("case", CASES)
def test_every_process_ends_with_the_gradient_that_one_process_finds(
    case: str, alone: dict[str, Any], together: list[dict[str, Any]]
) -> None:
    for found in together:
        for name, expected in alone[case]["gradients"].items():
            gradient = found[case]["gradients"][name]
            if expected is None:
                assert gradient is None, name
            else:
                torch.testing.assert_close(gradient, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("case", [case for case in CASES if case not in {"plain", "microbatch"}])
def test_it_is_autograd_s_on_the_whole_batch(case: str, together: list[dict[str, Any]]) -> None:
    strata, _ = batch_of(case)
    model = TinyClassifier([cell for cell, _ in strata])
    power = CASES[case]["penalty"].power
    value, expected = by_autograd(model, strata, weight=1.7, power=power)
    for found in together:
        assert found[case]["outcome"].objective == pytest.approx(value, rel=1e-12)
        for name, wanted in expected.items():
            if wanted is not None:
                gradient = found[case]["gradients"][name]
                torch.testing.assert_close(gradient, wanted, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("case", CASES)
def test_processes_agree_to_the_bit(case: str, together: list[dict[str, Any]]) -> None:
    first, *others = together
    for found in others:
        assert found[case]["outcome"] == first[case]["outcome"]
        for name, gradient in first[case]["gradients"].items():
            other = found[case]["gradients"][name]
            assert (other is None and gradient is None) or torch.equal(other, gradient), name


@pytest.mark.parametrize("case", CASES)
def test_what_a_step_says_is_of_all_processes(
    case: str, alone: dict[str, Any], together: list[dict[str, Any]]
) -> None:
    expected, found = alone[case]["outcome"], together[0][case]["outcome"]
    assert found.counts == expected.counts
    assert found.sums == pytest.approx(expected.sums, rel=1e-12)
    assert found.loss == pytest.approx(expected.loss, rel=1e-12)
    assert found.penalty == pytest.approx(expected.penalty, rel=1e-12)
    assert (found.worst_cell, found.pair) == (expected.worst_cell, expected.pair)


@pytest.mark.parametrize("case", CASES)
def test_the_work_is_shared_out(
    case: str, alone: dict[str, Any], together: list[dict[str, Any]]
) -> None:
    shares = [found[case]["rows"] for found in together]
    assert sum(shares) == alone[case]["rows"]
    assert max(shares) - min(shares) <= 1


# -------------------------------------------------------------------------------- sums


def test_sums_over_processes(started: list[dict[str, Any]]) -> None:
    size = len(started)
    of_ranks = size * (size + 1) / 2
    for rank, each in enumerate(started):
        found = each["sums"]
        assert found["rank"] == (rank, size, "cpu")
        assert found["numbers"] == [size, 10 * of_ranks, size * 2.0**-40]
        assert found["nothing"] == []
        assert found["tensor"].tolist() == [of_ranks]
        assert found["straight"].tolist() == [of_ranks, 2 * of_ranks, 3 * of_ranks]
        assert found["half"].tolist() == [size, 2 * size]
        assert found["half"].dtype == torch.bfloat16
        assert torch.equal(found["turned"], torch.arange(6.0).view(2, 3).t() * of_ranks)
        # one process had none; a gradient that nobody had stays absent
        assert found["mine"].tolist() == [5.0, 6.0]
        assert found["nobody"] is None
        assert found["large"] == (of_ranks, of_ranks)


# ----------------------------------------------------------------------------- dealing


def batch_with(*costs: float) -> EffectiveBatch:
    return EffectiveBatch(
        tuple(MicroBatch((row,), "de", "f", cost=cost) for row, cost in enumerate(costs))
    )


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_each_micro_batch_goes_to_one_process(size: int) -> None:
    batch = batch_with(3, 1, 4, 1, 5, 9, 2, 6)
    dealt = [micro for rank in range(size) for micro in Parallel(rank, size).deal(batch)]
    assert sorted(micro.rows for micro in dealt) == [(row,) for row in range(8)]


def test_the_work_is_even_by_cost_and_not_by_number() -> None:
    batch = batch_with(8, 1, 1, 1, 1, 1, 1, 1, 1)
    loads = [[micro.cost for micro in Parallel(rank, 2).deal(batch)] for rank in range(2)]
    assert loads == [[8], [1] * 8]


def test_a_share_keeps_the_order_of_the_work() -> None:
    for rank in range(2):
        rows = [micro.rows[0] for micro in Parallel(rank, 2).deal(batch_with(1, 5, 2, 4, 3, 3))]
        assert rows == sorted(rows)
        assert rows


def test_a_process_may_have_nothing_to_do() -> None:
    assert Parallel(1, 2).deal(batch_with(1)) == ()


# ----------------------------------------------------------------------------- joining


@pytest.mark.parametrize("environment", [{}, {"WORLD_SIZE": "1", "RANK": "0"}])
def test_a_process_alone_joins_nobody(environment: dict[str, str]) -> None:
    assert join("cpu", environment=environment) is None


@pytest.mark.parametrize(
    ("changes", "named"),
    [({"RANK": ""}, "RANK"), ({"WORLD_SIZE": "two"}, "WORLD_SIZE"), ({"RANK": "-1"}, "RANK")],
)
def test_variables_that_are_not_whole_are_named(changes: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{named}, which the launcher(.|\n)*accelerate"):
        join("cpu", environment={**LAUNCHED, **changes})


def test_a_device_that_cannot_train_together_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"several processes(.|\n)*choices: cpu, cuda"):
        join("meta", environment=LAUNCHED)
