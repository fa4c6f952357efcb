"""Encoder → (weighted sum of layers) → (projector) → pooling → head → logits."""

from __future__ import annotations

import torch
from torch import nn

from equivoice.models.classifiers.head import ClassificationHead
from equivoice.models.classifiers.layer_mix import LayerMix
from equivoice.models.classifiers.pooling import make_pooling
from equivoice.models.classifiers.scaling import ChannelScale
from equivoice.models.classifiers.settings import HeadSettings

__all__ = ["ClassifierNetwork"]


class ClassifierNetwork(nn.Module):
    """An encoder and all that leads from its frames to logits.

    Args:
        encoder: whose weights are these.
        width: D of its frames.
        labels: C.
        settings: what follows it.
        layers: L, where the frames of each layer come in; 0 for those of the last alone.

    Example:
        >>> network = ClassifierNetwork(nn.Identity(), width=4, labels=3, settings=HeadSettings())
        >>> network.classify(torch.zeros(2, 5, 4), torch.ones(2, 5, dtype=torch.bool)).shape
        torch.Size([2, 3])
    """

    def __init__(
        self,
        encoder: nn.Module,
        *,
        width: int,
        labels: int,
        settings: HeadSettings,
        layers: int = 0,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.mix = LayerMix(layers) if layers else None
        self.projector = nn.Linear(width, settings.projector) if settings.projector else None
        self.pooling = make_pooling(
            settings.pooling, settings.projector or width, attention=settings.attention_width
        )
        self.scale = ChannelScale(self.pooling.out_width) if settings.scaled else None
        self.head = ClassificationHead(
            self.pooling.out_width,
            labels,
            hidden=settings.head_width,
            dropout=settings.head_dropout,
        )

    def classify(self, hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """The logits of what the encoder made of n utterances.

        Args:
            hidden: (n, T, D), or (L, n, T, D) for each of its layers.
            mask: (n, T) bool, true where a frame is valid.

        Returns:
            (n, C) float32.
        """
        pooled = self.pooled(hidden, mask)
        if self.scale is not None:
            pooled = self.scale(pooled[..., None], _everywhere(pooled))[..., 0]
        logits: torch.Tensor = self.head(pooled)
        return logits

    def pooled(self, hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """The vector of each utterance, (n, D'), from what :meth:`classify` is given."""
        if self.mix is not None:
            hidden = self.mix(hidden.float())
        if self.projector is not None:
            hidden = self.projector(hidden.to(self.projector.weight.dtype))
        vector: torch.Tensor = self.pooling(hidden, mask)
        return vector

    def calibrate(self, hidden: torch.Tensor, mask: torch.Tensor) -> None:
        """Begin where the numbers of the vector have mean 0 and variance 1 over these utterances.

        Args:
            hidden: as for :meth:`classify`.
            mask: as for :meth:`classify`.
        """
        if self.scale is not None:
            with torch.no_grad():
                pooled = self.pooled(hidden, mask)
            self.scale.calibrate(pooled[..., None], _everywhere(pooled))


def _everywhere(pooled: torch.Tensor) -> torch.Tensor:
    """The mask of vectors, which have no padding: (n, 1)."""
    return pooled.new_ones(len(pooled), 1)
