"""The options that classifiers out of a language model share: adapter, head, and how it is held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from equivoice.models.classifiers.settings import HeadSettings
from equivoice.models.decoding.adapters import LoraSettings

__all__ = ["AdaptedLanguageModel"]


@dataclass(frozen=True, kw_only=True)
class AdaptedLanguageModel:
    """A language model with an adapter and a head instead of words.

    Args:
        rank: of the adapter.
        alpha: the adapter is scaled by alpha / rank.
        lora_dropout: of the adapter.
        targets: which layers have an adapter; ``language`` for all linear ones of the
            language model.
        pooling: ``attentive`` statistics, or the ``mean``.
        attention_width: of attentive statistics.
        head_width: between the two layers of the head; 0 for one linear layer.
        head_dropout: between the two layers.
        revision: as for :class:`~equivoice.models.decoding.loading.LoadOptions`.
        dtype: likewise; what is trained is float32 in any case.
        device: likewise.
        attention: likewise.
        quantisation: likewise.
        trust_remote_code: likewise.
        safetensors_only: likewise.
    """

    rank: int = 8
    alpha: float = 32.0
    lora_dropout: float = 0.1
    targets: str | Sequence[str] = "language"
    pooling: str = "attentive"
    attention_width: int = 128
    head_width: int = 1024
    head_dropout: float = 0.5
    revision: str | None = None
    dtype: str = "auto"
    device: str = "auto"
    attention: str = "sdpa"
    quantisation: str = "none"
    trust_remote_code: bool = False
    safetensors_only: bool = True

    @property
    def lora(self) -> LoraSettings:
        """The adapter.

        Raises:
            ConfigError: a number that cannot be.
        """
        # a list, as JSON holds them
        names = self.targets if isinstance(self.targets, str) else tuple(self.targets)
        return LoraSettings(self.rank, self.alpha, self.lora_dropout, names)

    @property
    def head(self) -> HeadSettings:
        """What follows the language model."""
        return HeadSettings(
            pooling=self.pooling,
            attention_width=self.attention_width,
            head_width=self.head_width,
            head_dropout=self.head_dropout,
        )

    @property
    def exact(self) -> bool:
        """Whether weights are held in float32, as they must be to be trained themselves."""
        return self.quantisation == "none" and self.dtype in ("auto", "float32")
