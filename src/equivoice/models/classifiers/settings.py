"""The settings of what follows an encoder; torch is not needed to hold them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from equivoice.errors import ConfigError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["HeadSettings", "as_options"]


@dataclass(frozen=True)
class HeadSettings:
    """What follows an encoder.

    Args:
        pooling: ``attentive`` statistics, or the ``mean``.
        attention_width: of attentive statistics.
        projector: width of a linear layer before the pooling; 0 for none.
        head_width: width between the two layers of the head; 0 for one linear layer.
        head_dropout: between the two layers; before the one, where there is only one.
        scaled: a scale and a shift for each number of the vector, before the head.

    Raises:
        ConfigError: a projector below 0.
    """

    pooling: str = "attentive"
    attention_width: int = 128
    projector: int = 0
    head_width: int = 1024
    head_dropout: float = 0.5
    scaled: bool = False

    def __post_init__(self) -> None:
        if self.projector < 0:
            raise ConfigError("projector is below 0", value=self.projector)


def as_options(system: DataclassInstance) -> dict[str, Any]:
    """What makes the same network again, anywhere; as JSON holds it.

    Args:
        system: whose fields are its options.

    Example:
        >>> as_options(HeadSettings(pooling="mean"))["pooling"]
        'mean'
    """
    told = {name: value for name, value in asdict(system).items() if name != "device"}
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in told.items()
    }
