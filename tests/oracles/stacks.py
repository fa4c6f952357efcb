"""A stack by Newton's method: McFadden's conditional logit with a ridge of 1, utterance by utterance."""

from __future__ import annotations

import numpy as np


def plain_stack(known: np.ndarray, truth: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(n', C) shares of others, after a fit to known utterances.

    Args:
        known: (n, M, C) logarithms of probabilities.
        truth: (n,) the labels' positions.
        others: (n', M, C).
    """
    labels = np.eye(known.shape[2])
    # what stands for each label of an utterance: the members' logarithms, and the label itself
    rows = [np.vstack([one, labels]).T for one in known]
    found = np.zeros(known.shape[1] + len(labels))
    for _ in range(50):
        slope, curve = found.copy(), np.eye(len(found))
        for row, label in zip(rows, truth, strict=True):
            shares = _shares(row @ found)
            mean = shares @ row
            slope += mean - row[label]
            curve += (row - mean).T @ np.diag(shares) @ (row - mean)
        found -= np.linalg.solve(curve, slope)
    return np.stack([_shares(np.vstack([one, labels]).T @ found) for one in others])


def _shares(scores: np.ndarray) -> np.ndarray:
    odds = np.exp(scores - scores.max())
    return np.asarray(odds / odds.sum())
