"""Votes for none of the labels: left out, or one more answer."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from equivoice.annotators.counts import VoteCounts
from equivoice.errors import ConfigError
from equivoice.metrics import IntArray

__all__ = ["OtherVotes", "answers", "check_other"]

OtherVotes = Literal["leave_out", "count"]
"""``leave_out``: votes for none of the labels are not there; ``count``: they are one more answer."""


def answers(counts: VoteCounts, other: OtherVotes) -> IntArray:
    """Votes as answers that a listener can give.

    Args:
        counts: votes on n utterances for C labels.
        other: what votes for none of the labels are.

    Returns:
        (n, C) counts with ``leave_out``; (n, C + 1) with ``count``, the last column
        holding the votes for none of the labels.

    Raises:
        ConfigError: an unknown choice for ``other``.

    Example:
        >>> votes = VoteCounts(("a",), ("angry", "sad"), np.array([[2, 1]]), np.array([4]))
        >>> answers(votes, "count").tolist()
        [[2, 1, 4]]
    """
    check_other(other)
    if other == "leave_out":
        return np.array(counts.counts, dtype=np.int64)
    return np.append(counts.counts, counts.other[:, np.newaxis], axis=-1).astype(np.int64)


def check_other(other: str) -> None:
    """Refuse an unknown choice for votes for none of the labels.

    Raises:
        ConfigError: it is none of :data:`OtherVotes`.
    """
    if other not in get_args(OtherVotes):
        raise ConfigError(
            "unknown choice for votes for none of the labels",
            value=other,
            choices=get_args(OtherVotes),
        )
