"""A chat server that misbehaves by schedule, and counts what it is asked.

What it answers follows from the request alone: the last text of the user, the seed
and the temperature. So a test knows each right answer without asking.
"""

# ruff: noqa: ARG002 - what may happen is called by name, all alike

from __future__ import annotations

import json
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Body = Mapping[str, Any]

HUGE = 5_000_000


def question_of(body: Body) -> str:
    """The text of the last turn."""
    content = body["messages"][-1]["content"]
    if isinstance(content, str):
        return content
    return "".join(part["text"] for part in content if part["type"] == "text")


def identity(body: Body) -> str:
    """What tells a request from all others."""
    return f"{question_of(body)} / {body.get('seed')}"


def right_answer(body: Body) -> str:
    """What an undisturbed server says."""
    return f"{question_of(body)} {body.get('seed')} {body.get('temperature')}"


class ModelServer(ThreadingHTTPServer):
    """Listens on a free port of this machine.

    Args:
        faults: from a request's identity to what goes wrong, one a request, in order;
            after that all is well. The key ``*`` stands for all identities.
        answer: what is said.
        models: what ``/v1/models`` lists.
        key: the key that is wanted, where one is.
    """

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(
        self,
        faults: Mapping[str, Sequence[str]] | None = None,
        *,
        answer: Callable[[Body], str | None] = right_answer,
        models: Sequence[Mapping[str, Any]] = ({"id": "tiny", "owned_by": "vllm"},),
        key: str | None = None,
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.faults = defaultdict(list, {name: list(each) for name, each in (faults or {}).items()})
        self.answer, self.models, self.key = answer, list(models), key
        self.asked: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.elsewhere: list[str] = []
        self.under_way = self.most_under_way = 0
        self.lock = threading.Lock()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def next_fault(self, name: str) -> str:
        with self.lock:
            scripted = self.faults[name] or self.faults["*"]
            return scripted.pop(0) if scripted else "well"

    @contextmanager
    def counted(self) -> Iterator[None]:
        with self.lock:
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            yield
        finally:
            with self.lock:
                self.under_way -= 1

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news here."""


@contextmanager
def serving(*args: Any, **options: Any) -> Iterator[ModelServer]:
    """A server that runs in the background while the block lasts."""
    server = ModelServer(*args, **options)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: ModelServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self.server.elsewhere.append(self.path)
        if not self._let_in():
            return
        if self.path == "/v1/models":
            listed = [{"created": time.time(), **model} for model in self.server.models]
            self._send(200, {"object": "list", "data": listed})
        else:
            self._send(404, {"detail": "Not Found"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name = identity(body)
        with self.server.lock:
            self.server.bodies.append(body)
            self.server.headers.append(dict(self.headers))
            self.server.asked[name] += 1
        if not self._let_in():
            return
        with self.server.counted():
            act, _, value = self.server.next_fault(name).partition(" ")
            getattr(self, f"_{act}")(body, value)

    def _let_in(self) -> bool:
        sent = self.headers.get("Authorization")
        if self.server.key is None or sent == f"Bearer {self.server.key}":
            return True
        self._send(401, {"error": {"message": f"Incorrect key provided: {sent}"}})
        return False

    def _send(self, status: int, content: Any, **headers: str) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _reply(self, body: Body, **changes: Any) -> dict[str, Any]:
        choices = [
            {
                "index": place,
                "message": {"role": "assistant", "content": self.server.answer(body)},
                "finish_reason": "stop",
            }
            for place in range(body.get("n", 1))
        ]
        usage = {
            "prompt_tokens": 100,
            "completion_tokens": 10,
            "prompt_tokens_details": {"audio_tokens": 60},
        }
        return {"id": "x", "choices": choices, "usage": usage} | changes

    # ---------------------------------------------------------- what may happen

    def _well(self, body: Body, _: str) -> None:
        with self.server.lock:
            self.server.answered[identity(body)] += 1
        self._send(200, self._reply(body))

    def _slow(self, body: Body, seconds: str) -> None:
        time.sleep(float(seconds))
        self._well(body, "")

    def _status(self, body: Body, status: str) -> None:
        self._send(int(status), {"error": {"message": f"says the server about {status}"}})

    def _busy(self, body: Body, seconds: str) -> None:
        self._send(429, {"error": {"message": "too many requests"}}, Retry_After=seconds)

    def _busy_until(self, body: Body, seconds: str) -> None:
        when = datetime.now(UTC) + timedelta(seconds=float(seconds))
        self._send(503, b"<html>busy</html>", Retry_After=format_datetime(when, usegmt=True))

    def _reset(self, body: Body, _: str) -> None:
        self.close_connection = True

    def _cut(self, body: Body, _: str) -> None:
        """Answered in full, and cut on the way: the client cannot know that it was answered."""
        with self.server.lock:
            self.server.answered[identity(body)] += 1
        data = json.dumps(self._reply(body)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: len(data) // 2])
        self.close_connection = True

    def _no_json(self, body: Body, _: str) -> None:
        self._send(200, b'{"choices": [{"message": {"content": "ang')

    def _other_schema(self, body: Body, _: str) -> None:
        self._send(200, {"text": "angry"})

    def _no_choices(self, body: Body, _: str) -> None:
        self._send(200, self._reply(body, choices=[]))

    def _twice(self, body: Body, _: str) -> None:
        self._send(200, self._reply(body, choices=self._reply(body)["choices"] * 2))

    def _null(self, body: Body, _: str) -> None:
        message = {"role": "assistant", "content": None}
        self._send(
            200,
            self._reply(body, choices=[{"index": 0, "message": message, "finish_reason": "stop"}]),
        )

    def _huge(self, body: Body, _: str) -> None:
        self._send(200, b" " * HUGE)

    def _redirect(self, body: Body, where: str) -> None:
        self._send(307, b"", Location=where)

    def _echo(self, body: Body, _: str) -> None:
        """A server that repeats whatever it was sent, the key among it."""
        self._send(400, {"error": {"message": f"{'x' * 60} {self.headers['Authorization']}"}})
