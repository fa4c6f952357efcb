"""The gradient of ``mean loss + λ Δ^p`` over an effective batch, piece by piece and exact.

The penalty is not a mean over micro-batches: which groups it pulls on is known only
when the losses of the whole effective batch are. Two roads lead to the same gradient:

- ``one_pass``: micro-batches are of one stratum each, and the gradients of each stratum
  are kept apart until the losses of all are known; then they are added up, each with
  its coefficient. What is kept is of the size of the *trainable* parameters: little for
  LoRA. Tensors are moved in and out of ``.grad``, so that nothing is copied, and a
  stratum's first gradient costs nothing instead of an addition.
- ``two_pass``: first the losses without gradients, then the weighted gradients, with the
  same random numbers. It needs no more memory than plain training, takes micro-batches
  of any strata, and costs one forward pass more for all micro-batches but the last.

The scope ``microbatch`` is another objective: the mean over micro-batches of their own
penalties, weighted by their items.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from equivoice.errors import ConfigError, RunError
from equivoice.objectives.minmax_gap import GapPenalty, Stratum, penalty_coefficients, worst_gap
from equivoice.training.effective_batches import EffectiveBatch, MicroBatch
from equivoice.training.parallel import Parallel
from equivoice.training.random_state import RandomState

if TYPE_CHECKING:
    import torch

__all__ = ["Losses", "Road", "Scope", "StepOutcome", "accumulate", "buffer_bytes"]

Losses = Callable[[MicroBatch], "torch.Tensor"]
"""From a micro-batch to the loss of each of its rows, (n,), differentiable."""

Scope = Literal["batch", "microbatch"]
Road = Literal["one_pass", "two_pass"]

_SAME = 0.05
"""How far a loss may lie from itself in the second pass; kernels differ that much in bfloat16."""


@dataclass(frozen=True)
class StepOutcome:
    """What one effective batch said, over all processes.

    Args:
        loss: the mean loss.
        penalty: Δ^p; in the scope ``microbatch`` its mean over the micro-batches; 0
            where nothing is penalised.
        gap: Δ over the effective batch, in either scope; ``None`` where no cell has
            two groups.
        worst_cell: the cell in which it was found.
        pair: its two groups.
        sums: the sum of the losses of each stratum.
        counts: how many items each stratum has.
        weight: λ.
    """

    loss: float
    penalty: float
    gap: float | None
    worst_cell: str | None
    pair: tuple[str, str] | None
    sums: dict[Stratum, float]
    counts: dict[Stratum, int]
    weight: float = 0.0

    @property
    def objective(self) -> float:
        """J = loss + λ penalty."""
        return self.loss + self.weight * self.penalty


def accumulate(
    losses: Losses,
    batch: EffectiveBatch,
    parameters: Iterable[torch.Tensor],
    *,
    penalty: GapPenalty | None = None,
    weight: float = 0.0,
    scope: Scope = "batch",
    road: Road = "one_pass",
    parallel: Parallel | None = None,
) -> StepOutcome:
    """Set ``.grad`` of the parameters to the gradient of ``mean loss + λ Δ^p``.

    What stood in ``.grad`` is dropped. A parameter on which no loss depends has no
    gradient afterwards. By either road a micro-batch has the random numbers that one
    pass over all of them, in their order, would have given it.

    Args:
        losses: the loss of each row of a micro-batch, in float32: in bfloat16 the
            coefficients would be rounded to three digits. It may draw random numbers
            from torch, numpy's global stream and :mod:`random`.
        batch: the whole effective batch, also where it is dealt over processes.
        parameters: those that are trained.
        penalty: the penalty; ``None`` for plain training (ERM).
        weight: λ; at 0 the gradient is that of plain training to the bit.
        scope: the gap of the whole effective batch, or of each micro-batch.
        road: how the gradient of the scope ``batch`` is found.
        parallel: this process among several; ``None`` for one alone.

    Raises:
        ConfigError: micro-batches that the road or the scope cannot use.
        RunError: a loss that is no number, does not depend on a trainable parameter,
            or is another in the second pass.

    Example:
        >>> import torch
        >>> theta = torch.tensor([2.0], requires_grad=True)
        >>> x = torch.tensor([1.0, 2.0, 6.0])
        >>> batch = EffectiveBatch((MicroBatch((0, 1), "de", "f"), MicroBatch((2,), "de", "m")))
        >>> outcome = accumulate(
        ...     lambda micro: theta * x[list(micro.rows)], batch, [theta],
        ...     penalty=GapPenalty(1), weight=0.5,
        ... )
        >>> outcome.loss, outcome.gap, outcome.objective  # Δ = |3 − 12|
        (6.0, 9.0, 10.5)
        >>> theta.grad.tolist()  # mean of x, and half of 6 − 1.5
        [5.25]
    """
    step = _Step(losses, batch, _distinct(parameters), parallel)
    if penalty is not None and scope == "microbatch":
        penalised = _inside_micro_batches(step, penalty, weight)
    elif penalty is None or not weight or not step.comparable:
        _plain(step)
        penalised = None
    elif road == "one_pass":
        _one_pass(step, penalty, weight)
        penalised = None
    else:
        _two_pass(step, penalty, weight)
        penalised = None
    if parallel is not None:
        parallel.sum_gradients(step.parameters)
    return _outcome(step, penalty, weight, penalised)


def buffer_bytes(batch: EffectiveBatch, parameters: Iterable[torch.Tensor]) -> int:
    """The memory that the road ``one_pass`` takes for gradients, in bytes.

    Args:
        batch: an effective batch.
        parameters: those that are trained.

    Example:
        >>> import torch
        >>> batch = EffectiveBatch((MicroBatch((0,), "de", "f"), MicroBatch((1,), "de", "m")))
        >>> buffer_bytes(batch, [torch.zeros(10, requires_grad=True)])
        80
    """
    size = sum(each.numel() * each.element_size() for each in _distinct(parameters))
    kept = _comparable(batch.counts())
    return size * (len(kept) + any(stratum not in kept for stratum in batch.counts()))


# ------------------------------------------------------------------------------ one step


@dataclass
class _Step:
    """What is learnt from, and what it has said so far."""

    losses: Losses
    batch: EffectiveBatch
    parameters: list[torch.Tensor]
    parallel: Parallel | None
    said: list[torch.Tensor] = field(default_factory=list)
    found: dict[Stratum, float] | None = None

    def __post_init__(self) -> None:
        whole = self.batch
        self.mine = self.parallel.deal(whole) if self.parallel else whole.micro_batches
        # from the plan, which all processes know
        self.counts = whole.counts()
        self.total = sum(self.counts.values())
        self.comparable = _comparable(self.counts)
        for parameter in self.parameters:
            parameter.grad = None

    def evaluate(self, micro: MicroBatch) -> torch.Tensor:
        """The losses of a micro-batch."""
        values = self.losses(micro)
        if values.shape != (len(micro.rows),):
            raise RunError(
                f"a micro-batch of {len(micro.rows)} rows must have a loss for each, "
                f"not losses of shape {tuple(values.shape)}"
            )
        return values

    def note(self, values: torch.Tensor) -> torch.Tensor:
        """Note down the losses of the next of this process's micro-batches."""
        self.said.append(values.detach())
        return values

    def learn(self, values: torch.Tensor, coefficients: float | Sequence[float]) -> None:
        """Add the weighted gradients of some losses to ``.grad``."""
        import torch

        if not values.requires_grad:
            raise RunError("the losses do not depend on any trainable parameter")
        if isinstance(coefficients, float):
            weights = torch.full_like(values, coefficients)
        else:
            weights = values.new_tensor(coefficients)
        torch.autograd.backward(values, weights)

    def sums(self) -> dict[Stratum, float]:
        """The sums of the losses of each stratum, over all processes; found once.

        One transfer from the accelerator for all that was said.
        """
        import torch

        if self.found is not None:
            return self.found
        sums = dict.fromkeys(self.counts, 0.0)
        if self.said:
            values = torch.cat(self.said).double().cpu().tolist()
            strata = [stratum for micro in self.mine for stratum in micro.strata]
            for stratum, value in zip(strata, values, strict=True):
                sums[stratum] += value
        if self.parallel is not None:
            sums = dict(zip(sums, self.parallel.sum_numbers(list(sums.values())), strict=True))
        for (cell, group), total in sums.items():
            if not math.isfinite(total):
                raise RunError(
                    f"the losses of group {group} in cell {cell} are no numbers (sum {total}): "
                    "training has diverged; try a lower learning rate or clip the gradients"
                )
        self.found = sums
        return sums


def _plain(step: _Step) -> None:
    for micro in step.mine:
        step.learn(step.note(step.evaluate(micro)), 1 / step.total)


def _one_pass(step: _Step, penalty: GapPenalty, weight: float) -> None:
    if any(micro.stratum is None for micro in step.batch.micro_batches):
        raise ConfigError(
            "one pass needs micro-batches of one cell and group each",
            hint="plan_epoch(mixed=False), or road='two_pass'",
        )
    kept = _KeptGradients(step.parameters)
    for micro in step.mine:
        values = step.note(step.evaluate(micro))
        # what can have no gap needs no gradient of its own
        kept.turn_to(micro.stratum if micro.stratum in step.comparable else None)
        step.learn(values, 1 / step.total)
    exact = penalty_coefficients(step.sums(), step.counts, penalty=penalty, weight=weight)
    kept.add_up({stratum: exact[stratum] / (1 / step.total) for stratum in step.comparable})


def _two_pass(step: _Step, penalty: GapPenalty, weight: float) -> None:
    import torch

    # the last micro-batch keeps its graph, and need not be run again
    *before, last = step.mine or (None,)
    states = []
    with torch.no_grad():
        for micro in before:
            states.append(RandomState.now())
            step.note(step.evaluate(micro))
    values = None if last is None else step.note(step.evaluate(last))
    exact = penalty_coefficients(step.sums(), step.counts, penalty=penalty, weight=weight)
    if last is None or values is None:
        return
    step.learn(values, [exact[stratum] for stratum in last.strata])
    del values  # and with it the graph
    end = RandomState.now()
    for micro, state, first in zip(before, states, step.said, strict=False):
        state.restore()
        again = step.evaluate(micro)
        step.learn(again, [exact[stratum] for stratum in micro.strata])
        if not torch.allclose(first, again.detach(), rtol=_SAME, atol=_SAME):
            raise RunError(
                "the losses of the second pass are not those of the first: they draw random "
                "numbers from elsewhere than torch, numpy's global stream and random; "
                "road='one_pass' does not need them again"
            )
    end.restore()


def _inside_micro_batches(step: _Step, penalty: GapPenalty, weight: float) -> float:
    """The gradient in the scope ``microbatch``; gives the mean of the penalties."""
    if step.comparable and all(micro.stratum for micro in step.batch.micro_batches):
        raise ConfigError(
            "scope 'microbatch' needs several groups in a micro-batch, and each holds one",
            hint="plan_epoch(mixed=True), or scope='batch'",
        )
    penalised = 0.0
    for micro in step.mine:
        values = step.note(step.evaluate(micro))
        sums: dict[Stratum, float] = {}
        counts: dict[Stratum, int] = {}
        for stratum, value in zip(micro.strata, values.detach().tolist(), strict=True):
            sums[stratum] = sums.get(stratum, 0.0) + value
            counts[stratum] = counts.get(stratum, 0) + 1
        exact = penalty_coefficients(sums, counts, penalty=penalty, weight=weight)
        plain = 1 / len(micro.rows)
        step.learn(values, [exact[each] / plain * (1 / step.total) for each in micro.strata])
        worst = worst_gap(sums, counts)
        gap = None if worst is None else worst.size
        penalised += penalty.value(gap) * len(micro.rows) / step.total
    return step.parallel.sum_numbers([penalised])[0] if step.parallel else penalised


def _outcome(
    step: _Step, penalty: GapPenalty | None, weight: float, penalised: float | None
) -> StepOutcome:
    """What the step said; ``penalised`` where it is not that of the whole batch's gap."""
    sums = step.sums()
    worst = worst_gap(sums, step.counts)
    gap = None if worst is None else worst.size
    if penalised is None:
        penalised = 0.0 if penalty is None else penalty.value(gap)
    return StepOutcome(
        loss=math.fsum(sums.values()) / step.total,
        penalty=penalised,
        gap=gap,
        worst_cell=None if worst is None else worst.cell,
        pair=None if worst is None else worst.pair,
        sums=sums,
        counts=step.counts,
        weight=0.0 if penalty is None else weight,
    )


# ----------------------------------------------------------------------- kept gradients


class _KeptGradients:
    """The gradients of each stratum apart, moved in and out of ``.grad``.

    Args:
        parameters: whose gradients they are; theirs are empty to begin with.
    """

    def __init__(self, parameters: Sequence[torch.Tensor]) -> None:
        self.parameters = parameters
        self.kept: dict[Stratum | None, list[torch.Tensor | None]] = {}
        self.present: Stratum | None = None
        self.begun = False

    def turn_to(self, stratum: Stratum | None) -> None:
        """From now on ``.grad`` is that of this stratum; ``None`` for all that share one."""
        if self.begun and stratum == self.present:
            return
        self._put_away()
        self.begun, self.present = True, stratum
        nothing: list[torch.Tensor | None] = [None] * len(self.parameters)
        for parameter, gradient in zip(
            self.parameters, self.kept.pop(stratum, nothing), strict=True
        ):
            parameter.grad = gradient

    def _put_away(self) -> None:
        if self.begun:
            self.kept[self.present] = [parameter.grad for parameter in self.parameters]

    def add_up(self, factors: Mapping[Stratum, float]) -> None:
        """Leave Σ factor × gradient in ``.grad``.

        Args:
            factors: of each stratum; 1 where it is absent.
        """
        if not self.begun:
            return
        self._put_away()
        by = {stratum: factors.get(stratum, 1.0) if stratum else 1.0 for stratum in self.kept}
        # the sum begins with one that needs no scaling, if there is any
        first, *others = sorted(self.kept, key=lambda each: by[each] != 1.0)
        total = self.kept.pop(first)
        _scale(total, by[first])
        for stratum in others:
            # each is dropped as soon as it is added
            _add(total, self.kept.pop(stratum), by[stratum])
        for parameter, gradient in zip(self.parameters, total, strict=True):
            parameter.grad = gradient


def _scale(gradients: Sequence[torch.Tensor | None], factor: float) -> None:
    import torch

    present = [each for each in gradients if each is not None]
    if present and factor != 1.0:
        torch._foreach_mul_(present, factor)


def _add(
    total: list[torch.Tensor | None], more: Sequence[torch.Tensor | None], factor: float
) -> None:
    """``total += factor × more``; what is absent from the total is moved there."""
    import torch

    both = [(a, b) for a, b in zip(total, more, strict=True) if a is not None and b is not None]
    if both:
        torch._foreach_add_([a for a, _ in both], [b for _, b in both], alpha=factor)
    new = {
        place: gradient
        for place, (present, gradient) in enumerate(zip(total, more, strict=True))
        if present is None and gradient is not None
    }
    _scale(list(new.values()), factor)
    for place, gradient in new.items():
        total[place] = gradient


def _comparable(counts: Mapping[Stratum, int]) -> set[Stratum]:
    """The strata of cells in which at least two groups are present."""
    groups: dict[str, set[Stratum]] = {}
    for cell, group in counts:
        if group is not None:
            groups.setdefault(cell, set()).add((cell, group))
    return {stratum for strata in groups.values() if len(strata) > 1 for stratum in strata}


def _distinct(parameters: Iterable[torch.Tensor]) -> list[torch.Tensor]:
    """Each parameter once, however many names it has."""
    return list({id(each): each for each in parameters}.values())
