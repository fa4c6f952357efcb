"""Published rules, flaws included: known answers from reference/papers.md and methods.md."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equivoice.errors import ConfigError
from equivoice.prompting import CONVENTIONS, Options, parse
from equivoice.prompting.published import levenshtein_ratio
from equivoice.prompting.structured import LONGEST_READ
from equivoice.records import Label, LabelSpace

FOUR = ["Angry", "Happy", "Neutral", "Sad"]


@pytest.mark.parametrize(
    ("answer", "code", "paper", "exact", "ours"),
    [
        ("Happy.", "Happy", "Happy", "Happy", "Happy"),
        ("not angry but happy", "Angry", "Angry", None, "Happy"),
        ("unhappy", "Happy", "Happy", None, "Sad"),
        ("happiness", "Happy", "Happy", None, "Happy"),
        ("was", None, "Sad", None, None),  # Eq. 8 taken literally lets sad/was pass
        ("qqq", None, None, None, None),
        ("", None, None, None, None),
    ],
)
def test_known_answers(
    answer: str, code: str | None, paper: str | None, exact: str | None, ours: str | None
) -> None:
    assert parse(answer, FOUR, convention="fairalm_code").label == code
    assert parse(answer, FOUR, convention="fairalm_paper").label == paper
    assert parse(answer, FOUR, convention="exact").label == exact
    assert parse(answer, FOUR).label == ours


def plain_levenshtein(a: str, b: str) -> int:
    """The textbook table, as an oracle."""
    row = list(range(len(b) + 1))
    for i, left in enumerate(a, start=1):
        above, row[0] = row[0], i
        for j, right in enumerate(b, start=1):
            above, row[j] = (
                row[j],
                min(row[j] + 1, row[j - 1] + 1, above + (left != right)),
            )
    return row[-1]


words = st.text(alphabet="abcdef", min_size=1, max_size=8)


@given(words, words)
def test_equation_8_has_the_plain_distance_over_the_sum_of_lengths(a: str, b: str) -> None:
    assert levenshtein_ratio(a, b) == pytest.approx(1 - plain_levenshtein(a, b) / (len(a) + len(b)))


def test_known_ratios() -> None:
    assert levenshtein_ratio("sad", "was") == pytest.approx(1 - 2 / 6)
    assert levenshtein_ratio("happy", "happiness") == pytest.approx(1 - 5 / 14)  # .643 by Eq. 8
    why = parse("happiness", ["Sad", "Happy"], convention="fairalm_code").why
    assert "0.571" in why  # 2 · 4 / 14, the indel similarity of the code


@given(
    st.lists(words, min_size=1, max_size=6), st.lists(words, min_size=1, max_size=4, unique=True)
)
def test_the_paper_rule_takes_the_highest_total_over_words(
    answer: list[str], options: list[str]
) -> None:
    parsed = parse(" ".join(answer), options, convention="fairalm_paper")
    if " ".join(answer) in options:
        assert parsed.label == " ".join(answer)
        return
    totals = []
    for option in options:
        ratios = [1 - plain_levenshtein(option, w) / (len(option) + len(w)) for w in answer]
        totals.append(sum(ratio for ratio in ratios if ratio >= 0.57))
    if max(totals) == 0:
        assert parsed.label is None
    else:
        assert totals[options.index(str(parsed.label))] == pytest.approx(max(totals))


@given(st.text(max_size=60), st.permutations(FOUR))
def test_the_code_rule_takes_the_first_option_that_is_a_part(text: str, order: list[str]) -> None:
    answer = f"{text} {order[1]} {order[2]}"
    parsed = parse(answer, order, convention="fairalm_code")
    assert parsed.label == next(option for option in order if option.lower() in answer.lower())


def test_the_words_displayed_count_and_the_canonical_label_is_returned() -> None:
    space = LabelSpace("demo", (Label("sad"), Label("happy")))
    options = Options(space, ("happy", "sad"), ("fröhlich", "traurig"))
    for convention in CONVENTIONS:
        assert parse("TRAURIG", options, convention=convention).label == "sad"
    assert parse("sad", options, convention="exact").label is None


def test_a_long_answer_is_read_in_part_and_that_is_said() -> None:
    answer = "x" * (2 * LONGEST_READ) + " sad"
    for convention in CONVENTIONS:
        parsed = parse(answer, FOUR, convention=convention)
        assert "read in part" in parsed.why
    assert parse(answer, FOUR).label == "Sad"


def test_unknown_conventions_are_refused() -> None:
    with pytest.raises(ConfigError, match="unknown parsing convention: 'fairalm'"):
        parse("sad", FOUR, convention="fairalm")
