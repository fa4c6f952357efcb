"""What encoders do alike when they listen: the limit on sound, padding, and a seed a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from equivoice.errors import ConfigError
from equivoice.models.classifying import Sample
from equivoice.models.hearing.clips import ClipReader
from equivoice.models.language import Clip

if TYPE_CHECKING:
    import torch

__all__ = ["clips_of", "drawn_seed", "padded", "reader"]

_LONGEST = 600.0


def reader(seconds: float, *, longest: float = _LONGEST) -> ClipReader:
    """Reads clips and cuts them after so many seconds, which it counts.

    Args:
        seconds: what is heard of a clip, from its start.
        longest: what the encoder can hear at all.

    Raises:
        ConfigError: it can hear nothing of that length.
    """
    if not 0 < seconds <= longest:
        raise ConfigError(
            f"seconds is not within 0 and {longest:g}, what the encoder can hear", value=seconds
        )
    return ClipReader(longest, max_seconds=seconds, longer="cut")


def clips_of(samples: Sequence[Sample]) -> list[Clip]:
    """The clips of samples, each of which has one."""
    return [sample.clip for sample in samples if sample.clip is not None]


def drawn_seed() -> int:
    """A seed for the changes of a batch, from torch's global stream."""
    import torch

    return int(torch.randint(2**62, ()))


def padded(rows: Sequence[NDArray[np.float32]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows of unlike length as one tensor, filled up with zeros behind.

    Args:
        rows: n arrays, (t, …) each.

    Returns:
        (n, T, …) float32, and (n, T) bool that is true where there is a row.

    Example:
        >>> values, mask = padded([np.ones(2, dtype=np.float32), np.ones(1, dtype=np.float32)])
        >>> values.tolist(), mask.tolist()
        ([[1.0, 1.0], [1.0, 0.0]], [[True, True], [True, False]])
    """
    import torch

    longest = max(len(row) for row in rows)
    values = np.zeros((len(rows), longest, *rows[0].shape[1:]), dtype=np.float32)
    mask = np.zeros((len(rows), longest), dtype=bool)
    for number, row in enumerate(rows):
        values[number, : len(row)] = row
        mask[number, : len(row)] = True
    return torch.from_numpy(values), torch.from_numpy(mask)
