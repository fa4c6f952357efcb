"""One HTTP exchange with a server: bounded in time and size, its failures named.

httpx2 (extra ``server``) is imported late. Nothing is taken from the environment
but proxies and certificates: no key, no address. Redirects are not followed, so
that sound goes to the host that was named and to no other.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from equivoice.errors import ConfigError, MissingDependencyError
from equivoice.models.servers.replies import server_message
from equivoice.models.servers.retrying import Clock, Failure, Kind, retry_after

if TYPE_CHECKING:
    import httpx2

__all__ = ["Address", "Key", "connected", "exchange"]

_LARGEST_REPLY = 4_000_000
_LONGEST_REASON = 200
_BUSY = frozenset({408, 409, 425, 429})
_DENIED = frozenset({401, 402, 403, 404, 405, 407, 410})
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# A key that is shorter would also be found where it does not stand for the key.
_SHORTEST_SECRET = 8


@dataclass(frozen=True)
class Address:
    """Where a server is.

    Args:
        base_url: as OpenAI's clients take it, mostly ending in ``/v1``.

    Raises:
        ConfigError: no http address, or one with a user name, password or query;
            the message does not repeat it.

    Example:
        >>> Address("http://localhost:8000/v1/").url("models")
        'http://localhost:8000/v1/models'
        >>> Address("http://127.0.0.1:8000/v1").is_local
        True
    """

    base_url: str

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.base_url)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname)
            _ = parts.port
        except ValueError:
            usable = False
        if not usable:
            raise ConfigError(
                "base_url: not an address of a server",
                hint="give one such as http://127.0.0.1:8000/v1",
            )
        if parts.username is not None or parts.password is not None or parts.query:
            raise ConfigError(
                "base_url: a user name, a password or a query does not belong into it, because "
                "the address is written into the run record",
                hint="put the key into an environment variable and name it with api_key_env",
            )

    @property
    def host(self) -> str:
        """The name of the host."""
        return urlsplit(self.base_url).hostname or ""

    @property
    def is_local(self) -> bool:
        """Whether it is this machine."""
        if self.host == "localhost" or self.host.endswith(".localhost"):
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def url(self, path: str) -> str:
        """The address of a path below it."""
        return f"{self.base_url.partition('#')[0].rstrip('/')}/{path}"


@dataclass(frozen=True)
class Key:
    """The key to a server, known by the name of an environment variable alone.

    The key itself is read where it is sent, and stands in no object.

    Args:
        variable: the environment variable; ``None`` where no key is needed.
        header: the header that it is sent in.

    Raises:
        ConfigError: not the name of a variable; the message does not repeat it.
    """

    variable: str | None = None
    header: str = "Authorization"

    def __post_init__(self) -> None:
        if self.variable is not None and not _VARIABLE.fullmatch(self.variable):
            raise ConfigError(
                "api_key_env takes the NAME of an environment variable, not the key",
                hint="export the key as a variable and give its name, such as OPENAI_API_KEY",
            )

    def headers(self) -> dict[str, str]:
        """What is sent with each request.

        Raises:
            ConfigError: the variable is not set, or holds what no header can.
        """
        secret = self._secret()
        if secret is None:
            return {}
        bearer = self.header.casefold() == "authorization"
        return {self.header: f"Bearer {secret}" if bearer else secret}

    def hide(self, text: str) -> str:
        """The text without the key, wherever a server repeats it."""
        secret = os.environ.get(self.variable, "").strip() if self.variable else ""
        return text.replace(secret, "[key]") if len(secret) >= _SHORTEST_SECRET else text

    def _secret(self) -> str | None:
        if self.variable is None:
            return None
        secret = os.environ.get(self.variable, "").strip()
        if not secret:
            raise ConfigError(
                "the environment variable with the key is not set",
                value=self.variable,
                hint=f"export {self.variable}=…",
            )
        if not (secret.isascii() and secret.isprintable()):
            raise ConfigError(
                "the environment variable holds signs that no key has", value=self.variable
            )
        return secret


@asynccontextmanager
async def connected(key: Key, *, concurrency: int) -> AsyncIterator[httpx2.AsyncClient]:
    """A client for one batch of requests.

    Raises:
        MissingDependencyError: httpx2 is not installed.
        ConfigError: the key is missing.
    """
    try:
        import httpx2
    except ImportError:
        raise MissingDependencyError(
            "httpx2", extra="server", purpose="asking a model server"
        ) from None
    limits = httpx2.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
    # Our own limit of the whole exchange stands in for one of each of its phases.
    async with httpx2.AsyncClient(
        headers=key.headers(), timeout=None, limits=limits, follow_redirects=False
    ) as client:
        yield client


async def exchange(
    client: httpx2.AsyncClient,
    url: str,
    content: Mapping[str, Any] | None,
    *,
    seconds: float,
    key: Key,
    clock: Clock,
) -> bytes | Failure:
    """Send one request (a POST where there is content) and read the whole reply.

    Args:
        client: from :func:`connected`.
        url: where to.
        content: what is sent as JSON.
        seconds: the most time for all of it.
        key: what must not appear in a reason.
        clock: for replies that name a date.

    Returns:
        the body of a good reply, or the failure.
    """
    import httpx2

    try:
        async with asyncio.timeout(max(0.0, seconds)):
            status, headers, body = await _read(client, url, content)
    except TimeoutError:
        return Failure("cut", f"no whole reply within {seconds:.0f} s")
    except (httpx2.ConnectError, httpx2.ProxyError, httpx2.UnsupportedProtocol) as error:
        return Failure("unreachable", key.hide(_reason("no connection", error)))
    except (httpx2.TransportError, httpx2.DecodingError) as error:
        return Failure("cut", key.hide(_reason("the connection was cut", error)))
    if 200 <= status < 300:
        if body is None:
            return Failure("garbled", f"a reply of more than {_LARGEST_REPLY // 10**6} MB")
        return body
    said = _short(key.hide(server_message(body or b"")))
    wait = retry_after(headers, clock.date())
    reason = f"HTTP {status}" + (f": {said}" if said else "")
    return Failure(_kind(status), reason, wait, status=status)


async def _read(
    client: httpx2.AsyncClient, url: str, content: Mapping[str, Any] | None
) -> tuple[int, Mapping[str, str], bytes | None]:
    """Status, headers and body; ``None`` for a body that is too large."""
    method = "GET" if content is None else "POST"
    async with client.stream(method, url, json=content) as response:
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > _LARGEST_REPLY:
                return response.status_code, response.headers, None
        return response.status_code, response.headers, bytes(body)


def _kind(status: int) -> Kind:
    if status in _BUSY or status >= 500:
        return "busy"
    return "denied" if status in _DENIED or status < 400 else "refused"


def _short(text: str) -> str:
    # Only after the key is hidden: half a key would no longer be found.
    return text if len(text) <= _LONGEST_REASON else f"{text[:_LONGEST_REASON]}…"


def _reason(what: str, error: Exception) -> str:
    said = _short(" ".join(str(error).split()))
    return f"{what} ({said or type(error).__name__})"
