"""What devices say of themselves: a fault of ours with one of them costs the others nothing."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from bridge.broker import Incoming
from bridge.inventory import with_info
from bridge.registration import Device
from bridge.sessions import info
from bridge.sessions.herald import Herald
from bridge.wire import Topics
from tests.test_flooded_intake import Counting
from tests.world import World


async def test_a_fault_with_one_message_is_counted_and_the_others_are_noted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = ("one", "bad", "two")
    for device_id in ids:
        await world.accepted(device_id)
    await world.installer.drain()

    def faulty(device: Device, said: Any, now: int) -> tuple[Device, bool]:
        if device.id == "bad":
            raise RuntimeError("a bug")
        return with_info(device, said, now)

    monkeypatch.setattr(info, "with_info", faulty)
    meter, nothing = Counting(), None
    login: Any = nothing
    session = info.InfoSession(login, Topics(), world.store, world.rulebook, Herald(Topics()), meter)
    messages = [Incoming(f"devices/default/{one}/info", b'{"type":"pump"}', 1, False, 1, None) for one in ids]
    with capture_logs() as log:
        await session._take(messages)
    types = {}
    for one in ids:
        device = await world.device(one)
        assert device is not None
        types[one] = device.type
    assert types == {"one": "pump", "bad": None, "two": "pump"}
    assert [line["device"] for line in log if line["event"] == "not noted"] == ["bad"]
    assert meter.counts["faults", ("info",)] == 1
    assert meter.counts["messages", ("info", "handled")] == 2
    assert meter.counts["messages", ("info", "fault")] == 1
