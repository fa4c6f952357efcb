"""The state of every source of random numbers that a model may draw from."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch

__all__ = ["RandomState"]


@dataclass(frozen=True)
class RandomState:
    """A moment in the streams of random numbers, to which they can be set back.

    Dropout draws from torch, on the processor or the accelerator; masks over features
    (SpecAugment in transformers) draw from numpy's global stream.

    Args:
        python: of :mod:`random`.
        numpy: of numpy's global stream.
        cpu: of torch on the processor.
        cuda: of torch on each accelerator; empty where none has been used.

    Example:
        >>> import torch
        >>> state = RandomState.now()
        >>> drawn = torch.rand(3)
        >>> state.restore()
        >>> torch.equal(torch.rand(3), drawn)
        True
    """

    python: tuple[Any, ...]
    numpy: Any
    cpu: torch.Tensor
    cuda: tuple[torch.Tensor, ...]

    @classmethod
    def now(cls) -> RandomState:
        """The present state."""
        import torch

        # asking for the state would take memory on an accelerator that is not used
        used = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
        return cls(
            random.getstate(),
            np.random.get_state(legacy=False),  # noqa: NPY002 (it is the one that models use)
            torch.get_rng_state(),
            tuple(torch.cuda.get_rng_state_all()) if used else (),
        )

    def restore(self) -> None:
        """Set all streams back to this state."""
        import torch

        random.setstate(self.python)
        np.random.set_state(self.numpy)  # noqa: NPY002
        torch.set_rng_state(self.cpu)
        if self.cuda:
            torch.cuda.set_rng_state_all(list(self.cuda))
