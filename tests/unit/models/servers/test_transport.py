"""One exchange: bounded in time and size, its failures named, its key kept to itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from equivoice.errors import ConfigError
from equivoice.models.servers.retrying import Clock, Failure
from equivoice.models.servers.transport import Address, Key, connected, exchange

URL = "http://127.0.0.1:8000/v1/chat/completions"
SECRET = "sk-0123456789abcdef"  # noqa: S105 - no secret
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
CLOCK = Clock(date=lambda: NOW)


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> Key:
    monkeypatch.setenv("A_KEY", SECRET)
    return Key("A_KEY")


def exchanged(
    answer: Callable[[httpx2.Request], httpx2.Response],
    *,
    key: Key | None = None,
    content: dict[str, object] | None = None,
    seconds: float = 5.0,
) -> bytes | Failure:
    async def work() -> bytes | Failure:
        transport = httpx2.MockTransport(answer)
        async with httpx2.AsyncClient(transport=transport) as client:
            return await exchange(
                client, URL, content, seconds=seconds, key=key or Key(), clock=CLOCK
            )

    return asyncio.run(work())


def _same(response: httpx2.Response, _: httpx2.Request) -> httpx2.Response:
    return response


def failed(
    answer: Callable[[httpx2.Request], httpx2.Response], *, key: Key | None = None
) -> Failure:
    outcome = exchanged(answer, key=key)
    assert isinstance(outcome, Failure)
    return outcome


# ----------------------------------------------------------------------------- exchanges


def test_a_question_is_posted_and_a_page_is_got() -> None:
    methods: list[tuple[str, bytes]] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        methods.append((request.method, request.content))
        return httpx2.Response(200, content=b"well")

    assert exchanged(answer) == b"well"
    assert exchanged(answer, content={"model": "m"}) == b"well"
    assert [method for method, _ in methods] == ["GET", "POST"]
    assert methods[0][1] == b""
    assert methods[1][1].replace(b" ", b"") == b'{"model":"m"}'


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_any_good_status_gives_the_body(status: int) -> None:
    assert exchanged(lambda _: httpx2.Response(status, content=b"body")) == b"body"


@given(st.integers(300, 599))
def test_every_other_status_is_a_failure_that_passes_only_where_it_may(status: int) -> None:
    failure = failed(lambda _: httpx2.Response(status, content=b"no"))
    assert failure.status == status
    assert failure.reason == f"HTTP {status}: no"
    assert failure.passes == (status >= 500 or status in {408, 409, 425, 429})


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (307, "denied"),  # a redirect would carry the speech to another host
        (400, "refused"),
        (401, "denied"),
        (404, "denied"),
        (413, "refused"),
        (422, "refused"),
        (429, "busy"),
        (503, "busy"),
    ],
)
def test_the_kind_of_a_status(status: int, kind: str) -> None:
    assert failed(lambda _: httpx2.Response(status)).kind == kind


def test_a_status_without_words_is_named_alone() -> None:
    assert failed(lambda _: httpx2.Response(500)).reason == "HTTP 500"


def test_the_servers_own_words_are_told_in_one_short_line() -> None:
    words = "much\n\n  to say " * 100
    failure = failed(lambda _: httpx2.Response(400, json={"error": {"message": words}}))
    assert failure.reason.startswith("HTTP 400: much to say much to say")
    assert failure.reason.endswith("…")
    assert len(failure.reason) < 230


def test_the_wait_that_a_server_asks_for_goes_along() -> None:
    for header, wait in (("7", 7.0), ("Sat, 21 Nov 2026 12:00:30 GMT", 30.0)):
        told = httpx2.Response(429, headers={"Retry-After": header})
        assert failed(partial(_same, told)).wait == wait
    assert failed(lambda _: httpx2.Response(429)).wait is None


def test_a_reply_without_end_is_cut_off_and_not_kept() -> None:
    sent = 0

    async def endless() -> object:
        nonlocal sent
        while True:
            sent += 1
            yield b"x" * 1_000_000

    failure = failed(lambda _: httpx2.Response(200, content=endless()))  # type: ignore[arg-type]
    assert (failure.kind, failure.reason) == ("garbled", "a reply of more than 4 MB")
    assert sent < 10


def test_an_error_page_without_end_has_its_status_all_the_same() -> None:
    failure = failed(lambda _: httpx2.Response(503, content=b"x" * 5_000_000))
    assert (failure.kind, failure.reason) == ("busy", "HTTP 503")


def test_a_reply_that_does_not_come_is_given_up() -> None:
    async def never() -> object:
        yield b"{"
        await asyncio.sleep(60)

    outcome = exchanged(
        lambda _: httpx2.Response(200, content=never()),  # type: ignore[arg-type]
        seconds=0.05,
    )
    assert outcome == Failure("cut", "no whole reply within 0 s")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (httpx2.ConnectError("refused"), "unreachable"),
        (httpx2.ProxyError("refused"), "unreachable"),
        (httpx2.UnsupportedProtocol("refused"), "unreachable"),
        (httpx2.ReadError("refused"), "cut"),
        (httpx2.RemoteProtocolError("refused"), "cut"),
        (httpx2.DecodingError("refused"), "cut"),
    ],
)
def test_faults_of_the_connection_are_told_apart(error: Exception, kind: str) -> None:
    def answer(_: httpx2.Request) -> httpx2.Response:
        raise error

    failure = failed(answer)
    assert failure.kind == kind
    assert failure.reason.endswith("(refused)")
    assert failure.status is None
    assert failure.passes


def test_a_fault_without_words_is_named_by_its_class() -> None:
    def answer(_: httpx2.Request) -> httpx2.Response:
        raise httpx2.ReadError("")

    assert failed(answer).reason == "the connection was cut (ReadError)"


def test_the_key_is_hidden_wherever_a_server_repeats_it(key: Key) -> None:
    def fault(_: httpx2.Request) -> httpx2.Response:
        raise httpx2.ReadError(f"bad key {SECRET}")

    told = failed(lambda _: httpx2.Response(401, text=f"wrong key {SECRET}!"), key=key)
    assert told.reason == "HTTP 401: wrong key [key]!"
    assert SECRET not in failed(fault, key=key).reason


def test_a_client_bears_the_key_and_follows_no_redirect(key: Key) -> None:
    async def work() -> tuple[str | None, bool]:
        async with connected(key, concurrency=2) as client:
            return client.headers.get("Authorization"), client.follow_redirects

    assert asyncio.run(work()) == (f"Bearer {SECRET}", False)


# ---------------------------------------------------------------------------------- keys


def test_a_key_stands_in_no_object(key: Key) -> None:
    assert SECRET not in repr(key)
    assert key.headers() == {"Authorization": f"Bearer {SECRET}"}


def test_a_key_that_changes_is_read_anew(key: Key, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", "  another-key \n")
    assert key.headers() == {"Authorization": "Bearer another-key"}


def test_another_header_bears_the_bare_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", SECRET)
    assert Key("A_KEY", "api-key").headers() == {"api-key": SECRET}
    assert Key("A_KEY", "authorization").headers() == {"authorization": f"Bearer {SECRET}"}


def test_where_no_key_is_needed_none_is_sent_or_hidden() -> None:
    assert Key().headers() == {}
    assert Key().hide(SECRET) == SECRET


@pytest.mark.parametrize("value", ["", "  \n"])
def test_a_variable_that_holds_nothing_is_not_set(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_KEY", value)
    with pytest.raises(ConfigError, match="not set: 'A_KEY'") as caught:
        Key("A_KEY").headers()
    assert "export A_KEY=" in str(caught.value)


@pytest.mark.parametrize("value", ["schlüssel-123", "two\nlines-of-key"])
def test_what_no_header_can_hold_is_refused_and_not_repeated(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_KEY", value)
    with pytest.raises(ConfigError, match="no key has: 'A_KEY'") as caught:
        Key("A_KEY").headers()
    assert value not in str(caught.value)


def test_a_short_key_is_not_searched_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key "a" would blot out every a of every message."""
    monkeypatch.setenv("A_KEY", "a")
    assert Key("A_KEY").hide("a bad day") == "a bad day"


@pytest.mark.parametrize("name", ["sk-0123456789", "A KEY", "1KEY", "", "A_KEY\n", "$A_KEY"])
def test_what_is_no_name_of_a_variable_is_refused_and_not_repeated(name: str) -> None:
    with pytest.raises(ConfigError, match="the NAME of an environment variable") as caught:
        Key(name)
    assert not name.strip() or name not in str(caught.value)


# ----------------------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("http://localhost:8000/v1", "http://localhost:8000/v1/models"),
        ("http://localhost:8000/v1///", "http://localhost:8000/v1/models"),
        ("https://host.example", "https://host.example/models"),
        ("http://[::1]:80/v1", "http://[::1]:80/v1/models"),
        ("http://host/v1#fragment", "http://host/v1/models"),
    ],
)
def test_paths_stand_below_the_address(base: str, url: str) -> None:
    assert Address(base).url("models") == url


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("localhost", True),
        ("LOCALHOST", True),
        ("a.localhost", True),
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("[::1]", True),
        ("0.0.0.0", False),  # noqa: S104 - an address that is asked about
        ("192.168.0.1", False),
        ("localhost.example.com", False),
        ("127.0.0.1.example.com", False),
        ("notlocalhost", False),
    ],
)
def test_which_hosts_are_this_machine(host: str, local: bool) -> None:
    assert Address(f"http://{host}:8000/v1").is_local is local


@pytest.mark.parametrize(
    "url", ["", "host:8000", "ftp://host", "http://", "http://[::1", "http://host:port", "//host"]
)
def test_what_is_no_address_is_told_with_an_example(url: str) -> None:
    with pytest.raises(ConfigError, match="not an address of a server") as caught:
        Address(url)
    assert "http://127.0.0.1:8000/v1" in str(caught.value)


@pytest.mark.parametrize(
    "url", ["http://me:secret-word@host/v1", "http://me@host", "http://host/v1?key=secret-word"]
)
def test_what_would_be_written_into_the_record_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="does not belong into it") as caught:
        Address(url)
    assert "secret-word" not in str(caught.value)
    assert "api_key_env" in str(caught.value)
