"""How the learning rate goes: up in the warm-up, then down."""

from __future__ import annotations

import math
from typing import Literal

__all__ = ["Schedule", "rate_factor"]

Schedule = Literal["cosine", "linear", "constant"]


def rate_factor(step: int, total: int, *, schedule: Schedule, warmup: float) -> float:
    """The share of the highest learning rate that a step has.

    In the warm-up of W = round(warmup × total) steps it rises to 1 in equal parts, the
    first step having 1/(W + 1); from there it falls to 0 one step after the last.

    Args:
        step: from 1 to ``total``.
        total: how many steps there are at most.
        schedule: how it falls.
        warmup: the share of the steps in which it rises.

    Example:
        >>> [rate_factor(step, 5, schedule="linear", warmup=0.2) for step in range(1, 6)]
        [0.5, 1.0, 0.75, 0.5, 0.25]
        >>> rate_factor(3, 4, schedule="cosine", warmup=0.0)
        0.5
        >>> rate_factor(4, 4, schedule="constant", warmup=0.0)
        1.0
    """
    rising = round(warmup * total)
    if step <= rising:
        return step / (rising + 1)
    if schedule == "constant":
        return 1.0
    passed = (step - rising - 1) / max(1, total - rising)
    return 1.0 - passed if schedule == "linear" else (1.0 + math.cos(math.pi * passed)) / 2
