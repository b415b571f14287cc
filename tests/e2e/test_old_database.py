"""The service on the database of the first schema: its administrators, its devices and what was begun go on."""

import asyncio
import base64
import contextlib
import json
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import aiomqtt
import pytest

from tests.e2e.peer import Administrator, Device, connected, resident, stranger
from tests.e2e.scenes import accepted, bring_in
from tests.e2e.site import free_ports
from tests.e2e.test_clock import ClockedSite
from tests.test_migrations import FILES, made
from tests.world import KEYS, PRIVATE

OLDEST = min(FILES)
SOON_AFTER = datetime(2026, 1, 1, 0, 10, tzinfo=UTC)
"""The bridge's clock: what is in the database happened within the ten minutes before."""


class OldSite(ClockedSite):
    """An installation whose keys and database are those of the kept one."""

    def lay_down(self) -> Path:
        """Make the files before the first start."""
        port, bootstrap_port = free_ports(2)
        bridge = self.data / "bridge"
        bridge.mkdir(parents=True, mode=0o700)
        (name, key), *_ = KEYS.masters.items()
        keys = {"current": name, "keys": {name: base64.b64encode(key).decode()}}
        (bridge / "keys.json").touch(mode=0o600)
        (bridge / "keys.json").write_text(json.dumps(keys), encoding="utf-8")
        done = self.cli("init", "--port", str(port), "--bootstrap-port", str(bootstrap_port))
        assert done.returncode == 0, done.stderr
        return made(bridge / "registrations.db", OLDEST)

    def password(self, device_id: str) -> str:
        """Derive a device's password as the kept installation did."""
        with closing(sqlite3.connect(self.data / "bridge" / "registrations.db")) as connection:
            row = connection.execute("SELECT tenant, seed, key_id FROM registrations WHERE id = ?", [device_id])
            tenant, seed, key_id = row.fetchone()
        return KEYS.device_password(tenant, device_id, seed, key_id)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[OldSite]:
    chosen = OldSite(tmp_path / "data")
    chosen.set_clock((SOON_AFTER - datetime.now(UTC)).total_seconds())
    try:
        chosen.lay_down()
        chosen.start()
        yield chosen
    finally:
        chosen.stop()


@contextlib.asynccontextmanager
async def his(site: OldSite, tenant: str, name: str) -> AsyncIterator[Administrator]:
    """Log in as an administrator of the kept installation, once the broker has his account."""
    password = KEYS.administrator_password(name, name.encode(), "k1")
    async with asyncio.timeout(60):
        while True:
            try:
                async with connected(site.access["port"], name, password) as peer:
                    await peer.subscribe(f"control/{tenant}/{name}/response")
                    yield Administrator(peer, tenant, name)
                    return
            except aiomqtt.MqttError:
                await asyncio.sleep(0.1)


async def test_who_was_there_before_goes_on_as_before(site: OldSite) -> None:
    access = site.access
    async with his(site, "default", "admin") as admin:
        found = await admin.ok("list", {"limit": 100})
        counts = found["counts"]
        assert (counts["PENDING_ACCEPTANCE"], counts["ACCEPTED"], counts["BLOCKED"]) == (5, 6, 1)
        login = {"username": "default/device_confirmed-1", "clientId": "confirmed-1"}
        async with resident(access, {**login, "password": site.password("confirmed-1")}) as peer:
            await peer.publish("devices/default/confirmed-1/info", b'{"name":"Still here"}')
        for device_id in ("accepted-1", "again-1"):
            async with stranger(access, PRIVATE) as peer:
                caller = Device(peer, device_id, PRIVATE)
                await peer.subscribe(caller.response_topic)
                await caller.call()
                assert (await accepted(caller))["password"] == site.password(device_id)
        await admin.ok("accept", {"id": "pending-token", "securityToken": "right"})
        assert await admin.code("accept", {"id": "blocked-1"}) == "INVALID_STATE"
        assert await admin.code("register", {"id": "waiting-1"}) == "ALREADY_REGISTERED"
        await bring_in(access, admin, "new-1")
        while (await admin.ok("get-device", {"id": "confirmed-1"})).get("name") != "Still here":
            pass
    async with his(site, "north", "nora") as nora:
        assert [one["id"] for one in (await nora.ok("list", {}))["registrations"]] == ["waiting-north"]
