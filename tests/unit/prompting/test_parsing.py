"""Reading answers: total, deterministic, and never guessing between two labels."""

from __future__ import annotations

import random

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from equivoice.prompting import CONVENTIONS, make_options, parse, parse_responses
from equivoice.prompting.parsing import normalise
from equivoice.records import Label, LabelSpace

SPACE = LabelSpace(
    "demo",
    (
        Label("angry", ("anger", "mad", "furious")),
        Label("happy", ("happiness", "joy", "joyful")),
        Label("sad", ("sadness", "unhappy")),
        Label("neutral", ("no emotion",)),
        Label("pleasant surprise"),
    ),
)
STATUSES = {"parsed", "ambiguous", "refused", "unparsed"}


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        ("angry", "angry"),
        ("  ANGRY. ", "angry"),
        ("**Anger**", "angry"),
        ("The emotion is joy.", "happy"),
        ("Happy, happy, joyful!", "happy"),
        ("There is no emotion in this voice", "neutral"),
        ("<answer>Sad</answer>", "sad"),
        ('{"emotion": "sad"}', "sad"),
        ("\uff21\uff4e\uff47\uff52\uff59", "angry"),  # full-width letters
        ("pleasant_surprise", "pleasant surprise"),
        ("I'm sorry to say she sounds furious", "angry"),  # a refusal's words, but a label stands
    ],
)
def test_one_label_is_read(answer: str, label: str) -> None:
    parsed = parse(answer, SPACE)
    assert (parsed.status, parsed.label) == ("parsed", label)


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ("angry or sad", "ambiguous"),
        ("angry, happy, sad, neutral", "ambiguous"),
        ("", "unparsed"),
        ("   ...  ", "unparsed"),
        (None, "unparsed"),
        ("the made-up word madness", "unparsed"),  # 'mad' is within a word only
        ("bored", "unparsed"),
        ("I'm sorry, I cannot listen to audio.", "refused"),
        ("As an AI, I can't tell.", "refused"),
        ("I’m unable to determine that", "refused"),
    ],
)
def test_no_label_is_read_and_the_reason_is_said(answer: str | None, status: str) -> None:
    parsed = parse(answer, SPACE)
    assert (parsed.status, parsed.label) == (status, None)
    assert parsed.why


def test_a_word_within_a_word_does_not_count() -> None:
    assert parse("unhappy", SPACE).label == "sad"
    assert parse("unhappy", ["happy", "angry"]).status == "unparsed"


def test_labels_are_returned_as_the_options_name_them() -> None:
    assert parse("i think: pleasant SURPRISE", ["Angry", "Pleasant Surprise"]).label == (
        "Pleasant Surprise"
    )


def test_options_without_letters_match_nothing() -> None:
    assert parse("anything", ["!!!", "angry"]).status == "unparsed"


@given(st.text(max_size=200))
def test_any_text_yields_a_status_and_a_label_only_with_parsed(text: str) -> None:
    parsed = parse(text, SPACE)
    assert parsed.status in STATUSES
    assert (parsed.label is not None) == (parsed.status == "parsed")
    assert parsed.label is None or parsed.label in SPACE.names
    assert parsed == parse(text, SPACE)


@given(st.text(max_size=100), st.sampled_from(["", " ", "!", "…", "\n"]), st.booleans())
def test_case_space_and_punctuation_around_do_not_matter(
    text: str, around: str, upper: bool
) -> None:
    # upper() is undone by folding except for a few letters that change length
    changed = text.upper() if upper and normalise(text.upper()) == normalise(text) else text
    assert parse(f"{around}{changed}{around}", SPACE)[:2] == parse(text, SPACE)[:2]


@given(st.sampled_from(SPACE.names), st.sampled_from(SPACE.names))
def test_two_labels_are_ambiguous_and_one_said_twice_is_not(first: str, second: str) -> None:
    parsed = parse(f"{first} / {second}", SPACE)
    assert parsed.status == ("parsed" if first == second else "ambiguous")


ALPHABETS = (
    [chr(code) for code in range(0x20, 0x7F)],
    [chr(code) for code in range(0x250) if chr(code).isprintable()],
    [chr(code) for code in range(0x10FFFF) if code % 37 == 0 and not 0xD800 <= code < 0xE000],
    [
        "angry",
        "not ",
        "but ",
        "happy",
        " ",
        ", ",
        ".",
        "<answer>",
        "</",
        "{",
        "}",
        "[",
        '"',
        ":",
        "\n",
    ],
    [
        "a",
        "B",
        ".",
        ")",
        "(",
        "or ",
        "option ",
        "answer ",
        "is ",
        "sad",
        "不",
        "是",
        "0.5",
        "%",
        "\u0301",
    ],
)
LETTERED = make_options(SPACE, lettered=True)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(len(ALPHABETS)))
def test_100_000_random_strings_each_get_a_status(seed: int) -> None:
    """20,000 strings from each of five alphabets, two of them made of what the parser looks for."""
    rng = random.Random(seed)  # noqa: S311 - no secret
    for _ in range(20_000):
        text = "".join(rng.choices(ALPHABETS[seed], k=rng.randrange(25)))
        for options in (SPACE, LETTERED):
            parsed = parse(text, options)
            assert parsed.status in STATUSES
            assert (parsed.label in SPACE.names) == (parsed.status == "parsed")
            assert parsed.why


@given(st.text(max_size=60))
def test_every_convention_is_total(text: str) -> None:
    for convention in CONVENTIONS:
        parsed = parse(text, LETTERED, convention=convention)
        assert (parsed.label in SPACE.names) == (parsed.status == "parsed")


@pytest.mark.parametrize(
    "piece",
    ["a", "not ", "{", "[", "<answer>", "<think>", "happy, sad ", "answer: ", "\n", '"', "&", "<|", "_a",
     "**", "option ", "高", "A. ", "\\boxed{", "(", " ", "\u0301", "1", "it is "],
)  # fmt: skip
def test_an_answer_of_a_megabyte_is_read_in_part(piece: str) -> None:
    """A pattern that backtracks would take minutes here, and the test run would show it."""
    for options in (SPACE, LETTERED):
        parsed = parse(piece * (1_000_000 // len(piece)), options)
        assert parsed.status in STATUSES
        assert "read in part" in parsed.why


@given(st.text(max_size=50))
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@given(st.lists(st.one_of(st.none(), st.sampled_from(["angry", "sad or angry", "", "x"]))))
def test_many_answers_are_read_like_single_ones_in_their_order(answers: list[str | None]) -> None:
    table = parse_responses(pl.Series("response", answers, dtype=pl.String), SPACE)
    assert table.rows() == [tuple(parse(answer, SPACE)) for answer in answers]
    assert table.schema == {"status": pl.String, "emotion": pl.String, "why": pl.String}
