"""What raters were given and what they said: the only reader and writer of the database.

Every change is one transaction that is done when the call returns. Saving the same ballot
twice is the same as saving it once; saving another one for the same item replaces it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    Table,
    and_,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError, ProgrammingError, SQLAlchemyError

from equivoice.errors import InputError, StorageError
from equivoice.rating.app.tables import (
    ANSWERS,
    BALLOTS,
    FACTS,
    HEARD,
    ITEMS,
    METADATA,
    PLACES,
    RATERS,
    open_engine,
    reading,
    writing,
)
from equivoice.rating.assignment import HandedOut, Place

__all__ = ["Answer", "Ballot", "BallotBox", "Rater", "RaterState"]

Answer = str | int | tuple[str, ...] | None
"""What was answered: a choice, a point on a scale, several choices; ``None`` where left open."""


def _same_place(table: Table) -> Any:
    return and_(table.c.rater == PLACES.c.rater, table.c.item == PLACES.c.item)


# What every page needs, written once: to write a statement costs as much as to run it.
_RATER = select(RATERS).where(RATERS.c.token_hash == bindparam("token_hash"))
_LEFT = select(RATERS.c.withdrawn).where(RATERS.c.rater == bindparam("own")).with_for_update()
_SEATS = (
    select(PLACES.c.item, PLACES.c.swapped, BALLOTS.c.saved)
    .outerjoin(BALLOTS, _same_place(BALLOTS))
    .where(PLACES.c.rater == bindparam("own"))
    .order_by(PLACES.c.place)
)
_HEARD = select(HEARD.c.item).where(
    HEARD.c.rater == bindparam("own"), HEARD.c.item == bindparam("that")
)
_ITS_ANSWERS = and_(ANSWERS.c.rater == BALLOTS.c.rater, ANSWERS.c.item == BALLOTS.c.item)
_BALLOT = (
    select(BALLOTS.c.comment, ANSWERS.c.question, ANSWERS.c.value)
    .join(ANSWERS, _ITS_ANSWERS)
    .where(BALLOTS.c.rater == bindparam("own"), BALLOTS.c.item == bindparam("that"))
)


@dataclass(frozen=True)
class Rater:
    """A person who rates.

    Args:
        name: the number under which votes are stored, such as ``r001``.
        consented: whether the rater agreed to take part.
        withdrawn: whether the rater took all votes back.
    """

    name: str
    consented: bool = False
    withdrawn: bool = False


@dataclass(frozen=True)
class Ballot:
    """What a rater said of an item.

    Args:
        answers: by question.
        comment: free words.
    """

    answers: Mapping[str, Answer]
    comment: str | None = None


@dataclass(frozen=True)
class RaterState:
    """How far a rater is.

    Args:
        rater: who.
        places: how many items the rater was given, checks of attention among them.
        done: how many are answered.
        last: when the last ballot was saved, in UTC.
    """

    rater: Rater
    places: int
    done: int
    last: str | None


class BallotBox:
    """The database of a study.

    Args:
        url: of the database; see :func:`~equivoice.rating.app.tables.database_url`.
    """

    def __init__(self, url: URL) -> None:
        self.url = url
        self._engine: Engine = open_engine(url)
        self._reader = reading(self._engine)
        self._writer = writing(self._engine)
        # SQLite lets one write at a time, and those who wait poll: with many, some wait too
        # long. Within a process they queue here instead.
        is_file = url.get_backend_name() == "sqlite"
        self._turn: AbstractContextManager[Any] = Lock() if is_file else nullcontext()
        self._hearing = self._insert(HEARD).on_conflict_do_nothing()
        said = self._insert(BALLOTS)
        self._saying = said.on_conflict_do_update(
            index_elements=["rater", "item"],
            set_={"saved": said.excluded.saved, "comment": said.excluded.comment},
        )
        answer = self._insert(ANSWERS)
        self._answering = answer.on_conflict_do_update(
            index_elements=["rater", "item", "question"], set_={"value": answer.excluded.value}
        )

    def close(self) -> None:
        """Let all connections go."""
        self._engine.dispose()

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self._told(), self._reader.begin() as connection:
            yield connection

    @contextmanager
    def _changing(self) -> Iterator[Connection]:
        with self._told(), self._turn, self._writer.begin() as connection:
            yield connection

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What the database refuses, as an error of ours; its address holds no password."""
        try:
            yield
        except SQLAlchemyError as error:
            where = self.url.render_as_string(hide_password=True)
            reason = str(getattr(error, "orig", error)).splitlines()[0]
            raise StorageError(f"the database {where} refused: {reason}") from error

    # ------------------------------------------------------------ founding

    def found(self, facts: Mapping[str, str], items: Mapping[str, str]) -> None:
        """Make the tables of a new study.

        Args:
            facts: texts to be kept by name, such as the definition of the study.
            items: the content of each item by name, in their order.

        Raises:
            InputError: the database holds a study already.
        """
        if self._holds_study():
            raise InputError(
                "the database holds a study already",
                value=self.url.render_as_string(hide_password=True),
                hint="give each study a database of its own",
            )
        with self._changing() as connection:
            METADATA.create_all(connection)
            rows = [{"name": name, "value": value} for name, value in facts.items()]
            connection.execute(insert(FACTS), rows)
            content = [
                {"item": item, "number": number, "content": text}
                for number, (item, text) in enumerate(items.items())
            ]
            connection.execute(insert(ITEMS), content)

    def _holds_study(self) -> bool:
        try:
            return bool(self.facts())
        except InputError:
            return False

    def facts(self) -> dict[str, str]:
        """What was kept when the study was made.

        Raises:
            InputError: there is no study.
        """
        try:
            with self._engine.begin() as connection:
                rows = connection.execute(select(FACTS.c.name, FACTS.c.value)).all()
        except (OperationalError, ProgrammingError) as error:
            raise InputError(
                "there is no study in this database, or it cannot be reached",
                value=self.url.render_as_string(hide_password=True),
                hint="make one with 'equivoice study create'",
            ) from error
        return {row.name: row.value for row in rows}

    def items(self) -> dict[str, str]:
        """The content of each item by name, in their order."""
        with self._reading() as connection:
            rows = connection.execute(
                select(ITEMS.c.item, ITEMS.c.content).order_by(ITEMS.c.number)
            )
            return {row.item: row.content for row in rows}

    def invite(self, tokens: Mapping[str, str], lists: Mapping[str, Sequence[Place]]) -> None:
        """Add raters.

        Args:
            tokens: the hash of each rater's token.
            lists: what each of them judges, in order.
        """
        with self._changing() as connection:
            first = connection.execute(select(func.count()).select_from(RATERS)).scalar_one()
            raters = [
                {"rater": rater, "number": first + at, "token_hash": token}
                for at, (rater, token) in enumerate(tokens.items())
            ]
            connection.execute(insert(RATERS), raters)
            places = [
                {"rater": rater, "place": at, "item": place.item, "swapped": place.swapped}
                for rater in tokens
                for at, place in enumerate(lists[rater], start=1)
            ]
            connection.execute(insert(PLACES), places)

    def handed_out(self) -> tuple[int, HandedOut]:
        """How many raters there are, and what they were given."""
        with self._reading() as connection:
            raters = connection.execute(select(func.count()).select_from(RATERS)).scalar_one()
            rows = connection.execute(select(PLACES.c.item, PLACES.c.swapped)).all()
        return raters, HandedOut.of(Place(row.item, row.swapped) for row in rows)

    # ------------------------------------------------------------ raters

    def rater(self, token_hash: str) -> Rater | None:
        """The rater whose token has this hash."""
        with self._reading() as connection:
            row = connection.execute(_RATER, {"token_hash": token_hash}).first()
        if row is None:
            return None
        return Rater(row.rater, row.consented is not None, row.withdrawn is not None)

    def consent(self, rater: str) -> None:
        """The rater agrees to take part; the first time counts."""
        with self._changing() as connection:
            connection.execute(
                update(RATERS)
                .where(RATERS.c.rater == rater, RATERS.c.consented.is_(None))
                .values(consented=_now())
            )

    def withdraw(self, rater: str) -> None:
        """Delete all that the rater said, and take no more."""
        with self._changing() as connection:
            connection.execute(
                update(RATERS).where(RATERS.c.rater == rater).values(withdrawn=_now())
            )
            for table in (ANSWERS, BALLOTS, HEARD):
                connection.execute(delete(table).where(table.c.rater == rater))

    def seats(self, rater: str) -> list[tuple[Place, bool]]:
        """The rater's list in its order: what stands at each place, and whether it is answered."""
        with self._reading() as connection:
            rows = connection.execute(_SEATS, {"own": rater}).all()
        return [(Place(row.item, row.swapped), row.saved is not None) for row in rows]

    def progress(self, rater: str) -> list[bool]:
        """For each place of the rater's list, whether it is answered."""
        return [answered for _, answered in self.seats(rater)]

    # ------------------------------------------------------------ ballots

    def hear(self, rater: str, item: str) -> None:
        """The rater asked for the sound of the item."""
        with self._changing() as connection:
            connection.execute(self._hearing, {"rater": rater, "item": item})

    def heard(self, rater: str, item: str) -> bool:
        """Whether the rater asked for the sound of the item."""
        with self._reading() as connection:
            return connection.execute(_HEARD, {"own": rater, "that": item}).first() is not None

    def save(self, rater: str, item: str, ballot: Ballot) -> None:
        """Store what the rater said of the item, in place of what was said before.

        Of a rater who withdrew, also a moment ago, nothing is stored.

        Raises:
            StorageError: it could not be stored, such as for an item of somebody else.
        """
        said = {"rater": rater, "item": item, "saved": _now(), "comment": ballot.comment}
        rows = [
            {"rater": rater, "item": item, "question": name, "value": json.dumps(value)}
            for name, value in ballot.answers.items()
        ]
        with self._changing() as connection:
            if connection.execute(_LEFT, {"own": rater}).scalar_one_or_none() is None:
                connection.execute(self._saying, said)
                connection.execute(self._answering, rows)

    def ballot(self, rater: str, item: str) -> Ballot | None:
        """What the rater said of the item, or ``None``."""
        with self._reading() as connection:
            rows = connection.execute(_BALLOT, {"own": rater, "that": item}).all()
        if not rows:
            return None
        return Ballot({row.question: _answer(row.value) for row in rows}, rows[0].comment)

    def ballots(self) -> Iterator[tuple[str, str, Ballot]]:
        """All that was said: rater, item, ballot; by rater and the order of their list."""
        order = (RATERS.c.number, PLACES.c.place)
        with self._reading() as connection:
            rows = connection.execute(
                select(BALLOTS, ANSWERS.c.question, ANSWERS.c.value)
                .join(PLACES, _same_place(BALLOTS))
                .join(RATERS, RATERS.c.rater == BALLOTS.c.rater)
                .join(ANSWERS, _ITS_ANSWERS)
                .where(RATERS.c.withdrawn.is_(None))
                .order_by(*order)
            ).all()
        found: dict[tuple[str, str], tuple[dict[str, Answer], str | None]] = {}
        for row in rows:
            answers, _ = found.setdefault((row.rater, row.item), ({}, row.comment))
            answers[row.question] = _answer(row.value)
        for (rater, item), (answers, comment) in found.items():
            yield rater, item, Ballot(answers, comment)

    def swapped(self) -> set[tuple[str, str]]:
        """The raters and items where the second side stood first."""
        with self._reading() as connection:
            query = select(PLACES.c.rater, PLACES.c.item).where(PLACES.c.swapped)
            return {(row.rater, row.item) for row in connection.execute(query)}

    def states(self) -> list[RaterState]:
        """How far each rater is."""
        with self._reading() as connection:
            rows = connection.execute(
                select(
                    RATERS,
                    func.count(PLACES.c.place).label("places"),
                    func.count(BALLOTS.c.saved).label("done"),
                    func.max(BALLOTS.c.saved).label("last"),
                )
                .outerjoin(PLACES, PLACES.c.rater == RATERS.c.rater)
                .outerjoin(BALLOTS, _same_place(BALLOTS))
                .group_by(*RATERS.c)
                .order_by(RATERS.c.number)
            ).all()
        return [
            RaterState(
                Rater(row.rater, row.consented is not None, row.withdrawn is not None),
                row.places,
                row.done,
                row.last,
            )
            for row in rows
        ]

    def _insert(self, table: Table) -> Any:
        """An ``insert`` that knows ``on conflict``, which both databases write alike."""
        dialect = postgresql if self.url.get_backend_name() == "postgresql" else sqlite
        return dialect.insert(table)


def _answer(text: str) -> Answer:
    value = json.loads(text)
    return tuple(value) if isinstance(value, list) else value


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
