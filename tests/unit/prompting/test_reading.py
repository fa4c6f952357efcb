"""Units, mentions and decisions: how far a negation reaches, what weighs more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equivoice.prompting.mentions import find_mentions
from equivoice.prompting.reading import read_text
from equivoice.prompting.spelling import read_misspelt
from equivoice.prompting.units import to_units
from equivoice.prompting.vocabulary import vocabulary_of

WORDS = vocabulary_of(["angry", "happy", "sad", "neutral", "fear"])


def affirmed(text: str) -> list[str]:
    found = find_mentions(to_units(text, WORDS.lexicon)).found
    return [mention.label for mention in found if not mention.negated]


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("can't tell", "inability word"),
        ("cannot, sad", "inability comma label"),
        ("0.75 % sad", "number label"),
        ("no emotion", "label"),
        ("sad -- happy", "label dash label"),
        ("well-being", "word word"),
        ("IS NOT", "word negation"),
        ("d’accord", "word word"),
        ("¿Sad?", "stop label stop"),
    ],
)
def test_units(text: str, kinds: str) -> None:
    assert " ".join(unit.kind for unit in to_units(text, WORDS.lexicon)) == kinds


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        # how far a negation reaches
        ("not happy or sad, angry", ["angry"]),
        ("not happy, sad", ["sad"]),
        ("not happy, angry, or sad", []),
        ("not happy, she is sad", ["sad"]),
        ("no happy voice and she is sad", ["sad"]),
        ("neither happy nor sad nor angry", []),
        ("happy; not. Sad", ["happy", "sad"]),
        ("not in any way that anybody could describe happy", []),
        ("not " + "so very " * 7 + "happy", ["happy"]),  # too far away to be meant
        ("no. sad", ["sad"]),
        ("no, no, sad", ["sad"]),
        ("sad (not happy) and angry", ["sad", "angry"]),
        ("not only sad but also angry", ["sad", "angry"]),
        # comparisons
        ("more happy than sad", ["happy"]),
        ("less happy than sad", ["sad"]),
        ("sad rather than happy or angry", ["sad"]),
        ("eher traurig", []),
        # a clause that declines
        ("I cannot say if it is sad, happy or angry", []),
        ("I cannot say. Sad", ["sad"]),
        ("I cannot say, but sad", ["sad"]),
        # inability without a verb of telling is a negation
        ("it cannot be sad", []),
        ("it cannot be sad, it is angry", ["angry"]),
    ],
)
def test_what_is_affirmed(text: str, labels: list[str]) -> None:
    assert affirmed(text) == labels


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("happy, but really sad", "sad"),
        ("sad but happy", None),  # two labels joined by a word, no clause
        ("happy but not sad", "happy"),
        ("perhaps sad, certainly angry", "angry"),
        ("perhaps sad", "sad"),
        ("perhaps sad or angry", None),
        ("mainly sad, somehow angry", "sad"),
        ("although happy, she is sad", "sad"),
        ("she is sad, although she says happy things", "sad"),
        ("sad. Therefore the label is angry", "angry"),
        ("angry, happy, sad: sad", "sad"),
        ("angry, happy, sad, neutral, fear", None),
        ("sad 0.2 happy 0.3", "happy"),
        ("sad: 20 %, happy: 20 %", None),
        ("sad (3), happy (7)", "happy"),
        ("1. sad 2. happy", None),
        ('she says "I am so happy" and is sad', "sad"),
        ('"she is happy"', "happy"),
        ("I'm afraid I can't tell", None),  # an idiom, not an emotion
        ("I'd be happy to help", None),
        ("no strong emotion", "neutral"),
        ("the emotion is not clear", None),
        ("no emotion is not sad", "neutral"),
    ],
)
def test_decisions(text: str, label: str | None) -> None:
    assert read_text(text, WORDS).label == label


def test_the_reason_names_what_was_negated() -> None:
    why = read_text("not sad, not angry: happy", WORDS).why
    assert why == "the word 'happy' stands in the answer; negated: 'sad', 'angry'"
    assert "only denies" in read_text("not sad", WORDS).why


labels = st.sampled_from(["angry", "happy", "sad"])


@given(labels, labels, st.sampled_from(["but", "however,", "yet"]))
def test_a_denied_label_is_never_the_answer(denied: str, other: str, contrast: str) -> None:
    parsed = read_text(f"She is not {denied} {contrast} {other}.", WORDS)
    assert parsed.label == other
    assert read_text(f"She isn't {denied}.", WORDS).label is None


@given(st.permutations(["angry", "happy", "sad", "neutral", "fear"]), st.integers(0, 4))
def test_repeated_options_are_no_choice_and_a_choice_after_them_is(
    order: list[str], chosen: int
) -> None:
    echo = ", ".join(order)
    assert read_text(echo, WORDS).status == "ambiguous"
    assert (
        read_text(f"Of {echo}, the speaker sounds {order[chosen]}.", WORDS).label == order[chosen]
    )


# --------------------------------------------------------------------------- spelling


def misspelt(text: str) -> str | None:
    parsed = read_misspelt(to_units(text, WORDS.lexicon), WORDS)
    return parsed.label if parsed else None


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("hapyp", "happy"),
        ("she is angrry", "angry"),
        ("not hapyp", None),  # a negated misspelling is negated
        ("not hapyp but angrry", "angry"),
        ("Ang", "angry"),
        ("Ang.", None),  # what ends in a stop was not cut off
        ("ang she", None),  # nor what is followed by more
        ("sa", None),
        ("hippy", "happy"),  # a risk that is taken, and said: see the score in the reason
        ("puppy", None),
        ("madness", None),
        ("shared", None),  # near to scared, which is too far from fear to be guessed from
        ("x" * 50, None),
        ("hapyp " + "word " * 40, None),
    ],
)
def test_misspelt_words(text: str, label: str | None) -> None:
    assert misspelt(text) == label


def test_the_score_stands_in_the_reason() -> None:
    parsed = read_misspelt(to_units("neutrla", WORDS.lexicon), WORDS)
    assert parsed is not None
    assert "'neutrla' resembles 'neutral' (score 0.86)" in parsed.why
