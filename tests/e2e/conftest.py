"""The installations that the end-to-end tests share: one by `up`, one by `init` and separate processes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.naming import LEDGER, Names
from tests.e2e.site import AnySite, ApartSite, UpSite, running

_shared: list[Names] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/e2e/" in str(item.path):
            item.add_marker(pytest.mark.e2e)


def share(installation: str, site: AnySite) -> None:
    """Take note of what tests make on an installation from here on."""
    names = Names(installation, site.data / "bridge" / "registrations.db")
    names.new()
    _shared.append(names)


@pytest.fixture(autouse=True)
def names_noted(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    for names in _shared:
        LEDGER.note(request.node.nodeid, *names.new())


@pytest.fixture(scope="session")
def up_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AnySite]:
    with running(UpSite(tmp_path_factory.mktemp("up") / "data")) as chosen:
        share("up", chosen)
        yield chosen


@pytest.fixture(scope="session")
def apart_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AnySite]:
    with running(ApartSite(tmp_path_factory.mktemp("apart") / "data")) as chosen:
        share("apart", chosen)
        yield chosen


@pytest.fixture(params=["up", "apart"])
def site(request: pytest.FixtureRequest) -> AnySite:
    """A running installation for tests that leave it running; ids are each test's own."""
    chosen: AnySite = request.getfixturevalue(f"{request.param}_site")
    return chosen


@pytest.fixture
def access(site: AnySite) -> dict[str, Any]:
    return site.access


@pytest.fixture
def own_site(tmp_path: Path) -> Iterator[UpSite]:
    """An installation of one test's own, by `up`; the test starts it."""
    chosen = UpSite(tmp_path / "data")
    try:
        yield chosen
    finally:
        chosen.stop()
