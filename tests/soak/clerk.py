"""An administrator of the soak: stays connected, repeats under the same request id, and hears every answer."""

import asyncio
import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiomqtt

from tests.e2e.peer import Peer, connected, correlation_of, payload_of

FIRST_PAUSE = 0.4
LONGEST_PAUSE = 4.0
"""Seconds after which a request without answer is repeated, at first and in the end."""
ONCE = 1.0
"""Seconds for which one who asks only once waits for the answer."""
PATIENCE = 90.0
"""Seconds after which a request that was repeated all the time must have been answered."""

Answer = Mapping[str, Any]


class NeverAnswered(Exception):
    """The bridge did not answer a request that was repeated again and again."""


@dataclass
class Clerk:
    """A connection for one administrator, made again whenever it breaks."""

    port: int
    tenant: str
    name: str
    password: str = field(repr=False)
    _peer: Peer | None = None
    _connected: asyncio.Event = field(default_factory=asyncio.Event)
    _waiting: dict[str, asyncio.Future[Answer]] = field(default_factory=dict)
    asked: int = 0
    repeated: int = 0

    @property
    def actor(self) -> str:
        """As the audit names him."""
        return f"{self.tenant}/{self.name}"

    async def run(self) -> None:
        """Hold the connection until cancelled."""
        while True:
            try:
                async with connected(self.port, self.name, self.password, timeout=5) as peer:
                    await peer.subscribe(f"control/{self.tenant}/{self.name}/response")
                    self._peer = peer
                    self._connected.set()
                    await self._hear(peer)
            except aiomqtt.MqttError:
                await asyncio.sleep(0.1)
            finally:
                self._connected.clear()
                self._peer = None

    async def _hear(self, peer: Peer) -> None:
        ended = asyncio.ensure_future(peer.ended.wait())
        try:
            while True:
                heard = asyncio.ensure_future(peer.heard.get())
                await asyncio.wait({ended, heard}, return_when=asyncio.FIRST_COMPLETED)
                if not heard.done():
                    heard.cancel()
                    return
                self._take(heard.result())
        finally:
            ended.cancel()

    def _take(self, message: aiomqtt.Message) -> None:
        answer = json.loads(payload_of(message))
        correlation = correlation_of(message)
        key = answer.get("requestId") if correlation is None else correlation.decode()
        waiting = self._waiting.get(str(key))
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)

    async def ask(self, command: str, body: Mapping[str, Any] | bytes, key: str) -> Answer:
        """Ask, and repeat until there is an answer. Raises NeverAnswered."""
        answer = await self.ask_somehow(command, body, key, insists=True)
        assert answer is not None
        return answer

    async def ask_somehow(
        self, command: str, body: Mapping[str, Any] | bytes, key: str, *, insists: bool
    ) -> Answer | None:
        """Ask; repeat until there is an answer, or wait for it only a while. Raises NeverAnswered."""
        correlation = None
        if isinstance(body, bytes):
            payload, correlation = body, key.encode()
        else:
            payload = json.dumps({**body, "requestId": key}).encode()
        waiting: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[key] = waiting
        self.asked += 1
        try:
            if not insists:
                async with asyncio.timeout(PATIENCE):
                    await self._connected.wait()
                await self._send(command, payload, correlation)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(ONCE):
                        await asyncio.shield(waiting)
                return waiting.result() if waiting.done() else None
            return await self._insist(command, payload, correlation, waiting)
        except TimeoutError:
            raise NeverAnswered(f"{self.actor} had no answer to {command} ({key}) in {PATIENCE:g} s") from None
        finally:
            del self._waiting[key]

    async def _insist(
        self, command: str, payload: bytes, correlation: bytes | None, waiting: asyncio.Future[Answer]
    ) -> Answer:
        pause = FIRST_PAUSE
        async with asyncio.timeout(PATIENCE):
            while True:
                await self._connected.wait()
                await self._send(command, payload, correlation)
                done, _ = await asyncio.wait({waiting}, timeout=pause)
                if done:
                    return waiting.result()
                pause = min(LONGEST_PAUSE, pause * 1.5)
                self.repeated += 1

    async def _send(self, command: str, payload: bytes, correlation: bytes | None) -> None:
        peer = self._peer
        if peer is None:
            return
        with contextlib.suppress(aiomqtt.MqttError):  # the connection breaks, and is made again
            topic = f"control/{self.tenant}/{self.name}/request/{command}"
            await peer.publish(topic, payload, qos=0, correlation=correlation)
