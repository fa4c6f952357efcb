"""What the model says of the validation part: how probable each option is as the answer."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from equivoice.models import Decoding, FloatArray
from equivoice.training.data import Example
from equivoice.training.learner import Learner
from equivoice.training.lessons import option_texts
from equivoice.training.parallel import Parallel

__all__ = ["Heard", "listen"]

_LONGEST_ANSWER = 64
_TEMPERATURES = (1.0,)


@dataclass(frozen=True)
class Heard:
    """What the model said of n examples.

    Args:
        losses: (n,) as the objective has them, dropout switched off.
        logprobs: (n, K) of each option as displayed; −inf beyond an example's options.
        outside: (n,) the probability of all other answers.
    """

    losses: FloatArray
    logprobs: FloatArray
    outside: FloatArray


def listen(
    learner: Learner,
    examples: Sequence[Example],
    *,
    parallel: Parallel | None = None,
    watch: Callable[[int, int], None] = lambda _done, _total: None,
) -> Heard:
    """Score the options of each example, and take the loss from the right one's score.

    The loss of an example is minus the log-probability of its right answer, by token: one
    pass gives scores and losses. Where the loss counts all tokens, or the checkpoint knows
    several tokens that end an answer, of which one is learnt, it has a pass of its own.

    Args:
        learner: with the model, which is put into evaluation.
        examples: whose options are scored, in the first label order.
        parallel: this process among several, over which batches are dealt.
        watch: is told how many of this process's examples are done, and of how many.
    """
    import torch

    learner.backend.training_mode(on=False)
    widest = max(len(learner.lessons.options(name).shown) for name in learner.lessons.spaces)
    table = np.zeros((len(examples), widest + 2))
    batches = _batches(examples, learner.settings.optimiser.micro)
    own = batches if parallel is None else batches[parallel.rank :: parallel.size]
    done, total = 0, sum(map(len, own))
    with torch.no_grad(), learner.precision():
        for rows in own:
            part = [examples[row] for row in rows]
            table[rows] = _scored(learner, part, widest)
            done += len(rows)
            watch(done, total)
    if parallel is not None:  # each row is 0 in all processes but one
        table = np.asarray(parallel.sum_numbers(table.ravel().tolist())).reshape(table.shape)
    return Heard(table[:, 0], table[:, 2:], table[:, 1])


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


def _scored(learner: Learner, examples: Sequence[Example], widest: int) -> FloatArray:
    """(n, 2 + K): the loss, what is outside the options, and each option's log-probability."""
    lessons, backend = learner.lessons, learner.backend
    options = lessons.options(examples[0].corpus)
    texts = option_texts(options)
    prefix = backend.prepare([lessons.question(example) for example in examples])
    # as in training, nothing forbids an answer to end before it has begun
    decoding = Decoding.neutral(max_new_tokens=_LONGEST_ANSWER, min_new_tokens=0)
    scores = backend.option_logprobs(prefix, texts, _TEMPERATURES, decoding)
    table = np.full((len(examples), widest + 2), -np.inf)
    table[:, 1] = scores.outside[:, 0]
    table[:, 2 : 2 + len(texts)] = scores.logprobs[:, 0]
    table[:, 0] = _losses(learner, examples, table[:, 2:])
    return table


def _losses(learner: Learner, examples: Sequence[Example], logprobs: FloatArray) -> FloatArray:
    several = len(set(learner.backend.eos_ids)) > 1  # each ends an option; one is learnt
    if several or learner.settings.objective.tokens == "all":
        return np.asarray(learner.loss(list(examples), epoch=None).double().cpu())
    weights = learner.class_weights(list(examples)).double().cpu().numpy()
    options = learner.lessons.options(examples[0].corpus)
    texts = option_texts(options)
    right = [options.labels.index(example.item.label) for example in examples]
    lengths = np.array([learner.answer_length(texts[place]) for place in right])
    found: FloatArray = -weights * logprobs[np.arange(len(right)), right] / lengths
    return found
