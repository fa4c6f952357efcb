"""Forest and Pareto plots: geometry, text alternatives, escaping."""

from __future__ import annotations

from itertools import pairwise
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from equivoice.reports.document import Figure
from equivoice.reports.figures import (
    ForestRow,
    ParetoPoint,
    SeedPoint,
    forest,
    letter,
    pareto,
    ticks,
)

values = st.floats(min_value=-1, max_value=1, allow_nan=False)


def drawn(figure: Figure) -> ET.Element:
    """The figure's elements; fails where they are not well formed."""
    return ET.fromstring(f"<svg>{figure.body}</svg>")  # noqa: S314 - our own markup


def across(element: ET.Element, name: str) -> float:
    """A position across, in per cent."""
    return float(element.attrib[name].removesuffix("%"))


def of_class(figure: Figure, name: str) -> list[ET.Element]:
    """The elements of a class, in order."""
    return [each for each in drawn(figure).iter() if name in each.get("class", "").split()]


@given(values, values)
def test_ticks_enclose_the_values_in_even_round_steps(one: float, other: float) -> None:
    low, high = min(one, other), max(one, other)
    marks = ticks(low, high)
    assert marks[0] <= low + 1e-9
    assert marks[-1] >= high - 1e-9
    assert 2 <= len(marks) <= 7
    steps = {round(after - before, 8) for before, after in pairwise(marks)}
    assert len(steps) == 1


@given(st.lists(st.tuples(values, values, values), min_size=1, max_size=6))
def test_positions_keep_the_order_of_the_values(triples: list[tuple[float, float, float]]) -> None:
    rows = []
    for number, triple in enumerate(triples):
        low, value, high = sorted(triple)
        rows.append(ForestRow(str(number), "text", value, low, high))
    figure = forest(rows, title="t", difference=True)
    marks = [across(each, "cx") for each in of_class(figure, "mark")]
    lines = [each for each in of_class(figure, "interval") if each.get("x1") != each.get("x2")]
    assert all(3 <= mark <= 97 for mark in marks)
    ranked = sorted(range(len(rows)), key=lambda at: rows[at].value or 0.0)
    assert [marks[at] for at in ranked] == sorted(marks)
    for line in lines:
        assert across(line, "x1") <= across(line, "x2")


def test_every_line_is_in_the_description_and_on_the_page() -> None:
    rows = [
        ForestRow("female", "42.1 [38.0, 46.3]", 0.421, 0.38, 0.463, heading="Macro-F1"),
        ForestRow("male", "not defined: no predictions", None),
    ]
    figure = forest(rows, title="Scores", difference=False)
    assert figure.description == (
        "Macro-F1. female: 42.1 [38.0, 46.3]. male: not defined: no predictions."
    )
    texts = [each.text for each in drawn(figure).iter("text")]
    assert {"female", "42.1 [38.0, 46.3]", "Macro-F1", "not defined: no predictions"} <= set(texts)


def test_a_missing_value_has_no_mark_at_all() -> None:
    figure = forest([ForestRow("a", "not defined", None)], title="t", difference=True)
    assert of_class(figure, "mark") == []
    assert of_class(figure, "interval") == []


def test_zero_is_drawn_for_differences_only() -> None:
    rows = [ForestRow("a", "x", 0.2, 0.1, 0.3)]
    assert len(of_class(forest(rows, title="t", difference=True), "zero")) == 1
    assert of_class(forest(rows, title="t", difference=False), "zero") == []


def test_hollow_marks_tell_apart_without_colour() -> None:
    rows = [ForestRow("a", "x", 0.2, full=True), ForestRow("b", "y", 0.1, full=False)]
    figure = forest(rows, title="t", difference=True)
    assert [each.get("class") for each in of_class(figure, "mark")] == ["mark", "mark hollow"]


def test_the_band_lies_around_zero() -> None:
    figure = forest([ForestRow("a", "x", 0.02, 0.0, 0.04, band=0.1)], title="t", difference=True)
    (band,) = of_class(figure, "band")
    (zero,) = of_class(figure, "zero")
    middle = across(band, "x") + across(band, "width") / 2
    assert abs(middle - across(zero, "x1")) < 0.05


def test_the_noise_floor_is_marked_where_it_is_known() -> None:
    rows = [ForestRow("a", "x", 0.2, floor=0.1), ForestRow("b", "y", 0.2)]
    assert len(of_class(forest(rows, title="t", difference=True), "floor")) == 1


def test_long_labels_get_a_line_of_their_own() -> None:
    short = forest([ForestRow("a", "x", 0.1)], title="t", difference=False)
    long = forest([ForestRow("a" * 40, "x", 0.1)], title="t", difference=False)
    assert long.height > short.height


@given(st.text(max_size=40))
def test_labels_stay_text(label: str) -> None:
    row = ForestRow(label, label, 0.1, heading=label)
    body = str(forest([row], title=label, difference=False).body)
    points = [ParetoPoint(label, 0.1, 0.5), ParetoPoint("b", 0.2, 0.6)]
    other = str(pareto(points, score=label, gap=label, title=label).body)
    for markup in (body, other):
        assert markup.count("<text") == markup.count("</text>")
        assert "<script" not in markup.lower()
        rest = markup.replace("<text", "").replace("</text>", "")
        for tag in ("<line", "<circle", "<rect"):
            rest = rest.replace(tag, "")
        assert "<" not in rest


def test_axis_labels_are_in_per_cent_and_plain_for_ratios() -> None:
    rows = [ForestRow("a", "x", 0.5, 0.4, 0.6)]
    percent = [each.text for each in of_class(forest(rows, title="t", difference=False), "tick")]
    assert percent == ["40", "45", "50", "55", "60"]
    ratio = forest(rows, title="t", difference=False, ratio=True)
    assert of_class(ratio, "tick")[0].text == "0.4"
    negative = forest([ForestRow("a", "x", -0.5)], title="t", difference=True)
    assert of_class(negative, "tick")[0].text == "−50"


def test_the_front_leaves_out_what_is_worse_in_both() -> None:
    points = [
        ParetoPoint("good", 0.1, 0.8),
        ParetoPoint("worse", 0.2, 0.7),
        ParetoPoint("even", 0.02, 0.6),
        ParetoPoint("best score", 0.3, 0.9),
    ]
    figure = pareto(points, score="macro-F1", gap="largest gap", title="t")
    assert len(of_class(figure, "front")) == 2
    marks = of_class(figure, "mark")
    ends = {across(line, end) for line in of_class(figure, "front") for end in ("x1", "x2")}
    assert across(marks[1], "cx") not in ends
    assert across(marks[0], "cx") in ends


def test_pareto_points_are_named_by_letters_in_the_key() -> None:
    points = [
        ParetoPoint("first", 0.1, 0.8, (0.0, 0.2), (0.7, 0.9)),
        ParetoPoint("second", 0.2, 0.9),
    ]
    figure = pareto(points, score="macro-F1", gap="largest gap", title="t")
    assert figure.key[:2] == ("A: first", "B: second")
    assert [each.text for each in of_class(figure, "letter")] == ["A", "B"]
    assert "A: first, macro-F1 80.0%, largest gap 10.0 points." in figure.description
    assert len(of_class(figure, "whisker")) == 2


def test_higher_scores_stand_higher() -> None:
    points = [ParetoPoint("low", 0.1, 0.2), ParetoPoint("high", 0.1, 0.9)]
    low, high = of_class(pareto(points, score="s", gap="g", title="t"), "mark")
    assert float(high.attrib["cy"]) < float(low.attrib["cy"])


def test_letters_do_not_repeat() -> None:
    assert len({letter(position) for position in range(200)}) == 200


def test_people_are_squares_and_systems_are_dots() -> None:
    rows = [
        ForestRow("model", "50.0", 0.5),
        ForestRow("people: one listener", "40.0", 0.4, people=True),
        ForestRow("people: half the crowd", "30.0", 0.3, people=True, full=False),
    ]
    figure = forest(rows, title="t", difference=False)
    assert len(list(drawn(figure).iter("circle"))) == 1
    squares = of_class(figure, "people")
    assert [each.tag for each in squares] == ["rect", "rect"]
    assert ["hollow" in each.attrib["class"] for each in squares] == [False, True]
    assert across(squares[0], "x") > across(squares[1], "x")


def test_bars_begin_at_zero_and_end_at_the_value() -> None:
    rows = [ForestRow(str(share), "", share, bar=True) for share in (0.2, 0.4)]
    figure = forest(rows, title="t", difference=False)
    short, long = of_class(figure, "bar")
    zero = across(of_class(figure, "grid")[0], "x1")
    assert across(short, "x") == across(long, "x") == zero
    assert abs(across(long, "width") - 2 * across(short, "width")) < 0.05
    for bar, dot in zip((short, long), drawn(figure).iter("circle"), strict=True):
        assert abs(across(bar, "x") + across(bar, "width") - across(dot, "cx")) < 0.02


def test_a_bar_without_a_value_is_not_drawn() -> None:
    figure = forest([ForestRow("a", "", None, bar=True)], title="t", difference=False)
    assert of_class(figure, "bar") == []


def test_people_do_not_shape_the_front() -> None:
    systems = [ParetoPoint("a", 0.1, 0.4), ParetoPoint("b", 0.3, 0.6)]
    people = ParetoPoint("people: one listener", 0.0, 0.9, people=True)
    alone = pareto(systems, score="s", gap="g", title="t")
    both = pareto([*systems, people], score="s", gap="g", title="t")
    assert len(of_class(alone, "front")) == len(of_class(both, "front")) == 1
    assert [each.tag for each in of_class(both, "people")] == ["rect"]
    assert "C: people: one listener" in both.description
    assert any(line.startswith("Square: people.") for line in both.key)
    assert not any("Square" in line for line in alone.key)


def test_a_detail_has_a_line_of_its_own_that_a_phone_can_show() -> None:
    label, detail = "people: one listener (voice)", "held against the labels as given"
    row = ForestRow(label, "50.0 [46.0, 54.0]", 0.5, 0.46, 0.54, detail=detail)
    figure = forest([row], title="t", difference=False)
    lines = [each for each in drawn(figure).iter("text") if each.get("class") != "tick"]
    assert [each.text for each in lines] == [label, detail, row.text]
    heights = [float(each.attrib["y"]) for each in lines]
    assert heights[0] < heights[1] < heights[2]
    (dot,) = drawn(figure).iter("circle")
    assert float(dot.attrib["cy"]) > heights[2]
    assert figure.description == f"{label}, {detail}: {row.text}."
    assert figure.height > forest([ForestRow(label, "", 0.5)], title="t", difference=False).height


def test_marks_that_would_hide_each_other_share_their_letters() -> None:
    points = [
        ParetoPoint("one", 0.1, 0.5),
        ParetoPoint("two", 0.1, 0.5),
        ParetoPoint("far", 0.4, 0.9),
        ParetoPoint("near", 0.102, 0.501),
    ]
    figure = pareto(points, score="s", gap="g", title="t")
    assert [each.text for each in of_class(figure, "letters")] == ["A, B, D"]
    assert [each.text for each in of_class(figure, "letter")] == ["C"]
    marks = of_class(figure, "mark")
    assert sorted(each.attrib["r"] for each in marks) == ["11", "5", "5", "5"]
    above = float(of_class(figure, "letters")[0].attrib["y"])
    assert all(above < float(each.attrib["cy"]) for each in marks if each.attrib["r"] == "5")


def test_seeds_are_small_letters_of_their_method_within_the_frame() -> None:
    seeds = (SeedPoint("1", 0.3, 0.2), SeedPoint("2", 0.0, 0.8))
    points = [ParetoPoint("first", 0.15, 0.5, seeds=seeds), ParetoPoint("second", 0.2, 0.6)]
    figure = pareto(points, score="s", gap="g", title="t")
    small = of_class(figure, "seed")
    assert [each.text for each in small] == ["a", "a"]
    assert across(small[0], "x") > across(small[1], "x")
    assert float(small[0].attrib["y"]) > float(small[1].attrib["y"])
    assert all(12 <= across(each, "x") <= 96 for each in small)


def test_an_axis_of_gaps_does_not_go_below_nothing() -> None:
    figure = pareto([ParetoPoint("a", 0.0, 0.5)], score="s", gap="g", title="t")
    assert not any((each.text or "").startswith("−") for each in of_class(figure, "tick"))
