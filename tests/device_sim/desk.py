"""The other side of the contract for tests: answers calls on a bootstrap broker, listens on an operations broker."""

import asyncio
import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import aiomqtt
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from device_sim.client import Client
from tests.device_sim.mosquitto import PATIENCE

BRIDGE_PASSWORD = "bridge-secret"
WATCHER_PASSWORD = "watcher-secret"
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_128_GCM)


def base64url(data: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def accepted_object(device_id: str, password: str, tenant: str = "t1") -> dict[str, str]:
    """Return the accepted answer in JSON form."""
    return {
        "status": "ACCEPTED",
        "tenant": tenant,
        "deviceId": device_id,
        "username": f"{tenant}/device_{device_id}",
        "password": password,
        "clientId": device_id,
    }


def seal(public_key: bytes, device_id: str, plaintext: bytes) -> str:
    """Seal ``plaintext`` to a device's key, as the contract, section 3, has it."""
    key = X25519PublicKey.from_public_bytes(public_key)
    return base64url(_SUITE.encrypt(plaintext, key, info=f"bootstrap/v1/{device_id}".encode()))


@dataclass(frozen=True, slots=True)
class Heard:
    """A call as it came."""

    device_id: str
    client_id: str | None
    payload: bytes

    @property
    def fields(self) -> dict[str, Any]:
        """The members of a call in JSON form; empty for other calls."""
        try:
            found = json.loads(self.payload)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


@dataclass
class Listener:
    """A client that keeps what it hears and lets tests wait for it; connects again when its broker comes back."""

    port: int
    username: str
    password: str
    filters: tuple[str, ...]
    news: asyncio.Condition = field(default_factory=asyncio.Condition)
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    stopped: bool = False
    client: Client | None = None
    task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Return when it hears."""
        self.task = asyncio.create_task(self._run(), name=f"listener {self.username}")
        await asyncio.wait_for(self.ready.wait(), PATIENCE)

    async def stop(self) -> None:
        """End it; raises what went wrong in it."""
        if self.task:
            self.stopped = True
            self.task.cancel()
            await asyncio.wait_for(asyncio.wait({self.task}), PATIENCE)
            if not self.task.cancelled():
                self.task.result()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until ``holds()``; looked at after each message."""
        async with asyncio.timeout(PATIENCE), self.news:
            await self.news.wait_for(holds)

    async def hear(self, topic: str, payload: bytes) -> None:
        """Take one message."""
        raise NotImplementedError

    async def _run(self) -> None:
        while not self.stopped:
            self.client = Client(
                "127.0.0.1", self.port, username=self.username, password=self.password, identifier=self.username
            )
            try:
                async with self.client:
                    for each in self.filters:
                        await self.client.subscribe(each, qos=1)
                    self.ready.set()
                    while not self.stopped and (message := await self.client.inbox.get()):
                        await self.hear(*message)
                        async with self.news:
                            self.news.notify_all()
            except aiomqtt.MqttError:
                await asyncio.sleep(0.1)  # the pace of trying again, nothing waits for it to be enough
            finally:
                self.ready.clear()
                await self.client.close()


@dataclass
class Desk(Listener):
    """Plays bridge and administrator: answers pending until a device is accepted, then its credentials."""

    passwords: dict[str, str] = field(default_factory=dict)
    retry_after: float = 0.2
    prefix: str = ""
    calls: list[Heard] = field(default_factory=list)
    accepted: set[str] = field(default_factory=set)

    async def hear(self, topic: str, payload: bytes) -> None:
        """Keep the call and answer it."""
        levels = topic.removeprefix(self.prefix).split("/")
        call = Heard(levels[1], levels[3] if len(levels) > 3 else None, payload)
        self.calls.append(call)
        await self._answer(call)

    async def accept(self, device_id: str) -> None:
        """Accept a device and push the answer to its last call."""
        self.accepted.add(device_id)
        for call in [call for call in self.calls if call.device_id == device_id][-1:]:
            await self._answer(call)

    def calls_of(self, device_id: str) -> list[Heard]:
        """Return the calls in the name of ``device_id``, in order."""
        return [call for call in self.calls if call.device_id == device_id]

    async def _answer(self, call: Heard) -> None:
        topic = f"{self.prefix}bootstrap/{call.device_id}/response" + (f"/{call.client_id}" if call.client_id else "")
        answer = self._json_answer(call) if call.payload.startswith(b"{") else self._line_answer(call)
        if answer is not None:
            assert self.client
            await self.client.publish(topic, answer, qos=1)

    def _line_answer(self, call: Heard) -> bytes | None:
        if call.device_id not in self.accepted:
            return None
        return f"70,t1,device_{call.device_id},{self.passwords[call.device_id]}".encode()

    def _json_answer(self, call: Heard) -> bytes:
        request_id = call.fields.get("requestId")
        answer: dict[str, Any]
        if not isinstance(request_id, str) or ("securityToken" in call.fields and not call.fields["securityToken"]):
            answer = {"status": "ERROR", "error": "MALFORMED_REQUEST", "message": "not understood"}
        elif call.device_id not in self.accepted:
            answer = {"status": "PENDING_ACCEPTANCE", "retryAfter": self.retry_after, "requestId": request_id}
        else:
            answer = accepted_object(call.device_id, self.passwords[call.device_id])
            if key := call.fields.get("publicKey"):
                raw = base64.urlsafe_b64decode(key + "=" * (-len(key) % 4))
                answer = {"status": "ACCEPTED", "sealed": seal(raw, call.device_id, json.dumps(answer).encode())}
        return json.dumps(answer).encode()


@dataclass
class Watcher(Listener):
    """Hears what devices say on the operations broker."""

    messages: list[tuple[str, bytes]] = field(default_factory=list)

    async def hear(self, topic: str, payload: bytes) -> None:
        """Keep the message."""
        self.messages.append((topic, payload))

    def on(self, topic: str) -> list[bytes]:
        """Return the payloads that came on ``topic``."""
        return [payload for heard, payload in self.messages if heard == topic]
