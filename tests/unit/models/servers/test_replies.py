"""Replies read strictly: whole answers, or an error that leads to another try."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equivoice.models.servers.costs import Prices, Totals
from equivoice.models.servers.replies import (
    Choice,
    MalformedError,
    Reply,
    Usage,
    read_models,
    read_reply,
    server_message,
)


def body(*choices: Any, **more: Any) -> bytes:
    return json.dumps({"choices": list(choices), **more}).encode()


def choice(content: Any, ended: Any = "stop", **more: Any) -> dict[str, Any]:
    return {"message": {"role": "assistant", "content": content}, "finish_reason": ended, **more}


@pytest.mark.parametrize(
    ("given_choice", "read"),
    [
        (choice("Angry."), Choice("Angry.", finished=True)),
        (choice("An", "length"), Choice("An", finished=False)),
        (choice("", "stop"), Choice("", finished=True)),
        (choice("angry", None), Choice("angry")),
        (choice([{"type": "text", "text": "an"}, {"type": "text", "text": "gry"}]),
         Choice("angry", finished=True)),
        (choice("half \ud83d a pair"), Choice("half \ufffd a pair", finished=True)),
    ],
)  # fmt: skip
def test_what_a_choice_says(given_choice: dict[str, Any], read: Choice) -> None:
    assert read_reply(body(given_choice), 1).choices == (read,)


def test_a_refusal_is_an_answer() -> None:
    said = choice(None)
    said["message"]["refusal"] = "I can't help with that."
    assert read_reply(body(said), 1).choices[0].text == "I can't help with that."


@pytest.mark.parametrize(
    ("ended", "phrase"),
    [("length", "used up"), ("content_filter", "withheld"), ("tool_calls", "'tool_calls'")],
)
def test_no_text_has_its_reason(ended: str, phrase: str) -> None:
    read = read_reply(body(choice(None, ended)), 1).choices[0]
    assert read.text is None
    assert phrase in str(read.reason)


def test_what_a_filter_left_over_is_no_answer() -> None:
    assert read_reply(body(choice("Ang", "content_filter")), 1).choices[0].text is None


def test_several_answers_stand_in_the_order_of_their_index() -> None:
    three = [choice(text, index=place) for text, place in (("c", 2), ("a", 0), ("b", 1))]
    assert [one.text for one in read_reply(body(*three), 3).choices] == ["a", "b", "c"]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b'{"choices": null}',
        b'{"choices": []}',
        b'{"choices": [1]}',
        b'{"choices": [{}]}',
        b'{"choices": [{"message": "angry"}]}',
        b'{"choices": [{"message": {"content": 5}}]}',
        b'{"choices": [{"message": {"content": [{"type": "text"}]}}]}',
        b'{"choices": [{"index": 3, "message": {"content": "a"}}]}',
        b'{"choices": [{"message": {"content": "a"}}, {"message": {"content": "b"}}]}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
def test_what_is_no_reply(raw: bytes) -> None:
    with pytest.raises(MalformedError):
        read_reply(raw, 1)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["choices", "message", "content", "index", "usage", "text", "type"])
            | st.text(max_size=3),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(_VALUES)
def test_any_json_is_read_or_refused_in_words(value: Any) -> None:
    raw = json.dumps(value).encode()
    with contextlib.suppress(MalformedError):
        assert len(read_reply(raw, 1).choices) == 1
    with contextlib.suppress(MalformedError):
        assert all(isinstance(one, dict) for one in read_models(raw))
    assert "\n" not in server_message(raw)


@given(_VALUES)
def test_any_content_is_text_or_none(content: Any) -> None:
    try:
        reply = read_reply(body(choice(content), usage=content), 1)
    except MalformedError:
        return
    assert isinstance(reply, Reply)
    text = reply.choices[0].text
    assert text is None or text.encode("utf-8").decode("utf-8") == text


def test_tokens_that_make_no_sense_are_not_counted() -> None:
    raw = body(
        choice("a"),
        usage={"prompt_tokens": -5, "completion_tokens": "9", "prompt_tokens_details": 3},
    )
    assert read_reply(raw, 1).usage == Usage()
    assert read_reply(body(choice("a")), 1).usage is None


def test_log_probabilities_are_summed_or_left_out() -> None:
    tokens = [{"token": "a", "logprob": -0.25}, {"token": "b", "logprob": -0.5}]
    assert read_reply(body(choice("ab", logprobs={"content": tokens})), 1).choices[0].logprob == (
        -0.75
    )
    tokens[1]["logprob"] = float("-inf")
    assert read_reply(body(choice("ab", logprobs={"content": tokens})), 1).choices[0].logprob is (
        None
    )


def test_models_lose_what_changes_from_call_to_call() -> None:
    one = {"id": "m", "owned_by": "vllm", "created": 1, "permission": [{"id": "random"}]}
    raw = json.dumps({"data": [one]}).encode()
    assert read_models(raw) == ({"id": "m", "owned_by": "vllm"},)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b'{"error": {"message": "no such model", "code": 404}}', "no such model"),
        (b'{"detail": "Server is pinned"}', "Server is pinned"),
        (b'{"detail": [{"loc": ["body"], "msg": "missing"}]}', '[{"loc": ["body"], '),
        (b"<html>\n  busy</html>", "<html> busy</html>"),
        (b"", ""),
    ],
)
def test_what_a_server_says_of_its_error(raw: bytes, said: str) -> None:
    assert server_message(raw).startswith(said)


# ------------------------------------------------------------------ money


def test_each_kind_of_token_has_its_price() -> None:
    usage = Usage(prompt=1_000_000, completion=200_000, audio=600_000, cached=100_000)
    assert Prices(2, 8).cost(usage) == pytest.approx(2 + 1.6)
    assert Prices(2, 8, audio=40, cached=1).cost(usage) == pytest.approx(0.6 + 24 + 0.1 + 1.6)


def test_a_server_that_counts_wrongly_costs_no_negative_sum() -> None:
    assert Prices(1, 1, audio=5).cost(Usage(prompt=10, audio=1_000_000)) == pytest.approx(50e-6)


def test_totals_add_up() -> None:
    totals = Totals()
    totals.add(Usage(10, 2, 5, 0), 0.5)
    totals.add(None, None)
    assert (totals.prompt_tokens, totals.audio_tokens, totals.uncounted) == (10, 5, 1)
    assert totals.as_dict()["cost"] == 0.5
