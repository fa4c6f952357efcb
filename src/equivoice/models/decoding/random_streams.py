"""A stream of uniform numbers for each draw, from its seed alone.

The numbers are those of ``numpy.random.Generator(numpy.random.Philox(key=seed))``,
made for all draws at once: a generator object for each of some thousand draws
would cost more than the draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from equivoice.models.protocols import FloatArray

__all__ = ["uniforms"]

_Words: TypeAlias = NDArray[np.uint64]

_MULTIPLIERS = (0xD2E7470EE14C6C93, 0xCA5A826395121157)
_WEYL = (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)
_ROUNDS = 10
_HALF = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)


def uniforms(seeds: Sequence[int], steps: int) -> FloatArray:
    """The first numbers of each seed's stream.

    Args:
        seeds: D whole numbers, from 0 to 2**64 - 1.
        steps: how many numbers of each.

    Returns:
        (D, steps) numbers from 0 (included) to 1 (excluded).

    Example:
        >>> uniforms([7], 2).round(3)
        array([[0.872, 0.295]])
        >>> np.random.Generator(np.random.Philox(key=7)).random(2).round(3)
        array([0.872, 0.295])
    """
    keys = np.asarray(seeds, dtype=np.uint64)
    blocks = [_block(keys, number) for number in range(1, -(-steps // 4) + 1)]
    words = np.concatenate([np.stack(block, axis=1) for block in blocks], axis=1)
    shares: FloatArray = (words >> np.uint64(11))[:, :steps].astype(np.float64) * 2.0**-53
    return shares


def _block(keys: _Words, number: int) -> tuple[_Words, ...]:
    """Four random words of each key: Philox4x64-10 (Salmon et al., 2011)."""
    zero = np.zeros_like(keys)
    a, b, c, d = zero + np.uint64(number), zero, zero, zero
    for turn in range(_ROUNDS):
        first = keys + np.uint64(turn * _WEYL[0] % 2**64)
        second = np.uint64(turn * _WEYL[1] % 2**64)
        high_a, low_a = _product(_MULTIPLIERS[0], a)
        high_c, low_c = _product(_MULTIPLIERS[1], c)
        a, b, c, d = high_c ^ b ^ first, low_c, high_a ^ d ^ second, low_a
    return a, b, c, d


def _product(constant: int, words: _Words) -> tuple[_Words, _Words]:
    """The high and the low half of a product of 64-bit words."""
    high, low = np.uint64(constant >> 32), np.uint64(constant & 0xFFFFFFFF)
    word_high, word_low = words >> _HALF, words & _LOW
    cross = high * word_low + ((low * word_low) >> _HALF)
    middle = low * word_high + (cross & _LOW)
    return high * word_high + (cross >> _HALF) + (middle >> _HALF), words * np.uint64(constant)
