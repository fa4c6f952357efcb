"""Any speech model of Python as a chat server that Equivoice can ask.

For models that no server carries and whose code wants an environment of its own: copy
this file there, write a function ``answer(turns, settings)`` and call ``serve``. It
needs the standard library alone.

``turns`` are (role, parts) pairs; a part is a text, or the path of a WAV file (16 kHz,
mono) that lasts as long as the call. ``settings`` holds temperature, seed, max_tokens,
min_tokens, top_p, top_k (-1: off) and repetition_penalty, as far as they were sent.
Requests are answered one at a time, so that a seed that is set holds.

Ask it by ``--system openai-server options.openai-server.server=vllm``: it takes the
fields that vLLM takes.
"""

from __future__ import annotations

import base64
import json
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Part = str | Path
Turns = Sequence[tuple[str, Sequence[Part]]]
Answer = Callable[[Turns, Mapping[str, Any]], str]

LARGEST_REQUEST = 100_000_000
SETTINGS = (
    "temperature",
    "seed",
    "max_tokens",
    "min_tokens",
    "top_p",
    "top_k",
    "repetition_penalty",
    "min_p",
)


def serve(
    answer: Answer, *, model: str, host: str = "127.0.0.1", port: int = 8000
) -> ThreadingHTTPServer:
    """A server for a model; call its ``serve_forever``."""
    one_at_a_time = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._send(200, {"object": "list", "data": [{"id": model, "owned_by": "bridge"}]})

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            if not 0 < length <= LARGEST_REQUEST:
                self.close_connection = True
                self._send(413, {"error": {"message": "empty or too large"}})
                return
            try:
                body = json.loads(self.rfile.read(length))
                settings = {name: body[name] for name in SETTINGS if name in body}
                with tempfile.TemporaryDirectory() as folder, one_at_a_time:
                    text = answer(read_turns(body["messages"], Path(folder)), settings)
            except (KeyError, TypeError, ValueError) as error:
                self._send(400, {"error": {"message": f"{type(error).__name__}: {error}"}})
                return
            message = {"role": "assistant", "content": text}
            choice = {"index": 0, "message": message, "finish_reason": None}
            self._send(200, {"object": "chat.completion", "model": model, "choices": [choice]})

        def _send(self, status: int, content: Mapping[str, Any]) -> None:
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    return ThreadingHTTPServer((host, port), Handler)


def read_turns(messages: Sequence[Mapping[str, Any]], folder: Path) -> Turns:
    """The messages of a request; their sounds are written into the folder."""
    turns: list[tuple[str, list[Part]]] = []
    for message in messages:
        content = message["content"]
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
        turns.append((str(message["role"]), [read_part(part, folder) for part in parts]))
    return turns


def read_part(part: Mapping[str, Any], folder: Path) -> Part:
    """A text, or the path of a sound."""
    if part["type"] == "text":
        return str(part["text"])
    if part["type"] != "input_audio":
        raise ValueError(f"unknown kind of part: {part['type']}")
    path = folder / f"{len(list(folder.iterdir()))}.wav"
    path.write_bytes(base64.b64decode(part["input_audio"]["data"], validate=True))
    return path
