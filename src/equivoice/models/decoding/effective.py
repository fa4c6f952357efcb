"""The settings that shape answers, once caller and checkpoint have both spoken.

As in ``generate`` of transformers: what the caller says, else what the checkpoint
says, else the release's default. That default is a top-k of 50, so an answer is
cut to the 50 most probable tokens even where nobody asked for it;
:meth:`~equivoice.models.language.Decoding.neutral` switches it off.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from equivoice.models.decoding.checkpoint import GENERATE_DEFAULTS
from equivoice.models.language import Decoding

__all__ = ["Effective", "resolve"]


@dataclass(frozen=True)
class Effective:
    """Concrete settings; nothing is left to the checkpoint.

    Args:
        max_new_tokens: the most tokens of an answer.
        min_new_tokens: the fewest tokens before an answer may end.
        top_p: 1 for all tokens.
        top_k: 0 for all tokens.
        repetition_penalty: 1 for none.
    """

    max_new_tokens: int = 5
    min_new_tokens: int = 1
    top_p: float = 1.0
    top_k: int = 0
    repetition_penalty: float = 1.0

    def as_dict(self) -> dict[str, Any]:
        """The settings, for a run record."""
        return asdict(self)


def resolve(decoding: Decoding, settings: Mapping[str, Any]) -> Effective:
    """The concrete settings of a call.

    Args:
        decoding: what the caller says.
        settings: of the checkpoint, by
            :func:`~equivoice.models.decoding.checkpoint.checkpoint_settings`.

    Example:
        >>> resolve(Decoding(top_p=1.0), {"top_k": 20, "top_p": 0.5}).as_dict()
        {'max_new_tokens': 5, 'min_new_tokens': 1, 'top_p': 1.0, 'top_k': 20, \
'repetition_penalty': 1.0}
        >>> resolve(Decoding(), {}).top_k, resolve(Decoding.neutral(), {"top_k": 20}).top_k
        (50, 0)
    """
    chosen: dict[str, Any] = {}
    for name, default in GENERATE_DEFAULTS.items():
        stated = (getattr(decoding, name), settings.get(name), default)
        chosen[name] = next(value for value in stated if value is not None)
    return Effective(decoding.max_new_tokens, decoding.min_new_tokens, **chosen)
