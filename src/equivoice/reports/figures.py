"""Figures as the inside of an ``svg`` element: forest plots and Pareto plots.

Positions across are per cent of the width and heights are CSS pixels, so that
letters keep their size from a phone to a page of paper. Colours come from the
style sheet's classes, and nothing is told by colour alone: every value stands
beside its mark as text.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from equivoice.reports.document import Figure
from equivoice.reports.formatting import percent, signed

__all__ = ["ForestRow", "ParetoPoint", "SeedPoint", "forest", "letter", "pareto", "ticks"]

_LEFT, _RIGHT = 3.0, 97.0
_AXIS = 26
_LINE = 17
_STRIP = 22
_GAP = 12
_HEADING = 28
_LONGEST_LABEL_BESIDE_VALUE = 22
_LEAST_GAP = 0.01
_NEAR_ACROSS, _NEAR_UP = 4.0, 18.0
_SEEDS_MEAN = (
    "Small letter: a single seed of the method with the same capital, which is their mean."
)
_SQUARE_MEANS = "Square: people. They are no systems; the dashed line passes over them."


@dataclass(frozen=True)
class ForestRow:
    """A line of a forest plot.

    Args:
        label: what the value belongs to.
        text: the value with its interval, in words.
        value: the estimate as a fraction of 1; ``None`` draws no mark.
        low: lower end of the interval.
        high: upper end of the interval.
        band: half the width of the band around zero in which a difference
            could not have been seen.
        floor: where a noise floor is marked.
        full: whether the mark is filled; else it is hollow.
        heading: a heading to stand above this line.
        people: whether the value is of listeners: a square mark; the label says so in words.
        bar: whether a bar reaches from zero to the value, as shares of a whole are drawn.
        detail: what must be known beside the label; it has a line of its own.
    """

    label: str
    text: str
    value: float | None
    low: float | None = None
    high: float | None = None
    band: float | None = None
    floor: float | None = None
    full: bool = True
    heading: str = ""
    people: bool = False
    bar: bool = False
    detail: str = ""

    @property
    def extent(self) -> list[float]:
        """All positions that the line needs on the axis."""
        band = () if self.band is None else (-self.band, self.band)
        zero = 0.0 if self.bar else None
        places = (self.value, self.low, self.high, self.floor, zero, *band)
        return [at for at in places if at is not None]


@dataclass(frozen=True)
class SeedPoint:
    """One of several trainings of a method, which differ in their seed."""

    seed: str
    gap: float
    score: float


@dataclass(frozen=True)
class ParetoPoint:
    """A system in a Pareto plot: its score and its gap, each with its interval."""

    label: str
    gap: float
    score: float
    gap_interval: tuple[float, float] | None = None
    score_interval: tuple[float, float] | None = None
    people: bool = False
    seeds: tuple[SeedPoint, ...] = ()


@dataclass(frozen=True)
class _Axis:
    """A linear scale between two values, onto two positions."""

    low: float
    high: float
    start: float = _LEFT
    stop: float = _RIGHT

    def at(self, value: float) -> float:
        """The position of a value, cut off at the ends of the axis."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return round(self.start + share * (self.stop - self.start), 2)


def ticks(low: float, high: float, *, most: int = 6) -> list[float]:
    """Round numbers that reach from at or below ``low`` to at or above ``high``.

    Args:
        low: the smallest value to be shown.
        high: the largest.
        most: how many ticks there may be, at least 3.

    Example:
        >>> ticks(0.07, 0.41)
        [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
    """
    if high - low < 1e-9:
        low, high = low - 0.01, high + 0.01
    power = math.floor(math.log10((high - low) / most))
    for step in (
        factor * 10.0**exponent for exponent in (power, power + 1) for factor in (1, 2, 5)
    ):
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        if last - first < most:
            break
    return [round(index * step, 10) for index in range(first, last + 1)]


def forest(
    rows: Sequence[ForestRow],
    *,
    title: str,
    difference: bool,
    key: Sequence[str] = (),
    ratio: bool = False,
) -> Figure:
    """A forest plot: one line a row, with its value in words above it.

    Args:
        rows: the lines, from top to bottom.
        title: what the plot shows.
        difference: whether the values are differences, so that zero is drawn.
        key: what the signs mean.
        ratio: whether values are plain ratios and not fractions of 1.

    Returns:
        the figure; its description repeats every line in words.
    """
    extent = [at for row in rows for at in row.extent] or [0.0]
    marks = ticks(
        min([*extent, 0.0] if difference else extent), max([*extent, 0.0] if difference else extent)
    )
    axis = _Axis(marks[0], marks[-1])
    longest = max((len(row.label) for row in rows), default=0)
    stacked = longest > _LONGEST_LABEL_BESIDE_VALUE or any(row.detail for row in rows)
    parts: list[Markup] = []
    y = 4
    strips: list[Markup] = []
    for row in rows:
        if row.heading:
            y += _HEADING
            strips.append(_text(0, y - 9, row.heading, "heading"))
        strips += _words(row, y, stacked=stacked)
        y += _LINE * (1 + stacked + bool(row.detail))
        strips += _strip(row, y + _STRIP // 2, axis)
        y += _STRIP + _GAP
    parts += _grid(marks, axis, y, difference=difference, ratio=ratio)
    description = " ".join(_in_words(row) for row in rows)
    return Figure(title, description, Markup("").join([*parts, *strips]), y + _AXIS, tuple(key))


def pareto(points: Sequence[ParetoPoint], *, score: str, gap: str, title: str) -> Figure:
    """Score against gap, one mark a system; up and left is better.

    Args:
        points: the systems; each is marked by a letter, in order.
        score: what the score is called.
        gap: what the gap is called.
        title: what the plot shows.
    """
    marks: list[ParetoPoint | SeedPoint] = [*points]
    marks += [seed for point in points for seed in point.seeds]
    gaps, scores = [mark.gap for mark in marks], [mark.score for mark in marks]
    across = _span(gaps, [point.gap_interval for point in points])
    up = _span(scores, [point.score_interval for point in points])
    x_marks, y_marks = ticks(min(0.0, across[0]), max(across[1], _LEAST_GAP)), ticks(*up)
    x, y = _Axis(x_marks[0], x_marks[-1], 12.0, 96.0), _Axis(y_marks[0], y_marks[-1], 280.0, 30.0)
    parts = [*_pareto_grid(x_marks, y_marks, x, y), *_front(points, x, y)]
    parts.append(_text(0, 14, f"{score} (%), higher is better", "small"))
    parts.append(_text(96, 318, "largest gap (points), smaller is better", "small", "end"))
    for at, point in enumerate(points):
        parts += _whiskers(point, x, y)
        parts += _seed_letters(point, letter(at).lower(), x, y)
    for cluster in _clusters(points, x, y):
        parts += _pareto_points(points, cluster, x, y)
    description = " ".join(
        f"{letter(at)}: {point.label}, {score} {percent(point.score)}%, "
        f"{gap} {percent(point.gap)} points."
        for at, point in enumerate(points)
    )
    names = tuple(f"{letter(at)}: {point.label}" for at, point in enumerate(points))
    key = (
        *names,
        (
            "Dashed line: no other system is better in both estimates. A system that recognises "
            "little can have a small gap: read both axes."
        ),
        *([_SEEDS_MEAN] if any(point.seeds for point in points) else []),
        *([_SQUARE_MEANS] if any(point.people for point in points) else []),
    )
    return Figure(title, description, Markup("").join(parts), 326, key)


def letter(position: int) -> str:
    """The letter that marks a point: A to Z, then A1 and so on.

    Example:
        >>> letter(0), letter(27)
        ('A', 'B1')
    """
    name = chr(ord("A") + position % 26)
    return name if position < 26 else f"{name}{position // 26}"


def _in_words(row: ForestRow) -> str:
    head = f"{row.heading}. " if row.heading else ""
    label = f"{row.label}, {row.detail}" if row.detail else row.label
    return f"{head}{label}: {row.text}."


def _text(x: float, y: float, text: str, name: str, anchor: str = "start") -> Markup:
    return Markup('<text x="{}%" y="{}" class="{}" text-anchor="{}">{}</text>').format(
        x, y, name, anchor, text
    )


def _words(row: ForestRow, y: int, *, stacked: bool) -> list[Markup]:
    label = _text(0, y + 13, row.label, "label")
    if not stacked:
        return [label, _text(100, y + 13, row.text, "value", "end")]
    below = [text for text in (row.detail, row.text) if text]
    return [
        label,
        *(_text(0, y + 13 + _LINE * at, text, "value") for at, text in enumerate(below, start=1)),
    ]


def _strip(row: ForestRow, y: int, axis: _Axis) -> Iterator[Markup]:
    """The marks of one line: band, interval with end strokes, estimate, noise floor."""
    if row.band is not None:
        start, stop = axis.at(-row.band), axis.at(row.band)
        yield Markup('<rect x="{}%" y="{}" width="{}%" height="14" class="band"/>').format(
            start, y - 7, round(stop - start, 2)
        )
    if row.bar and row.value is not None:
        start, stop = sorted((axis.at(0.0), axis.at(row.value)))
        yield Markup('<rect x="{}%" y="{}" width="{}%" height="14" class="bar"/>').format(
            start, y - 7, round(stop - start, 2)
        )
    if row.low is not None and row.high is not None:
        ends = axis.at(row.low), axis.at(row.high)
        yield _line(ends[0], y, ends[1], y, "interval")
        for end in ends:
            yield _line(end, y - 5, end, y + 5, "interval")
    if row.floor is not None:
        yield _line(axis.at(row.floor), y - 9, axis.at(row.floor), y + 9, "floor")
    if row.value is not None:
        name = "mark" if row.full else "mark hollow"
        draw = _square if row.people else _dot
        yield draw(axis.at(row.value), y, 5, name)


def _line(x1: float, y1: float, x2: float, y2: float, name: str) -> Markup:
    return Markup('<line x1="{}%" y1="{}" x2="{}%" y2="{}" class="{}"/>').format(
        x1, y1, x2, y2, name
    )


def _dot(x: float, y: float, radius: float, name: str) -> Markup:
    return Markup('<circle cx="{}%" cy="{}" r="{}" class="{}"/>').format(x, y, radius, name)


def _square(x: float, y: float, radius: float, name: str) -> Markup:
    """A square around a place; the style sheet moves it by half its width to the left."""
    size = 2 * radius
    return Markup('<rect x="{}%" y="{}" width="{}" height="{}" class="{} people"/>').format(
        x, y - radius, size, size, f"{name} {'wide' if radius > 5 else 'narrow'}"
    )


def _grid(
    marks: Sequence[float], axis: _Axis, bottom: int, *, difference: bool, ratio: bool
) -> Iterator[Markup]:
    write = _written(marks, difference=difference, ratio=ratio)
    for mark in marks:
        zero = difference and mark == 0
        yield _line(axis.at(mark), 0, axis.at(mark), bottom, "zero" if zero else "grid")
        yield _text(axis.at(mark), bottom + 16, write(mark), "tick", "middle")


def _written(
    marks: Sequence[float], *, difference: bool = False, ratio: bool = False
) -> Callable[[float], str]:
    """How the ticks are written: whole numbers where all of them are whole."""
    if ratio:
        return lambda mark: f"{mark:g}".replace("-", "−")
    whole = all(abs(mark * 100 - round(mark * 100)) < 1e-6 for mark in marks)
    shown = signed if difference and marks[0] < 0 else percent
    return lambda mark: shown(mark, 0 if whole else 1)


def _span(
    values: Sequence[float], intervals: Sequence[tuple[float, float] | None]
) -> tuple[float, float]:
    ends = [end for pair in intervals if pair is not None for end in pair]
    return min([*values, *ends]), max([*values, *ends])


def _pareto_grid(
    x_marks: Sequence[float], y_marks: Sequence[float], x: _Axis, y: _Axis
) -> Iterator[Markup]:
    across, up = _written(x_marks), _written(y_marks)
    for mark in x_marks:
        yield _line(x.at(mark), y.stop, x.at(mark), y.start, "grid")
        yield _text(x.at(mark), y.start + 16, across(mark), "tick", "middle")
    for mark in y_marks:
        yield _line(x.start, y.at(mark), x.stop, y.at(mark), "grid")
        yield _text(x.start - 1.5, y.at(mark) + 4, up(mark), "tick", "end")


def _front(points: Sequence[ParetoPoint], x: _Axis, y: _Axis) -> Iterator[Markup]:
    """The line through the systems that no other one beats in both estimates; people are none."""
    best: list[ParetoPoint] = []
    systems = [point for point in points if not point.people]
    for point in sorted(systems, key=lambda each: (each.gap, -each.score)):
        if not best or point.score > best[-1].score:
            best.append(point)
    for first, second in itertools.pairwise(best):
        yield _line(
            x.at(first.gap), y.at(first.score), x.at(second.gap), y.at(second.score), "front"
        )


def _whiskers(point: ParetoPoint, x: _Axis, y: _Axis) -> Iterator[Markup]:
    across, up = x.at(point.gap), y.at(point.score)
    if point.gap_interval is not None:
        yield _line(x.at(point.gap_interval[0]), up, x.at(point.gap_interval[1]), up, "whisker")
    if point.score_interval is not None:
        low, high = point.score_interval
        yield _line(across, y.at(low), across, y.at(high), "whisker")


def _seed_letters(point: ParetoPoint, name: str, x: _Axis, y: _Axis) -> Iterator[Markup]:
    for seed in point.seeds:
        yield _text(x.at(seed.gap), y.at(seed.score) + 4, name, "seed", "middle")


def _clusters(points: Sequence[ParetoPoint], x: _Axis, y: _Axis) -> list[list[int]]:
    """The points by number, those together whose marks would hide each other's letters."""
    found: list[list[int]] = []
    for at, point in enumerate(points):
        near = [
            cluster
            for cluster in found
            if any(
                abs(x.at(point.gap) - x.at(points[other].gap)) < _NEAR_ACROSS
                and abs(y.at(point.score) - y.at(points[other].score)) < _NEAR_UP
                for other in cluster
            )
        ]
        found = [cluster for cluster in found if cluster not in near]
        found.append(sorted([at, *(other for cluster in near for other in cluster)]))
    return sorted(found)


def _pareto_points(
    points: Sequence[ParetoPoint], cluster: Sequence[int], x: _Axis, y: _Axis
) -> Iterator[Markup]:
    """A large mark with its letter; of points that stand together, small marks with all letters."""
    alone = len(cluster) == 1
    for at in cluster:
        point = points[at]
        across, up = x.at(point.gap), y.at(point.score)
        draw = _square if point.people else _dot
        yield draw(across, up, 11 if alone else 5, "mark")
        if alone:
            yield _text(across, up + 4, letter(at), "letter", "middle")
    if not alone:
        places = [(x.at(points[at].gap), y.at(points[at].score)) for at in cluster]
        top = min(up for _, up in places)
        middle = sum(across for across, _ in places) / len(places)
        names = ", ".join(letter(at) for at in cluster)
        yield _text(round(middle, 2), top - 10, names, "letters", "middle")
