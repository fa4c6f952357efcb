"""The hand-labelled answers: what a careful reader makes of them, the parser makes too.

``answers.jsonl`` was committed before the parser was written. ``later_answers.jsonl``
was written after it, in two parts, each read once before anything was mended: 86 of 93
and 116 of 125 rows (together 92.7 %) were read rightly then, which is the honest estimate
for answers never seen.
"""

from __future__ import annotations

from collections import Counter

import pytest

from equivoice.prompting import Options, parse
from equivoice.prompting.published import PUBLISHED
from unit.prompting.table import Answer, read_answers

BEFORE = read_answers("answers")
LATER = read_answers("later_answers")


def is_right(answer: Answer) -> bool:
    return parse(answer.response, answer.options)[:2] == (answer.status, answer.label)


def test_the_table_is_large_and_holds_every_kind() -> None:
    kinds = Counter(answer.kind for answer in BEFORE)
    assert len(BEFORE) >= 150
    assert {"negation", "contrast", "echo", "letter", "json", "adjective", "refusal"} <= set(kinds)
    languages = {"german", "french", "spanish", "italian", "polish", "urdu", "chinese", "japanese"}
    assert languages <= set(kinds)
    # each answer stands once for the same options, so that no row counts twice
    assert len({(a.options.shown, a.options.lettered, a.response) for a in BEFORE}) == len(BEFORE)


def test_at_least_97_percent_are_read_rightly() -> None:
    wrong = [answer.response for answer in BEFORE if not is_right(answer)]
    assert len(wrong) <= 0.03 * len(BEFORE), wrong


def test_answers_written_after_the_parser_are_read_as_well() -> None:
    wrong = [answer.response for answer in LATER if not is_right(answer)]
    assert len(wrong) <= 0.03 * len(LATER), wrong


def test_published_rules_read_fewer_rightly() -> None:
    """A check on the table itself: it is not made of answers that any rule can read."""
    for convention in PUBLISHED:
        right = [
            parse(a.response, a.options, convention=convention)[:2] == (a.status, a.label)
            for a in BEFORE
        ]
        assert sum(right) < 0.8 * len(right), convention


@pytest.mark.parametrize("answer", BEFORE + LATER, ids=lambda answer: answer.response[:30])
def test_no_answer_is_read_as_a_label_that_is_not_offered(answer: Answer) -> None:
    parsed = parse(answer.response, answer.options)
    assert (parsed.label is not None) == (parsed.status == "parsed")
    assert parsed.label is None or parsed.label in answer.options.labels
    assert parsed.why


def reordered(options: Options) -> Options:
    return Options(options.space, options.labels[::-1], options.shown[::-1], options.lettered)


def test_the_order_of_the_options_does_not_matter_without_letters() -> None:
    """The first option in a list has no advantage, which ``fairalm_code`` gives it."""
    for answer in BEFORE + LATER:
        if not answer.options.lettered:
            other = parse(answer.response, reordered(answer.options))
            assert other[:2] == parse(answer.response, answer.options)[:2], answer.response
    assert parse("sad or happy", ["sad", "happy"], convention="fairalm_code").label == "sad"
    assert parse("sad or happy", ["happy", "sad"], convention="fairalm_code").label == "happy"


def test_letters_follow_the_order_displayed() -> None:
    options = next(answer.options for answer in BEFORE if answer.options.lettered)
    for place, label in enumerate(options.labels):
        letter = chr(65 + place)
        assert parse(f"({letter})", options).label == label
        assert parse(f"({letter})", reordered(options)).label == options.labels[::-1][place]
