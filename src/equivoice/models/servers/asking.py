"""Many requests at once, each settled exactly once, in the order given."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from equivoice.errors import RunError
from equivoice.models.servers.costs import Totals
from equivoice.models.servers.replies import MalformedError, Reply, read_reply
from equivoice.models.servers.retrying import Clock, Failure, Patience, Pause, persist
from equivoice.models.servers.transport import Address, Key, connected, exchange

if TYPE_CHECKING:
    import httpx2

__all__ = ["Asker", "Order", "Settled", "in_a_loop"]

Result = TypeVar("Result")

_NEXT = {
    401: "check the key: export it as a variable and name that with api_key_env",
    402: "the account has no credit",
    403: "the key may not use this model",
    404: "check base_url and model; the server lists its models under {url}",
}
_ANY_NEXT = "check base_url"


@dataclass(frozen=True)
class Order:
    """One request that is to be answered.

    Args:
        body: what is sent.
        answers: how many answers it asks for.
    """

    body: Mapping[str, Any]
    answers: int = 1


@dataclass(frozen=True)
class Settled:
    """What became of an order.

    Args:
        outcome: the reply, or why there is none.
        seconds: from sending the request that was answered to the end of its reply.
    """

    outcome: Reply | Failure
    seconds: float | None = None


@dataclass
class Asker:
    """Asks one server, a bounded number of requests at a time.

    Whoever waits to ask again keeps its place: a server in trouble is asked less.

    Args:
        address: where the server is.
        key: the key, where one is needed.
        patience: how often and how long a request is tried.
        timeout: the most seconds for one try.
        give_up_after: so many orders in a row that fail in vain end the run.
        clock: the time.
        chance: where the random part of waits comes from.
        totals: what all requests came to.
    """

    address: Address
    key: Key
    patience: Patience
    timeout: float
    give_up_after: int
    clock: Clock = field(default_factory=Clock)
    chance: random.Random = field(default_factory=random.Random)
    totals: Totals = field(default_factory=Totals)
    _pause: Pause = field(default_factory=Pause, init=False)
    _heard: int = field(default=0, init=False)
    _in_vain: int = field(default=0, init=False)

    def ask(self, orders: Sequence[Order], *, concurrency: int) -> list[Settled]:
        """Settle all orders.

        Args:
            orders: the requests.
            concurrency: the most requests under way at a time.

        Returns:
            one result an order, in the order given.

        Raises:
            RunError: the server cannot be reached, lets nobody in, or answers no more.
        """
        return in_a_loop(self._ask_all(orders, concurrency))

    def get(self, url: str, *, patience: Patience | None = None) -> bytes | Failure:
        """The body of a page."""
        return in_a_loop(self._get(url, patience or self.patience))

    async def _get(self, url: str, patience: Patience) -> bytes | Failure:
        async with connected(self.key, concurrency=1) as client:

            async def attempt(left: float) -> bytes | Failure:
                return await self._send(client, url, None, left)

            return await persist(
                attempt, patience, clock=self.clock, pause=self._pause, chance=self.chance
            )

    async def _ask_all(self, orders: Sequence[Order], concurrency: int) -> list[Settled]:
        waiting = enumerate(orders)
        settled: dict[int, Settled] = {}

        async def work() -> None:
            for place, order in waiting:
                settled[place] = await self._settle(order, client)

        async with connected(self.key, concurrency=concurrency) as client:
            workers = [asyncio.create_task(work()) for _ in range(min(concurrency, len(orders)))]
            try:
                await asyncio.gather(*workers)
            finally:
                for worker in workers:
                    worker.cancel()
                await asyncio.gather(*workers, return_exceptions=True)
        return [settled[place] for place in range(len(orders))]

    async def _settle(self, order: Order, client: httpx2.AsyncClient) -> Settled:
        seconds, tries = 0.0, 0

        async def attempt(left: float) -> Reply | Failure:
            nonlocal seconds, tries
            tries += 1
            self.totals.retries += tries > 1
            begin = self.clock.now()
            reply = await self._try(order, client, left)
            seconds = self.clock.now() - begin
            return reply

        heard = self._heard
        outcome = await persist(
            attempt, self.patience, clock=self.clock, pause=self._pause, chance=self.chance
        )
        self._count(order, outcome)
        if isinstance(outcome, Reply):
            return Settled(outcome, seconds)
        self._go_on_or_raise(outcome, reached=self._heard > heard)
        return Settled(outcome)

    async def _try(self, order: Order, client: httpx2.AsyncClient, left: float) -> Reply | Failure:
        body = await self._send(client, self.address.url("chat/completions"), order.body, left)
        if isinstance(body, Failure):
            return body
        try:
            return read_reply(body, order.answers)
        except MalformedError as error:
            return Failure("garbled", self.key.hide(f"the reply makes no sense: {error}"))

    async def _send(
        self,
        client: httpx2.AsyncClient,
        url: str,
        content: Mapping[str, Any] | None,
        left: float,
    ) -> bytes | Failure:
        seconds = min(self.timeout, left)
        outcome = await exchange(
            client, url, content, seconds=seconds, key=self.key, clock=self.clock
        )
        self.totals.requests += 1
        self._heard += not (isinstance(outcome, Failure) and outcome.kind == "unreachable")
        return outcome

    def _count(self, order: Order, outcome: Reply | Failure) -> None:
        texts = (
            [choice.text for choice in outcome.choices]
            if isinstance(outcome, Reply)
            else [None] * order.answers
        )
        self.totals.answers += len(texts)
        self.totals.failed += sum(text is None for text in texts)
        # A refusal is an answer: the server is well.
        well = isinstance(outcome, Reply) or not outcome.passes
        self._in_vain = 0 if well else self._in_vain + 1

    def _go_on_or_raise(self, failure: Failure, *, reached: bool) -> None:
        """A fault that all further requests would meet ends the run."""
        if failure.kind == "denied":
            hint = _NEXT.get(failure.status or 0, _ANY_NEXT)
            _stop(
                f"the server at {self.address.base_url} lets no request pass: {failure.reason}",
                hint.format(url=self.address.url("models")),
            )
        if failure.kind == "unreachable" and not reached:
            _stop(
                f"the server at {self.address.base_url} cannot be reached, after {failure.tries} "
                f"tries: {failure.reason}",
                "start the server, or check base_url; then run the same command again, which "
                "goes on where it stopped",
            )
        if self._in_vain >= self.give_up_after:
            _stop(
                f"the server at {self.address.base_url} left {self._in_vain} requests in a row "
                f"without an answer; the last one: {failure.reason}",
                "look after the server; then run the same command again, which goes on where "
                "it stopped (options: tries, patience, timeout, give_up_after)",
            )


def in_a_loop(work: Coroutine[Any, Any, Result]) -> Result:
    """The result of asynchronous work, also where the caller is in a loop (a notebook)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(asyncio.run, work).result()


def _stop(problem: str, hint: str) -> NoReturn:
    raise RunError(f"{problem}\n  next: {hint}")
