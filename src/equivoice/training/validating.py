"""What the model says of the validation part: how probable each label is, and the losses."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from equivoice.training.data import Example
from equivoice.training.learner import Heard, Learner
from equivoice.training.parallel import Parallel

__all__ = ["Heard", "listen"]


def listen(
    learner: Learner,
    examples: Sequence[Example],
    *,
    parallel: Parallel | None = None,
    watch: Callable[[int, int], None] = lambda _done, _total: None,
) -> Heard:
    """Score the labels of each example, and take its loss.

    Args:
        learner: with the model, which is put into evaluation.
        examples: whose labels are scored, in the first label order.
        parallel: this process among several, over which batches are dealt.
        watch: is told how many of this process's examples are done, and of how many.
    """
    import torch

    learner.training_mode(on=False)
    table = np.zeros((len(examples), learner.width + 2))
    batches = _batches(examples, learner.settings.optimiser.micro)
    own = batches if parallel is None else batches[parallel.rank :: parallel.size]
    done, total = 0, sum(map(len, own))
    with torch.no_grad():
        for rows in own:
            table[rows] = learner.scored([examples[row] for row in rows])
            done += len(rows)
            watch(done, total)
    if parallel is not None:  # each row is 0 in all processes but one
        table = np.asarray(parallel.sum_numbers(table.ravel().tolist())).reshape(table.shape)
    return Heard(table[:, 0] * learner.scale(examples), table[:, 2:], table[:, 1])


def _batches(examples: Sequence[Example], size: int) -> list[list[int]]:
    """Rows of one corpus and of like length together, the longest first."""
    order = sorted(
        range(len(examples)),
        key=lambda row: (examples[row].corpus, -_finite(examples[row].item.length), row),
    )
    batches: list[list[int]] = []
    for row in order:
        last = batches[-1] if batches else []
        if not last or len(last) == size or examples[last[0]].corpus != examples[row].corpus:
            batches.append([])
        batches[-1].append(row)
    return batches


def _finite(length: float) -> float:
    return length if math.isfinite(length) else 0.0
