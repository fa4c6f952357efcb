"""Curves as drawn: points where they belong, gaps where nothing is defined, words for all of it."""

from __future__ import annotations

import itertools
import re
from xml.etree import ElementTree as ET

import pytest

from equivoice.reports.curves import (
    CurvePoint,
    Level,
    Panel,
    ReliabilityBin,
    Series,
    curves,
    reliability,
)


def drawing(*series: Series, zero: bool = True):
    figure = curves([Panel("macro-F1, %", series, from_zero=zero)], title="t", across="temperature")
    return figure, ET.fromstring(f"<svg>{figure.body}</svg>")  # noqa: S314 - our own drawing


def lines(root: ET.Element) -> list[list[tuple[float, float]]]:
    return [
        [tuple(map(float, pair.split(","))) for pair in line.get("points", "").split()]
        for line in root.iter("polyline")
    ]


def point(at: float, value: float | None, **more: object) -> CurvePoint:
    return CurvePoint(at, value, **more)  # type: ignore[arg-type]


def test_equal_steps_are_equal_distances_and_higher_values_stand_higher() -> None:
    _, root = drawing(Series("a", (point(0, 0.2), point(0.5, 0.4), point(1.0, 0.6))))
    ((first, second, third),) = lines(root)
    assert second[0] - first[0] == pytest.approx(third[0] - second[0], abs=0.02)
    assert first[1] - second[1] == pytest.approx(second[1] - third[1], abs=0.02)
    assert first[1] > third[1]  # down is larger on a screen


def test_an_undefined_point_breaks_the_line_and_gives_its_reason() -> None:
    whole = [point(t, 0.5) for t in (0, 0.3, 1.0, 1.5)]
    lost = point(0.7, None, reason="too few speakers")
    figure, root = drawing(Series("a", (*whole[:2], lost, *whole[2:])))
    assert [len(line) for line in lines(root)] == [2, 2]
    assert "×1" in [text.text for text in root.iter("text")]
    assert "×1 not defined: too few speakers" in figure.key
    assert "not defined at 1 of 5 places" in figure.description


def test_bands_are_intervals_and_end_where_there_is_none() -> None:
    _, root = drawing(
        Series(
            "a", (point(0, 0.5, low=0.4, high=0.6), point(1, 0.5), point(2, 0.5, low=0.3, high=0.7))
        )
    )
    assert [len(band.get("points", "").split()) for band in root.iter("polygon")] == [4, 4]


def test_series_differ_by_shape_and_pattern_and_the_key_says_which() -> None:
    figure, root = drawing(
        *(Series(name, (point(0, 0.1), point(1, 0.2))) for name in ("one", "two", "three"))
    )
    assert figure.key[:3] == (
        "● one (solid line)",
        "■ two (dashed line)",
        "▲ three (dotted line)",
    )
    groups = [group.get("class") for group in root.iter("g")]
    assert groups == ["series round", "series square", "series three"]
    assert len({sign[0].tag for sign in root.iter("svg") if sign.get("class") == "sign"}) == 3


def test_a_sign_keeps_its_series_through_all_panels() -> None:
    two = Series("two", (point(0, 0.1), point(1, 0.2)))
    one = Series("one", (point(0, 0.1), point(1, 0.2)))
    figure = curves([Panel("x", (one, two)), Panel("y", (two,))], title="t", across="temperature")
    assert re.findall(r'series (\w+)"', str(figure.body)) == ["round", "square", "square"]


def test_shares_and_gaps_never_get_an_axis_below_zero() -> None:
    _, root = drawing(Series("a", (point(0, 0.01, spread=0.05), point(1, 0.1))))
    ticks = [t.text for t in root.iter("text") if t.get("class") == "tick"]
    assert not any(text.startswith("−") for text in ticks)


def test_nothing_defined_draws_nothing_and_says_so() -> None:
    figure, root = drawing(Series("a", (point(0, None, reason="r"), point(1, None, reason="r"))))
    assert lines(root) == []
    assert "not defined at any temperature" in figure.description


def test_texts_are_escaped() -> None:
    figure = curves(
        [Panel("<b>", (Series("<i>", (point(0, 0.1), point(1, 0.2))),))], title="t", across="<x>"
    )
    assert "<b>" not in figure.body
    assert "&lt;b&gt;" in figure.body


def test_a_calibrated_bin_lies_on_the_diagonal() -> None:
    bins = [ReliabilityBin(0.25, 0.25, 10), ReliabilityBin(0.85, 0.5, 4, 0.2, 0.8)]
    figure = reliability(bins, title="t")
    root = ET.fromstring(f"<svg>{figure.body}</svg>")  # noqa: S314
    (diagonal,) = [line for line in root.iter("line") if line.get("class") == "front"]
    x1, y1, x2, y2 = (
        float(diagonal.get(name, "").rstrip("%")) for name in ("x1", "y1", "x2", "y2")
    )
    on, below = [
        (float(c.get("cx", "").rstrip("%")), float(c.get("cy", ""))) for c in root.iter("circle")
    ]
    at = lambda x: y1 + (x - x1) / (x2 - x1) * (y2 - y1)  # noqa: E731
    assert on[1] == pytest.approx(at(on[0]), abs=0.1)
    assert below[1] > at(below[0]) + 20
    assert "4 answers with mean probability 85.0%: 50.0% right." in figure.description


# --------------------------------------------------------- plain numbers, differences


def figure_of(*panels: Panel, **options: object):
    figure = curves(panels, title="t", across="step", **options)  # type: ignore[arg-type]
    return figure, ET.fromstring(f"<svg>{figure.body}</svg>")  # noqa: S314 - our own drawing


def texts(root: ET.Element, name: str) -> list[str | None]:
    return [each.text for each in root.iter("text") if each.get("class") == name]


def test_plain_numbers_are_not_written_as_per_cent() -> None:
    panel = Panel("loss", (Series("a", (point(1, 0.5), point(2, 1.5))),), plain=True)
    figure, root = figure_of(panel)
    assert texts(root, "tick")[:3] == ["0.5", "1", "1.5"]
    assert "0.500 at step 1, 1.500 at step 2" in figure.description


def test_differences_reach_below_zero_and_zero_is_drawn() -> None:
    panel = Panel("gap", (Series("a", (point(1, -0.2), point(2, 0.1))),), difference=True)
    figure, root = figure_of(panel)
    ticks = texts(root, "tick")
    assert ticks[0] == "−20"
    assert "0" in ticks
    assert "+10" in ticks
    (zero,) = [line for line in root.iter("line") if line.get("class") == "zero"]
    (line,) = lines(root)
    assert line[0][1] > float(zero.get("y1", "")) > line[1][1]
    assert "−20.0 at step 1, +10.0 at step 2" in figure.description


def test_panels_alike_share_their_heights() -> None:
    panels = [
        Panel(name, (Series("a", (point(1, value), point(2, value))),), plain=True)
        for name, value in (("low", 0.1), ("high", 0.9))
    ]
    _, apart = figure_of(*panels)
    _, alike = figure_of(*panels, alike=True)
    own, common = (texts(root, "tick") for root in (apart, alike))
    assert common[: len(common) // 2] == common[len(common) // 2 :]
    assert own[: len(own) // 2] != own[len(own) // 2 :]
    low, high = lines(alike)
    assert low[0][1] > high[0][1]


def test_levels_lie_at_their_height_and_are_named() -> None:
    series = (Series("a", (point(1, 0.0), point(2, 1.0))),)
    figure, root = figure_of(Panel("x", series, plain=True, levels=(Level(0.5, "the limit"),)))
    (level,) = [line for line in root.iter("line") if line.get("class") == "front"]
    (line,) = lines(root)
    assert float(level.get("y1", "")) == pytest.approx((line[0][1] + line[1][1]) / 2, abs=0.1)
    assert "Dashed level line: the limit." in figure.key
    assert "The limit: 0.500." in figure.description


def test_levels_of_several_panels_are_told_apart() -> None:
    series = (Series("a", (point(1, 0.0), point(2, 1.0))),)
    panels = [Panel(name, series, levels=(Level(0.5, f"{name} limit"),)) for name in ("x", "y")]
    figure, _ = figure_of(*panels)
    assert "Dashed level line, x: x limit." in figure.key
    assert "Dashed level line, y: y limit." in figure.key


def test_a_marked_place_lies_between_the_places_beside_it() -> None:
    series = Series("a", (point(1, 0.1), point(2, 0.2), point(3, 0.3)))
    figure, root = figure_of(Panel("x", (series,)), marked=(2.5, "here"))
    (mark,) = [line for line in root.iter("line") if line.get("class") == "chosen"]
    at = float(mark.get("x1", "").rstrip("%"))
    (line,) = lines(root)
    assert line[1][0] < at - 1 < line[2][0]  # a first series is drawn a little to the left
    assert "Dotted upright line: here, step 2.5." in figure.key
    assert "Marked: here, at step 2.5." in figure.description


def test_an_order_keeps_the_signs_of_series_that_are_not_shown() -> None:
    series = (Series("second", (point(1, 0.1), point(2, 0.2))),)
    figure, root = figure_of(Panel("x", series), order=("first", "second"))
    assert figure.key == ("■ second (dashed line)",)
    assert [group.get("class") for group in root.iter("g")] == ["series square"]
    other = (Series("else", (point(1, 0.1), point(2, 0.2))),)
    figure, _ = figure_of(Panel("x", other), order=("first", "second"))
    assert figure.key == ("● else (solid line)",)


def test_many_points_are_a_line_with_few_signs() -> None:
    points = tuple(point(at, at / 1000) for at in range(200))
    _, root = figure_of(Panel("x", (Series("a", points),)))
    signs = [each for each in root.iter("svg") if each.get("class") == "sign"]
    assert len(lines(root)[0]) == 200
    assert 10 < len(signs) < 40
    last = float(signs[-1].get("x", "").rstrip("%"))
    assert last == pytest.approx(lines(root)[0][-1][0])


def test_long_numbers_across_leave_room_between_them() -> None:
    points = tuple(point(at, 0.5) for at in range(1000, 21000, 1000))
    _, root = figure_of(Panel("x", (Series("a", points),)))
    shown = [
        float(each.get("x", "").rstrip("%"))
        for each in root.iter("text")
        if each.get("class") == "tick" and each.get("text-anchor") == "middle"
    ]
    assert len(shown) > 3
    assert min(after - before for before, after in itertools.pairwise(shown)) > 9
