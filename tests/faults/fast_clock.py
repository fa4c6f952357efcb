"""A clock on which waiting takes no time."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

from equivoice.models.servers.retrying import Clock


class FastClock(Clock):
    """Real time, plus all that was slept away; remembers how long each sleep was."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        super().__init__(now=self._now, date=self._date, sleep=self._sleep)

    def _now(self) -> float:
        return time.monotonic() + sum(self.slept)

    def _date(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=sum(self.slept))

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)
