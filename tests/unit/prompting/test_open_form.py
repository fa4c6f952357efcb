"""Answers in any words: hand-labelled ones, the lexicon's promises, and texts of all kinds."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from equivoice.corpora.labels import label_space
from equivoice.prompting import parse
from equivoice.prompting.normalising import normalise
from equivoice.prompting.open_form import (
    OTHER,
    class_of,
    read_open,
    read_open_responses,
    shades,
)
from equivoice.prompting.vocabulary import vocabulary_of
from equivoice.records import Label, LabelSpace

HERE = Path(__file__).parent
EIGHT = label_space(
    ["angry", "sad", "happy", "surprise", "fear", "disgust", "contempt", "neutral"], id="eight"
)


def answers(name: str) -> list[dict[str, Any]]:
    given = yaml.safe_load((HERE / name).read_text("utf-8"))
    return [row | {"kind": kind} for kind, rows in given.items() for row in rows]


# ------------------------------------------------------------------ hand-labelled answers


@pytest.mark.parametrize("name", ["open_answers.yaml", "later_open_answers.yaml"])
def test_hand_labelled_answers_are_read_as_a_careful_reader_reads_them(name: str) -> None:
    wrong = [
        (row["response"], row["cluster"], read)
        for row in answers(name)
        if ((read := read_open(row["response"], EIGHT)).label or "none") != row["cluster"]
    ]
    assert wrong == []


def test_the_answers_cover_every_class_and_every_kind_of_answer() -> None:
    rows = [*answers("open_answers.yaml"), *answers("later_open_answers.yaml")]
    counted = Counter(row["cluster"] for row in rows)
    assert set(counted) == {*EIGHT.names, OTHER, "none"}
    assert min(counted.values()) >= 3
    assert len(rows) >= 110


def test_only_an_answer_that_is_read_has_a_class() -> None:
    for row in answers("open_answers.yaml"):
        read = read_open(row["response"], EIGHT)
        assert (read.label is not None) == (read.status == "parsed")
        assert read.label in {*EIGHT.names, OTHER, None}


# ------------------------------------------------------------------ what decides


@pytest.mark.parametrize(
    ("response", "label", "why"),
    [
        ("<answer>sad</answer> because the emotion is anger", "sad", "in the answer's tags"),
        ("The emotion is anger.\nAnswer: sad", "sad", "after the answer's mark"),
        ("Excited at first, scared later. The emotion is fear.", "fear", "a sentence says"),
        ("The speaker sounds scared, maybe happy.", "fear", "a sentence says"),
        ("An annoyed voice.", "angry", "stands in the answer"),
    ],
)
def test_the_surest_part_decides(response: str, label: str, why: str) -> None:
    read = read_open(response, EIGHT)
    assert read.label == label
    assert why in read.why


def test_a_guess_decides_only_where_nothing_is_stated() -> None:
    assert read_open("The emotion could be anger. The emotion is fear.", EIGHT).label == "fear"
    assert read_open("The emotion could be anger, in a happy voice.", EIGHT).label == "angry"


def test_two_statements_that_differ_decide_nothing() -> None:
    read = read_open("The emotion is fear. The emotion is anger.", EIGHT)
    assert read == ("ambiguous", None, read.why)


def test_a_part_that_says_what_it_is_and_cannot_be_read_is_not_replaced_by_another() -> None:
    read = read_open("<answer>banana</answer> The emotion is fear.", EIGHT)
    assert read.label in {None, "fear"}
    assert read_open("Answer: fear or anger", EIGHT).status == "ambiguous"


def test_no_other_emotion_is_not_the_class_other() -> None:
    assert read_open("No other emotion is in this voice.", EIGHT).label != OTHER
    assert read_open("Sad, and no other emotion.", EIGHT).label == "sad"
    for bare in ("Other", "other.", "I. Other", "<answer>Other</answer>", "Answer: others"):
        assert read_open(bare, EIGHT).label == OTHER, bare


# ------------------------------------------------------------------ the lexicon


def test_every_word_of_the_lexicon_stands_in_one_class_only() -> None:
    words = [normalise(word) for listed in shades().values() for word in listed]
    assert [word for word, n in Counter(words).items() if n > 1] == []
    assert all(words)


def test_the_lexicon_agrees_with_the_words_of_the_labels() -> None:
    own = vocabulary_of(EIGHT).words
    against = [
        (word, own[normalise(word)], name)
        for name, listed in shades().items()
        for word in listed
        if own.get(normalise(word), name) != name
    ]
    assert against == []


def test_every_word_of_the_lexicon_is_sorted_into_its_class() -> None:
    for name, listed in shades().items():
        for word in listed:
            assert class_of(word, EIGHT) == name, word
            assert read_open(word, EIGHT).label == name, word


def test_a_corpus_keeps_its_own_labels_and_lacks_others() -> None:
    iemocap = label_space(["angry", "happy", "sad", "neutral", "excited", "frustrated"])
    assert class_of("thrilled", iemocap) == "excited"
    assert class_of("frustration", iemocap) == "frustrated"
    assert class_of("annoyed", iemocap) == "angry"
    assert class_of("sarcastic", iemocap) == OTHER
    assert class_of("astonished", iemocap) == OTHER  # no class "surprise" here
    ravdess = label_space(["neutral", "calm", "happy"])
    assert class_of("serene", ravdess) == "calm"
    assert class_of("indifferent", ravdess) == "neutral"


def test_labels_go_by_the_corpus_s_own_names() -> None:
    space = label_space(["anger", "joy", "other"])
    assert read_open("She is annoyed.", space).label == "anger"
    assert read_open("He is amused.", space).label == "joy"
    assert read_open("It is curiosity.", space).label == "other"


def test_the_lexicon_is_english_and_claims_no_words_of_other_languages() -> None:
    # "content" is happy in French, and "the content of the speech" is no emotion
    assert read_open("The content of the speech is a list of names.", EIGHT).label is None
    assert class_of("traurig", EIGHT) is None
    assert class_of("traurig", label_space(["Traurig", "wütend"])) == "Traurig"


def test_the_labels_of_a_closed_answer_are_read_as_the_closed_parser_reads_them() -> None:
    for name in EIGHT.names:
        assert read_open(name.upper(), EIGHT).label == parse(name.upper(), EIGHT).label == name


# ------------------------------------------------------------------ tables, and any text


def test_many_answers_are_read_in_order() -> None:
    read = read_open_responses(pl.Series(["annoyed", None, "proud", "annoyed"]), EIGHT)
    assert read.get_column("emotion").to_list() == ["angry", None, "happy", "angry"]
    assert read.get_column("status").to_list() == ["parsed", "unparsed", "parsed", "parsed"]
    assert read_open_responses([], EIGHT).columns == ["status", "emotion", "why"]


@given(st.text(max_size=300))
def test_any_text_yields_a_status(text: str) -> None:
    read = read_open(text, EIGHT)
    assert read.status in {"parsed", "ambiguous", "refused", "unparsed"}
    assert (read.label is None) == (read.status != "parsed")
    assert read == read_open(text, EIGHT)


_PIECES = st.sampled_from(
    ["the emotion is", "the speaker sounds", "not", "sad", "angry", "annoyed", "proud", "but", ",",
     ".", "\n", "Answer:", "<answer>", "</answer>", "emotion", "feeling as", "other", "{", "}", '"']
)  # fmt: skip


@given(st.lists(_PIECES, max_size=40))
def test_any_pieces_of_answers_yield_a_status(pieces: list[str]) -> None:
    read = read_open(" ".join(pieces), EIGHT)
    assert read.status in {"parsed", "ambiguous", "refused", "unparsed"}


def test_a_long_answer_takes_no_longer_than_its_length_asks_for() -> None:
    import time

    begun = time.perf_counter()
    read_open("emotion " * 20_000 + "feeling is " * 20_000, EIGHT)
    read_open("the emotion " + "of the voice " * 30_000, EIGHT)
    assert time.perf_counter() - begun < 2.0


def test_a_space_without_known_words_reads_its_own_labels() -> None:
    space = LabelSpace("odd", (Label("wistfulness of the sea"), Label("blorp")))
    assert read_open("It is blorp.", space).label == "blorp"
    assert read_open("annoyed", space).label == OTHER
