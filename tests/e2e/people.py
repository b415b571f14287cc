"""Administrators and applications besides the first ones: made over the control topic, logged in with a bare client."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Coroutine, Mapping
from typing import Any, TypeVar

import aiomqtt

from tests.e2e.peer import PATIENCE, Administrator, Peer, connected

NOT_AUTHORIZED = 0x87
T = TypeVar("T")


@contextlib.asynccontextmanager
async def login(
    access: Mapping[str, Any],
    username: str,
    password: str,
    client_id: str | None = None,
    patience: float = PATIENCE,
    **options: Any,
) -> AsyncIterator[Peer]:
    """Log in to the operations broker; an account that was wanted just now is tried again until it is there."""
    async with contextlib.AsyncExitStack() as stack:
        async with asyncio.timeout(patience):
            while True:
                try:
                    peer = await stack.enter_async_context(
                        connected(access["port"], username, password, client_id, **options)
                    )
                    break
                except aiomqtt.MqttError:
                    # Mosquitto answers each refused login: asking again is what a person does.
                    await asyncio.sleep(0.02)
        yield peer


@contextlib.asynccontextmanager
async def person(
    access: Mapping[str, Any], tenant: str, name: str, password: str, **options: Any
) -> AsyncIterator[Administrator]:
    """Log in as any administrator, listening for the answers."""
    async with login(access, name, password, **options) as peer:
        assert await peer.subscribe(f"control/{tenant}/{name}/response") == [1]
        yield Administrator(peer, tenant, name)


@contextlib.asynccontextmanager
async def appointed(
    access: Mapping[str, Any], by: Administrator, name: str, role: str, tenant: str | None = None
) -> AsyncIterator[Administrator]:
    """Make an administrator with a generated password, and log in with it."""
    named = {} if tenant is None else {"tenant": tenant}
    made = await by.ok("create-administrator", {"name": name, "role": role, **named})
    assert set(made) == {"name", "role", "password"}
    async with person(access, tenant or by.tenant, name, made["password"]) as found:
        yield found


@contextlib.asynccontextmanager
async def new_tenant(access: Mapping[str, Any], root: Administrator, tenant: str) -> AsyncIterator[Administrator]:
    """Make a tenant and its first administrator, an owner, and log in as that one."""
    assert await root.ok("create-tenant", {"id": tenant}) == {"id": tenant, "name": None}
    async with appointed(access, root, f"{tenant}-boss", "owner", tenant) as boss:
        yield boss


async def unless_thrown_out(peer: Peer, work: Coroutine[Any, Any, T]) -> T:
    """Do ``work``; raise MqttError as soon as the connection ends, for which aiomqtt alone would wait its time-out."""
    working = asyncio.create_task(work, name="work")
    ending = asyncio.create_task(peer.ended.wait(), name="thrown out")
    try:
        await asyncio.wait({working, ending}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise aiomqtt.MqttError("thrown out")
        return working.result()
    finally:
        working.cancel()
        ending.cancel()


async def reason_of(peer: Peer, topic: str, payload: bytes | str = b"") -> int:
    """Publish with MQTT 5 at QoS 1 and return the reason code that the broker acknowledges it with."""
    client = peer.client._client
    before: Any = client.on_publish
    codes: list[int] = []

    def on_publish(client: Any, userdata: Any, mid: int, code: Any, properties: Any) -> None:
        codes.append(code.value)
        before(client, userdata, mid, code, properties)

    client.on_publish = on_publish
    try:
        await unless_thrown_out(peer, peer.publish(topic, payload))
    finally:
        client.on_publish = before
    return codes[-1]


async def reason_of_command(admin: Administrator, command: str, payload: bytes) -> int:
    """Publish a request and return the reason code of the broker."""
    return await reason_of(admin.peer, f"control/{admin.tenant}/{admin.name}/request/{command}", payload)


async def hears_only(peer: Peer, topic: str, allowed: set[str] | None = None) -> None:
    """Publish a mark on ``topic``, which this one also hears, and check what came before it."""
    mark = secrets.token_hex(8).encode()
    await peer.publish(topic, mark)
    while True:
        message = await peer.next()
        if message.payload == mark:
            return
        assert allowed is not None, str(message.topic)
        assert str(message.topic) in allowed, str(message.topic)


async def bulk(admin: Administrator, file: str | bytes, command: str = "bulk-register") -> dict[str, Any]:
    """Send a file and return the result."""
    raw = file.encode() if isinstance(file, str) else file
    await admin.peer.publish(f"control/{admin.tenant}/{admin.name}/request/{command}", raw)
    answer = await admin.peer.next_json(60)
    assert answer["ok"] is True, answer
    result: dict[str, Any] = answer["result"]
    return result


def numbers_of(result: Mapping[str, Any]) -> tuple[int, int, int, int]:
    """Return all, created, failed, successful."""
    return (
        result["numberOfAll"],
        result["numberOfCreated"],
        result["numberOfFailed"],
        result["numberOfSuccessful"],
    )


async def status_of(admin: Administrator, device_id: str) -> str:
    return str((await admin.get(device_id))["status"])
