"""The sentences of the chain's page say what the numbers say."""

from __future__ import annotations

from typing import Any

import pytest

from equivoice.reports.rows import Estimate
from equivoice.studies.chain.verdict import difference_in_words, support_in_words


def difference(**values: Any) -> str:
    return difference_in_words(Estimate("comparison", "macro_f1", n=40, **values), "closed")


def test_a_difference_is_shown_only_where_its_interval_is_apart_from_0() -> None:
    apart = difference(value=-0.05, low=-0.08, high=-0.01)
    assert "closed form by −5.0 points [−8.0, −1.0] (40 utterances)" in apart
    assert apart.endswith("the interval excludes 0.")
    both = difference(value=0.05, low=-0.01, high=0.11)
    assert both.endswith("contains 0, so a difference is not shown.")


def test_what_has_no_interval_or_no_value_says_why() -> None:
    few = difference(value=0.05, undefined="too few speakers")
    assert few.endswith("+5.0 points, without an interval (too few speakers).")
    assert difference(value=0.05).endswith("+5.0 points, without an interval.")
    assert "is not defined: no utterance" in difference(undefined="no utterance")


def precision(**values: Any) -> Estimate:
    return Estimate("score", "claim_precision", system="s", n=80, **values)


@pytest.mark.parametrize(
    ("p", "shown", "words"),
    [(0.01, True, "supported, more than"), (0.3, False, "not shown to be more than")],
)
def test_support_stands_beside_what_shuffled_sound_gives(p: float, shown: bool, words: str) -> None:
    row = precision(value=0.6, low=0.5, high=0.7, p_value=p)
    base = Estimate("score", "claim_precision_shuffled", system="s", value=0.51)
    text, more = support_in_words([row, base])
    assert more is shown
    assert words in text
    assert "60.0% [50.0, 70.0] of 80 tested" in text
    assert f"(51.0%, p = {p:.3f})" in text


def test_without_a_claim_that_could_be_tested_nothing_is_said() -> None:
    assert support_in_words([]) == ("", False)
    assert support_in_words([precision(undefined="no claim could be tested")]) == ("", False)


@pytest.mark.parametrize("form", ["open", "closed"])
@pytest.mark.parametrize("value", [-0.2, 0.0, 0.2])
def test_the_form_is_named_and_the_sign_is_written(form: str, value: float) -> None:
    row = Estimate("comparison", "macro_f1", value=value, low=value - 0.1, high=value + 0.1, n=1)
    text = difference_in_words(row, form)
    assert f"macro-F1 in the {form} form by" in text
    assert "(1 utterance)" in text
    assert ("excludes 0" in text) is (value != 0)


def test_an_interval_that_ends_at_0_shows_nothing() -> None:
    assert "contains 0" in difference(value=0.05, low=0.0, high=0.1)
    assert "contains 0" in difference(value=-0.05, low=-0.1, high=0.0)


def test_the_limit_of_p_is_five_per_cent() -> None:
    base = Estimate("score", "claim_precision_shuffled", system="s", value=0.5)
    shown = [support_in_words([precision(value=0.9, p_value=p), base])[1] for p in (0.049, 0.05)]
    assert shown == [True, False]


def test_support_without_shuffles_is_told_and_not_shown() -> None:
    text, more = support_in_words([precision(value=0.9, p_value=0.01)])
    assert text == "Of the claims of s, 90.0% (no interval) of 80 tested are supported."
    assert more is False
