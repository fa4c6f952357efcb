"""From a model's logits to the distribution that a token is drawn from.

The order is that of ``generate`` in transformers: repetition penalty, the fewest
tokens before the end, temperature, top-k, top-p. Logits are taken relative to the
largest before they are divided by the temperature, so that no temperature, however
small, rounds a distribution away. Probabilities are float32, which is what
``generate`` draws from; they are summed up in float64.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from equivoice.models.decoding.effective import Effective

if TYPE_CHECKING:
    import torch

__all__ = ["draw_tokens", "log_probabilities", "penalised", "warped"]

# among how many of the largest the border of a top-p is looked for first
_CANDIDATES = 256
# how many draws are looked up at once
_DRAWS = 16_384
_SMALLEST_HEAT = 1e-30
_UNDERFLOW = -86.0


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
        (m, V) float32: the largest of each row 0, those left out minus infinity.
    """
    import torch

    greedy = temperatures == 0
    heat = torch.where(greedy, 1.0, temperatures)[:, None]
    scaled = scores - scores.max(dim=1, keepdim=True).values
    # float32 has no number for the very smallest temperatures
    fine = float(heat.min()) > _SMALLEST_HEAT
    scaled = scaled.div_(heat.float()) if fine else (scaled / heat).float()
    if effective.top_k:
        size = min(effective.top_k, scaled.shape[1])
        least = scaled.topk(size, dim=1).values[:, -1:]
        scaled.masked_fill_(scaled < least, -torch.inf)
    if effective.top_p < 1:
        scaled.masked_fill_(_beyond(scaled, effective.top_p), -torch.inf)
    if bool(greedy.any()):
        best = scores[greedy].argmax(dim=1, keepdim=True)
        scaled[greedy] = torch.full_like(scores[greedy], -torch.inf).scatter_(1, best, 0.0)
    return scaled


def log_probabilities(
    weights: torch.Tensor, rows: torch.Tensor, tokens: torch.Tensor
) -> torch.Tensor:
    """The logarithms of the probabilities of some tokens.

    Args:
        weights: (m, V) by :func:`warped`.
        rows: (k,) which distributions.
        tokens: (k,) which tokens.

    Returns:
        (k,) float64.
    """
    total = _blocks(_masses(weights.clone())).sum(dim=2).double().sum(dim=1)
    return weights[rows, tokens].double() - total.log()[rows]


def draw_tokens(weights: torch.Tensor, rows: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
    """Tokens by the inverse of the cumulative distribution, in the order of their ids.

    The block of tokens that a share falls into is found first, then the token in it:
    a cumulative sum over a whole vocabulary would cost more than a small model.

    Args:
        weights: (m, V) by :func:`warped`; overwritten.
        rows: (k,) the distribution that each draw is from.
        shares: (k,) float64, from 0 (included) to 1 (excluded).

    Returns:
        (k,) ids; -1 where the weights are no numbers.
    """
    import torch

    masses = _blocks(_masses(weights))
    cumulative = masses.sum(dim=2).double().cumsum(dim=1)
    tokens = []
    for low in range(0, len(rows), _DRAWS):
        part = rows[low : low + _DRAWS]
        total = cumulative[part, -1]
        block, rest = _fall(cumulative[part], shares[low : low + _DRAWS] * total)
        token, _ = _fall(masses[part, block].double().cumsum(dim=1), rest)
        sound = total.isfinite() & (total > 0)
        tokens.append(torch.where(sound, block * masses.shape[2] + token, -1))
    return torch.cat(tokens)


def _masses(weights: torch.Tensor) -> torch.Tensor:
    """Exponentials, in place.

    The processor is many times slower where an exponential underflows, so what is
    below 1e-37 of the largest is set to 0 without one.
    """
    import torch

    weights.clamp_(min=_UNDERFLOW).exp_()
    return torch.threshold_(weights, 2 * math.exp(_UNDERFLOW), 0.0)


def _blocks(masses: torch.Tensor) -> torch.Tensor:
    """(m, blocks, width): a row cut in about as many blocks as a block is wide."""
    import torch

    count, size = masses.shape
    root = max(1, math.isqrt(size))
    width = next((each for each in range(root, max(0, root // 8), -1) if size % each == 0), root)
    if size % width:
        masses = torch.nn.functional.pad(masses, (0, width - size % width))
    return masses.view(count, -1, width)


def _fall(cumulative: torch.Tensor, wanted: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Which interval each number falls into, and how far above its lower border.

    A number that rounding has put beyond the last border is brought back, so that an
    interval of no width is never hit.
    """
    import torch

    total = cumulative[:, -1]
    wanted = torch.minimum(wanted, total.nextafter(torch.zeros_like(total)))
    place = (cumulative <= wanted[:, None]).sum(dim=1).clamp(max=cumulative.shape[1] - 1)
    below = cumulative.gather(1, (place - 1).clamp(min=0)[:, None])[:, 0]
    return place, wanted - torch.where(place > 0, below, 0.0)


def _beyond(scaled: torch.Tensor, top_p: float) -> torch.Tensor:
    """(m, V) bool: the tokens outside the smallest set of total mass ``top_p``."""
    size = scaled.shape[1]
    largest = scaled.topk(min(_CANDIDATES, size), dim=1).values
    masses = _masses(largest.clone()).double()
    total = _blocks(_masses(scaled.clone())).sum(dim=2).double().sum(dim=1, keepdim=True)
    kept = ((masses.cumsum(dim=1) - masses) < top_p * total).sum(dim=1, keepdim=True)
    last = largest.gather(1, kept - 1)
    following = largest.gather(1, kept.clamp(max=largest.shape[1] - 1))
    gone = scaled < last
    # more tokens are kept than looked at, or the border runs between equal ones
    unsettled = (following == last)[:, 0]
    if bool(unsettled.any()):
        gone[unsettled] = _beyond_sorted(scaled[unsettled], top_p)
    return gone


def _beyond_sorted(scaled: torch.Tensor, top_p: float) -> torch.Tensor:
    ordered, order = scaled.sort(dim=1)
    gone = ordered.double().softmax(dim=1).cumsum(dim=1) <= 1 - top_p
    gone[:, -1] = False
    return gone.scatter(1, order, gone)
