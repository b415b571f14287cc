"""An installation whose processes die at a chosen arrow, and people and devices who repeat until they are served.

A repeat is what the contract asks of both: a device calls again until it has credentials, an administrator asks again
with the same request id until he has an answer.
"""

import asyncio
import contextlib
import json
import secrets
import signal
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiomqtt

from bridge.arrows import Arrow
from tests.e2e.inspecting import add_others
from tests.e2e.peer import Peer, administrator, payload_of, private_id, resident, stranger
from tests.e2e.site import ApartSite, Process, wait_until
from tests.snapshot import Ledger
from tests.soak.processes import is_spoilt

PATIENCE: Final = 60.0
AGAIN: Final = 0.5
"""Seconds after which a device or an administrator repeats; the contract says more, a test has less time."""
BRIDGE: Final = "bridge"
BROKERS: Final = ("operations", "bootstrap")
ACTOR: Final = "default/admin"


class MortalSite(ApartSite):
    """Brokers and a bridge that can be told to die."""

    @property
    def doom(self) -> Path:
        """The file that tells the bridge to die."""
        return self.data.parent / "doom"

    @property
    def database(self) -> Path:
        return self.data / "bridge" / "registrations.db"

    def launch(self) -> Process:
        """Start the bridge, and do not wait until it is ready."""
        self.generation += 1
        log = self.data.parent / f"dying.{self.generation}.log"
        words = [sys.executable, "-m", "tests.e2e.dying", str(self.doom), "serve", "--data", str(self.data)]
        process = self.processes["serve"] = Process.start(words, log)
        return process

    def start_bridge(self) -> None:
        process = self.launch()
        wait_until(lambda: '"ready"' in process.output or process.process.poll() is not None, "the bridge is ready")
        assert process.process.poll() is None, process.output

    def start_broker(self, name: str) -> None:
        """Start a broker; where its kill has spoilt the file of its accounts, do first what an operator does."""
        if name == "operations" and self.data.exists() and is_spoilt(self.data):
            done = self.cli("init")
            assert done.returncode == 0, done.stderr
            add_others(self.data)
        super().start_broker(name)

    def make_whole(self) -> None:
        """Start what an earlier test has left dead, and forget what it wanted to die."""
        self.doom.unlink(missing_ok=True)
        for name in BROKERS:
            if self.processes[name].process.poll() is not None:
                self.start_broker(name)
        if self.processes["serve"].process.poll() is not None:
            self.start_bridge()

    def tell_to_die(self, arrow: Arrow, killed: Collection[str], nth: int = 1) -> None:
        """Have ``killed`` end when the bridge passes ``arrow`` for the ``nth`` time from now."""
        self.doom.with_suffix(".met").unlink(missing_ok=True)
        pids = [self.processes[name].process.pid for name in BROKERS if name in killed]
        doom = {"arrow": arrow, "nth": nth, "pids": pids, "own": BRIDGE in killed, "key": secrets.token_hex(8)}
        draft = self.doom.with_suffix(".draft")
        draft.write_text(json.dumps(doom), encoding="utf-8")
        draft.rename(self.doom)

    async def died(self, arrow: Arrow, killed: Collection[str], patience: float = PATIENCE) -> None:
        """Wait until the arrow was passed and all of ``killed`` have ended there."""
        bridge = self.processes["serve"]
        async with asyncio.timeout(patience):
            while not self.doom.with_suffix(".met").exists():
                assert bridge.process.poll() is None, bridge.output
                await asyncio.sleep(0.01)
        for name in killed:
            process = self.processes["serve" if name == BRIDGE else name].process
            assert await asyncio.to_thread(process.wait, PATIENCE) == -signal.SIGKILL, f"{name} at {arrow}"
        assert BRIDGE in killed or bridge.process.poll() is None, bridge.output

    def revive(self, killed: Collection[str]) -> None:
        """Start again what has died."""
        for name in BROKERS:
            if name in killed:
                self.start_broker(name)
        if BRIDGE in killed:
            self.launch()

    def kill_bridge(self) -> None:
        self.processes["serve"].kill()


async def insist(
    access: Mapping[str, Any],
    command: str,
    body: Mapping[str, Any] | str | None = None,
    *,
    ledger: Ledger | None = None,
    subjects: Sequence[str] = (),
    passwords: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Ask as the administrator of ``default``, with the same words, until there is an answer; a text is a file."""
    key = secrets.token_hex(8)
    payload = body if isinstance(body, str) else json.dumps({**(body or {}), "requestId": key})
    async with asyncio.timeout(PATIENCE):
        while True:
            with contextlib.suppress(aiomqtt.MqttError):
                async with administrator(access, timeout=2) as admin:
                    topic = f"control/{ACTOR}/request/{command}"
                    while not admin.peer.ended.is_set():
                        await admin.peer.publish(topic, payload, correlation=key.encode())
                        answer = await _answer(admin.peer, key)
                        if answer is not None:
                            if ledger is not None:
                                ledger.tell(
                                    ACTOR, command, subjects, answer, correlation=key.encode(), passwords=passwords
                                )
                            return answer
            await asyncio.sleep(0.02)


async def _answer(peer: Peer, key: str) -> dict[str, Any] | None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(AGAIN):
            while True:
                message = await peer.next()
                if getattr(message.properties, "CorrelationData", None) == key.encode():
                    answer: dict[str, Any] = json.loads(payload_of(message))
                    return answer
    return None


@dataclass
class Callers:
    """Devices that call in over one connection, as a gateway in front of them would, and hear their answers."""

    access: Mapping[str, Any]
    ids: Sequence[str]
    ledger: Ledger
    call: Mapping[str, Any] = field(default_factory=dict)
    client_id: str = field(default_factory=private_id)
    heard: defaultdict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    _peer: Peer | None = None
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    @contextlib.asynccontextmanager
    async def connected(self) -> AsyncIterator["Callers"]:
        """Stay connected, again and again, until the block ends."""
        staying = asyncio.create_task(self._stay(), name="callers")
        try:
            async with asyncio.timeout(PATIENCE):
                while self._peer is None:
                    await self._next()
            yield self
        finally:
            staying.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await staying
            self._peer = None

    async def _stay(self) -> None:
        while True:
            with contextlib.suppress(aiomqtt.MqttError):
                async with stranger(self.access, self.client_id, timeout=2) as peer:
                    await peer.subscribe(f"bootstrap/+/response/{self.client_id}")
                    self._peer = peer
                    self._news.set()
                    while not (peer.ended.is_set() and peer.heard.empty()):
                        with contextlib.suppress(TimeoutError):
                            self._hear(await peer.next(0.05))
            self._peer = None
            await asyncio.sleep(0.02)

    def _hear(self, message: aiomqtt.Message) -> None:
        device_id = message.topic.value.split("/")[1]
        answer = json.loads(payload_of(message))
        self.heard[device_id].append(answer)
        if answer["status"] == "ACCEPTED":
            self.ledger.give(answer)
        self._news.set()

    async def _next(self, patience: float = AGAIN) -> None:
        self._news.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._news.wait()

    async def until(self, status: str) -> dict[str, dict[str, Any]]:
        """Call until each device has an answer with ``status`` from now on; return the last one of each."""
        self.heard.clear()
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(PATIENCE):
            while missing := [one for one in self.ids if not self._last(one, status)]:
                await self._call(missing)
                deadline = loop.time() + AGAIN
                while loop.time() < deadline and not all(self._last(one, status) for one in missing):
                    await self._next(deadline - loop.time())
        return {one: self._last(one, status) for one in self.ids}

    def _last(self, device_id: str, status: str) -> dict[str, Any]:
        return next((answer for answer in reversed(self.heard[device_id]) if answer["status"] == status), {})

    async def _call(self, ids: Sequence[str]) -> None:
        peer = self._peer
        if peer is None:
            return
        raw = json.dumps(self.call)
        topics = [f"bootstrap/{device_id}/request/{self.client_id}" for device_id in ids]
        for failed in await asyncio.gather(*(peer.publish(topic, raw) for topic in topics), return_exceptions=True):
            if failed is not None and not isinstance(failed, aiomqtt.MqttError):  # that one comes of a broker's death
                raise failed


async def speak(access: Mapping[str, Any], credentials: Mapping[str, Any]) -> None:
    """Log in as a device and say something, until the broker has taken it."""
    async with asyncio.timeout(PATIENCE):
        while True:
            with contextlib.suppress(aiomqtt.MqttError):
                async with resident(access, credentials, timeout=2) as peer:
                    tenant, device_id = credentials["tenant"], credentials["deviceId"]
                    await peer.publish(f"devices/{tenant}/{device_id}/info", b'{"name":"it spoke"}')
                    return
            await asyncio.sleep(0.02)


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of the matrix: at which arrow of what is done what is killed, with how many devices at once."""

    arrow: Arrow
    scenario: str
    killed: tuple[str, ...] = (BRIDGE,)
    devices: int = 1
    nth: int = 1

    @property
    def name(self) -> str:
        times = "" if self.nth == 1 else f"-{self.nth}"
        return f"{self.arrow.name.lower()}{times}-{self.scenario}-{self.devices}-{'+'.join(self.killed)}"


@dataclass
class Stage:
    """What a scenario plays on: the site, the cell, and the ledger of who was told what."""

    site: MortalSite
    cell: Cell
    ledger: Ledger = field(default_factory=Ledger)
    ids: list[str] = field(default_factory=list)
    people: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        life = secrets.token_hex(3)
        self.ids = [f"{self.cell.scenario}-{life}-{number}" for number in range(self.cell.devices)]

    @property
    def access(self) -> dict[str, Any]:
        return self.site.access

    async def ask(
        self, command: str, body: Mapping[str, Any] | str | None = None, *subjects: str, **more: Any
    ) -> dict[str, Any]:
        """Ask until there is an answer, which must be ok; what was asked goes into the ledger."""
        answer = await insist(self.access, command, body, ledger=self.ledger, subjects=subjects, **more)
        assert answer["ok"], answer
        result: dict[str, Any] = answer["result"]
        assert not result.get("failed"), result
        return result

    async def find(self, device_id: str) -> dict[str, Any] | None:
        """Return a registration as it is shown, or None."""
        answer = await insist(self.access, "get", {"id": device_id})
        return answer["result"] if answer["ok"] else None

    async def register(self, **members: Any) -> None:
        """Register the devices, each of which begins a life."""
        for device_id in self.ids:
            self.ledger.begin(device_id)
        await self.ask("register", {"devices": [{"id": one, **members} for one in self.ids]}, *self.ids)

    def callers(self, **call: Any) -> Callers:
        return Callers(self.access, self.ids, self.ledger, call)

    async def accept(self) -> None:
        await self.ask("accept", {"devices": [{"id": device_id} for device_id in self.ids]}, *self.ids)

    async def confirm(self, credentials: Mapping[str, Mapping[str, Any]]) -> None:
        """Let each device speak until all are confirmed: what a killed broker had taken may be lost with it."""
        async with asyncio.timeout(PATIENCE):
            left = dict(credentials)
            while left:
                await asyncio.gather(*(speak(self.access, one) for one in left.values()))
                for _ in range(10):
                    for device_id in list(left):
                        found = await self.find(device_id)
                        if found is None or "confirmedTime" in found:
                            del left[device_id]
                    if not left:
                        break

    async def served(self, callers: Callers) -> dict[str, dict[str, Any]]:
        """Take devices from their registration to their first word."""
        async with callers.connected():
            await callers.until("PENDING_ACCEPTANCE")
            await self.accept()
            credentials = await callers.until("ACCEPTED")
        await self.confirm(credentials)
        return credentials

    async def through(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Do ``work`` while what is to die dies at its arrow and is started again; return what came of it."""
        self.site.tell_to_die(self.cell.arrow, self.cell.killed, self.cell.nth)
        working = asyncio.create_task(work, name="work")
        try:
            await self._die_and_revive(working)
            return await working
        finally:
            working.cancel()
            await asyncio.wait([working])

    async def start_through(self) -> None:
        """Start the bridge, which is not running; it, or a broker under it, dies while it starts, and starts again."""
        self.site.tell_to_die(self.cell.arrow, self.cell.killed, self.cell.nth)
        self.site.launch()
        await self._die_and_revive(None)

    async def _die_and_revive(self, working: asyncio.Task[Any] | None) -> None:
        dying = asyncio.create_task(self.site.died(self.cell.arrow, self.cell.killed), name="dying")
        try:
            tasks = {dying} if working is None else {dying, working}
            while not dying.done():
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                if working is not None and working.done():
                    working.result()
                    tasks = {dying}
            dying.result()
        finally:
            dying.cancel()
        await asyncio.to_thread(self.site.revive, self.cell.killed)

    async def clear(self) -> None:
        """Take away what the scenario left."""
        await insist(self.access, "delete", {"ids": self.ids})
        for device_id in self.ids:
            await insist(self.access, "delete-device", {"id": device_id})
        for name in self.people:
            await insist(self.access, "delete-administrator", {"name": name})
