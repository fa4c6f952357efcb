"""Several processes that train together, started for a test.

They meet as ``accelerate launch`` and ``torchrun`` let them: by variables of the
environment. Each writes what it found to a file; the test compares it with what one
process finds, and with autograd on the whole batch.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from equivoice.objectives.minmax_gap import GapPenalty, Stratum
from equivoice.training.effective_batches import EffectiveBatch, plan_epoch
from equivoice.training.gradients import accumulate
from equivoice.training.parallel import Parallel, join
from oracles.whole_batch import TinyClassifier, items_of, pieces

__all__ = ["CASES", "STRATA", "both", "gradients", "in_processes", "sums"]

STRATA: list[Stratum] = [
    *[("de", "f")] * 5,
    *[("de", "m")] * 4,
    *[("en", "f")] * 3,
    *[("en", "m")] * 6,
    *[("ja", None)] * 2,
]

CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "one pass": {"penalty": GapPenalty(2), "weight": 1.7, "road": "one_pass"},
    "two passes": {"penalty": GapPenalty(2), "weight": 1.7, "road": "two_pass"},
    "power one": {"penalty": GapPenalty(1), "weight": 1.7, "road": "one_pass"},
    "microbatch": {"penalty": GapPenalty(2), "weight": 1.7, "scope": "microbatch"},
    "fewer pieces than processes": {"penalty": GapPenalty(2), "weight": 1.7},
}


def batch_of(case: str) -> tuple[list[Stratum], EffectiveBatch]:
    """The strata of a case and how its batch is cut."""
    if case == "fewer pieces than processes":
        strata: list[Stratum] = [("de", "f"), ("de", "m")]
        return strata, pieces(strata, 4)
    if case == "microbatch":
        items = items_of(STRATA)
        [batch] = plan_epoch(items, batch=20, micro=8, seed=0, epoch=0, mixed=True)
        return STRATA, batch
    return STRATA, pieces(STRATA, 2)


def gradients(parallel: Parallel | None) -> dict[str, Any]:
    """What each case gives in this process."""
    found = {}
    for case, settings in CASES.items():
        strata, batch = batch_of(case)
        model = TinyClassifier([cell for cell, _ in strata])
        outcome = accumulate(
            model.of_micro, batch, model.parameters(), parallel=parallel, **settings
        )
        found[case] = {
            "gradients": model.gradients(),
            "outcome": outcome,
            "rows": len(parallel.deal(batch) if parallel else batch.micro_batches),
        }
    return found


def sums(parallel: Parallel | None) -> dict[str, Any]:
    """What is added up, of tensors of several kinds and sizes."""
    assert parallel is not None
    rank = parallel.rank
    straight = torch.nn.Parameter(torch.zeros(3))
    half = torch.nn.Parameter(torch.zeros(2, dtype=torch.bfloat16))
    turned = torch.nn.Parameter(torch.zeros(2, 3).t())
    mine = torch.nn.Parameter(torch.zeros(2))
    nobody = torch.nn.Parameter(torch.zeros(2))
    large = torch.nn.Parameter(torch.zeros(2**23 + 5))
    straight.grad = torch.tensor([1.0, 2.0, 3.0]) * (rank + 1)
    half.grad = torch.tensor([1.0, 2.0], dtype=torch.bfloat16)
    turned.grad = torch.arange(6.0).view(2, 3).t() * (rank + 1)
    mine.grad = torch.tensor([5.0, 6.0]) if rank == 1 else None
    large.grad = torch.full_like(large, rank + 1.0)
    parallel.sum_gradients([straight, half, turned, mine, nobody, large])
    parallel.barrier()
    return {
        "rank": (rank, parallel.size, parallel.device),
        "numbers": parallel.sum_numbers([1.0, 10.0 * (rank + 1), 2.0**-40]),
        "nothing": parallel.sum_numbers([]),
        "tensor": parallel.sum(torch.tensor([rank + 1.0])),
        "straight": straight.grad,
        "half": half.grad,
        "turned": turned.grad,
        "mine": mine.grad,
        "nobody": nobody.grad,
        "large": (float(large.grad.min()), float(large.grad.max())),
    }


def both(parallel: Parallel | None) -> dict[str, Any]:
    """:func:`gradients` and :func:`sums`: starting processes takes longer than their work."""
    return {"gradients": gradients(parallel), "sums": sums(parallel)}


def in_processes(
    work: Callable[[Parallel | None], dict[str, Any]], size: int, folder: Path
) -> list[dict[str, Any]]:
    """What some work gives in each of several processes that have joined."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    torch.multiprocessing.spawn(_one, args=(size, port, str(folder), work), nprocs=size)
    return [torch.load(folder / f"{rank}.pt", weights_only=False) for rank in range(size)]


def _one(
    rank: int,
    size: int,
    port: int,
    folder: str,
    work: Callable[[Parallel | None], dict[str, Any]],
) -> None:
    torch.set_num_threads(1)
    os.environ.update(
        RANK=str(rank),
        LOCAL_RANK=str(rank),
        WORLD_SIZE=str(size),
        MASTER_ADDR="127.0.0.1",
        MASTER_PORT=str(port),
    )
    parallel = join("cpu")
    assert parallel is not None
    found = work(parallel)
    torch.save(found, Path(folder) / f"{rank}.pt")
    parallel.leave()
