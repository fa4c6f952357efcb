"""Reading verdicts: what decides, what is ambiguous, and that nothing is guessed."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equivoice.rating.rubrics import load_rubric
from equivoice.rating.verdicts import read_verdict

PAIRWISE = load_rubric("pairwise")
ACCEPTANCE = load_rubric("acceptance")
PLAUSIBILITY = load_rubric("plausibility")


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ("Verdict: A", "a"),
        ("verdict: b.", "b"),
        ("B hears more.\nVerdict: tie", "tie"),
        ("**Verdict:** A", "a"),
        ("Verdict: **B**", "b"),
        ("Verdict: Explanation A", "a"),
        ("Verdict:\nB", "b"),
        ("Final verdict: A, because it names the tremor.", "a"),
        ("My final answer is B", "b"),
        ("Verdict: A\nOn reflection B is as good.\nVerdict: B", "b"),
        ("<verdict>B</verdict>", "b"),
        ("Both are fine, but [[A]]", "a"),
        (r"so \boxed{B}", "b"),
        ('{"comparison": "A is specific", "verdict": "A"}', "a"),
        ('```json\n{"verdict": "tie"}\n```', "tie"),
        ("A", "a"),
        (" b. ", "b"),
        ("Tie", "tie"),
        ("equal", "tie"),
        ("Explanation B", "b"),
        ("I prefer B", "b"),
        ("It names the pause and the quiet voice.\nA", "a"),
        ("Explanation A is better supported by the voice.", "a"),
        ("Explanation B is more specific, so it convinces.", "b"),
        ("<think>Verdict: A? No, the pitch is high.</think>\nVerdict: B", "b"),
        ("Verdict: A - it is specific", "a"),
        ("The verdict is A", "a"),
    ],
)
def test_a_verdict_between_two_is_found(answer: str, value: str) -> None:
    read = read_verdict(answer, PAIRWISE)
    assert (read.status, read.value, read.number) == ("parsed", value, None)
    assert read.why


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ("", "unparsed"),
        ("   \n", "unparsed"),
        (None, "unparsed"),
        ("Both have their merits.", "unparsed"),
        ("Verdict: A, B or tie", "unparsed"),
        ("Verdict: A or B", "unparsed"),
        ("A speaker is sad.", "unparsed"),
        ("Explanation A is not better.", "unparsed"),
        ("Explanation A is more generic than the other.", "unparsed"),
        ("Explanation A is better. Explanation B is better.", "ambiguous"),
        ("I'm sorry, but I cannot judge audio.", "refused"),
        ("As an AI I have no ears.", "refused"),
        ("Verdict: C", "unparsed"),
        ("Verdict: 4", "unparsed"),
        ('{"verdict": ["A"]}', "unparsed"),
        ('{"verdict": ', "unparsed"),
    ],
)
def test_what_decides_nothing_is_no_verdict(answer: str | None, status: str) -> None:
    read = read_verdict(answer, PAIRWISE)
    assert (read.status, read.value) == (status, None)
    assert read.why


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ("Verdict: accept", "accept"),
        ("It never trembles.\nVerdict: Reject.", "reject"),
        ("Accepted", "accept"),
        ("implausible", "reject"),
        ("Verdict: accept or reject", None),
        ("I would not accept it lightly, nor reject it.", None),
        ("Verdict: A", None),
    ],
)
def test_acceptance_is_read(answer: str, value: str | None) -> None:
    assert read_verdict(answer, ACCEPTANCE).value == value


@pytest.mark.parametrize(
    ("answer", "number"),
    [
        ("Verdict: 4", 4.0),
        ("Verdict: 4/5", 4.0),
        ("Verdict: 4 out of 5", 4.0),
        ("**Verdict:** 5 (specific)", 5.0),
        ("Score: 3.5", 3.5),
        ("3", 3.0),
        ("Rating: 2 stars", 2.0),
        ("True and relevant.\n4", 4.0),
        ("Verdict: 1: untrue", 1.0),
        ("Verdict: 4/10", None),
        ("Verdict: 0", None),
        ("Verdict: 6", None),
        ("Verdict: 1 to 5", None),
        ("Verdict: 3-4", None),
        ("Verdict: a whole number from 1 to 5", None),
        ("3 people sound sad", None),
        ("Verdict: accept", None),
        ('{"score": 2}', 2.0),
    ],
)
def test_points_of_a_scale_are_read(answer: str, number: float | None) -> None:
    read = read_verdict(answer, PLAUSIBILITY)
    assert (read.number, read.value) == (number, None)
    assert (read.status == "parsed") == (number is not None)


def test_a_boolean_in_json_is_no_point() -> None:
    assert read_verdict('{"score": true}', PLAUSIBILITY).status == "unparsed"


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=300))
def test_any_text_has_a_status(text: str) -> None:
    for rubric in (PAIRWISE, ACCEPTANCE, PLAUSIBILITY):
        read = read_verdict(text, rubric)
        assert (read.status == "parsed") == (read.value is not None or read.number is not None)
        assert read.value is None or read.value in rubric.choices
        assert read.number is None or 1 <= read.number <= 5


@settings(max_examples=50, deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=80))
def test_a_marked_line_decides_whatever_stands_above(text: str) -> None:
    above = text.replace("<", " ").replace("user", " ").replace("human", " ")
    assert read_verdict(f"{above}\nVerdict: tie", PAIRWISE).value == "tie"


@pytest.mark.parametrize(
    "text", ["verdict" + " " * 8000, "\n" * 8000, "- " * 4000, "<" * 8000, "{" * 8000, "[[" * 4000]
)
def test_no_answer_takes_long(text: str) -> None:
    begun = time.perf_counter()
    read_verdict(text, PAIRWISE)
    read_verdict(text, PLAUSIBILITY)
    assert time.perf_counter() - begun < 1.0
