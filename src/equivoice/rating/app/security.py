"""Tokens, marks against forged forms, headers, and a limit for what is sent.

A rater's link holds a token of 256 random bits. The database keeps only its hash, so that
who reads the database cannot vote. The link puts the token into a cookie that scripts cannot
read and that other sites' forms do not send; each form holds a mark made from token and
study secret, so that no other page can know it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = [
    "HEADERS",
    "LARGEST_BODY",
    "Guarded",
    "form_mark",
    "hash_of",
    "is_token",
    "new_token",
    "same",
]

LARGEST_BODY = 64 * 1024
"""Bytes of a request's body; a form of ours has a few hundred."""

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; media-src 'self'; "
        "img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}

_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


def new_token() -> str:
    """A token of 256 random bits, safe in an address."""
    return secrets.token_urlsafe(32)


def is_token(text: str) -> bool:
    """Whether a text has the form of a token."""
    return _TOKEN.fullmatch(text) is not None


def hash_of(token: str) -> str:
    """What is kept of a token; 256 random bits need no salt.

    Example:
        >>> hash_of("a") == hash_of("a"), len(hash_of("a"))
        (True, 64)
    """
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def form_mark(secret: str, token: str) -> str:
    """What a form must hold to be a page of ours, shown to this rater."""
    return hmac.new(secret.encode(), b"form " + token.encode(), hashlib.sha256).hexdigest()


def same(one: str, other: str) -> bool:
    """Whether two texts are the same, in a time that does not tell where they part."""
    return hmac.compare_digest(
        one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass")
    )


class _TooLargeError(Exception):
    """More was sent than is read."""


class Guarded:
    """Puts the headers on every answer, and reads no more than a form can hold.

    Args:
        app: what answers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        read = 0
        answered = False

        async def limited() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > LARGEST_BODY:
                raise _TooLargeError
            return message

        async def dressed(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        if _announced(scope) > LARGEST_BODY:
            await _refuse(dressed)
            return
        try:
            await self.app(scope, limited, dressed)
        except _TooLargeError:
            if not answered:
                await _refuse(dressed)


def _announced(scope: Scope) -> int:
    """The length that a request says its body has; as too long where it says nonsense."""
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() and len(value) < 12 else LARGEST_BODY + 1
    return 0


async def _refuse(send: Send) -> None:
    body = b"This is more than a form of this study can hold.\n"
    await send(
        {
            "type": "http.response.start",
            "status": 413,
            "headers": [
                (b"content-type", b"text/plain; charset=utf-8"),
                (b"content-length", str(len(body)).encode()),
                (b"connection", b"close"),
            ],
        }
    )
    await send({"type": "http.response.body", "body": body})
