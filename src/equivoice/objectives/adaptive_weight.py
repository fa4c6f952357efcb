"""The weight λ of the gap penalty, which follows the gap on development data.

λ ← clip(λ + η (Δ_dev − ε), 0, λ_max): a state, and a pure step from a state to the next.

Reference: Pang et al., ERM-MinMaxGAP, §2.3.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from equivoice.errors import ConfigError

__all__ = ["AdaptiveWeight", "fixed_weight"]


@dataclass(frozen=True)
class AdaptiveWeight:
    """λ, and how it moves.

    Args:
        value: λ now; the paper begins at 0.
        rate: η, how far it moves for a gap of 1 above the tolerance.
        tolerance: ε, the gap at which it stays; in the unit of the gap that it is given.
        maximum: λ_max.

    Raises:
        ConfigError: a number that is negative or not finite, or a value above the maximum.

    Example:
        >>> weight = AdaptiveWeight(0.0, tolerance=0.25)
        >>> weight.updated(0.75).value
        0.25
        >>> weight.updated(0.75).updated(0.0).value
        0.125
        >>> weight.updated(1000.0).value
        10.0
    """

    value: float = 0.0
    rate: float = 0.5
    tolerance: float = 0.02
    maximum: float = 10.0

    def __post_init__(self) -> None:
        problems = [
            f"{name}: {value!r} is not a number from 0"
            for name, value in asdict(self).items()
            if not (math.isfinite(value) and value >= 0)
        ]
        if not problems and self.value > self.maximum:
            problems = [f"value: {self.value} lies above the maximum, {self.maximum}"]
        if problems:
            raise ConfigError.from_problems([f"the weight's {problem}" for problem in problems])

    def updated(self, gap: float | None) -> AdaptiveWeight:
        """The weight after an evaluation.

        Args:
            gap: Δ_dev; ``None`` where development data has no gap, which moves nothing.

        Raises:
            ConfigError: the gap is negative or no number.
        """
        if gap is None:
            return self
        if not gap >= 0:
            raise ConfigError(
                "a gap is a number from 0",
                value=gap,
                hint="the evaluation that it comes from failed, or the training diverged",
            )
        moved = self.value + self.rate * (gap - self.tolerance) if self.rate else self.value
        return replace(self, value=min(max(moved, 0.0), self.maximum))

    def as_dict(self) -> dict[str, float]:
        """The state as a checkpoint keeps it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> AdaptiveWeight:
        """The state that :meth:`as_dict` gave.

        Args:
            state: all fields by name.

        Raises:
            ConfigError: a field is missing, unknown or wrong.

        Example:
            >>> weight = AdaptiveWeight(0.3, rate=0.1)
            >>> AdaptiveWeight.from_dict(weight.as_dict()) == weight
            True
        """
        names = [field.name for field in fields(cls)]
        wrong = sorted(set(names) ^ set(state))
        if wrong:
            raise ConfigError(
                "the saved state of the gap's weight is not whole", value=wrong[0], choices=names
            )
        return cls(**state)


def fixed_weight(value: float) -> AdaptiveWeight:
    """A weight that no gap moves.

    Args:
        value: λ.

    Raises:
        ConfigError: it is negative or not finite.

    Example:
        >>> fixed_weight(5.0).updated(0.9).value
        5.0
    """
    return AdaptiveWeight(value, rate=0.0, maximum=value)
