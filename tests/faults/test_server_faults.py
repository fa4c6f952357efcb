"""A server that delays, cuts, limits and garbles: no answer is lost or counted twice."""

# ruff: noqa: S105, S301, S311 - keys that open nothing, our own pickles, chance in tests

from __future__ import annotations

import asyncio
import json
import pickle
import random
import socket
import traceback
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from equivoice.errors import RunError
from equivoice.models import Decoding, Draw, Question, Said
from equivoice.models.servers import OpenAIServer
from equivoice.models.servers.retrying import Clock
from equivoice.prompting import Turn
from faults.fast_clock import FastClock
from faults.model_server import ModelServer, serving

NEUTRAL = Decoding.neutral()
QUESTIONS = [Question(f"demo/{n}", (Turn("user", (f"question {n}",)),)) for n in range(6)]
DRAWS = [[Draw(t, 1000 * n + 10 * k + 1) for k, t in enumerate((0.0, 0.5, 1.0))] for n in range(6)]
PASSING = (
    "status 500",
    "status 502",
    "status 408",
    "status 409",
    "busy 3",
    "busy_until 4",
    "reset",
    "cut",
    "no_json",
    "other_schema",
    "no_choices",
    "twice",
    "huge",
)


def backend(server: ModelServer, **options: Any) -> OpenAIServer:
    made = OpenAIServer(model="tiny", base_url=server.base_url, server="vllm", **options)
    made._asker.clock = FastClock()
    made._asker.chance = random.Random(7)
    return made


def clock(made: OpenAIServer) -> FastClock:
    assert isinstance(made._asker.clock, FastClock)
    return made._asker.clock


def expected(questions: Sequence[Question], draws: Sequence[Sequence[Draw]]) -> list[list[str]]:
    return [
        [f"{question.turns[0].text} {draw.seed} {draw.temperature}" for draw in wanted]
        for question, wanted in zip(questions, draws, strict=True)
    ]


def texts(answers: Sequence[Sequence[Said]]) -> list[list[str | None]]:
    return [[said.text for said in row] for row in answers]


def identities(faults: Mapping[tuple[int, int], Sequence[str]]) -> dict[str, Sequence[str]]:
    """Faults by place as faults by identity."""
    return {f"question {n} / {DRAWS[n][k].seed}": each for (n, k), each in faults.items()}


def test_answers_come_in_the_order_asked() -> None:
    with serving() as server:
        made = backend(server)
        assert texts(made.answer(QUESTIONS, DRAWS, NEUTRAL)) == expected(QUESTIONS, DRAWS)
    assert server.asked == server.answered
    assert set(server.asked.values()) == {1}
    assert made.totals.answers == made.totals.requests == 18
    assert made.totals.retries == made.totals.failed == 0


@pytest.mark.parametrize("fault", PASSING)
def test_what_passes_is_tried_again(fault: str) -> None:
    with serving(identities({(0, 0): [fault]})) as server:
        made = backend(server)
        answers = made.answer(QUESTIONS[:1], DRAWS[:1], NEUTRAL)
        assert texts(answers) == expected(QUESTIONS[:1], DRAWS[:1])
    assert server.asked[f"question 0 / {DRAWS[0][0].seed}"] == 2
    assert (made.totals.requests, made.totals.retries, made.totals.failed) == (4, 1, 0)


@pytest.mark.parametrize("seed", range(12))
def test_no_answer_is_lost_or_counted_twice(seed: int) -> None:
    draw = random.Random(seed)
    faults = {
        (n, k): draw.choices(PASSING, k=draw.choice((0, 0, 1, 2, 3)))
        for n in range(6)
        for k in range(3)
    }
    number = sum(map(len, faults.values()))
    with serving(identities(faults)) as server:
        made = backend(server, patience=1e6, concurrency=draw.choice((1, 3, 8)))
        assert texts(made.answer(QUESTIONS, DRAWS, NEUTRAL)) == expected(QUESTIONS, DRAWS)
    # Each request is either a scripted fault or one of the 18 answers, and none is more.
    assert server.asked.total() == made.totals.requests == 18 + number
    assert (made.totals.answers, made.totals.failed, made.totals.retries) == (18, 0, number)
    # An answer that was cut on its way was given twice by the server, and taken once.
    cuts = sum(each.count("cut") for each in faults.values())
    assert server.answered.total() == 18 + cuts
    assert made.totals.completion_tokens == 10 * 18


def test_patience_ends_and_the_others_are_answered() -> None:
    with serving(identities({(1, 2): ["status 500"] * 99})) as server:
        made = backend(server, tries=4)
        answers = made.answer(QUESTIONS, DRAWS, NEUTRAL)
    lost = answers[1][2]
    assert lost.text is None
    assert lost.reason == "no answer (after 4 tries): HTTP 500: says the server about 500"
    wanted: list[list[str | None]] = [list(row) for row in expected(QUESTIONS, DRAWS)]
    wanted[1][2] = None
    assert texts(answers) == wanted
    assert server.asked[f"question 1 / {DRAWS[1][2].seed}"] == 4
    assert (made.totals.answers, made.totals.failed) == (18, 1)


@pytest.mark.parametrize("status", ["400", "413", "422"])
def test_a_refused_request_is_not_repeated(status: str) -> None:
    with serving(identities({(0, 1): [f"status {status}"]})) as server:
        made = backend(server)
        answers = made.answer(QUESTIONS[:1], DRAWS[:1], NEUTRAL)
    assert answers[0][1].reason == f"no answer: HTTP {status}: says the server about {status}"
    assert [said.text is None for said in answers[0]] == [False, True, False]
    assert server.asked.total() == 3


def test_an_answer_without_text_says_why() -> None:
    with serving(identities({(0, 0): ["null"]})) as server:
        answers = backend(server).answer(QUESTIONS[:1], DRAWS[:1], NEUTRAL)
    assert answers[0][0].text is None
    assert answers[0][0].reason == "the answer holds no text (finish_reason 'stop')"
    assert server.asked.total() == 3


@pytest.mark.parametrize(
    ("status", "advice"),
    [("401", "check the key"), ("403", "may not use"), ("404", "/v1/models"), ("405", "base_url")],
)
def test_a_server_that_lets_nobody_in_ends_the_run_at_once(status: str, advice: str) -> None:
    with serving({"*": [f"status {status}"] * 99}) as server:
        made = backend(server, concurrency=1)
        with pytest.raises(RunError, match=f"HTTP {status}") as caught:
            made.answer(QUESTIONS, DRAWS, NEUTRAL)
    assert "\n  next: " in str(caught.value)
    assert advice in str(caught.value)
    assert server.asked.total() == 1


def test_a_server_that_is_not_there_ends_the_run() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refuses connections
        made = OpenAIServer(
            model="tiny", base_url=f"http://127.0.0.1:{taken.getsockname()[1]}/v1", server="vllm"
        )
        made._asker.clock = FastClock()
        with pytest.raises(
            RunError, match=r"cannot be reached, after 6 tries(.|\n)*start the server"
        ):
            made.answer(QUESTIONS[:1], DRAWS[:1], NEUTRAL)
    reach = made.reachable()
    assert not reach.reached
    assert "start the server" in reach.what


def test_a_server_that_goes_down_midway_ends_the_run() -> None:
    """Else all that remains would be stored as failed, and a resumed run would keep it so."""
    with serving() as server:
        made = backend(server)
        made.answer(QUESTIONS[:1], DRAWS[:1], NEUTRAL)
    with pytest.raises(RunError, match="cannot be reached"):
        made.answer(QUESTIONS, DRAWS, NEUTRAL)


def test_a_server_that_answers_no_more_ends_the_run() -> None:
    with serving({"*": ["status 503"] * 999}) as server:
        made = backend(server, tries=2, give_up_after=5, concurrency=1)
        with pytest.raises(RunError, match="5 requests in a row without an answer"):
            made.answer(QUESTIONS, DRAWS, NEUTRAL)
    assert server.asked.total() == 10


def test_failures_that_answers_interrupt_do_not_end_the_run() -> None:
    poison = {(n, 1): ["status 500"] * 9 for n in range(6)}
    with serving(identities(poison)) as server:
        made = backend(server, tries=2, give_up_after=2, concurrency=1)
        answers = made.answer(QUESTIONS, DRAWS, NEUTRAL)
    assert [[said.text is None for said in row] for row in answers] == [[False, True, False]] * 6


@pytest.mark.parametrize("limit", [1, 4])
def test_no_more_requests_at_a_time_than_allowed(limit: int) -> None:
    with serving({"*": ["slow 0.05"] * 18}) as server:
        backend(server, concurrency=limit).answer(QUESTIONS, DRAWS, NEUTRAL)
    assert server.most_under_way == limit


def test_a_reply_that_takes_too_long_is_asked_for_again() -> None:
    with serving(identities({(0, 0): ["slow 1.5"]})) as server:
        made = backend(server, timeout=0.3)
        answers = made.answer(QUESTIONS[:1], DRAWS[:1], NEUTRAL)
    assert texts(answers) == expected(QUESTIONS[:1], DRAWS[:1])
    assert made.totals.retries == 1


@pytest.mark.parametrize(("fault", "least"), [("busy 7", 7.0), ("busy_until 9", 8.0)])
def test_the_wait_that_a_server_asks_for_is_kept(fault: str, least: float) -> None:
    with serving(identities({(0, 0): [fault]})) as server:
        made = backend(server)
        made.answer(QUESTIONS[:1], [DRAWS[0][:1]], NEUTRAL)
    assert least <= sum(clock(made).slept) <= least + 1.6


def test_a_wait_longer_than_our_patience_is_not_begun() -> None:
    with serving(identities({(0, 0): ["busy 86400"]})) as server:
        made = backend(server, patience=60)
        answers = made.answer(QUESTIONS[:1], [DRAWS[0][:1]], NEUTRAL)
    assert answers[0][0].reason == (
        "no answer: HTTP 429: too many requests; no time is left for another try"
    )
    assert server.asked.total() == 1


def test_when_one_is_told_to_wait_all_wait() -> None:
    """A second worker does not ask while the server's wait lasts."""
    with serving(identities({(0, 0): ["busy 30"]})) as server:
        made = backend(server, concurrency=1)
        made.answer(QUESTIONS[:1], [DRAWS[0][:1]], NEUTRAL)
        made._asker._pause.extend(clock(made).now() + 50)
        before = sum(clock(made).slept)
        made.answer(QUESTIONS[1:2], [DRAWS[1][:1]], NEUTRAL)
    assert sum(clock(made).slept) - before >= 49


def test_a_redirect_is_not_followed() -> None:
    with serving() as other:
        where = f"{other.base_url}/chat/completions"
        with (
            serving({"*": [f"redirect {where}"]}) as server,
            pytest.raises(RunError, match=r"HTTP 307(.|\n)*base_url"),
        ):
            backend(server).answer(QUESTIONS[:1], [DRAWS[0][:1]], NEUTRAL)
    assert other.asked.total() == 0


def test_the_key_is_sent_and_shows_up_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "sk-very-secret-0123456789"
    monkeypatch.setenv("TEST_MODEL_KEY", secret)
    options = {"api_key_env": "TEST_MODEL_KEY"}
    with serving(identities({(0, 0): ["echo"]}), key=secret) as server:
        made = backend(server, **options)
        answers = made.answer(QUESTIONS[:1], DRAWS[:1], NEUTRAL)
        described = json.dumps(made.describe())
    assert {sent["Authorization"] for sent in server.headers} == {f"Bearer {secret}"}
    reason = answers[0][0].reason
    assert reason is not None
    assert reason.endswith("xxx Bearer [key]")
    shown = [described, repr(made), repr(answers), pickle.dumps(made).decode("latin-1")]
    assert all(secret not in text for text in shown)


def test_half_a_key_does_not_stay_where_a_long_message_is_cut(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    secret = "sk-" + "0123456789abcdef" * 20
    monkeypatch.setenv("TEST_MODEL_KEY", secret)
    with serving(identities({(0, 0): ["echo"]})) as server:
        made = backend(server, api_key_env="TEST_MODEL_KEY")
        answers = made.answer(QUESTIONS[:1], DRAWS[:1], NEUTRAL)
    assert "0123" not in str(answers[0][0].reason)


def test_a_wrong_key_is_not_repeated_in_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_MODEL_KEY", "sk-wrong-key-987654321")
    with serving(key="right") as server:
        made = backend(server, api_key_env="TEST_MODEL_KEY")
        with pytest.raises(RunError, match="HTTP 401") as caught:
            made.answer(QUESTIONS[:1], DRAWS[:1], NEUTRAL)
        told = "".join(traceback.format_exception(caught.value))
        assert "sk-wrong-key-987654321" not in told + str(made.reachable())


def test_an_answer_that_repeats_the_key_is_freed_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_MODEL_KEY", "sk-very-secret-0123456789")
    with serving(answer=lambda _: "your key is sk-very-secret-0123456789") as server:
        made = backend(server, api_key_env="TEST_MODEL_KEY")
        answers = made.answer(QUESTIONS[:1], DRAWS[:1], NEUTRAL)
    assert answers[0][0].text == "your key is [key]"


def test_no_key_of_the_environment_is_sent_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-for-this-server")
    with serving() as server:
        backend(server).answer(QUESTIONS[:1], DRAWS[:1], NEUTRAL)
    assert all("sk-not" not in str(sent) for sent in server.headers)


def test_it_works_inside_a_running_loop() -> None:
    """As in a notebook."""
    with serving() as server:
        made = backend(server)

        async def cell() -> list[list[Said]]:
            return made.answer(QUESTIONS[:1], DRAWS[:1], NEUTRAL)

        assert texts(asyncio.run(cell())) == expected(QUESTIONS[:1], DRAWS[:1])


def test_what_is_made_elsewhere_answers_the_same() -> None:
    """Ray sends a backend to another process."""
    with serving() as server:
        made = backend(server)
        made._asker.clock = Clock()
        copy = pickle.loads(pickle.dumps(made))
        assert texts(copy.answer(QUESTIONS, DRAWS, NEUTRAL)) == expected(QUESTIONS, DRAWS)
