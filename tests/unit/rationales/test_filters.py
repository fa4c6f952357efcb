"""Each rule by examples that break it and examples that keep it; nothing else decides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from equivoice.errors import ConfigError, InputError
from equivoice.rationales.filters import FILTERS, Draft, FilterRules, evidence_words

WORDS = evidence_words()
GOOD = (
    "The words “how did I miss that” tell that something came unexpectedly. The tone is raised, "
    "and the pitch is higher than usual."
)
LABEL = frozenset({"surprise", "surprised", "astonished", "pleasant surprise"})


def draft(reason: str, **more: Any) -> Draft:
    given_values: dict[str, Any] = {
        "transcript": "I didn't know that she has pink hair. How did I miss that?",
        "label_words": LABEL,
        "finished": True,
        "rules": FilterRules(**more.pop("rules", {})),
        "words": WORDS,
        **more,
    }
    return Draft(reason, **given_values)


def found(name: str, reason: str, **more: Any) -> str | None:
    return FILTERS[name].found(draft(reason, **more))


@pytest.mark.parametrize("name", FILTERS)
def test_a_good_reason_keeps_every_rule(name: str) -> None:
    assert found(name, GOOD) is None


@pytest.mark.parametrize(
    ("name", "reason", "what"),
    [
        ("empty", " … ", "no word"),
        ("holds_tags", "See <answer> here.", "tag"),
        ("cut_off", "The tone is raised and the", "and the"),
        ("forbidden_opening", "Well, you know, it is high.", "well you know"),
        ("forbidden_opening", "Well, it is high.", "well"),
        ("forbidden_opening", "Sure. It is high.", "sure"),
        ("trailing_question", "It is high. What do you think?", "question"),
        ("trailing_question", "It is high. Feel free to share more.", "feel free to"),
        ("label_word", "She sounds surprised.", "surprised"),
        ("label_word", "A pleasant surprise.", "pleasant surprise"),
        ("label_word", "SURPRISE!", "surprise"),
        ("too_short", "The pitch is high.", "4 words"),
        ("too_long", "high " * 251, "251 words"),
        ("repeats", "the pitch is high and it falls " * 3, "three times"),
        ("no_content", "The pitch is high and the tempo is slow.", "what is said"),
        ("no_sound", "The words say that she was not told of it.", "sound"),
    ],
)
def test_what_breaks_a_rule_is_found_and_named(name: str, reason: str, what: str) -> None:
    said = found(name, reason)
    assert said is not None
    assert what in said


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("forbidden_opening", "Well-paced speech."),
        ("forbidden_opening", "She says: well, you see."),
        ("trailing_question", 'It rises at "how did I miss that?"'),
        ("trailing_question", "What rises? The pitch rises."),
        ("label_word", "Surprises are not named here, nor unsurprised ones."),
        ("cut_off", "It is quoted: “how did I miss that?”"),
        ("no_content", "In a high voice, she has pink hair."),  # two words of the transcript
        ("no_sound", "Her voice."),
        ("repeats", "high low high low high low"),
    ],
)
def test_what_keeps_a_rule_is_not_dropped(name: str, reason: str) -> None:
    assert found(name, reason) is None


def test_an_answer_that_the_teacher_did_not_end_is_cut_off() -> None:
    assert found("cut_off", GOOD, finished=False) == "the teacher was cut off"
    assert found("cut_off", GOOD, finished=None) is None


def test_the_label_in_words_of_the_transcript_counts_unless_quoting_is_allowed() -> None:
    said = {"transcript": "What a surprise this is!"}
    reason = "The words “what a surprise” are said in a high voice."
    assert found("label_word", reason, **said) is not None
    assert found("label_word", reason, rules={"quoted_label": True}, **said) is None
    invented = "The words “a big surprise” are said in a high voice."
    assert found("label_word", invented, rules={"quoted_label": True}, **said) is not None
    outside = f"{reason} It is a surprise."
    assert found("label_word", outside, rules={"quoted_label": True}, **said) is not None


def test_one_word_of_a_transcript_of_one_word_is_evidence() -> None:
    assert found("no_content", "High voice: no!", transcript="No!") is None
    assert found("no_content", "High voice: yes!", transcript="No!") is not None
    assert found("no_content", "High voice.", transcript=None) is not None


def test_thresholds_are_those_of_the_rules() -> None:
    assert found("too_short", "It is high.", rules={"min_words": 3}) is None
    assert found("too_long", "It is high.", rules={"min_words": 1, "max_words": 2}) is not None


@settings(deadline=None)
@given(st.text(), st.none() | st.text(), st.none() | st.booleans())
def test_every_rule_reads_any_text(
    reason: str, transcript: str | None, finished: bool | None
) -> None:
    one = draft(reason, transcript=transcript, finished=finished)
    for rule in FILTERS.values():
        what = rule.found(one)
        assert what is None or what


def test_rules_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValidationError, match="no filter 'to_short'"):
        FilterRules(filters=("to_short",))
    with pytest.raises(ValidationError, match="min_words is more"):
        FilterRules(min_words=9, max_words=3)
    assert FilterRules(filters="empty, too_short").filters == ("empty", "too_short")  # type: ignore[arg-type]
    assert FilterRules().filters == tuple(FILTERS)


def test_other_lists_of_words_can_be_given(tmp_path: Path) -> None:
    file = tmp_path / "words.yaml"
    file.write_text("sound: [Stimme*]\ncontent: [Worte]\nopenings: []\ninvitations: []\n")
    german = evidence_words(file)
    assert german.sound == ("stimme*",)
    assert found("no_sound", "Die Stimmen sind leise.", words=german) is None
    file.write_text("sound: [a]\n")
    with pytest.raises(ConfigError, match="four lists"):
        evidence_words(file)
    file.write_text("sound: [")
    with pytest.raises(ConfigError, match="not YAML"):
        evidence_words(file)
    with pytest.raises(InputError, match="cannot be read"):
        evidence_words(tmp_path / "nowhere.yaml")


def test_every_rule_says_what_it_drops() -> None:
    assert all(name == rule.name and rule.doc for name, rule in FILTERS.items())
