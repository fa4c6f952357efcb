"""Curves against temperature or steps, panel below panel, and reliability diagrams.

As in :mod:`equivoice.reports.figures`, positions across are per cent of the
width and heights are CSS pixels. A series is told by the shape of its marks and
the pattern of its line as well as by its colour; a point that is not defined
leaves a gap in the line and a cross at the foot of its panel, with its reason
in the key.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from equivoice.reports.document import Figure
from equivoice.reports.figures import ticks
from equivoice.reports.formatting import MINUS, capital, percent, signed

__all__ = [
    "MOST_SERIES",
    "CurvePoint",
    "Level",
    "Panel",
    "ReliabilityBin",
    "Series",
    "curves",
    "reliability",
]

MOST_SERIES = 3
_SHAPES = (
    ("●", "round", "solid line"),
    ("■", "square", "dashed line"),
    ("▲", "three", "dotted line"),
)
_MARKS = (
    Markup('<circle r="4.5"/>'),
    Markup('<rect x="-4.2" y="-4.2" width="8.4" height="8.4"/>'),
    Markup('<path d="M0-5.4L5.2 4.2L-5.2 4.2Z"/>'),
)
_LEFT, _RIGHT = 12.0, 97.0
_TOP, _PLOT, _FOOT, _BETWEEN = 30, 150, 22, 16
_DODGE = 0.9
_NEAR = 4.0
_LETTER = 2.1
_MOST_SIGNS = 24
_SQUARE = 260


@dataclass(frozen=True)
class CurvePoint:
    """A value at one place on the axis across.

    Args:
        at: the place, such as a temperature.
        value: a fraction of 1; ``None`` where it is not defined.
        low: lower end of its interval.
        high: upper end of its interval.
        spread: standard deviation over runs.
        floor: the value to be expected if groups did not differ.
        reason: why the value is not defined.
    """

    at: float
    value: float | None
    low: float | None = None
    high: float | None = None
    spread: float | None = None
    floor: float | None = None
    reason: str = ""

    @property
    def extent(self) -> list[float]:
        """All heights that the point needs."""
        if self.value is None:
            return []
        around = [] if self.spread is None else [self.value - self.spread, self.value + self.spread]
        given = [self.value, self.low, self.high, self.floor, *around]
        return [each for each in given if each is not None]


@dataclass(frozen=True)
class Series:
    """Points that belong together, from left to right."""

    label: str
    points: tuple[CurvePoint, ...]


@dataclass(frozen=True)
class Level:
    """A height that values are held against, drawn across the panel and named in the key."""

    value: float
    label: str


@dataclass(frozen=True)
class Panel:
    """One pair of axes.

    Args:
        title: what the height stands for, with its unit.
        series: at most :data:`MOST_SERIES`, of the same kinds in all panels of a figure.
        from_zero: whether the axis begins at 0.
        plain: whether values are plain numbers and not fractions of 1 in per cent.
        difference: whether values have a sign: zero is drawn, and the axis goes below it.
        levels: heights that values are held against.
    """

    title: str
    series: tuple[Series, ...]
    from_zero: bool = False
    plain: bool = False
    difference: bool = False
    levels: tuple[Level, ...] = ()

    @property
    def marks(self) -> list[float]:
        """Round heights that reach over all that the panel shows."""
        heights = [at for series in self.series for point in series.points for at in point.extent]
        heights += [level.value for level in self.levels]
        if self.from_zero or self.difference:
            heights.append(0.0)
        # Shares and gaps are never below 0, though a stroke of spread may reach there.
        low = min(heights, default=0.0)
        return ticks(low if self.difference else max(0.0, low), max(heights, default=1.0), most=6)

    def write(self, value: float, digits: int = 1) -> str:
        """A value as the panel's axis counts it."""
        if not self.plain:
            return signed(value, digits) if self.difference else percent(value, digits)
        text = f"{value:+.3f}" if self.difference and value else f"{value:.3f}"
        return text.replace("-", MINUS)

    def ticked(self, marks: Sequence[float]) -> list[str]:
        """The ticks in writing: whole per cent where all of them are."""
        if self.plain:
            return [f"{mark:g}".replace("-", MINUS) for mark in marks]
        whole = all(abs(mark * 100 - round(mark * 100)) < 1e-6 for mark in marks)
        return [self.write(mark, 0 if whole else 1) for mark in marks]


@dataclass
class _Reasons:
    """Numbers for the reasons of undefined points."""

    numbers: dict[str, int] = field(default_factory=dict)

    def of(self, reason: str) -> int:
        return self.numbers.setdefault(reason, len(self.numbers) + 1)


def curves(
    panels: Sequence[Panel],
    *,
    title: str,
    across: str,
    key: Sequence[str] = (),
    marked: tuple[float, str] | None = None,
    alike: bool = False,
    order: Sequence[str] = (),
) -> Figure:
    """Curves with bands, one panel below the other, over a common axis.

    Args:
        panels: from top to bottom.
        title: what the figure shows.
        across: what the axis across stands for.
        key: what its signs mean, beside those of the series.
        marked: a place on the axis across to be marked in every panel, and its name.
        alike: whether all panels have the same heights, so that they can be compared.
        order: series that keep the first signs, in figures where only some of them are shown too.

    Returns:
        the figure; its description names the first and the last value of every curve. All
        values belong into a table beside it.
    """
    shown = dict.fromkeys(series.label for panel in panels for series in panel.series)
    labels = list(dict.fromkeys([*order, *shown])) if shown.keys() & set(order) else list(shown)
    places = sorted({p.at for panel in panels for series in panel.series for p in series.points})
    ground = _Ground(places, labels, marked, _Reasons(), _common(panels) if alike else None)
    parts: list[Markup] = []
    top = 0
    for panel in panels:
        parts += _panel(panel, top, ground)
        top += _TOP + _PLOT + _FOOT + _BETWEEN
    parts.append(_text(_RIGHT, top + 2, across, "small", "end"))
    shapes = tuple(
        f"{_SHAPES[at % MOST_SERIES][0]} {label} ({_SHAPES[at % MOST_SERIES][2]})"
        for at, label in enumerate(labels)
        if label in shown
    )
    missing = tuple(
        f"×{number} not defined: {why}" for why, number in ground.reasons.numbers.items()
    )
    signs = (*shapes, *_level_key(panels), *key)
    if marked is not None:
        signs = (*signs, f"Dotted upright line: {marked[1]}, {across} {marked[0]:g}.")
    description = " ".join(_in_words(panel, across) for panel in panels)
    if marked is not None:
        description += f" Marked: {marked[1]}, at {across} {marked[0]:g}."
    return Figure(title, description, Markup("").join(parts), top + 10, (*signs, *missing))


def _level_key(panels: Sequence[Panel]) -> list[str]:
    """What the level lines are; where several panels have others, each is named."""
    named = {panel.title: " and ".join(level.label for level in panel.levels) for panel in panels}
    named = {title: labels for title, labels in named.items() if labels}
    if len(set(named.values())) == 1:
        return [f"Dashed level line: {next(iter(named.values()))}."]
    return [f"Dashed level line, {title}: {labels}." for title, labels in named.items()]


def _in_words(panel: Panel, across: str) -> str:
    said = []
    for series in panel.series:
        defined = [point for point in series.points if point.value is not None]
        lost = len(series.points) - len(defined)
        if not defined:
            said.append(f"{series.label}: not defined at any {across}.")
            continue
        ends = [defined[0]] if len(defined) == 1 else [defined[0], defined[-1]]
        told = ", ".join(f"{panel.write(p.value or 0.0)} at {across} {p.at:g}" for p in ends)
        gaps = f"; not defined at {lost} of {len(series.points)} places" if lost else ""
        said.append(f"{series.label}: {told}{gaps}.")
    held = "".join(
        f" {capital(level.label)}: {panel.write(level.value)}." for level in panel.levels
    )
    return f"{panel.title}. {' '.join(said)}{held}"


@dataclass(frozen=True)
class _Ground:
    """What all panels of a figure have in common."""

    places: Sequence[float]
    labels: Sequence[str]
    marked: tuple[float, str] | None
    reasons: _Reasons
    marks: list[float] | None

    @property
    def across(self) -> _Scale:
        marked = [] if self.marked is None else [self.marked[0]]
        places = [*self.places, *marked] or [0.0]
        return _Scale(min(places), max(places), _LEFT + 3.0, _RIGHT - 2.0)


def _common(panels: Sequence[Panel]) -> list[float]:
    """Round heights that reach over all that any of the panels shows."""
    every = [mark for panel in panels for mark in panel.marks]
    return ticks(min(every), max(every), most=6)


def _panel(panel: Panel, top: int, ground: _Ground) -> Iterator[Markup]:
    marks = ground.marks or panel.marks
    across = ground.across
    up = _Scale(marks[0], marks[-1], float(_PLOT), 0.0)
    yield _text(0, top + 14, capital(panel.title), "heading")
    yield Markup('<svg y="{}" width="100%" height="{}" overflow="visible">').format(
        top + _TOP, _PLOT + _FOOT
    )
    yield from _frame(panel, marks, ground, up)
    for series in panel.series:
        yield from _series(series, ground.labels.index(series.label), across, up, ground)
    yield Markup("</svg>")


@dataclass(frozen=True)
class _Scale:
    low: float
    high: float
    start: float
    stop: float

    def at(self, value: float) -> float:
        if self.high == self.low:
            return round((self.start + self.stop) / 2, 2)
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return round(self.start + share * (self.stop - self.start), 2)


def _frame(panel: Panel, marks: Sequence[float], ground: _Ground, up: _Scale) -> Iterator[Markup]:
    """Grid and ticks, the heights that values are held against, and the marked place."""
    across = ground.across
    for mark, written in zip(marks, panel.ticked(marks), strict=True):
        zero = panel.difference and mark == 0
        yield _line(_LEFT, up.at(mark), _RIGHT, up.at(mark), "zero" if zero else "grid")
        yield _text(_LEFT - 1.5, up.at(mark) + 4, written, "tick", "end")
    last = -100.0
    for place in ground.places:
        room = max(_NEAR, _LETTER * len(f"{place:g}") + 2.0 if place >= 100 else 0.0)
        if across.at(place) - last >= room:
            last = across.at(place)
            yield _text(last, _PLOT + 17, f"{place:g}", "tick", "middle")
    for level in panel.levels:
        yield _line(_LEFT, up.at(level.value), _RIGHT, up.at(level.value), "front")
    if ground.marked is not None:
        at = across.at(ground.marked[0])
        yield _line(at, 0, at, _PLOT, "chosen")


def _series(
    series: Series, number: int, across: _Scale, up: _Scale, ground: _Ground
) -> Iterator[Markup]:
    shape = _SHAPES[number % MOST_SERIES][1]
    crowded = len(ground.places) > _MOST_SIGNS
    shift = 0.0 if crowded else (number % MOST_SERIES - 1) * _DODGE
    placed = [(round(across.at(point.at) + shift, 2), point) for point in series.points]
    yield Markup('<g class="series {}">').format(shape)
    for run in _unbroken(placed):
        yield _stretched(run, up)
    every = 1 + len(placed) // _MOST_SIGNS
    for position, (x, point) in enumerate(placed):
        if point.value is None:
            yield _text(x, _PLOT - 4, f"×{ground.reasons.of(point.reason)}", "lost", "middle")
        elif position % every == 0 or point is series.points[-1]:
            yield from _sign(x, point, up, number)
    yield Markup("</g>")


def _sign(x: float, point: CurvePoint, up: _Scale, number: int) -> Iterator[Markup]:
    """The mark of one point, with its spread and its noise floor."""
    value = point.value or 0.0
    if point.floor is not None:
        yield _line(x - 1.2, up.at(point.floor), x + 1.2, up.at(point.floor), "floor")
    if point.spread is not None:
        ends = up.at(value - point.spread), up.at(value + point.spread)
        yield _line(x, ends[0], x, ends[1], "spread")
    yield Markup('<svg x="{}%" y="{}" overflow="visible" class="sign">{}</svg>').format(
        x, up.at(value), _MARKS[number % MOST_SERIES]
    )


def _unbroken(
    placed: Sequence[tuple[float, CurvePoint]],
) -> Iterator[list[tuple[float, CurvePoint]]]:
    """Runs of defined points; an undefined one breaks the line."""
    run: list[tuple[float, CurvePoint]] = []
    for x, point in placed:
        if point.value is not None:
            run.append((x, point))
        elif run:
            yield run
            run = []
    if run:
        yield run


def _stretched(run: Sequence[tuple[float, CurvePoint]], up: _Scale) -> Markup:
    """Line and band; a drawing of its own, whose width follows the page."""
    line = " ".join(f"{x},{up.at(point.value or 0.0)}" for x, point in run)
    bands = Markup("").join(
        Markup('<polygon class="around" points="{}"/>').format(_outline(part, up))
        for part in _with_interval(run)
    )
    return Markup(
        '<svg width="100%" height="{0}" viewBox="0 0 100 {0}" preserveAspectRatio="none">{1}'
        '<polyline class="curve" points="{2}"/></svg>'
    ).format(_PLOT, bands, line)


def _with_interval(
    run: Sequence[tuple[float, CurvePoint]],
) -> Iterator[list[tuple[float, CurvePoint]]]:
    part: list[tuple[float, CurvePoint]] = []
    for x, point in run:
        if point.low is not None and point.high is not None:
            part.append((x, point))
        elif part:
            yield part
            part = []
    if part:
        yield part


def _outline(part: Sequence[tuple[float, CurvePoint]], up: _Scale) -> str:
    if len(part) == 1:  # a single interval is a narrow band
        x, point = part[0]
        part = [(x - 0.6, point), (x + 0.6, point)]
    above = [f"{x},{up.at(point.high or 0.0)}" for x, point in part]
    below = [f"{x},{up.at(point.low or 0.0)}" for x, point in reversed(part)]
    return " ".join([*above, *below])


@dataclass(frozen=True)
class ReliabilityBin:
    """Answers of like confidence: how sure, how often right, how many."""

    confidence: float
    accuracy: float
    n: int
    low: float | None = None
    high: float | None = None


def reliability(bins: Sequence[ReliabilityBin], *, title: str, key: Sequence[str] = ()) -> Figure:
    """How often answers were right against how sure the system was of them.

    Args:
        bins: from the least sure to the surest; each is drawn with its number of answers.
        title: what the figure shows.
        key: what its signs mean.
    """
    x, y = _Scale(0.0, 1.0, _LEFT, _RIGHT), _Scale(0.0, 1.0, float(_SQUARE), 12.0)
    parts: list[Markup] = []
    for mark in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0):
        parts.append(_line(_LEFT, y.at(mark), _RIGHT, y.at(mark), "grid"))
        parts.append(_text(_LEFT - 1.5, y.at(mark) + 4, percent(mark, 0), "tick", "end"))
        parts.append(_text(x.at(mark), _SQUARE + 17, percent(mark, 0), "tick", "middle"))
    parts.append(_line(x.at(0.0), y.at(0.0), x.at(1.0), y.at(1.0), "front"))
    for each in bins:
        across = x.at(each.confidence)
        if each.low is not None and each.high is not None:
            parts.append(_line(across, y.at(each.low), across, y.at(each.high), "interval"))
        parts.append(
            Markup('<circle cx="{}%" cy="{}" r="5" class="mark"/>').format(
                across, y.at(each.accuracy)
            )
        )
    parts.append(_text(_RIGHT, _SQUARE + 36, "probability of the chosen option, %", "small", "end"))
    description = " ".join(
        f"{each.n} answers with mean probability {percent(each.confidence)}%: "
        f"{percent(each.accuracy)}% right."
        for each in bins
    )
    return Figure(title, description, Markup("").join(parts), _SQUARE + 42, tuple(key))


def _text(x: float, y: float, text: str, name: str, anchor: str = "start") -> Markup:
    return Markup('<text x="{}%" y="{}" class="{}" text-anchor="{}">{}</text>').format(
        x, y, name, anchor, text
    )


def _line(x1: float, y1: float, x2: float, y2: float, name: str) -> Markup:
    return Markup('<line x1="{}%" y1="{}" x2="{}%" y2="{}" class="{}"/>').format(
        x1, y1, x2, y2, name
    )
