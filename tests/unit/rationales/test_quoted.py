"""Whether quoted words were said."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equivoice.rationales.quoted import similarity_to_transcript


@pytest.mark.parametrize(
    ("quotation", "transcript"),
    [
        ("Come IN", "well, come in!"),
        ("I didn’t know", "I didn't know that"),
        ("fight … anniversary", "fight with me, you forgot our anniversary"),
        ("fight ... again", "fight again"),
        ("again, again", "oh, again, again, again"),
        ("電車は 九時", "電車は九時半に出ます。"),
        ("café", "cafe\u0301 au lait"),
        ("[laughs] yes", "oh yes"),
    ],
)
def test_words_that_were_said(quotation: str, transcript: str) -> None:
    assert similarity_to_transcript(quotation, transcript) == 1.0


@pytest.mark.parametrize(
    ("quotation", "transcript"),
    [
        ("sad", "he sat in the saddle"),
        ("in come", "come in"),
        ("anniversary … fight", "fight our anniversary"),
        ("…", "anything"),
        ("yes", ""),
    ],
)
def test_words_that_were_not(quotation: str, transcript: str) -> None:
    assert similarity_to_transcript(quotation, transcript) < 0.9


def test_a_slip_in_many_words_is_forgiven_and_another_sentence_is_not() -> None:
    said = "no possibility of saving anything from the fire"
    assert similarity_to_transcript("no posibility of saving anything", said) > 0.9
    assert similarity_to_transcript("all the money was in the bank", said) < 0.9


@settings(deadline=None, max_examples=50)
@given(st.lists(st.sampled_from(["oh", "no", "door", "opened", "again"]), min_size=1, max_size=8))
def test_every_piece_of_a_transcript_is_found_in_it(words: list[str]) -> None:
    text = " ".join(words)
    for start in range(len(words)):
        piece = ", ".join(words[start:]).upper()
        assert similarity_to_transcript(piece, text) == 1.0
