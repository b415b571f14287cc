"""The store: one writer at a time, many readers, SQLAlchemy Core over SQLite or PostgreSQL. No rules stand here.

Every change goes through ``Store.write``: loaded, decided and committed as one transaction, in the order in which the
writers came. ``synchronous=FULL`` makes a commit durable before it returns (SQLite's documentation of the pragma).
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command as alembic
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from bridge.measures import STORE_FAULTS, UNMEASURED, Meter
from bridge.transaction import Transaction


class StoreUnusable(Exception):
    """The database cannot be opened, read or brought to this version; the sentence says which and why."""


class StoreFault(Exception):
    """The database did not do what was asked: locked, full, or gone. Nothing of the transaction was kept."""


class Store:
    """The database. Make one with ``Store.open``, end it with ``close``."""

    def __init__(self, writer: AsyncEngine, reader: AsyncEngine) -> None:
        self._writer = writer
        self._reader = reader
        self.meter: Meter = UNMEASURED
        self.noticed: Callable[[StoreFault], None] = lambda fault: None
        """Hears each fault as it comes."""
        self._turn = asyncio.Lock()  # first come, first served: the order of the writers is the order of the world

    @classmethod
    async def open(cls, url: str) -> "Store":
        """Open the database at ``url`` and bring it to this version. Raises StoreUnusable."""
        try:
            writer = _engine(url, "BEGIN IMMEDIATE")
        except (sa.exc.ArgumentError, ImportError) as error:
            raise StoreUnusable(f"the address of the database cannot be used: {error}") from error
        try:
            async with writer.connect() as connection:
                await connection.run_sync(_upgrade)
                await connection.commit()
        except (sa.exc.DBAPIError, OSError) as error:
            await writer.dispose()
            reason = getattr(error, "orig", error)
            raise StoreUnusable(f"the database {_shown(url)} cannot be used: {reason}") from error
        except CommandError as error:
            await writer.dispose()
            raise StoreUnusable(f"the database {_shown(url)} is of a version unknown here: {error}") from error
        return cls(writer, _engine(url, None))

    async def close(self) -> None:
        """Close all connections."""
        await self._writer.dispose()
        await self._reader.dispose()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Transaction]:
        """Begin a transaction; it is committed when the block ends, rolled back when it raises. Raises StoreFault."""
        async with self._turn:
            try:
                async with self._writer.begin() as connection:
                    yield Transaction(connection)
            except sa.exc.DBAPIError as error:
                raise self._fault(f"the database refused a change: {error.orig}") from error

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Borrow a connection that only reads, for the functions of ``bridge.queries``. Raises StoreFault."""
        try:
            async with self._reader.connect() as connection:
                yield connection
        except sa.exc.DBAPIError as error:
            raise self._fault(f"the database refused a query: {error.orig}") from error

    def _fault(self, sentence: str) -> StoreFault:
        fault = StoreFault(sentence)
        self.meter.count(STORE_FAULTS)
        self.noticed(fault)
        return fault


def _shown(url: str) -> str:
    return sa.make_url(url).render_as_string(hide_password=True)


_CHECKPOINT = "wal_autocheckpoint=8000"
"""Pages of 4 KiB in the log before they go into the database: what a bulk file writes again and again goes once."""


def _engine(url: str, begin: str | None) -> AsyncEngine:
    """Make an engine whose transactions start with ``begin``; None: each statement stands for itself."""
    alone: dict[str, Any] = {} if begin else {"isolation_level": "AUTOCOMMIT", "pool_reset_on_return": None}
    engine = create_async_engine(url, **alone)
    if engine.dialect.name == "sqlite":

        @sa.event.listens_for(engine.sync_engine, "connect")
        def configure(connection: Any, record: Any) -> None:
            connection.isolation_level = None  # the driver shall not begin transactions by itself
            cursor = connection.cursor()
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=5000", "foreign_keys=ON", _CHECKPOINT):
                cursor.execute(f"PRAGMA {pragma}")
            cursor.close()

        if begin:

            @sa.event.listens_for(engine.sync_engine, "begin")
            def start(connection: Any) -> None:
                connection.exec_driver_sql(begin)

    return engine


def _upgrade(connection: sa.Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    alembic.upgrade(config, "head")
