"""Scenes that many tests begin with: devices that called, administrators that follow events, options for a while."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

import aiomqtt
import pytest

from tests.e2e.peer import PATIENCE, V5, Administrator, Device, Peer, administrator, connected, device, payload_of
from tests.e2e.peer import resident as resident

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
NOT_ACCEPTED = b'{"status":"PENDING_ACCEPTANCE","retryAfter":30}'


def strict_json(raw: bytes) -> Any:
    """Parse as RFC 8259 says: UTF-8, no NaN, no Infinity, every name once."""

    def refuse(word: str) -> NoReturn:
        raise AssertionError(f"{word} is no JSON")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len({name for name, _ in pairs}) == len(pairs), pairs
        return dict(pairs)

    return json.loads(raw.decode("utf-8"), parse_constant=refuse, object_pairs_hook=unique)


@dataclass
class Watcher:
    """An administrator who follows events, and keeps them apart by device."""

    peer: Peer
    kept: dict[str, list[tuple[str, dict[str, Any]]]] = field(default_factory=dict)

    async def message(self, device_id: str, patience: float = PATIENCE) -> tuple[str, dict[str, Any]]:
        """Wait for the next event of this device; return its topic and content."""
        async with asyncio.timeout(patience):
            while not self.kept.get(device_id):
                message = await self.peer.next(patience)
                assert message.retain is False
                assert message.qos == 1
                event = strict_json(payload_of(message))
                self.kept.setdefault(event.get("id", ""), []).append((str(message.topic), event))
        return self.kept[device_id].pop(0)

    async def of(self, device_id: str, *names: str) -> list[dict[str, Any]]:
        """Wait for the next events of this device, which must have these names in this order."""
        events = [(await self.message(device_id))[1] for _ in names]
        assert [event["event"] for event in events] == list(names), events
        return events


@contextlib.asynccontextmanager
async def watching(
    access: Mapping[str, Any], tenant: str = "default", topic: str | None = None
) -> AsyncIterator[Watcher]:
    """Follow ``topic``, by default all events that the first administrator of ``tenant`` may see."""
    one = next(one for one in access["administrators"] if one["tenant"] == tenant)
    async with connected(access["port"], one["username"], one["password"], None) as peer:
        own = "events/#" if tenant == "management" else f"events/{tenant}/#"
        assert await peer.subscribe(topic or own) == [1]
        yield Watcher(peer)


@contextlib.asynccontextmanager
async def setting(
    admin: Administrator, options: Mapping[str, Any], category: str = "device-registration"
) -> AsyncIterator[None]:
    """Set options, and put back afterwards what was there."""
    before = {}
    try:
        for key, value in options.items():
            before[key] = (await admin.ok("get-option", {"category": category, "key": key}))["value"]
            await admin.ok("set-option", {"category": category, "key": key, "value": value})
        yield
    finally:
        for key, value in before.items():
            await admin.ok("set-option", {"category": category, "key": key, "value": value})


async def clear(admin: Administrator) -> None:
    """Delete every registration the administrator sees."""
    while found := (await admin.ok("list", {"limit": 1000}))["registrations"]:
        deleted = await admin.ok("delete", {"ids": [one["id"] for one in found]})
        assert deleted["failed"] == []


async def enter(
    stack: contextlib.AsyncExitStack,
    access: Mapping[str, Any],
    device_id: str,
    payload: bytes | str | dict[str, Any] | None = None,
    **options: Any,
) -> Device:
    """Connect a device and, with a JSON ``payload``, call once and take the not-accepted answer."""
    caller = await stack.enter_async_context(device(access, device_id, **options))
    if payload is not None:
        await caller.call(payload)
        assert payload_of(await caller.peer.next()) == NOT_ACCEPTED
    return caller


async def accepted(caller: Device, patience: float = PATIENCE) -> dict[str, Any]:
    """Wait for credentials, past answers that are not accepted."""
    async with asyncio.timeout(patience):
        while (answer := await caller.peer.next_json(patience))["status"] != "ACCEPTED":
            assert answer["status"] == "PENDING_ACCEPTANCE", answer
    return answer


async def bring_in(
    access: Mapping[str, Any], admin: Administrator, device_id: str, *, confirm: bool = True, **registration: Any
) -> dict[str, Any]:
    """Take a device from its registration to its login, and return its credentials."""
    async with device(access, device_id) as caller:
        await admin.ok("register", {"id": device_id, **registration})
        await caller.ask()
        await admin.ok("accept", {"id": device_id})
        credentials = await accepted(caller)
    if confirm:
        async with resident(access, credentials) as peer:
            await peer.publish(f"devices/{credentials['tenant']}/{device_id}/info", b"{}")
        await admin.until(device_id, "confirmedTime")
    return credentials


async def assert_serves(access: Mapping[str, Any], device_id: str) -> None:
    """The main job works from end to end."""
    async with administrator(access) as admin:
        await bring_in(access, admin, device_id)


async def assert_refused(port: int, username: str, password: str, client_id: str | None, **options: Any) -> None:
    """The broker does not let this login in."""
    with pytest.raises(aiomqtt.MqttError):
        async with connected(port, username, password, client_id, options.pop("protocol", V5), **options):
            pass


def is_error(answer: dict[str, Any], code: str) -> bool:
    """Check a refusal in its whole form."""
    error = answer["error"]
    assert answer["ok"] is False
    assert "result" not in answer
    assert set(error) <= {"code", "message", "details"}
    assert len(error["message"]) > 10
    return bool(error["code"] == code)
