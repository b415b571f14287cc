"""What all tests share: a steady Hypothesis, and a bridge without brokers on a database of its own."""

import asyncio
import shutil
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, settings

from bridge.store import _PRAGMAS, Store
from tests import lines
from tests.world import World

# The same examples on every run: a red build is red on every machine, and no run is slower than the one before.
settings.register_profile(
    "steady",
    derandomize=True,
    max_examples=60,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("steady")

# A shell that runs the tests in the background has them ignore Ctrl-C, and so would each command that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _create_future(loop: Any) -> asyncio.Future[Any]:
    """Make a future without noting where, as asyncio's debug mode otherwise does: the whole stack, down to pytest.

    That note is for a person who looks for a future that nobody awaited, and was three tenths of the CPU time of
    tests with a database. Everything else of the debug mode stays, also where tasks and callbacks come from.
    """
    debug = loop.get_debug()
    loop._debug = False
    try:
        return asyncio.Future(loop=loop)
    finally:
        loop._debug = debug


cast("Any", asyncio.BaseEventLoop).create_future = _create_future


def pytest_configure() -> None:
    try:
        lines.choose()
    except lines.NotThere as fault:
        raise pytest.UsageError(str(fault)) from fault


def pytest_report_header() -> str:
    return lines.told()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Said at the end as well: the header is left out by ``-q``."""
    terminalreporter.write_line(lines.told())


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database without rows, to be copied: making its tables takes longer than most tests."""
    path = tmp_path_factory.mktemp("empty") / "registrations.db"

    async def make() -> None:
        await (await Store.open(f"sqlite+aiosqlite:///{path}")).close()

    asyncio.run(make())
    return path


@pytest.fixture(scope="session")
def peopled_database(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Path:
    """A database with the tenants and administrators that a World begins with, to be copied."""
    path = tmp_path_factory.mktemp("peopled") / "registrations.db"
    shutil.copy(empty_database, path)

    async def make() -> None:
        store = await Store.open(f"sqlite+aiosqlite:///{path}")
        await World.on(store)
        await store.close()

    asyncio.run(make())
    return path


@pytest_asyncio.fixture
async def store(
    request: pytest.FixtureRequest, tmp_path: Path, empty_database: Path, peopled_database: Path
) -> AsyncIterator[Store]:
    """A database in a file, empty but for the people that a World begins with, where the test has one.

    Nothing in it need outlast a power cut, for which each commit would wait for the disk; that a Store as it is used
    waits is seen in test_store.
    """
    source = peopled_database if "world" in request.fixturenames else empty_database
    path = shutil.copy(source, tmp_path / "registrations.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bridge.store._PRAGMAS", (*_PRAGMAS, "synchronous=OFF"))
        opened = await Store.open(f"sqlite+aiosqlite:///{path}")
        yield opened
        await opened.close()


@pytest_asyncio.fixture
async def world(store: Store) -> World:
    """A bridge without brokers."""
    return await World.on(store)
