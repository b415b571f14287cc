"""One installation, one console and one browser for all tests of a process; each test has people of its own."""

import inspect
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.browser.station import PATIENCE, Console, Person, browsing, serving, somebody
from tests.e2e.site import AnySite, UpSite, running

expect.set_options(timeout=PATIENCE)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/browser/" in str(item.path):
            item.add_marker(pytest.mark.browser)
            if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.function):
                item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AnySite]:
    """An installation by `up` that all tests of this process share: ids are each test's own."""
    with running(UpSite(tmp_path_factory.mktemp("browsed") / "data")) as chosen:
        yield chosen


@pytest.fixture(scope="session")
def console(site: AnySite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    with serving(site, tmp_path_factory.mktemp("console")) as served:
        yield served


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with browsing() as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="session")
async def person(browser: Browser, console: Console) -> AsyncIterator[Person]:
    """Somebody before the login page."""
    async with somebody(browser, console) as one:
        yield one


@pytest_asyncio.fixture(loop_scope="session")
async def admin(person: Person, site: AnySite) -> Person:
    """The owner of the tenant `default`, logged in and at the first page."""
    await person.log_in("admin", site.password_of("admin"))
    return person
