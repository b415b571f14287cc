"""What tests of attacks by behaviour have in common: logins, answers, and what came before them."""

import asyncio
import json
import secrets
from typing import Any

import aiomqtt

from tests.e2e.peer import Administrator, Device, payload_of

Access = dict[str, Any]
Credentials = dict[str, Any]


def shared(access: Access) -> tuple[str, str]:
    """The shared login, as user name and password."""
    login = access["bootstrap"]
    return login["username"], login["password"]


async def heard_before_an_answer(caller: Device) -> list[bytes]:
    """What came to this caller before the answer to a call that it makes now."""
    mark = secrets.token_hex(8)
    await caller.call({"requestId": mark})
    found = []
    while mark.encode() not in (payload := payload_of(await caller.peer.next())):
        found.append(payload)
    return found


async def answered_with(caller: Device, payload: bytes, **options: Any) -> aiomqtt.Message:
    await caller.call(payload, **options)
    return await caller.peer.next()


async def counted(admin: Administrator, device_id: str, calls: int) -> dict[str, Any]:
    """Ask again until the registration has counted so many calls, and no more."""
    async with asyncio.timeout(60):
        while (found := await admin.get(device_id))["calls"] < calls:
            pass
    assert found["calls"] == calls
    return found


def fresh(kind: str) -> str:
    return f"{kind}-{secrets.token_hex(4)}"


async def pipelined(admin: Administrator, *requests: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Send requests without waiting, and return their answers."""
    for command, payload in requests:
        await admin.peer.publish(f"control/{admin.tenant}/{admin.name}/request/{command}", json.dumps(payload))
    return [await admin.peer.next_json() for _ in requests]


def login_of(credentials: Credentials) -> tuple[str, str, str]:
    """A device's login, as client id, user name and password."""
    return credentials["clientId"], credentials["username"], credentials["password"]


async def named(admin: Administrator, device_id: str, name: str) -> dict[str, Any]:
    """Ask again until the device has said that this is its name."""
    async with asyncio.timeout(60):
        while (found := await admin.ok("get-device", {"id": device_id}))["name"] != name:
            pass
    return found
