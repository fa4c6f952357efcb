"""Answers with a transcript, a label and a reason: what is written is read, and anything is."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equivoice.errors import InputError
from equivoice.prompting import parse
from equivoice.prompting.explained import (
    TARGET_FORMS,
    Explained,
    TargetForm,
    answer_ending,
    before_answer,
    has_target_tags,
    read_target,
    write_target,
)

# Eq. 1 of Explainable SpeechLM, with the utterance of the first row of its Table 2
ASR = "I didn't know that she has pink hair. How did I miss that?"
WHY = "The tone might be a bit raised, a bit more excited than usual."
PUBLISHED = (
    f"<asr>{ASR}</asr> <answer>I think the emotion is surprise</answer> <reason>{WHY}</reason>"
)

PLAIN = st.text(st.characters(exclude_characters="<>", exclude_categories=["Cs"]), min_size=1).map(
    str.strip
)
WORDS = PLAIN.filter(bool)
LABELS = st.from_regex(r"\A[a-z]{1,12}( [a-z]{1,12})?\Z")


def test_the_published_form_is_written_and_read() -> None:
    assert write_target(ASR, "surprise", WHY) == PUBLISHED
    assert read_target(PUBLISHED) == Explained(ASR, "surprise", WHY, ())


@pytest.mark.parametrize("form", TARGET_FORMS)
@settings(deadline=None)
@given(transcript=st.none() | WORDS, emotion=LABELS, reason=WORDS)
def test_what_is_written_is_read(
    form: TargetForm, transcript: str | None, emotion: str, reason: str
) -> None:
    read = read_target(write_target(transcript, emotion, reason, form))
    due = None if form == "label_only" else reason
    assert read == Explained(transcript, emotion, due, ())


def test_the_orders_put_the_reason_behind_or_before_the_label() -> None:
    first = write_target(ASR, "sad", WHY, "reason_first")
    assert first.index("<asr>") < first.index("<reason>") < first.index("<answer>")
    assert PUBLISHED.index("<answer>") < PUBLISHED.index("<reason>")
    assert "reason" not in write_target(ASR, "sad", WHY, "label_only")


@settings(deadline=None)
@given(st.text() | st.text(alphabet="<>/asrnweo -—\n", max_size=60))
def test_any_text_is_read(text: str) -> None:
    read = read_target(text)
    for part in (read.transcript, read.answer, read.reason):
        assert part is None or part.strip()
    tags = has_target_tags(text)
    assert tags or read.transcript is None
    assert read.problems or tags


@pytest.mark.parametrize(
    ("text", "due"),
    [
        (f"<asr>{ASR}</asr><answer>sad</answer><reason>{WHY}", (ASR, "sad", WHY)),
        (f"<asr>{ASR}<answer>sad<reason>{WHY}", (ASR, "sad", WHY)),
        (f"{ASR}</asr> <answer>sad</answer>", (ASR, "sad", None)),
        (f"<asr>{ASR}</asr> I think the emotion is sad. <reason>{WHY}</reason>", (ASR, "sad", WHY)),
        (f"< ASR >{ASR}</ asr> <Answer> Sad. </Answer>", (ASR, "Sad", None)),
        (f"<answer>sad</answer> <rationale>{WHY}</rationale>", (None, "sad", WHY)),
        (f"<transcript>{ASR}</transcript><answer>sad</answer>", (ASR, "sad", None)),
        (f"Surprise — {WHY}", (None, "Surprise", WHY)),
        (f"**Surprise** - {WHY}", (None, "Surprise", WHY)),
        (f"I think the emotion is sad – {WHY}", (None, "sad", WHY)),
        (f"<asr>{ASR}</asr> Sad — {WHY}", (ASR, "Sad", WHY)),
        ("Sad", (None, "Sad", None)),
        (f"{WHY}\nIt fits best.\nAnswer: Surprise", (None, "Surprise", f"{WHY}\nIt fits best.")),
        (f"{WHY}\n**Final answer:** surprise.\n", (None, "surprise", WHY)),
        ("Answer: sad", (None, "Answer: sad", None)),
        ("<answer></answer>", (None, None, None)),
        ("<reason>", (None, None, None)),
    ],
)
def test_what_is_not_as_it_should_be_is_read_and_said(text: str, due: tuple[Any, ...]) -> None:
    read = read_target(text)
    assert read[:3] == due
    plain = text.startswith(("<answer>sad", f"<transcript>{ASR}", "< ASR"))
    assert bool(read.problems) != plain


def test_what_is_said_of_it_names_the_part() -> None:
    assert read_target("<asr>a<answer>b</answer>").problems == ("asr is not closed",)
    assert read_target("a</asr><answer>b</answer>").problems == ("asr is not opened",)
    assert read_target("<asr>a</reason><answer>b</answer>").problems == ("asr is closed as reason",)
    assert read_target("<answer>a</answer><answer>b</answer>").problems == ("answer stands twice",)
    assert read_target("<asr>a</asr>").problems == ("there is no answer in tags",)
    assert "text stands outside" in read_target("So: <answer>a</answer>").problems[0]
    assert read_target(None).problems == ("the answer is empty",)


def test_a_dash_in_running_text_parts_no_label() -> None:
    text = "The speaker of this clip sounds sad - or tired"
    assert read_target(text)[1:3] == (text, None)
    assert read_target("— why it is so").reason is None
    assert read_target("Angry - happy").reason is None


def test_the_first_of_two_is_taken() -> None:
    assert read_target("<answer>a</answer><answer>b</answer>").answer == "a"


@pytest.mark.parametrize(
    "parts",
    [
        ("", "sad", "why"),
        ("heard", " ", "why"),
        ("heard", "sad", ""),
        ("heard", "sad", None),
        ("a <answer> b", "sad", "why"),
        ("heard", "sad", "see </Reason >"),
    ],
)
def test_what_could_not_be_read_again_is_not_written(parts: tuple[str, str, str | None]) -> None:
    with pytest.raises(InputError):
        write_target(*parts)


@settings(deadline=None)
@given(transcript=st.none() | WORDS, emotion=LABELS, reason=WORDS)
def test_what_stands_before_the_label_and_the_label_make_the_beginning(
    transcript: str | None, emotion: str, reason: str
) -> None:
    for form in TARGET_FORMS:
        whole = write_target(transcript, emotion, reason, form)
        given_part = before_answer(whole)
        assert given_part is not None
        assert whole.startswith(given_part + answer_ending(emotion))
    assert before_answer(reason) is None


def test_the_parser_reads_the_same_label_and_not_the_words_around_it() -> None:
    options = ["Angry", "Happy", "Sad"]
    text = write_target("I am so happy!", "angry", "No joy in it: a happy laugh is missing.")
    for form in (text, text.removesuffix("</reason>"), text.replace("</asr>", "")):
        assert parse(form, options).label == "Angry"
    turned = write_target("I am so happy!", "angry", "Not a happy laugh.", "reason_first")
    assert parse(turned, options).label == "Angry"


def test_reading_takes_no_long_time() -> None:
    begun = time.perf_counter()
    for text in (
        "<asr>" * 20_000,
        "<" * 100_000,
        "< " * 50_000,
        "- " * 50_000,
        " " * 100_000 + "x",
        "a b c\n" + " " * 100_000 + "answer",
    ):
        read_target(text)
    assert time.perf_counter() - begun < 2
