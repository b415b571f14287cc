"""A fault of the bridge itself with what one device says: the others are heard, and it does not come again for ever."""

from typing import Any

import pytest

from bridge import broker
from bridge.broker import Incoming
from bridge.inventory import with_info
from bridge.registration import Device
from bridge.sessions.herald import Herald
from bridge.sessions.info import InfoSession
from tests.world import World

LOGIN = broker.Login("127.0.0.1", 1, "bridge", "password", "client")


async def test_a_fault_with_what_one_device_says_costs_the_others_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for device_id in ("pump-7", "pump-8"):
        await world.accepted(device_id)
    await world.installer.drain()

    def faulty(entry: Device, value: Any, now: int) -> tuple[Device, bool]:
        if entry.id == "pump-7":
            raise AssertionError("a fault of the bridge")
        return with_info(entry, value, now)

    monkeypatch.setattr("bridge.sessions.info.with_info", faulty)
    session = InfoSession(LOGIN, world.topics, world.store, world.rulebook, Herald(world.topics))
    said = [
        Incoming(f"devices/default/{device_id}/info", b'{"name":"Pump"}', 1, False, 1, None)
        for device_id in ("pump-7", "pump-8")
    ]
    await session._take(said)
    heard = await world.device("pump-8")
    assert heard is not None
    assert heard.name == "Pump"
    assert heard.last_info is not None
