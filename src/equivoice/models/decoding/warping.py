"""From a model's logits to the distribution that a token is drawn from.

The order is that of ``generate`` in transformers: repetition penalty, the fewest
tokens before the end, temperature, top-k, top-p. The penalty is computed in
float32, as there; temperature and all that follows in float64, where there is no
temperature at which a distribution is rounded away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from equivoice.models.decoding.effective import Effective

if TYPE_CHECKING:
    import torch

__all__ = ["draw_tokens", "log_probabilities", "penalised", "warped"]


def penalised(
    logits: torch.Tensor,
    *,
    seen: torch.Tensor | None,
    penalty: float,
    banned: torch.Tensor | None,
) -> torch.Tensor:
    """Logits after the repetition penalty and without the tokens that may not come yet.

    Args:
        logits: (m, V) in any dtype.
        seen: (m, V) bool, the tokens of prompt and answer so far; ``None``: no penalty.
        penalty: a positive logit is divided by it, a negative one multiplied.
        banned: (e,) ids that may not come; ``None``: all may.

    Returns:
        (m, V) float32.
    """
    import torch

    scores = logits.float()
    if seen is not None and penalty != 1:
        repeated = torch.where(scores < 0, scores * penalty, scores / penalty)
        scores = torch.where(seen, repeated, scores)
    if banned is not None:
        scores = scores.index_fill(1, banned, -torch.inf)
    return scores


def warped(scores: torch.Tensor, temperatures: torch.Tensor, effective: Effective) -> torch.Tensor:
    """Unnormalised log-probabilities after temperature, top-k and top-p.

    Args:
        scores: (m, V) float32, by :func:`penalised`.
        temperatures: (m,) float64; at 0 only the most probable token is left, of
            equal ones the first.
        effective: its top-k and top-p.

    Returns:
        (m, V) float64, the largest of each row 0, those left out minus infinity.
    """
    import torch

    greedy = temperatures == 0
    top = scores.max(dim=1, keepdim=True).values
    # relative to the largest, so that no temperature overflows
    scaled = (scores - top).double() / torch.where(greedy, 1.0, temperatures)[:, None]
    if effective.top_k:
        size = min(effective.top_k, scaled.shape[1])
        least = scaled.topk(size, dim=1).values[:, -1:]
        scaled.masked_fill_(scaled < least, -torch.inf)
    if effective.top_p < 1:
        scaled.masked_fill_(_beyond(scaled, effective.top_p), -torch.inf)
    if bool(greedy.any()):
        best = scores.argmax(dim=1, keepdim=True)
        only = torch.full_like(scaled, -torch.inf).scatter_(1, best, 0.0)
        scaled = torch.where(greedy[:, None], only, scaled)
    return scaled


def log_probabilities(
    scores: torch.Tensor, temperatures: torch.Tensor, effective: Effective
) -> torch.Tensor:
    """(m, V) float64: the logarithms of the probabilities; arguments as for :func:`warped`."""
    return warped(scores, temperatures, effective).log_softmax(dim=1)


def draw_tokens(weights: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
    """Tokens by the inverse of the cumulative distribution, in the order of their ids.

    Args:
        weights: (m, V) float64, by :func:`warped`; overwritten.
        shares: (m, r) float64 from 0 to 1, one a draw.

    Returns:
        (m, r) ids; -1 where the weights are no numbers.
    """
    import torch

    cumulative = weights.exp_().cumsum(dim=1)
    total = cumulative[:, -1:]
    # below the total, so that the last token that can come is the last that does
    wanted = torch.minimum(shares * total, total.nextafter(torch.zeros_like(total)))
    tokens = torch.searchsorted(cumulative, wanted, right=True)
    return torch.where(total.isfinite() & (total > 0), tokens, -1)


def _beyond(scaled: torch.Tensor, top_p: float) -> torch.Tensor:
    """(m, V) bool: the tokens outside the smallest set of total mass ``top_p``."""
    ordered, order = scaled.sort(dim=1)
    gone = ordered.softmax(dim=1).cumsum(dim=1) <= 1 - top_p
    gone[:, -1] = False
    return gone.scatter(1, order, gone)
