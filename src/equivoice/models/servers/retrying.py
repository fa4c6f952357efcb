"""Ask again, patiently and within limits.

One try ends as a value or as a :class:`Failure`. What can pass (a busy server, a
cut connection, a garbled reply) is tried again after a wait that doubles and is
partly random, so that many clients do not return together; a server's own
``Retry-After`` is obeyed. Tries and time are both limited.

Clock, sleep and chance are handed in, so that tests need not wait.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal, TypeVar

__all__ = ["Clock", "Failure", "Patience", "Pause", "persist", "retry_after"]

Value = TypeVar("Value")
Kind = Literal["busy", "cut", "garbled", "unreachable", "refused", "denied"]

_PASSING: frozenset[Kind] = frozenset({"busy", "cut", "garbled", "unreachable"})


@dataclass(frozen=True)
class Failure:
    """Why a try, or all tries, gave nothing.

    Args:
        kind: ``busy`` (429, 5xx), ``cut`` (connection lost, time-out), ``garbled``
            (no sense in the reply), ``unreachable`` (no connection at all): these
            pass, perhaps. ``refused`` (this request is wrong) and ``denied`` (all
            requests would be) do not.
        reason: for people, in one line.
        wait: how long the server asks to wait, in seconds.
        tries: how many tries were made.
        status: the HTTP status, where there was one.
    """

    kind: Kind
    reason: str
    wait: float | None = None
    tries: int = 1
    status: int | None = None

    @property
    def passes(self) -> bool:
        """Whether another try may succeed."""
        return self.kind in _PASSING


@dataclass(frozen=True)
class Patience:
    """How long to go on.

    Args:
        tries: the most tries.
        seconds: the most time from the first try, waits included.
        first_wait: the wait after the first failure, in seconds; it doubles each time.
        longest_wait: the longest wait of our own choice.
    """

    tries: int = 6
    seconds: float = 600.0
    first_wait: float = 0.5
    longest_wait: float = 30.0

    def wait(self, tries: int, asked: float | None, chance: random.Random) -> float:
        """How long to wait after so many tries.

        Half of the wait is random. Where the server asks for a wait, no less is
        waited, and a random part of the first wait more.
        """
        if asked is not None:
            return asked + chance.random() * self.first_wait
        full = min(self.longest_wait, self.first_wait * 2.0 ** (tries - 1))
        return full * (0.5 + 0.5 * chance.random())


def _today() -> datetime:
    return datetime.now(UTC)


@dataclass
class Clock:
    """Time, as a test may replace it.

    Args:
        now: seconds that only go forward.
        date: the date, for servers that name one.
        sleep: wait for so many seconds.
    """

    now: Callable[[], float] = time.monotonic
    date: Callable[[], datetime] = _today
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


@dataclass
class Pause:
    """Until when everybody waits, because the server asked one of us to.

    Args:
        until: on the clock's ``now``.
    """

    until: float = field(default=-math.inf)

    def extend(self, until: float) -> None:
        """Wait until then at least."""
        self.until = max(self.until, until)


async def persist(
    attempt: Callable[[float], Awaitable[Value | Failure]],
    patience: Patience,
    *,
    clock: Clock,
    pause: Pause,
    chance: random.Random,
) -> Value | Failure:
    """Try until it works, cannot work, or the patience is at its end.

    Args:
        attempt: one try; it is told how many seconds remain.
        patience: how long to go on.
        clock: the time.
        pause: what all callers of one server share.
        chance: where the random part of a wait comes from.

    Returns:
        the value, or the last failure with the number of tries.
    """
    await _sit_out(pause, clock)
    deadline = clock.now() + patience.seconds
    for tries in range(1, patience.tries + 1):
        outcome = await attempt(deadline - clock.now())
        if not isinstance(outcome, Failure):
            return outcome
        last = replace(outcome, tries=tries)
        if not last.passes or tries == patience.tries:
            return last
        if last.wait is not None:
            pause.extend(clock.now() + min(last.wait, patience.seconds))
        wait = patience.wait(tries, last.wait, chance)
        if not await _slept(wait, deadline, clock=clock, pause=pause):
            return replace(last, reason=f"{last.reason}; no time is left for another try")
    raise AssertionError("patience allows at least one try")


async def _slept(wait: float, deadline: float, *, clock: Clock, pause: Pause) -> bool:
    """Wait, unless the deadline comes first; whether time is left afterwards."""
    if clock.now() + wait >= deadline:
        return False
    await clock.sleep(wait)
    await _sit_out(pause, clock)
    return clock.now() < deadline


async def _sit_out(pause: Pause, clock: Clock) -> None:
    # Another may extend the pause while we sleep.
    while (left := pause.until - clock.now()) > 0:
        await clock.sleep(left)


def retry_after(headers: Mapping[str, str], date: datetime) -> float | None:
    """How long the server asks to wait, in seconds; ``None`` where it does not say.

    Args:
        headers: of the reply, names in lower case.
        date: now; a server may name a date.

    Example:
        >>> now = datetime(2026, 10, 21, 7, 28, tzinfo=UTC)
        >>> retry_after({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT"}, now)
        30.0
        >>> retry_after({"retry-after": "2"}, now)
        2.0
    """
    fine = _number(headers.get("retry-after-ms", ""))
    if fine is not None:
        return fine / 1000
    text = headers.get("retry-after", "").strip()
    seconds = _number(text)
    return seconds if seconds is not None else _until(text, date)


def _number(text: str) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _until(text: str, date: datetime) -> float | None:
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max(0.0, (when - date).total_seconds())
