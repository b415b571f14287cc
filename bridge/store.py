"""The store: one writer at a time, many readers, SQLAlchemy Core over SQLite or PostgreSQL. No rules stand here.

Every change goes through ``Store.write``: loaded, decided and committed as one transaction, in the order in which the
writers came. ``synchronous=FULL`` makes a commit durable before it returns (SQLite's documentation of the pragma).
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from alembic import command as alembic
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from bridge.database_file import Before, Versions, examine, is_damage, path_of, space_left
from bridge.database_file import StoreUnusable as StoreUnusable
from bridge.measures import STORE_FAULTS, UNMEASURED, Meter
from bridge.transaction import Transaction

_REFUSALS: Final = (sa.exc.DBAPIError, sqlite3.Error)
"""What a database says no with; a new connection says it in the driver's own words."""


class StoreFault(Exception):
    """The database did not do what was asked: locked, full, or gone. Nothing of the transaction was kept."""


class Store:
    """The database. Make one with ``Store.open``, end it with ``close``.

    A database that is found damaged, or whose file was taken away, gets no further change: nothing is made worse.
    """

    def __init__(self, writer: AsyncEngine, reader: AsyncEngine, path: Path | None = None) -> None:
        self._writer = writer
        self._reader = reader
        self._path = path
        self._file = _identity(path)
        self._anchor = _anchor(path)
        self._damage: StoreFault | None = None
        self.meter: Meter = UNMEASURED
        self.noticed: Callable[[StoreFault], None] = lambda fault: None
        """Hears each fault as it comes."""
        self._turn = asyncio.Lock()  # first come, first served: the order of the writers is the order of the world

    @classmethod
    async def open(cls, url: str, before: Before = Before()) -> "Store":  # noqa: B008 - frozen
        """Open the database at ``url`` and bring it to this version. ``before``: what is known of it from before.

        Raises StoreUnusable; a file that is refused is left as it was.
        """
        path = path_of(url)
        if path is not None:
            await asyncio.to_thread(examine, path, before, versions())
        try:
            writer = engine_of(url, "BEGIN IMMEDIATE")
        except (sa.exc.ArgumentError, ImportError) as error:
            raise StoreUnusable(f"the address of the database cannot be used: {error}") from error
        try:
            async with writer.connect() as connection:
                await connection.run_sync(_upgrade, before)
                await connection.commit()
            return cls(writer, engine_of(url, None), path)
        except StoreUnusable:
            await writer.dispose()
            raise
        except (*_REFUSALS, OSError) as error:
            await writer.dispose()
            reason = f"{getattr(error, 'orig', error)}{'' if path is None else space_left(path)}"
            raise StoreUnusable(f"the database {_shown(url)} cannot be used: {reason}") from error
        except asyncio.CancelledError:
            await writer.dispose()  # else its thread keeps the process from ending
            raise
        except CommandError as error:
            await writer.dispose()
            raise StoreUnusable(f"the database {_shown(url)} is of a version unknown here: {error}") from error

    async def close(self) -> None:
        """Close all connections."""
        await self._writer.dispose()
        await self._reader.dispose()
        if self._anchor is not None:
            self._anchor.close()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Transaction]:
        """Begin a transaction; it is committed when the block ends, rolled back when it raises. Raises StoreFault."""
        async with self._turn:
            self._look()
            try:
                async with self._writer.begin() as connection:
                    yield Transaction(connection)
            except _REFUSALS as error:
                raise self._fault("the database refused a change", error) from error

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Borrow a connection that only reads, for the functions of ``bridge.queries``. Raises StoreFault."""
        try:
            async with self._reader.connect() as connection:
                yield connection
        except _REFUSALS as error:
            raise self._fault("the database refused a query", error) from error

    def _look(self) -> None:
        """Raise StoreFault where nothing may be written any more."""
        if self._damage is not None:
            self.noticed(self._damage)
            raise self._damage
        if self._file is not None and _identity(self._path) != self._file:
            # What is written into a file without a name is gone when the bridge ends, however often it was committed.
            fault = StoreFault(
                f"the database {self._path} was removed or replaced while it was in use: put the same file back, or "
                "restart the bridge to go on with the one that is there now"
            )
            self.noticed(fault)
            raise fault

    def _fault(self, what: str, error: BaseException) -> StoreFault:
        reason = getattr(error, "orig", error)
        fault = StoreFault(f"{what}: {reason}{'' if self._path is None else space_left(self._path)}")
        if self._path is not None and is_damage(reason):
            fault = self._damage = StoreFault(
                f"the database {self._path} is damaged ({reason}), nothing more is written to it: copy it and its "
                "-wal, end the bridge, restore it from a backup (docs/operating.md)"
            )
        self.meter.count(STORE_FAULTS)
        self.noticed(fault)
        return fault


def _anchor(path: Path | None) -> sqlite3.Connection | None:
    """Open the database once more, idle. The last to leave puts the log into the database and deletes it.

    Pools close connections that were cancelled; without a log a bridge that was killed would be taken for one whose log
    was lost.
    """
    if path is None:
        return None
    connection = sqlite3.connect(path)
    connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return connection


def _identity(path: Path | None) -> tuple[int, int] | None:
    """Return what tells the file at ``path`` from any other, also from one that takes its name later."""
    try:
        status = None if path is None else path.stat()
    except OSError:
        return None
    return None if status is None else (status.st_dev, status.st_ino)


def _shown(url: str) -> str:
    return sa.make_url(url).set(query={}).render_as_string(hide_password=True)


_PRAGMAS: Final = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "busy_timeout=5000",
    "foreign_keys=ON",
    # Pages of 4 KiB in the log before they go into the database: what a bulk file writes again and again goes once.
    "wal_autocheckpoint=8000",
    # What was deleted or replaced is overwritten in its page, and nothing goes into files beside the database.
    "secure_delete=ON",
    "temp_store=MEMORY",
)
"""Debian's SQLite deletes securely by itself; others do not."""


def engine_of(url: str, begin: str | None) -> AsyncEngine:
    """Make an engine whose transactions start with ``begin``; None: each statement stands for itself."""
    alone: dict[str, Any] = {} if begin else {"isolation_level": "AUTOCOMMIT", "pool_reset_on_return": None}
    # A fault is logged with its traceback, which would name the values of the statement, digests and seeds among them.
    engine = create_async_engine(url, hide_parameters=True, **alone)
    if engine.dialect.name == "sqlite":

        @sa.event.listens_for(engine.sync_engine, "connect")
        def configure(connection: Any, record: Any) -> None:
            connection.isolation_level = None  # the driver shall not begin transactions by itself
            cursor = connection.cursor()
            for pragma in _PRAGMAS:
                cursor.execute(f"PRAGMA {pragma}")
            cursor.close()

        if begin:

            @sa.event.listens_for(engine.sync_engine, "begin")
            def start(connection: Any) -> None:
                connection.exec_driver_sql(begin)

            @sa.event.listens_for(engine.sync_engine, "invalidate")
            def give_up(connection: Any, record: Any, error: BaseException | None) -> None:
                # Cancelled in the middle of a statement. Closing alone would not do: SQLite keeps a closed connection,
                # with its transaction and lock, for as long as somebody holds a statement of it, such as a traceback.
                connection.rollback()

    return engine


def configuration() -> Config:
    """Return what Alembic has to know of the schema's versions."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


@cache
def versions() -> Versions:
    """Return the versions of the schema that this program knows."""
    scripts = ScriptDirectory.from_config(configuration())
    newest = scripts.get_current_head()
    assert newest is not None
    return Versions(frozenset(one.revision for one in scripts.walk_revisions()), newest)


def _upgrade(connection: sa.Connection, before: Before) -> None:
    """Bring the database to this version, in one transaction: whoever dies in the middle has changed nothing."""
    here = MigrationContext.configure(connection).get_current_heads()
    if before.made and not here:
        raise StoreUnusable(
            f"the database holds nothing, and this installation had one: give it the right address, or restore it from "
            f"a backup; to begin anew, and lose what it held, remove {before.marker}"
        )
    if here == (versions().newest,):
        return
    config = configuration()
    config.attributes["connection"] = connection
    alembic.upgrade(config, "head")
