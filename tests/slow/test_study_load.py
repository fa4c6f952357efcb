"""Fifty raters at once, on SQLite and on PostgreSQL: no vote lost, none doubled, no waiting."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2 as httpx
import polars as pl
import pytest
from sqlalchemy import text

from equivoice.errors import StorageError
from equivoice.rating.app.ballot_box import Ballot
from equivoice.rating.app.creating import create_study, invite
from equivoice.rating.app.export import raters_frame, votes_frame
from equivoice.rating.app.open_study import OpenStudy, open_study
from equivoice.rating.study_files import read_study_file
from tiny.study import Browser, study_file
from tiny.study_server import Served, free_port, postgres

pytestmark = pytest.mark.slow

RATERS, ITEMS = 50, 8
THINK_S = (1.0, 3.0)  # people take longer
P95_S = 0.2
_MARK = re.compile(r'name="mark" value="([0-9a-f]{64})"')
_SOUND = re.compile(r'<audio[^>]* src="([^"]+)"')


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Iterator[str | None]:
    if request.param == "sqlite":
        yield None
        return
    with postgres() as address:
        yield address


class Person:
    """A rater who clicks: reads, listens, thinks, answers; some click twice."""

    def __init__(self, address: str, link: str, number: int) -> None:
        self.client = httpx.AsyncClient(base_url=address, follow_redirects=True, timeout=300)
        self.link = link
        self.chance = random.Random(number)  # noqa: S311 - whom it guesses, it may guess
        self.seconds: list[float] = []
        self.meant: list[str] = []

    async def rate(self) -> None:
        async with self.client:
            page = await self.ask("GET", self.link)
            page = await self.ask("POST", "/consent", {"mark": mark(page), "agree": "yes"})
            while page.url.path != "/finished":
                sound = _SOUND.search(page.text)
                assert sound is not None, page.url.path
                await self.ask("GET", sound[1])
                await asyncio.sleep(self.chance.uniform(*THINK_S))
                choice = self.chance.choice(("accept", "reject"))
                fields = {"mark": mark(page), "acceptance": choice}
                self.meant.append(choice)
                if self.chance.random() < 0.3:  # a double click
                    page, _ = await asyncio.gather(
                        self.ask("POST", page.url.path, fields),
                        self.ask("POST", page.url.path, fields),
                    )
                else:
                    page = await self.ask("POST", page.url.path, fields)

    async def ask(
        self, method: str, address: str, fields: dict[str, str] | None = None
    ) -> httpx.Response:
        """One click; redirects belong to it, and the time is that of each request in it."""
        page = await self.client.request(method, address.replace("&amp;", "&"), data=fields)
        assert page.status_code == 200, f"{page.status_code} at {address}"
        self.seconds += [each.elapsed.total_seconds() for each in (*page.history, page)]
        return page


def mark(page: httpx.Response) -> str:
    found = _MARK.search(page.text)
    assert found is not None, page.url.path
    return found[1]


async def everybody(people: list[Person]) -> None:
    await asyncio.gather(*(person.rate() for person in people))


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


@dataclass(frozen=True)
class Rush:
    """What came of everybody rating at once.

    Args:
        people: by the name of the rater.
        votes: what the study holds afterwards.
        told: what the server said.
        computed: seconds that the server computed.
        load: how many processes wanted to run before, on average over a minute.
    """

    people: dict[str, Person]
    votes: pl.DataFrame
    told: str
    computed: float
    load: float


@pytest.fixture(scope="module")
def rush(database: str | None, tmp_path_factory: pytest.TempPathFactory) -> Rush:
    folder = tmp_path_factory.mktemp("rush")
    path = study_file(folder, items=ITEMS, raters=RATERS, must_listen=True)
    made = create_study(read_study_file(path), folder / "made", database=database)
    server = Served(made.folder, free_port(), database)
    people = {
        rater: Person(server.address, link.replace("http://127.0.0.1:8000", server.address), number)
        for number, (rater, link) in enumerate(made.links.items())
    }
    load, before = os.getloadavg()[0], server.processor_seconds()
    try:
        asyncio.run(everybody(list(people.values())))
        computed = server.processor_seconds() - before
    finally:
        server.stop()
    study = open_study(made.folder, database=database)
    votes = votes_frame(study)
    study.box.close()
    return Rush(people, votes, server.told, computed, load)


def test_of_fifty_raters_at_once_no_vote_is_lost_or_doubled(rush: Rush) -> None:
    assert rush.votes.height == RATERS * ITEMS
    assert rush.votes.select("item", "rater").n_unique() == RATERS * ITEMS
    for rater, person in rush.people.items():
        assert rush.votes.filter(rater=rater)["value"].to_list() == person.meant
    assert len({tuple(person.meant) for person in rush.people.values()}) > RATERS / 2
    assert "Traceback" not in rush.told, rush.told


def test_fifty_raters_at_once_do_not_wait(rush: Rush, database: str | None) -> None:
    seconds = [each for person in rush.people.values() for each in person.seconds]
    told = {
        "database": "postgresql" if database else "sqlite",
        "requests": len(seconds),
        **{
            f"p{share:.0%}": f"{1000 * percentile(seconds, share):.0f} ms"
            for share in (0.5, 0.95, 0.99)
        },
        "computed": f"{1000 * rush.computed / len(seconds):.1f} ms a request",
        "load": round(rush.load, 1),
    }
    if "EQUIVOICE_LOAD" in os.environ:
        with Path(os.environ["EQUIVOICE_LOAD"]).open("a") as log:
            log.write(json.dumps(told) + "\n")
    clicks = RATERS / (sum(THINK_S) / 2) * len(seconds) / (RATERS * ITEMS)  # a second
    assert rush.computed / len(seconds) * clicks < 0.8, f"one core does not suffice: {told}"
    # how long people wait depends on what else the machine does: it is judged where the
    # figures are asked for, on a machine that does nothing else
    if percentile(seconds, 0.95) >= P95_S and "EQUIVOICE_LOAD" not in os.environ:
        pytest.skip(f"not judged beside other work; set EQUIVOICE_LOAD: {told}")
    assert percentile(seconds, 0.95) < P95_S, told


def one_study(folder: Path, database: str, schema: str, **changes: object) -> OpenStudy:
    """A study of its own in the same server."""
    from sqlalchemy import create_engine

    from equivoice.rating.app.tables import database_url

    url = database_url(database)
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    engine.dispose()
    own = f"{database}?options=-csearch_path%3D{schema}"
    made = create_study(
        read_study_file(study_file(folder, **changes)), folder / "made", database=own
    )
    return open_study(made.folder, database=own)


@pytest.fixture(scope="module")
def server_address() -> Iterator[str]:
    with postgres() as address:
        yield address


def test_postgresql_keeps_ballots_as_sqlite_does(server_address: str, tmp_path: Path) -> None:
    study = one_study(tmp_path, server_address, "ballots")
    box = study.box
    for value in ("accept", "reject", "reject"):
        box.save("r001", "clip-0", Ballot({"acceptance": value}, "ä <b>"))
    box.save("r002", "clip-0", Ballot({"acceptance": "accept"}))
    assert box.ballot("r001", "clip-0") == Ballot({"acceptance": "reject"}, "ä <b>")
    assert votes_frame(study).height == 2
    with pytest.raises(StorageError):
        box.save("r001", "nothing", Ballot({"acceptance": "accept"}))
    with box._engine.begin() as connection:
        connection.execute(text("ALTER TABLE answers ADD CHECK (value <> '\"broken\"')"))
    with pytest.raises(StorageError):
        box.save("r001", "clip-1", Ballot({"acceptance": "accept", "other": "broken"}))
    assert box.ballot("r001", "clip-1") is None, "whole or not at all"
    box.withdraw("r001")
    assert votes_frame(study)["rater"].to_list() == ["r002"]
    assert raters_frame(study)["withdrawn"].to_list() == [True, False]
    box.close()


def test_a_study_in_postgresql_is_rated_and_grows(server_address: str, tmp_path: Path) -> None:
    study = one_study(tmp_path, server_address, "grows", questions=[{"use": "preference"}])
    links = invite(study, 1)
    browser = Browser(study, links["r003"])
    browser.agree()
    while browser.path != "/finished":
        browser.answer(preference="b")
    votes = votes_frame(study)
    assert set(votes["value"]) == {"b"}
    assert votes.height == 4
    study.box.close()
