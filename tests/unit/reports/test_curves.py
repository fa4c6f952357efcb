"""Curves as drawn: points where they belong, gaps where nothing is defined, words for all of it."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from equivoice.reports.curves import CurvePoint, Panel, ReliabilityBin, Series, curves, reliability


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
