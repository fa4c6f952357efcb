"""A little of each label's share is given to the other classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from equivoice.errors import ConfigError
from equivoice.objectives.targets import ItemLoss, class_shares

if TYPE_CHECKING:
    import torch

__all__ = ["SMOOTHING_CONVENTIONS", "LabelSmoothing", "smoothed_shares"]

SMOOTHING_CONVENTIONS = ("others", "uniform")
"""Who is given the share that is taken: the other classes, or all."""


def smoothed_shares(
    shares: torch.Tensor, amount: float, *, convention: str = "others"
) -> torch.Tensor:
    """The shares of the classes after smoothing: (n, C).

    ``others``: p̃ = p (1 − ε) + (1 − p) ε / (C − 1), as Chou's thesis and EMO-SUPERB have
    it. ``uniform``: p̃ = p (1 − ε) + ε / C, as frameworks' ``label_smoothing`` has it.
    Both leave a share of 1/C where it is.

    Args:
        shares: (n, C).
        amount: ε, from 0 to below 1.
        convention: one of :data:`SMOOTHING_CONVENTIONS`.

    Raises:
        ConfigError: ε lies outside, or the convention is unknown.

    Example:
        >>> import torch
        >>> shares = torch.tensor([[1.0] + [0.0] * 8])
        >>> [round(x, 5) for x in smoothed_shares(shares, 0.05)[0, :2].tolist()]
        [0.95, 0.00625]
        >>> [round(x, 5) for x in smoothed_shares(shares, 0.09, convention="uniform")[0, :2].tolist()]
        [0.92, 0.01]
    """
    if not 0 <= amount < 1:
        raise ConfigError("label smoothing must lie from 0 to below 1", value=amount)
    if convention not in SMOOTHING_CONVENTIONS:
        raise ConfigError(
            "unknown convention of label smoothing", value=convention, choices=SMOOTHING_CONVENTIONS
        )
    classes = shares.shape[1]
    if convention == "uniform":
        return shares * (1 - amount) + amount / classes
    return shares * (1 - amount) + (1 - shares) * amount / (classes - 1)


@dataclass(frozen=True)
class LabelSmoothing:
    """Another loss, given smoothed labels.

    Args:
        loss: the loss; it must take distributions.
        amount: ε.
        convention: one of :data:`SMOOTHING_CONVENTIONS`.

    Raises:
        ConfigError: ε lies outside, or the convention is unknown.

    Example:
        >>> import torch
        >>> from equivoice.objectives import CrossEntropy
        >>> scores = torch.tensor([[0.9, 0.1]]).log()
        >>> loss = LabelSmoothing(CrossEntropy(), 0.05)
        >>> round(loss(scores, torch.tensor([0])).item(), 4)  # −.95 log .9 − .05 log .1
        0.2152
    """

    loss: ItemLoss
    amount: float = 0.05
    convention: str = "others"

    def __post_init__(self) -> None:
        import torch

        smoothed_shares(torch.ones(1, 2), self.amount, convention=self.convention)

    def __call__(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The loss of each item, as :class:`~equivoice.objectives.targets.ItemLoss` says it."""
        import torch

        exact = logits if logits.dtype == torch.float64 else logits.float()
        shares = class_shares(targets, exact)
        return self.loss(logits, smoothed_shares(shares, self.amount, convention=self.convention))

    def item_weights(self, targets: torch.Tensor) -> torch.Tensor:
        """The weights of the loss for the labels as given, before smoothing."""
        return self.loss.item_weights(targets)
