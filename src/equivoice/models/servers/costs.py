"""What answers cost, and what all requests of a server came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from equivoice.errors import ConfigError
from equivoice.models.servers.replies import Usage

__all__ = ["Prices", "Totals"]

_KINDS = ("input", "output", "audio", "cached")
_MILLION = 1_000_000


@dataclass(frozen=True)
class Prices:
    """Prices in US dollars per million tokens.

    Args:
        input: tokens of the prompt.
        output: tokens of the answer.
        audio: tokens of sound in the prompt; as ``input`` where ``None``.
        cached: tokens of the prompt that the server had kept; as ``input`` where ``None``.
    """

    input: float
    output: float
    audio: float | None = None
    cached: float | None = None

    @classmethod
    def of(cls, given: Mapping[str, Any] | None) -> Prices | None:
        """The prices of a configuration; ``None`` where there are none.

        Raises:
            ConfigError: input or output is missing, an unknown kind, or no price.
        """
        if given is None:
            return None
        problems = [
            f"prices.{name}: unknown; known: {', '.join(_KINDS)}"
            for name in given
            if name not in _KINDS
        ]
        problems += [f"prices.{name}: needed" for name in ("input", "output") if name not in given]
        problems += [
            f"prices.{name}: {value!r} is not a price in dollars per million tokens"
            for name, value in given.items()
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0
        ]
        if problems:
            raise ConfigError.from_problems(problems)
        return cls(**{name: float(value) for name, value in given.items()})

    def cost(self, usage: Usage) -> float:
        """What a request cost.

        Example:
            >>> Prices(input=1, output=2, audio=10).cost(Usage(prompt=600, completion=50, audio=100))
            0.0016
        """
        audio = min(usage.audio, usage.prompt)
        cached = min(usage.cached, usage.prompt - audio)
        spent = (
            (usage.prompt - audio - cached) * self.input
            + audio * (self.input if self.audio is None else self.audio)
            + cached * (self.input if self.cached is None else self.cached)
            + usage.completion * self.output
        )
        return spent / _MILLION


@dataclass
class Totals:
    """What all requests came to since the backend was made.

    Args:
        answers: answers that were asked for and settled, those without text included.
        failed: those of them without text.
        requests: HTTP requests sent.
        retries: requests that repeated another.
        uncounted: replies in which the server did not count tokens.
        prompt_tokens: of the requests that were answered.
        completion_tokens: likewise.
        audio_tokens: likewise.
        cost: in US dollars, where prices are known.
    """

    answers: int = 0
    failed: int = 0
    requests: int = 0
    retries: int = 0
    uncounted: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    audio_tokens: int = 0
    cost: float = 0.0

    def add(self, usage: Usage | None, cost: float | None) -> None:
        """Count the tokens of one reply."""
        self.uncounted += usage is None
        if usage is not None:
            self.prompt_tokens += usage.prompt
            self.completion_tokens += usage.completion
            self.audio_tokens += usage.audio
        self.cost += cost or 0.0

    def as_dict(self) -> dict[str, Any]:
        """The numbers by name."""
        return asdict(self)
