"""Prices out of a configuration, and what requests cost by them."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equivoice.errors import ConfigError
from equivoice.models.servers.costs import Prices, Totals
from equivoice.models.servers.replies import Usage

PRICE = st.floats(0, 1000, allow_nan=False)
COUNT = st.integers(0, 10**7)
USAGE = st.builds(Usage, prompt=COUNT, completion=COUNT, audio=COUNT, cached=COUNT)


def test_no_prices_are_no_prices() -> None:
    assert Prices.of(None) is None


def test_prices_are_read_by_name_and_the_others_follow_the_input() -> None:
    assert Prices.of({"input": 1, "output": 2.5}) == Prices(1.0, 2.5, None, None)
    assert Prices.of({"output": 2, "input": 0, "audio": 3, "cached": 0.1}) == Prices(0, 2, 3, 0.1)


def test_all_mistakes_are_told_together() -> None:
    with pytest.raises(ConfigError) as caught:
        Prices.of({"inptu": 1, "audio": -2, "cached": "free"})
    message = str(caught.value)
    for problem in (
        "prices.inptu: unknown; known: input, output, audio, cached",
        "prices.input: needed",
        "prices.output: needed",
        "prices.audio: -2 is not a price",
        "prices.cached: 'free' is not a price",
    ):
        assert problem in message
    assert message.startswith("5 problems")


@pytest.mark.parametrize("value", [True, None, "1", [1], float("nan"), -0.01])
def test_what_is_no_price(value: Any) -> None:
    with pytest.raises(ConfigError, match=r"prices\.input: .* is not a price in dollars"):
        Prices.of({"input": value, "output": 1})


@given(USAGE, PRICE, PRICE, PRICE, PRICE)
def test_every_token_is_paid_once_by_its_own_price(
    usage: Usage, text: float, answer: float, audio: float, cached: float
) -> None:
    """Token by kind, in exact numbers: sound goes first, then the kept, and the rest is text."""
    sound = min(usage.audio, usage.prompt)
    kept = min(usage.cached, usage.prompt - sound)
    tokens = {text: usage.prompt - sound - kept}
    exact = sum((Fraction(p) * n for p, n in tokens.items()), Fraction())
    exact += Fraction(audio) * sound + Fraction(cached) * kept
    exact += Fraction(answer) * usage.completion
    found = Prices(text, answer, audio, cached).cost(usage)
    assert found == pytest.approx(float(exact / 10**6), rel=1e-12, abs=1e-300)


@given(USAGE, PRICE, PRICE)
def test_one_price_for_all_of_the_prompt_needs_no_kinds(
    usage: Usage, text: float, answer: float
) -> None:
    plain = Prices(text, answer).cost(usage)
    assert plain == pytest.approx(Prices(text, answer, text, text).cost(usage))
    assert plain == pytest.approx((usage.prompt * text + usage.completion * answer) / 1e6)


@given(st.lists(st.tuples(st.none() | USAGE, st.none() | PRICE), max_size=8))
def test_totals_are_sums_and_say_what_was_not_counted(
    replies: list[tuple[Usage | None, float | None]],
) -> None:
    totals = Totals()
    for usage, cost in replies:
        totals.add(usage, cost)
    known = [usage for usage, _ in replies if usage is not None]
    assert totals.uncounted == len(replies) - len(known)
    assert totals.prompt_tokens == sum(usage.prompt for usage in known)
    assert totals.completion_tokens == sum(usage.completion for usage in known)
    assert totals.audio_tokens == sum(usage.audio for usage in known)
    assert totals.cost == pytest.approx(sum(cost or 0.0 for _, cost in replies))
    assert totals.as_dict()["uncounted"] == totals.uncounted
