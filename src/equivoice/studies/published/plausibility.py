"""What "Explainable SpeechLM" printed of people and of its judge, and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from equivoice.rating.analysis.totals import (
    PrintedShare,
    Reading,
    binomial_size,
    independent,
    readings,
    widest_over_items,
)

__all__ = ["Printed", "Recomputed", "load_plausibility", "markdown", "recomputed"]

_ROUNDING = 0.05 + 1e-9


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Share(_Closed):
    """A share of judgments, in per cent; the count is that which rounds to it."""

    name: str
    percent: float = Field(ge=0, le=100)
    raters: int = Field(ge=1)
    items: int = Field(ge=1)
    count: int = Field(ge=0)
    low: float | None = None
    high: float | None = None

    @model_validator(mode="after")
    def _rounds(self) -> Share:
        if abs(100 * self.count / (self.raters * self.items) - self.percent) > _ROUNDING:
            raise ValueError(f"{self.name}: {self.count} is not {self.percent} per cent")
        return self


class WinRate(_Closed):
    """A win rate, in per cent."""

    name: str
    percent: float
    low: float
    high: float


class Printed(_Closed):
    """All that is printed.

    Args:
        source: where.
        people: the two tests with people.
        conditions: the parts of Test I.
        judge: the win rates.
        per_emotion: how many pairs of each emotion are said to be judged.
        emotions: how many emotions there are.
    """

    source: str
    people: tuple[Share, ...]
    conditions: tuple[Share, ...]
    judge: tuple[WinRate, ...]
    per_emotion: int
    emotions: int


@dataclass(frozen=True)
class Recomputed:
    """A test with people beside its printed interval.

    Args:
        printed: as printed.
        independent: the interval if all judgments were independent.
        widest: the interval over items if raters always agreed.
        readings: the printed interval as one over raters, and as one over items.
    """

    printed: PrintedShare
    independent: tuple[float, float]
    widest: tuple[float, float]
    readings: tuple[Reading, Reading]


def load_plausibility() -> Printed:
    """The printed figures.

    Example:
        >>> [share.count for share in load_plausibility().people]
        [221, 127]
    """
    entry = resources.files("equivoice.studies.published") / "plausibility.yaml"
    return Printed.model_validate(yaml.safe_load(entry.read_text("utf-8")))


def recomputed() -> tuple[Recomputed, ...]:
    """The tests with people, recomputed from their totals.

    Example:
        >>> [round(end, 3) for end in recomputed()[1].independent]
        [0.345, 0.451]
    """
    found = []
    for share in load_plausibility().people:
        if share.low is None or share.high is None:
            continue
        printed = PrintedShare(
            share.name, share.count, share.raters, share.items, share.low / 100, share.high / 100
        )
        found.append(
            Recomputed(printed, independent(printed), widest_over_items(printed), readings(printed))
        )
    return tuple(found)


def markdown() -> str:
    """Both tables as Markdown, as ``docs/judging.md`` shows them."""
    lines = [
        "| | Share | Printed | All judgments independent | Over items, at most | Spread of raters (by chance) | Spread of items (by chance) |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for each in recomputed():
        raters, items = each.readings
        lines.append(
            f"| {each.printed.name} | {each.printed.count}/{each.printed.of} = "
            f"{100 * each.printed.share:.1f} | {_ends(each.printed.low, each.printed.high)} | "
            f"{_ends(*each.independent)} | {_ends(*each.widest)} | {_spread(raters)} | "
            f"{_spread(items)} |"
        )
    printed = load_plausibility()
    lines += [
        "",
        "| Judge | Win rate | Printed | Independent pairs that give this interval | Pairs described |",
        "| --- | --- | --- | --- | --- |",
    ]
    for rate in printed.judge:
        few, many = binomial_size(rate.percent / 100, rate.low / 100, rate.high / 100)
        lines.append(
            f"| {rate.name} | {rate.percent:.1f} | [{rate.low:.1f}, {rate.high:.1f}] | "
            f"{few} to {many} | at most {printed.per_emotion * printed.emotions} |"
        )
    return "\n".join(lines)


def _ends(low: float, high: float) -> str:
    return f"[{100 * low:.1f}, {100 * high:.1f}]"


def _spread(reading: Reading) -> str:
    possible = "" if reading.counts else ", impossible"
    return f"{100 * reading.spread:.1f} ({100 * reading.by_chance:.1f}){possible}"
