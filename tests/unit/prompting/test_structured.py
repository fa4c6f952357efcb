"""Tags, JSON, marks and letters: which part of an answer is the answer."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equivoice.prompting import Parsed, make_options, parse
from equivoice.prompting.letters import read_letter
from equivoice.prompting.normalising import fold, normalise, without_accents
from equivoice.prompting.structured import (
    LONGEST_READ,
    clean,
    json_value,
    marked,
    shorten,
    tagged,
    without_reasoning,
)
from equivoice.prompting.vocabulary import vocabulary_of
from equivoice.records import Label, LabelSpace

SPACE = LabelSpace("demo", tuple(Label(name) for name in ("angry", "happy", "neutral", "sad")))
LETTERED = make_options(SPACE, lettered=True)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("<|im_end|>sad<|endoftext|>", "sad"),
        ("sad</s>", "sad"),
        ("assistant\nsad", "sad"),
        ("sad\nUser: angry?", "sad"),
        ("User: sad", "User: sad"),  # nothing stands before: it is all there is
        ("## Sad", "Sad"),
        ("&lt;b&gt; sad", "<b> sad"),
        ("a < b > c", "a < b > c"),
    ],
)
def test_cleaning(text: str, left: str) -> None:
    assert clean(text).strip() == left


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("<think>a</think>b", "b"),
        ("<THINK>a</think>b<Reason>c</REASON>d", "b d"),
        ("b<think>a", "b"),
        ("<think>a<answer>b</answer>", "<answer>b</answer>"),
        ("</think>b", "</think>b"),
        ("<think><think>a</think>b", "b"),
    ],
)
def test_reasoning_is_set_aside(text: str, left: str) -> None:
    assert " ".join(without_reasoning(text).split()) == left


@given(st.text(alphabet="<>/thinkasr\u0130ß ", max_size=60))
def test_setting_reasoning_aside_never_adds_anything(text: str) -> None:
    assert len(without_reasoning(text)) <= 2 * len(text) + 1
    assert set(without_reasoning(text)) <= set(text) | {" "}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"Emotion": "sad"}', "sad"),
        ('{"final answer": "sad", "emotion": "x"}', "sad"),
        ('text {"emotion": null} text', None),
        ("{}", None),
        ("[]", None),
        ("[1] see {'a': 2}", [1]),
        ('{"sad": 1}', {"sad": 1}),
        ("{" * 5000, None),
        ("[" * 100_000, None),  # nested beyond what any parser reads
        ('[{"label": "sad"}, {"label": "angry"}]', ["sad", "angry"]),
    ],
)
def test_json(text: str, value: object) -> None:
    assert json_value(text) == value


@given(st.recursive(st.none() | st.integers() | st.text(max_size=9), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3), max_leaves=8))  # fmt: skip
def test_any_json_is_read_without_error(value: object) -> None:
    assert isinstance(parse(json.dumps(value), SPACE), Parsed)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Answer: sad", "sad"),
        ("the answer is: sad", "sad"),
        ("Emotion = sad", "sad"),
        ("answer: a\nanswer: b", "b"),
        ("answer: a\nfinal answer: b\nanswer: c", "b"),
        ('"emotion": "sad", "x": 1', "sad"),
        ("Antwort: traurig", "traurig"),
        ("Answer:\n\nsad", "sad"),
        ("Answer:", None),
        ("my answers: sad", None),
        ("nothing", None),
    ],
)
def test_marks(text: str, found: str | None) -> None:
    assert marked(text) == found


def test_tags_and_boxes() -> None:
    assert tagged("<answer>a</answer><answer>b") == ("a", "b")
    assert tagged("<answer> </answer>") == ()
    assert tagged("<answer>a</answer><answer>a</answer>") == ("a",)
    assert tagged(r"so \boxed{\text{sad}}") == ("sad",)


def test_long_answers_are_shortened_at_both_ends() -> None:
    text = "a" * LONGEST_READ + "b" * LONGEST_READ
    short = shorten(text)
    assert len(short) == LONGEST_READ + 3
    assert (short[0], short[-1]) == ("a", "b")
    assert shorten("a" * LONGEST_READ) == "a" * LONGEST_READ


# ---------------------------------------------------------------------------- letters


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("B", "happy"),
        (" b) ", "happy"),
        ("'D'", "sad"),
        ("D, clearly", "sad"),
        ("C - flat", "neutral"),
        ("I pick B.", "happy"),
        ("The answer is (C) neutral", "neutral"),
        ("E", None),
        ("Z.", None),
        ("A sad voice", None),
        ("I am", None),
        ("An answer is a word", None),
        ("option A is wrong", None),
    ],
)
def test_letters(text: str, label: str | None) -> None:
    read = read_letter(text, vocabulary_of(LETTERED))
    assert (read.label if read else None) == label


@pytest.mark.parametrize(
    "text", ["B or C", "B, C", "between A and C", "The answer is B. The answer is C.", "B. Sad"]
)
def test_letters_that_do_not_decide(text: str) -> None:
    read = read_letter(text, vocabulary_of(LETTERED))
    assert read is not None
    assert read.status == "ambiguous"


def test_letters_mean_nothing_where_none_were_displayed() -> None:
    for text in ("B", "The answer is B", "(b)"):
        assert parse(text, make_options(SPACE)).status == "unparsed"
        assert parse(text, LETTERED).label == "happy"


# ------------------------------------------------------------------------- normalising


def test_folding() -> None:
    assert fold("ＳＡＤ\u200b") == "sad"
    assert fold("Don’t") == "don't"
    assert normalise("गुस्सा है") == "गुस्सा है"  # vowel signs stay with their letters
    assert normalise("غُصّہ") == normalise("غُصّہ")
    assert without_accents("Écœurée") == "Ecœuree"


@given(st.text(max_size=40))
def test_without_accents_keeps_plain_text(text: str) -> None:
    plain = "".join(c for c in text if c.isascii())
    assert without_accents(plain) == plain
