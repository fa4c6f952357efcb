"""From the vector of an utterance to logits."""

from __future__ import annotations

import torch
from torch import nn

from equivoice.errors import ConfigError

__all__ = ["ClassificationHead"]


class ClassificationHead(nn.Module):
    """Linear → ReLU → dropout → Linear, as in ABHINAYA; or one linear layer.

    Args:
        width: of the vector.
        labels: C.
        hidden: the width between the two layers; 0 for one linear layer alone, as
            transformers' ``…ForSequenceClassification`` of speech encoders has.
        dropout: before the last layer, while it is trained.

    Raises:
        ConfigError: a width below 0, no labels, or dropout that is not within 0 and 1.

    Example:
        >>> ClassificationHead(6, 8)(torch.zeros(2, 6)).shape
        torch.Size([2, 8])
    """

    def __init__(
        self, width: int, labels: int, *, hidden: int = 1024, dropout: float = 0.5
    ) -> None:
        super().__init__()
        wrong = {
            f"head_width: {hidden} is below 0": hidden < 0,
            f"head_dropout: {dropout:g} is not within 0 and 1": not 0 <= dropout < 1,
            f"labels: {labels} is below 1": labels < 1,
        }
        if any(wrong.values()):
            raise ConfigError.from_problems([problem for problem, found in wrong.items() if found])
        self.inner = nn.Linear(width, hidden) if hidden else None
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(hidden or width, labels)

    def forward(self, pooled: torch.Tensor) -> torch.Tensor:
        """(n, width) to logits (n, C), float32."""
        inner = pooled.to(self.out.weight.dtype)
        if self.inner is not None:
            inner = torch.relu(self.inner(inner))
        logits: torch.Tensor = self.out(self.dropout(inner))
        return logits.float()
