"""A language system as the self-tests ask it: option scores where it has them, else answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from equivoice.models import (
    Clip,
    Decoding,
    Draw,
    FloatArray,
    LanguageBackend,
    PrefixBackend,
    Question,
)
from equivoice.prompting import load_prompt, make_options
from equivoice.records import Label, LabelSpace

__all__ = ["Asked"]

_SPACE = LabelSpace(
    "self-test", tuple(Label(name) for name in ("angry", "happy", "neutral", "sad"))
)
_TRANSCRIPT = "Kids are talking by the door."
_EXACT = 1e-3
_HALF_PRECISION = 0.35


@dataclass
class Asked:
    """A system with one question about any clip.

    Args:
        backend: the system.
    """

    backend: LanguageBackend
    described: Mapping[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.described = dict(self.backend.describe())
        self._options = make_options(_SPACE)

    @property
    def hears(self) -> bool:
        """Whether it takes sound at all."""
        return bool({"speech", "speech+transcript"} & self.backend.modalities)

    @property
    def scores_options(self) -> bool:
        """Whether probabilities of options can be had from it."""
        return isinstance(self.backend, PrefixBackend)

    @property
    def tolerance(self) -> float:
        """How far log-probabilities of the same thing may lie apart."""
        return _EXACT if self.described.get("dtype", "float32") == "float32" else _HALF_PRECISION

    @property
    def texts(self) -> tuple[str, ...]:
        """The options as displayed."""
        return self._options.shown

    def question(self, clip: Clip) -> Question:
        """The same question, by the same name, about a clip."""
        modality = "speech" if "speech" in self.backend.modalities else "speech+transcript"
        if not self.hears:
            modality = "transcript"
        turns = load_prompt("user_labels").render(
            self._options,
            family=self.backend.family,
            modality=modality,
            transcript=None if modality == "speech" else _TRANSCRIPT,
        )
        return Question("self-test/1", turns, clip if self.hears else None)

    def scores(
        self, clips: Sequence[Clip], *, temperature: float = 1.0, texts: Sequence[str] | None = None
    ) -> FloatArray:
        """(n, K) log-probabilities of the options, the clips as one batch."""
        backend = self.backend
        assert isinstance(backend, PrefixBackend)  # noqa: S101 - asked for only where it holds
        prefix = backend.prepare([self.question(clip) for clip in clips])
        found = backend.option_logprobs(
            prefix, texts or self.texts, [temperature], Decoding.neutral(max_new_tokens=16)
        )
        return np.asarray(found.logprobs[:, 0], dtype=np.float64)

    def answers(
        self, clips: Sequence[Clip], draws: Sequence[Draw], *, max_new_tokens: int = 12
    ) -> list[list[str | None]]:
        """What it says about each clip, the clips as one batch."""
        said = self.backend.answer(
            [self.question(clip) for clip in clips],
            [list(draws) for _ in clips],
            Decoding.neutral(max_new_tokens=max_new_tokens),
        )
        return [[each.text for each in row] for row in said]


def apart(first: FloatArray, second: FloatArray) -> float:
    """The largest distance of log-probabilities; options that both find impossible agree."""
    both = np.isneginf(first) & np.isneginf(second)
    with np.errstate(invalid="ignore"):
        return float(np.where(both, 0.0, np.abs(first - second)).max(initial=0.0))
