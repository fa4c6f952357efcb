"""Fifty raters at once, on SQLite and on PostgreSQL: no vote lost, none doubled, no waiting."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
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
        self.client = httpx.AsyncClient(base_url=address, follow_redirects=True, timeout=60)
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


def test_fifty_raters_at_once(database: str | None, tmp_path: Path) -> None:
    path = study_file(tmp_path, items=ITEMS, raters=RATERS, must_listen=True)
    made = create_study(read_study_file(path), tmp_path / "made", database=database)
    server = Served(made.folder, free_port(), database)
    links = [link.replace("http://127.0.0.1:8000", server.address) for link in made.links.values()]
    people = [Person(server.address, link, number) for number, link in enumerate(links)]
    started = time.monotonic()
    try:
        asyncio.run(everybody(people))
    finally:
        server.stop()
    took = time.monotonic() - started
    seconds = [each for person in people for each in person.seconds]
    study = open_study(made.folder, database=database)
    votes = votes_frame(study)
    study.box.close()
    p50, p95, p99 = (percentile(seconds, share) for share in (0.5, 0.95, 0.99))
    told = {
        "database": "postgresql" if database else "sqlite",
        "requests": len(seconds),
        "seconds": round(took, 1),
        "p50_ms": round(1000 * p50, 1),
        "p95_ms": round(1000 * p95, 1),
        "p99_ms": round(1000 * p99, 1),
    }
    if "EQUIVOICE_LOAD" in os.environ:
        with Path(os.environ["EQUIVOICE_LOAD"]).open("a") as log:
            log.write(json.dumps(told) + "\n")
    assert "Traceback" not in server.told, server.told
    assert votes.height == RATERS * ITEMS
    assert votes.select("item", "rater").n_unique() == RATERS * ITEMS
    said = Counter(votes["value"])
    assert said == Counter(choice for person in people for choice in person.meant)
    for rater, person in zip(made.links, people, strict=True):
        assert votes.filter(rater=rater)["value"].to_list() == person.meant
    assert p95 < P95_S, told


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
