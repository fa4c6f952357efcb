"""Curves and diagrams of any values: all of it inside the frame, in order, and in words.

Positions are read back from the drawing and compared with the values.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equivoice.reports.curves import (
    MOST_SERIES,
    CurvePoint,
    Panel,
    ReliabilityBin,
    Series,
    curves,
    reliability,
)
from equivoice.reports.document import Figure
from equivoice.reports.figures import ticks

shares = st.floats(0, 1).map(lambda value: round(value, 4))
temperatures = st.lists(
    st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0]), min_size=1, max_size=6, unique=True
).map(sorted)


@st.composite
def points(draw: st.DrawFn, at: float) -> CurvePoint:
    value = draw(st.none() | shares)
    if value is None:
        return CurvePoint(at, None, reason=draw(st.sampled_from(["too few", "one group only"])))
    width = draw(st.none() | st.floats(0, 0.2))
    return CurvePoint(
        at,
        value,
        low=None if width is None else max(0.0, value - width),
        high=None if width is None else min(1.0, value + width),
        spread=draw(st.none() | st.floats(0, 0.1)),
        floor=draw(st.none() | shares),
    )


@st.composite
def series(draw: st.DrawFn) -> list[Series]:
    places = draw(temperatures)
    count = draw(st.integers(1, MOST_SERIES))
    return [
        Series(f"reading {number}", tuple(draw(points(at)) for at in places))
        for number in range(count)
    ]


def drawn(figure: Figure) -> ET.Element:
    return ET.fromstring(f"<svg>{figure.body}</svg>")  # noqa: S314 - our own drawing


def one_panel(given_series: Sequence[Series], *, zero: bool = False) -> Figure:
    panel = Panel("gap, %", tuple(given_series), from_zero=zero)
    return curves([panel], title="t", across="temperature")


def signs(root: ET.Element) -> list[list[tuple[float, float]]]:
    """By series, where the mark of each defined point is."""
    return [
        [
            (float(sign.get("x", "").rstrip("%")), float(sign.get("y", "")))
            for sign in group.iter("svg")
            if sign.get("class") == "sign"
        ]
        for group in root.iter("g")
    ]


def pairs(text: str) -> list[tuple[float, float]]:
    return [tuple(map(float, pair.split(","))) for pair in text.split()]  # type: ignore[misc]


# --------------------------------------------------------------------------- curves


@given(series(), st.booleans())
def test_nothing_leaves_its_panel(given_series: list[Series], zero: bool) -> None:
    root = drawn(one_panel(given_series, zero=zero))
    numbers = [
        float(element.get(name, "").rstrip("%"))
        for element in root.iter("line")
        for name in ("x1", "x2")
    ]
    assert all(0 <= number <= 100 for number in numbers)
    heights = [y for own in signs(root) for _, y in own]
    heights += [float(line.get(name, "")) for line in root.iter("line") for name in ("y1", "y2")]
    for kind in ("polyline", "polygon"):
        for element in root.iter(kind):
            heights += [y for _, y in pairs(element.get("points", ""))]
    assert all(0 <= height <= 150 for height in heights)


@given(series(), st.booleans())
def test_a_higher_value_stands_higher_and_in_proportion(
    given_series: list[Series], zero: bool
) -> None:
    """All marks lie on one straight line from value to height, falling on the screen."""
    root = drawn(one_panel(given_series, zero=zero))
    known = [
        (point.value, y)
        for own, placed in zip(given_series, signs(root), strict=True)
        for point, (_, y) in zip(
            [each for each in own.points if each.value is not None], placed, strict=True
        )
    ]
    for (value, y), (other, z) in itertools.pairwise(sorted(known, key=lambda each: each[0] or 0)):
        assert z <= y + 0.01
        assert (value == other) <= (y == z)
    if len(known) > 2:
        (low, bottom), (high, top) = min(known), max(known)
        if high - low > 0.01:
            for value, y in known:
                wanted = bottom + (value - low) / (high - low) * (top - bottom)
                assert y == pytest.approx(wanted, abs=0.05)


@given(series())
def test_marks_of_one_temperature_stand_beside_each_other_in_the_order_of_the_key(
    given_series: list[Series],
) -> None:
    figure = one_panel(given_series)
    placed = signs(drawn(figure))
    by_place: dict[float, list[float]] = {}
    for own, marks in zip(given_series, placed, strict=True):
        defined = [point.at for point in own.points if point.value is not None]
        assert [x for x, _ in marks] == sorted(x for x, _ in marks)
        for at, (x, _) in zip(defined, marks, strict=True):
            by_place.setdefault(at, []).append(x)
    for xs in by_place.values():
        assert xs == sorted(xs)
        assert len(set(xs)) == len(xs)
        assert max(xs) - min(xs) < 2.0  # near enough to be read as one temperature
    shown = [line.split(" (")[0][2:] for line in figure.key[: len(given_series)]]
    assert shown == [own.label for own in given_series]


@given(series())
def test_lines_break_just_where_nothing_is_defined(given_series: list[Series]) -> None:
    root = drawn(one_panel(given_series))
    for own, group in zip(given_series, root.iter("g"), strict=True):
        runs = [
            len(list(points_of))
            for defined, points_of in itertools.groupby(own.points, lambda p: p.value is not None)
            if defined
        ]
        found = [len(pairs(line.get("points", ""))) for line in group.iter("polyline")]
        assert found == runs


@given(series())
def test_every_undefined_point_is_told_by_a_numbered_reason(given_series: list[Series]) -> None:
    figure = one_panel(given_series)
    lost = [point for own in given_series for point in own.points if point.value is None]
    told = dict(
        re.fullmatch(r"×(\d+) not defined: (.*)", line).groups()  # type: ignore[union-attr]
        for line in figure.key
        if line.startswith("×")
    )
    assert set(told.values()) == {point.reason for point in lost}
    crosses = [
        text.text or "" for text in drawn(figure).iter("text") if text.get("class") == "lost"
    ]
    assert [told[cross[1:]] for cross in crosses] == [point.reason for point in lost]


@given(series())
def test_the_description_names_the_ends_of_each_curve(given_series: list[Series]) -> None:
    said = one_panel(given_series).description
    for own in given_series:
        defined = [point for point in own.points if point.value is not None]
        if not defined:
            assert f"{own.label}: not defined at any temperature." in said
            continue
        for end in (defined[0], defined[-1]):
            told = re.search(
                rf"{own.label}: [^:]*?([\d.]+) at temperature {re.escape(f'{end.at:g}')}\b", said
            )
            assert told is not None
            assert float(told[1]) == pytest.approx(100 * (end.value or 0), abs=0.0501)
        lost = len(own.points) - len(defined)
        gap = f"not defined at {lost} of {len(own.points)} places"
        sentence = said.partition(f"{own.label}: ")[2].partition("reading")[0]
        assert (gap in sentence) == (lost > 0)


@given(series())
def test_bands_hold_their_curve(given_series: list[Series]) -> None:
    """At each point with an interval the band reaches from its upper to its lower end."""
    for group in drawn(one_panel(given_series)).iter("g"):
        curve = {x: y for line in group.iter("polyline") for x, y in pairs(line.get("points", ""))}
        for band in group.iter("polygon"):
            outline = pairs(band.get("points", ""))
            half = len(outline) // 2
            above, below = outline[:half], outline[half:][::-1]
            assert [x for x, _ in above] == [x for x, _ in below]
            for (x, high), (_, low) in zip(above, below, strict=True):
                assert high <= low + 1e-9
                if x in curve:
                    assert high - 0.01 <= curve[x] <= low + 0.01


@given(st.lists(st.floats(0, 100), min_size=2, max_size=30, unique=True).map(sorted))
def test_names_of_temperatures_do_not_run_into_each_other(places: list[float]) -> None:
    root = drawn(one_panel([Series("a", tuple(CurvePoint(at, 0.5) for at in places))]))
    named = [
        float(text.get("x", "").rstrip("%"))
        for text in root.iter("text")
        if text.get("text-anchor") == "middle"
    ]
    assert len(named) >= 1
    assert all(after - before >= 4.0 - 1e-9 for before, after in itertools.pairwise(named))


@given(st.integers(1, 4))
def test_panels_stand_below_each_other(count: int) -> None:
    own = (Series("a", (CurvePoint(0, 0.1), CurvePoint(1, 0.2))),)
    figure = curves([Panel(f"panel {i}", own) for i in range(count)], title="t", across="x")
    tops = [float(panel.get("y", "")) for panel in drawn(figure).findall("svg")]
    assert len(tops) == count
    assert all(after - before > 172 for before, after in itertools.pairwise(tops))
    assert figure.height > tops[-1] + 172
    assert figure.description.count("10.0 at x 0, 20.0 at x 1") == count


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_no_text_breaks_the_drawing(label: str, title: str, reason: str) -> None:
    """Control characters cannot stand in XML; all else must come back as it was."""
    if not all(char.isprintable() for char in label + title + reason):
        return
    lost = CurvePoint(1.0, None, reason=reason)
    own = (Series(label, (CurvePoint(0.0, 0.5), lost)),)
    figure = curves([Panel(title, own)], title="t", across=title)
    texts = [text.text or "" for text in drawn(figure).iter("text")]
    assert title in texts
    assert any(line.endswith(f"not defined: {reason}") for line in figure.key)


# ---------------------------------------------------------------------- reliability


@given(st.lists(st.tuples(shares, shares, st.integers(1, 999)), min_size=1, max_size=10))
def test_bins_stand_above_the_diagonal_where_too_modest_and_below_where_too_sure(
    bins: list[tuple[float, float, int]],
) -> None:
    figure = reliability([ReliabilityBin(*each) for each in bins], title="t")
    root = drawn(figure)
    (diagonal,) = [line for line in root.iter("line") if line.get("class") == "front"]
    x0, y0, x1, y1 = (
        float(diagonal.get(name, "").rstrip("%")) for name in ("x1", "y1", "x2", "y2")
    )
    for (sure, right, n), mark in zip(bins, root.iter("circle"), strict=True):
        x, y = float(mark.get("cx", "").rstrip("%")), float(mark.get("cy", ""))
        assert (x - x0) / (x1 - x0) == pytest.approx(sure, abs=2e-4)
        assert (y - y0) / (y1 - y0) == pytest.approx(right, abs=2e-4)
        assert f"{n} answers with mean probability {100 * sure:.1f}%" in figure.description


@pytest.mark.parametrize("missing", ["low", "high", "both"])
def test_half_an_interval_is_none(missing: str) -> None:
    low = None if missing in ("low", "both") else 0.1
    high = None if missing in ("high", "both") else 0.9
    root = drawn(reliability([ReliabilityBin(0.5, 0.5, 3, low, high)], title="t"))
    assert [line for line in root.iter("line") if line.get("class") == "interval"] == []


# ---------------------------------------------------------------------------- ticks


@given(
    st.floats(-10, 10, allow_subnormal=False),
    st.floats(1e-6, 10, allow_subnormal=False),
    st.integers(3, 10),
)
def test_ticks_are_few_round_and_reach_around(low: float, width: float, most: int) -> None:
    high = low + width
    marks = ticks(low, high, most=most)
    steps = [after - before for before, after in itertools.pairwise(marks)]
    assert 2 <= len(marks) <= most + 1
    assert marks[0] <= low + 1e-6 * width + 1e-9
    assert marks[-1] >= high - 1e-6 * width - 1e-9
    assert max(steps) - min(steps) <= 1e-9
    digit = steps[0] / 10 ** math.floor(math.log10(steps[0]) + 1e-6)
    assert min(abs(digit - each) for each in (1, 2, 5, 10)) < 1e-2
