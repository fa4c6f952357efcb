"""The values that a language model is asked by: what they refuse and what makes them equal."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from equivoice.errors import ConfigError
from equivoice.models import Clip, Decoding, Draw, LanguageBackend, OptionScores, Question, Said
from equivoice.models import PrefixBackend as Prefixed
from equivoice.prompting.turns import AUDIO, Turn

NAMES = ("max_new_tokens", "min_new_tokens", "top_p", "top_k", "repetition_penalty")


def is_sound(given_values: dict[str, float | int | None]) -> bool:
    """The rules as the documentation words them, one by one."""
    most, least = given_values["max_new_tokens"], given_values["min_new_tokens"]
    top_p, top_k = given_values["top_p"], given_values["top_k"]
    penalty = given_values["repetition_penalty"]
    assert most is not None
    assert least is not None
    return (
        most >= 1
        and 0 <= least <= most
        and (top_p is None or 0 < top_p <= 1)
        and (top_k is None or top_k >= 0)
        and (penalty is None or penalty > 0)
    )


@given(
    st.fixed_dictionaries(
        {
            "max_new_tokens": st.integers(-2, 6),
            "min_new_tokens": st.integers(-2, 6),
            "top_p": st.none() | st.sampled_from([-0.1, 0.0, 1e-9, 0.5, 1.0, 1.1]) | st.floats(),
            "top_k": st.none() | st.integers(-2, 3),
            "repetition_penalty": st.none() | st.sampled_from([-1.0, 0.0, 0.5, 1.0]) | st.floats(),
        }
    )
)
def test_a_decoding_is_refused_exactly_where_a_value_is_out_of_range(
    given_values: dict[str, float | int | None],
) -> None:
    try:
        made = Decoding(**given_values)  # type: ignore[arg-type]
    except ConfigError:
        assert not is_sound(given_values)
    else:
        assert is_sound(given_values)
        assert all(getattr(made, name) == given_values[name] for name in NAMES)


def test_all_values_out_of_range_are_told_together() -> None:
    with pytest.raises(ConfigError) as caught:
        Decoding(0, -1, top_p=1.5, top_k=-3, repetition_penalty=0.0)
    message = str(caught.value)
    assert message.startswith("5 problems")
    for problem in (
        "max_new_tokens: 0 is below 1",
        "min_new_tokens: -1 is not within 0 and max_new_tokens",
        "top_p: 1.5 is not above 0 and at most 1",
        "top_k: -3 is negative",
        "repetition_penalty: 0.0 is not above 0",
    ):
        assert problem in message


@pytest.mark.parametrize("name", ["top_p", "repetition_penalty"])
def test_what_is_no_number_is_out_of_range(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name}: nan"):
        Decoding(**{name: float("nan")})  # type: ignore[arg-type]


@given(st.integers(1, 50), st.integers(0, 50))
def test_neutral_leaves_nothing_to_the_checkpoint(most: int, least: int) -> None:
    least = min(least, most)
    neutral = Decoding.neutral(max_new_tokens=most, min_new_tokens=least)
    assert (neutral.top_p, neutral.top_k, neutral.repetition_penalty) == (1.0, 0, 1.0)
    assert (neutral.max_new_tokens, neutral.min_new_tokens) == (most, least)


def test_without_a_word_all_but_the_lengths_is_left_to_the_checkpoint() -> None:
    assert Decoding() == Decoding(5, 1, None, None, None)


@pytest.mark.parametrize(
    "value",
    [Clip("a.wav"), Question("a/1", ()), Draw(0.5, 1), Decoding(), Said("sad")],
)
def test_what_is_asked_and_answered_cannot_be_changed(value: object) -> None:
    (name, *_) = vars(value)
    with pytest.raises(FrozenInstanceError):
        setattr(value, name, None)


def test_equal_questions_are_one_question() -> None:
    turns = (Turn("user", (AUDIO, "Which?")),)
    one, other = (Question("a/1", turns, Clip("a.wav", 0.5, 1.0)) for _ in range(2))
    assert len({one, other}) == 1
    assert one != replace(other, clip=Clip("a.wav", 0.5))


def test_time_and_cost_make_no_other_answer() -> None:
    """They never repeat exactly, and an answer must be comparable with itself asked again."""
    assert Said("sad", seconds=0.1, cost=0.5) == Said("sad", seconds=0.2)
    assert Said("sad") != Said("sad", finished=False)
    assert Said(None, "time-out") != Said(None, "refused")
    assert Said("") != Said(None)


def test_a_backend_is_known_by_what_it_can_do() -> None:
    class Server:
        name = family = "x"
        modalities = frozenset({"speech"})

        def describe(self) -> dict[str, object]:
            return {}

        def answer(self, questions: object, draws: object, decoding: object) -> list[object]:
            return [questions, draws, decoding]

    class Local(Server):
        def prepare(self, questions: object) -> object:
            return questions

        def sample(self, prefix: object, draws: object, decoding: object) -> list[object]:
            return [prefix, draws, decoding]

        def option_logprobs(self, *_: object) -> OptionScores:
            return OptionScores(np.zeros((0, 0, 0)), np.zeros((0, 0)))

    class Deaf:
        name = family = "x"

    assert isinstance(Server(), LanguageBackend)
    assert not isinstance(Server(), Prefixed)
    assert isinstance(Local(), Prefixed)
    assert not isinstance(Deaf(), LanguageBackend)
