"""Devices and administrators as somebody else would write them: from the contract alone, on aiomqtt."""

import asyncio
import contextlib
import json
import secrets
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

V5 = aiomqtt.ProtocolVersion.V5
V311 = aiomqtt.ProtocolVersion.V311
PATIENCE = 60.0


@contextlib.contextmanager
def cancellable() -> Iterator[None]:
    """Be cancelled also where aiomqtt's waits forget it: up to Python 3.11, when what they wait for has come meanwhile.

    Somebody who calls for ever would otherwise call for ever.
    """
    task = asyncio.current_task()
    assert task is not None
    before = task.cancelling()
    yield
    if task.cancelling() > before:
        raise asyncio.CancelledError


@dataclass
class Peer:
    """A client with what it has heard, in order."""

    client: aiomqtt.Client
    heard: asyncio.Queue[aiomqtt.Message] = field(default_factory=asyncio.Queue)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def listen(self) -> None:
        try:
            async for message in self.client.messages:
                self.heard.put_nowait(message)
        except aiomqtt.MqttError:
            self.ended.set()

    async def next(self, patience: float = PATIENCE) -> aiomqtt.Message:
        async with asyncio.timeout(patience):
            return await self.heard.get()

    async def next_json(self, patience: float = PATIENCE) -> dict[str, Any]:
        value = json.loads(payload_of(await self.next(patience)))
        assert isinstance(value, dict)
        return value

    async def subscribe(self, topic: str, qos: int = 1) -> list[int]:
        with cancellable():
            codes = await self.client.subscribe(topic, qos)
        return [code if isinstance(code, int) else code.value for code in codes]

    async def thrown_out(self) -> None:
        """Wait until the broker has ended the connection."""
        async with asyncio.timeout(PATIENCE):
            await self.ended.wait()

    async def publish(
        self,
        topic: str,
        payload: bytes | str = b"",
        *,
        qos: int = 1,
        retain: bool = False,
        correlation: bytes | None = None,
    ) -> None:
        properties = None
        if correlation is not None:
            properties = Properties(PacketTypes.PUBLISH)
            properties.CorrelationData = correlation
        with cancellable():
            await self.client.publish(topic, payload, qos, retain, properties)


def payload_of(message: aiomqtt.Message) -> bytes:
    payload = message.payload
    assert isinstance(payload, bytes | bytearray)
    return bytes(payload)


def correlation_of(message: aiomqtt.Message) -> bytes | None:
    value = getattr(message.properties, "CorrelationData", None)
    assert value is None or isinstance(value, bytes)
    return value


@contextlib.asynccontextmanager
async def connected(
    port: int,
    username: str,
    password: str,
    client_id: str | None = None,
    protocol: aiomqtt.ProtocolVersion = V5,
    **options: Any,
) -> AsyncIterator[Peer]:
    """Connect; the peer hears until the block ends. A connection that is thrown out ends hearing silently."""
    async with aiomqtt.Client(
        "127.0.0.1",
        port,
        username=username,
        password=password,
        identifier=client_id,
        protocol=protocol,
        socket_options=((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),),
        **{"timeout": PATIENCE, **options},
    ) as client:
        peer = Peer(client)
        listening = asyncio.create_task(peer.listen(), name="listen")
        try:
            yield peer
        finally:
            listening.cancel()
            with contextlib.suppress(asyncio.CancelledError, aiomqtt.MqttError):
                await listening


@contextlib.asynccontextmanager
async def stranger(
    access: Mapping[str, Any], client_id: str, protocol: aiomqtt.ProtocolVersion = V5, **options: Any
) -> AsyncIterator[Peer]:
    """Log in at the bootstrap broker with the shared login."""
    login = access["bootstrap"]
    async with connected(
        access["bootstrapPort"], login["username"], login["password"], client_id, protocol, **options
    ) as peer:
        yield peer


def private_id() -> str:
    return secrets.token_urlsafe(24)


@dataclass
class Administrator:
    """An administrator with a bare client."""

    peer: Peer
    tenant: str
    name: str

    async def answer(self, command: str, payload: Any = None, **request: Any) -> dict[str, Any]:
        body = {} if payload is None else payload
        if isinstance(body, dict) and "requestId" not in body:
            body = {**body, "requestId": secrets.token_hex(8)}
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        await self.peer.publish(f"control/{self.tenant}/{self.name}/request/{command}", raw, **request)
        own = body.get("requestId") if isinstance(body, dict) else None
        while True:
            answer = await self.peer.next_json()
            # The others are for another client of the same administrator, as a console.
            if answer.get("requestId") in (None, own) and answer.get("command", command) == command:
                return answer

    async def ok(self, command: str, payload: Any = None) -> dict[str, Any]:
        answer = await self.answer(command, payload)
        assert answer["ok"] is True, answer
        result: dict[str, Any] = answer["result"]
        return result

    async def code(self, command: str, payload: Any = None) -> str:
        answer = await self.answer(command, payload)
        assert answer["ok"] is False, answer
        assert answer["error"]["message"]
        return str(answer["error"]["code"])

    async def get(self, device_id: str) -> dict[str, Any]:
        return await self.ok("get", {"id": device_id})

    async def until(self, device_id: str, member: str) -> dict[str, Any]:
        """Ask again until the registration has ``member``; the bridge works on it meanwhile."""
        async with asyncio.timeout(PATIENCE):
            while True:
                found = await self.get(device_id)
                if found.get(member):
                    return found


@contextlib.asynccontextmanager
async def administrator(
    access: Mapping[str, Any], tenant: str = "default", protocol: aiomqtt.ProtocolVersion = V5, **options: Any
) -> AsyncIterator[Administrator]:
    """Log in as the first administrator of ``tenant``."""
    one = next(one for one in access["administrators"] if one["tenant"] == tenant)
    async with connected(access["port"], one["username"], one["password"], None, protocol, **options) as peer:
        await peer.subscribe(f"control/{tenant}/{one['username']}/response")
        yield Administrator(peer, tenant, one["username"])


@dataclass
class Device:
    """A device that calls in."""

    peer: Peer
    id: str
    client_id: str

    @property
    def request_topic(self) -> str:
        return f"bootstrap/{self.id}/request" + ("" if self.client_id == self.id else f"/{self.client_id}")

    @property
    def response_topic(self) -> str:
        return f"bootstrap/{self.id}/response" + ("" if self.client_id == self.id else f"/{self.client_id}")

    async def call(self, payload: bytes | str | dict[str, Any] = b"{}", **options: Any) -> None:
        raw = json.dumps(payload) if isinstance(payload, dict) else payload
        await self.peer.publish(self.request_topic, raw, **options)

    async def ask(self, payload: bytes | str | dict[str, Any] = b"{}", **options: Any) -> dict[str, Any]:
        await self.call(payload, **options)
        return await self.peer.next_json()


@contextlib.asynccontextmanager
async def device(
    access: Mapping[str, Any],
    device_id: str,
    *,
    plain: bool = False,
    client_id: str | None = None,
    protocol: aiomqtt.ProtocolVersion = V5,
    subscribe: bool = True,
) -> AsyncIterator[Device]:
    """Connect a device to the bootstrap broker, listening for its answer."""
    name = device_id if plain else client_id or private_id()
    async with stranger(access, name, protocol) as peer:
        found = Device(peer, device_id, name)
        if subscribe:
            await peer.subscribe(found.response_topic)
        yield found


@contextlib.asynccontextmanager
async def resident(access: Mapping[str, Any], credentials: Mapping[str, Any], **options: Any) -> AsyncIterator[Peer]:
    """Log in to the operations broker with credentials as they were answered."""
    async with connected(
        access["port"], credentials["username"], credentials["password"], credentials["clientId"], **options
    ) as peer:
        yield peer
