"""One step of training over several processes.

The micro-batches of an effective batch are dealt over the processes; each learns from
its own, and what they found is added up: sums of losses, and then one gradient. A
process never sees another's items, and all end with the same gradient.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from equivoice.errors import ConfigError
from equivoice.training.effective_batches import EffectiveBatch, MicroBatch

if TYPE_CHECKING:
    import torch

__all__ = ["Parallel", "join"]

_BUCKET = 2**23
"""Numbers that are sent at once: 32 MB of float32."""


@dataclass(frozen=True)
class Parallel:
    """This process among those that train together.

    Args:
        rank: which one it is, from 0.
        size: how many there are.
        device: where tensors must be to be sent.
    """

    rank: int
    size: int
    device: str = "cpu"

    def deal(self, batch: EffectiveBatch) -> tuple[MicroBatch, ...]:
        """This process's micro-batches, in the order of the work.

        The costliest are dealt first, each to the process that has least to do.

        Args:
            batch: the whole effective batch, the same in each process.

        Example:
            >>> micro = [MicroBatch((k,), "de", "f", cost=c) for k, c in enumerate((1, 5, 2, 3))]
            >>> batch = EffectiveBatch(tuple(micro))
            >>> [[each.rows[0] for each in Parallel(k, 2).deal(batch)] for k in range(2)]
            [[0, 1], [2, 3]]
        """
        work = [0.0] * self.size
        owner = [0] * len(batch.micro_batches)
        costs = [micro.cost for micro in batch.micro_batches]
        for number in sorted(range(len(costs)), key=lambda each: (-costs[each], each)):
            owner[number] = work.index(min(work))
            work[owner[number]] += costs[number]
        return tuple(
            micro
            for micro, rank in zip(batch.micro_batches, owner, strict=True)
            if rank == self.rank
        )

    def sum(self, tensor: torch.Tensor) -> torch.Tensor:
        """Add up a tensor over all processes, in place.

        Args:
            tensor: of one shape in all of them.
        """
        import torch.distributed as dist

        dist.all_reduce(tensor)
        return tensor

    def sum_numbers(self, numbers: Sequence[float]) -> list[float]:
        """Add up numbers over all processes, in double precision.

        Args:
            numbers: as many in each of them.
        """
        import torch

        sent = torch.tensor(list(numbers), dtype=torch.float64, device=self.device)
        return [float(number) for number in self.sum(sent).tolist()]

    def sum_gradients(self, parameters: Sequence[torch.Tensor]) -> None:
        """Add up the gradients of parameters over all processes, in place.

        A gradient that some processes do not have counts as 0 there; one that none has
        stays absent.

        Args:
            parameters: the same, in the same order, in each process.
        """
        import torch

        held = self.sum_numbers([float(each.grad is not None) for each in parameters])
        gradients = []
        for parameter, holders in zip(parameters, held, strict=True):
            if not holders:
                continue
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            gradients.append(parameter.grad)
        for bucket in _buckets(gradients):
            self._sum_together(bucket)

    def _sum_together(self, tensors: Sequence[torch.Tensor]) -> None:
        import torch

        if len(tensors) == 1 and tensors[0].is_contiguous():
            self.sum(tensors[0])
            return
        flat = self.sum(torch.cat([each.reshape(-1) for each in tensors]))
        parts = torch.split(flat, [each.numel() for each in tensors])
        for each, part in zip(tensors, parts, strict=True):
            each.copy_(part.view_as(each))

    def barrier(self) -> None:
        """Wait until all processes have come here."""
        import torch

        self.sum(torch.zeros(1, device=self.device))

    def leave(self) -> None:
        """Take leave of the other processes, at the end."""
        import torch.distributed as dist

        dist.destroy_process_group()


def join(
    device: torch.device | str, *, environment: Mapping[str, str] | None = None
) -> Parallel | None:
    """Meet the other processes that ``accelerate launch`` or ``torchrun`` started.

    Args:
        device: on which the model is: ``cpu`` (gloo) or ``cuda`` (nccl; the process then
            takes the accelerator of its local rank).
        environment: where the launcher's variables stand; by default the process's own.

    Returns:
        ``None`` for a process that was started alone.

    Raises:
        ConfigError: the launcher's variables are not whole, or the device is of
            another kind.

    Example:
        >>> join("cpu", environment={}) is None
        True
    """
    import torch
    import torch.distributed as dist

    given = os.environ if environment is None else environment
    size = _number(given, "WORLD_SIZE", 1)
    if size == 1:
        return None
    kind = torch.device(device).type
    if kind not in {"cpu", "cuda"}:
        raise ConfigError(
            "several processes cannot train on this device", value=kind, choices=("cpu", "cuda")
        )
    rank = _number(given, "RANK", None)
    place = "cpu"
    if kind == "cuda":
        place = f"cuda:{_number(given, 'LOCAL_RANK', rank)}"
        torch.cuda.set_device(place)
    if not dist.is_initialized():
        backend = "gloo" if kind == "cpu" else "nccl"
        dist.init_process_group(backend, rank=rank, world_size=size)
    return Parallel(dist.get_rank(), dist.get_world_size(), place)


def _number(given: Mapping[str, str], name: str, otherwise: int | None) -> int:
    """One variable of the launcher."""
    text = given.get(name, "" if otherwise is None else str(otherwise))
    if not text.isdecimal():
        raise ConfigError(
            f"{name}, which the launcher of several processes sets, is not a number",
            value=text,
            hint="start with 'accelerate launch' or 'torchrun', or unset WORLD_SIZE",
        )
    return int(text)


def _buckets(tensors: Sequence[torch.Tensor]) -> Iterator[list[torch.Tensor]]:
    """Tensors of one type and place, in their order, in parts that are sent at once."""
    kinds: dict[tuple[torch.dtype, torch.device], list[torch.Tensor]] = {}
    for tensor in tensors:
        kinds.setdefault((tensor.dtype, tensor.device), []).append(tensor)
    for alike in kinds.values():
        bucket: list[torch.Tensor] = []
        for tensor in alike:
            if bucket and sum(each.numel() for each in bucket) + tensor.numel() > _BUCKET:
                yield bucket
                bucket = []
            bucket.append(tensor)
        yield bucket
