"""The database of a study: one study a database, SQLite or PostgreSQL.

``ballots`` has one row for each item that a rater has answered, ``answers`` one for each of
its questions; both are keyed, so that no vote can be stored twice, and both are written in
one transaction, so that none is stored half.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Engine,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    create_engine,
    event,
)
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError

from equivoice.errors import ConfigError, MissingDependencyError

__all__ = [
    "ANSWERS",
    "BALLOTS",
    "FACTS",
    "HEARD",
    "ITEMS",
    "METADATA",
    "PLACES",
    "RATERS",
    "database_url",
    "open_engine",
    "reading",
    "writing",
]

METADATA = MetaData()

FACTS = Table(
    "study",
    METADATA,
    Column("name", String(40), primary_key=True),
    Column("value", Text, nullable=False),
)

ITEMS = Table(
    "items",
    METADATA,
    Column("item", String(300), primary_key=True),
    Column("number", Integer, nullable=False, unique=True),
    Column("content", Text, nullable=False),
)

RATERS = Table(
    "raters",
    METADATA,
    Column("rater", String(40), primary_key=True),
    Column("number", Integer, nullable=False, unique=True),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("consented", String(32)),
    Column("withdrawn", String(32)),
)

PLACES = Table(
    "places",
    METADATA,
    Column("rater", ForeignKey("raters.rater"), primary_key=True),
    Column("place", Integer, primary_key=True),
    Column("item", ForeignKey("items.item"), nullable=False),
    Column("swapped", Boolean, nullable=False),
    UniqueConstraint("rater", "item"),
)

HEARD = Table(
    "heard",
    METADATA,
    Column("rater", String(40), primary_key=True),
    Column("item", String(300), primary_key=True),
    ForeignKeyConstraint(["rater", "item"], ["places.rater", "places.item"]),
)

BALLOTS = Table(
    "ballots",
    METADATA,
    Column("rater", String(40), primary_key=True),
    Column("item", String(300), primary_key=True),
    Column("saved", String(32), nullable=False),
    Column("comment", Text),
    ForeignKeyConstraint(["rater", "item"], ["places.rater", "places.item"]),
)

ANSWERS = Table(
    "answers",
    METADATA,
    Column("rater", String(40), primary_key=True),
    Column("item", String(300), primary_key=True),
    Column("question", String(40), primary_key=True),
    Column("value", Text, nullable=False),
    ForeignKeyConstraint(["rater", "item"], ["ballots.rater", "ballots.item"]),
)

_BUSY_MS = 30_000
_WRITES = "equivoice_writes"


def database_url(text: str) -> URL:
    """The address of a database; PostgreSQL without a driver gets psycopg.

    Args:
        text: such as ``sqlite:///study.sqlite`` or ``postgresql://me@localhost/study``.

    Raises:
        ConfigError: no address, or another kind of database.

    Example:
        >>> database_url("postgresql://me@localhost/study").drivername
        'postgresql+psycopg'
    """
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise ConfigError(
            "not the address of a database", value=text, hint="such as postgresql://me@host/study"
        ) from error
    kind = url.get_backend_name()
    if kind not in ("sqlite", "postgresql"):
        raise ConfigError("no such database", value=kind, choices=("sqlite", "postgresql"))
    return url.set(drivername="postgresql+psycopg") if url.drivername == "postgresql" else url


def open_engine(url: URL) -> Engine:
    """Connections to the database; SQLite with a write-ahead log that is flushed at each commit.

    Raises:
        MissingDependencyError: the driver of PostgreSQL is not installed.
    """
    if url.get_backend_name() == "sqlite":
        engine = create_engine(
            url, pool_size=10, max_overflow=30, connect_args={"timeout": _BUSY_MS / 1000}
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    try:
        # ten are enough for one process, and to wait for one is quicker than to open another
        return create_engine(url, pool_size=10, max_overflow=0, pool_pre_ping=True)
    except ModuleNotFoundError:
        raise MissingDependencyError(
            "psycopg", extra="postgres", purpose="studies in PostgreSQL"
        ) from None


def reading(engine: Engine) -> Engine:
    """The same connections for single queries, which PostgreSQL answers without a transaction."""
    if engine.dialect.name == "postgresql":
        return engine.execution_options(isolation_level="AUTOCOMMIT")
    return engine


def writing(engine: Engine) -> Engine:
    """The same connections for transactions that write: SQLite takes its lock at their start."""
    return engine.execution_options(**{_WRITES: True})


def _prepare_sqlite(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # the driver opens no transaction of its own
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        f"busy_timeout={_BUSY_MS}",
        "foreign_keys=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    """Two readers that both turn into writers would wait for each other; so writers say so first."""
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
