"""A disk on which each commit takes half a second: everybody is served, later."""

import asyncio
import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.peer import administrator, device
from tests.e2e.scenes import accepted, watching
from tests.e2e.site import ApartSite

FLEET = 20
SYNC = 0.5


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[ApartSite]:
    library = tmp_path / "slow_disk.so"
    source = Path(__file__).parent / "slow_disk.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"], check=True)
    site = ApartSite(tmp_path / "data", env={"LD_PRELOAD": str(library)})
    try:
        site.start()
        yield site
    finally:
        site.stop()


async def test_many_who_call_at_once_share_a_commit_and_nobody_is_lost(slow: ApartSite) -> None:
    access = slow.access
    ids = [f"slow-{number}" for number in range(FLEET)]
    async with contextlib.AsyncExitStack() as stack:
        admin = await stack.enter_async_context(administrator(access))
        watcher = await stack.enter_async_context(watching(access, "default", "bridge/state"))
        began = time.monotonic()
        await admin.ok("register", {"devices": [{"id": device_id} for device_id in ids]})
        assert time.monotonic() - began >= SYNC, "the disk is slow"
        callers = [await stack.enter_async_context(device(access, device_id)) for device_id in ids]
        async with asyncio.timeout(60):
            await asyncio.gather(*(caller.ask() for caller in callers))
        assert (await admin.ok("accept-all", {}))["acceptedCount"] == FLEET
        found = await asyncio.gather(*(accepted(caller, 60) for caller in callers))
        assert len({one["password"] for one in found}) == FLEET
        assert (await watcher.peer.next_json())["state"] == "online"
        assert watcher.peer.heard.empty(), "slow is not away"
