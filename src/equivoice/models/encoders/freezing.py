"""What of a pretrained encoder is trained, and what stays as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from equivoice.errors import ConfigError

if TYPE_CHECKING:
    from equivoice.models.encoders.families import Encoder

__all__ = ["Freezing", "freeze"]

_CHOICES = ("all", "features", "layers:K", "none")
_LAYERS = "layers:"


@dataclass(frozen=True)
class Freezing:
    """What is frozen.

    Args:
        front: the convolutions at the beginning.
        below: all below this layer, counted from 0; ``None``: no layer.
        whole: the encoder.

    Example:
        >>> Freezing.read("layers:3")
        Freezing(front=True, below=3, whole=False)
    """

    front: bool
    below: int | None = None
    whole: bool = False

    @classmethod
    def read(cls, text: str) -> Freezing:
        """From an option: ``all``, ``features``, ``layers:K`` or ``none``.

        Raises:
            ConfigError: it is none of these.
        """
        if text == "all":
            return cls(front=True, whole=True)
        if text in ("features", "none"):
            return cls(front=text == "features")
        number = text.removeprefix(_LAYERS)
        if text.startswith(_LAYERS) and number.isdecimal():
            return cls(front=True, below=int(number))
        raise ConfigError("freeze: unknown choice", value=text, choices=_CHOICES)


def freeze(encoder: Encoder, what: Freezing, *, spec_augment: bool) -> list[Any]:
    """Choose what of an encoder requires a gradient, in place.

    Args:
        encoder: all of it frozen.
        what: stays so.
        spec_augment: hide moments and features in training, where the checkpoint has it.

    Returns:
        the modules that are frozen as a whole.

    Raises:
        ConfigError: the encoder has fewer layers.
    """
    config = encoder.model.config
    if not spec_augment or what.whole:
        config.apply_spec_augment = False
    if what.whole:
        return [encoder]
    depth = len(encoder.layers())
    if what.below is not None and what.below > depth:
        raise ConfigError(
            f"freeze=layers:{what.below}, and the encoder has {depth} layers", value=what.below
        )
    frozen: list[Any] = []
    if what.below is not None:
        _set(encoder.above(), on=True)
        _set(encoder.layers()[what.below :], on=True)
        held = {*encoder.above(), *encoder.layers()[what.below :]}
        frozen = [part for part in encoder.modules() if _outside(part, held)]
    else:
        _set([encoder], on=True)
        if what.front:
            frozen = encoder.beginning()
            _set(frozen, on=False)
    for name, parameter in encoder.named_parameters():
        if name.endswith("embed_positions.weight") or (
            # which replaces what is hidden, and else has no gradient
            name.endswith("masked_spec_embed") and not _hides(config)
        ):
            parameter.requires_grad_(False)
    return frozen


def _set(parts: Any, *, on: bool) -> None:
    for part in parts:
        part.requires_grad_(on)


def _outside(part: Any, trained: set[Any]) -> bool:
    """Whether nothing of a module is trained, nor is it within what is."""
    return not any(each in trained for each in part.modules()) and not any(
        part in set(each.modules()) for each in trained
    )


def _hides(config: Any) -> bool:
    probabilities = (getattr(config, "mask_time_prob", 0), getattr(config, "mask_feature_prob", 0))
    return bool(getattr(config, "apply_spec_augment", True) and max(probabilities) > 0)
