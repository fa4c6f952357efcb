"""Waits, limits and the pause that all share; on a clock of the test's own."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from equivoice.models.servers.retrying import (
    Clock,
    Failure,
    Patience,
    Pause,
    persist,
    retry_after,
)

BUSY = Failure("busy", "busy")


class Stopped(Clock):
    """Time goes on by sleeping and by nothing else."""

    def __init__(self) -> None:
        self.time = 100.0
        self.slept: list[float] = []
        super().__init__(now=lambda: self.time, sleep=self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


def outcome_of(
    outcomes: Sequence[str | Failure],
    patience: Patience,
    clock: Stopped,
    *,
    pause: Pause | None = None,
    takes: float = 0.0,
) -> str | Failure:
    given = iter(outcomes)

    async def attempt(left: float) -> str | Failure:
        assert left > 0
        clock.time += min(takes, left)
        return next(given)

    return asyncio.run(
        persist(
            attempt,
            patience,
            clock=clock,
            pause=pause or Pause(),
            chance=random.Random(0),  # noqa: S311 - chance in a test
        )
    )


def test_waits_double_up_to_the_longest_and_half_of_each_is_random() -> None:
    clock = Stopped()
    patience = Patience(tries=8, first_wait=1, longest_wait=10, seconds=1e6)
    assert outcome_of([BUSY] * 7 + ["well"], patience, clock) == "well"
    for slept, full in zip(clock.slept, (1, 2, 4, 8, 10, 10, 10), strict=True):
        assert full / 2 <= slept <= full
    assert len({slept / full for slept, full in zip(clock.slept, (1, 2, 4, 8), strict=False)}) == 4


def test_two_clients_do_not_return_together() -> None:
    patience = Patience()
    one, other = random.Random(1), random.Random(2)  # noqa: S311
    assert patience.wait(3, None, one) != patience.wait(3, None, other)
    assert patience.wait(3, 5.0, one) != patience.wait(3, 5.0, other)


def test_the_servers_wait_is_never_shortened() -> None:
    patience = Patience(first_wait=0.5)
    chance = random.Random(3)  # noqa: S311
    waits = [patience.wait(1, 20.0, chance) for _ in range(200)]
    assert 20.0 <= min(waits) <= max(waits) <= 20.5


def test_tries_are_counted() -> None:
    clock = Stopped()
    last = outcome_of([BUSY] * 3, Patience(tries=3), clock)
    assert last == Failure("busy", "busy", tries=3)
    assert len(clock.slept) == 2


@pytest.mark.parametrize("kind", ["refused", "denied"])
def test_what_cannot_pass_is_not_tried_again(kind: str) -> None:
    clock = Stopped()
    failure = Failure(kind, "no")  # type: ignore[arg-type]
    assert outcome_of([failure], Patience(), clock) == failure
    assert clock.slept == []


def test_time_ends_before_tries_do() -> None:
    clock = Stopped()
    patience = Patience(tries=100, seconds=60, first_wait=1, longest_wait=1)
    last = outcome_of([BUSY] * 100, patience, clock, takes=10)
    assert isinstance(last, Failure)
    assert last.tries == 6
    assert last.reason == "busy; no time is left for another try"
    assert clock.time <= 160


def test_time_spent_in_anothers_pause_before_the_first_try_is_not_ours() -> None:
    clock = Stopped()
    assert outcome_of(["well"], Patience(seconds=5), clock, pause=Pause(clock.time + 50)) == "well"
    assert clock.slept == [50]


def test_a_servers_wait_holds_for_all() -> None:
    clock, pause = Stopped(), Pause()
    outcome_of([Failure("busy", "busy", wait=30), "well"], Patience(), clock, pause=pause)
    assert pause.until == 130


NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("7", 7.0),
        ("1.5", 1.5),
        ("-3", 0.0),
        ("Sat, 21 Nov 2026 12:00:30 GMT", 30.0),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 0.0),
        ("Saturday, 21-Nov-26 12:01:00 GMT", 60.0),  # the older form of RFC 850
        ("soon", None),
        ("", None),
        ("nan", None),
        ("inf", None),
    ],
)
def test_both_forms_of_retry_after(header: str, wait: float | None) -> None:
    assert retry_after({"retry-after": header}, NOW) == wait


def test_the_finer_header_goes_first() -> None:
    assert retry_after({"retry-after-ms": "1500", "retry-after": "9"}, NOW) == 1.5
    assert retry_after({}, NOW) is None


def test_a_date_is_read_whatever_our_time_zone() -> None:
    zone = NOW.astimezone(datetime.now().astimezone().tzinfo) + timedelta(0)
    assert retry_after({"retry-after": "Sat, 21 Nov 2026 12:00:30 GMT"}, zone) == 30.0
