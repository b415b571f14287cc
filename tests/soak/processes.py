"""The processes of an installation under the soak: started by the nursery, killed here, watched for their end."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bridge.arrows import Arrow
from tests import lines
from tests.e2e.inspecting import add_others
from tests.e2e.site import BIN, ApartSite
from tests.soak.dying import Arming
from tests.soak.words import Victim

PATIENCE = 30.0
"""Seconds that a process may take to end once it was killed."""
AGAIN = 0.25
"""Seconds after which a broker is asked again to end: it loses a SIGTERM that comes just before its main loop."""


class Living:
    """A process that was started; ``ended`` is set when it has gone, ``expected`` when that was our wish."""

    def __init__(self, pid: int, log: Path) -> None:
        self.pid = pid
        self.log = log
        self.ended = asyncio.Event()
        self.expected = False
        try:
            self._descriptor: int | None = os.pidfd_open(pid)
        except ProcessLookupError:  # as fast as that
            self._descriptor = None
            self.ended.set()
        else:
            asyncio.get_running_loop().add_reader(self._descriptor, self._has_ended)

    def _has_ended(self) -> None:
        assert self._descriptor is not None
        asyncio.get_running_loop().remove_reader(self._descriptor)
        os.close(self._descriptor)
        self._descriptor = None
        self.ended.set()

    async def end(self, number: int = signal.SIGKILL, again: float = PATIENCE) -> None:
        """Send the signal, once more every ``again`` seconds, and wait for the end."""
        self.expected = True
        async with asyncio.timeout(PATIENCE):
            while self._descriptor is not None:
                signal.pidfd_send_signal(self._descriptor, number)
                with suppress(TimeoutError):
                    async with asyncio.timeout(again):
                        await self.ended.wait()

    def memory(self) -> int:
        """Return its resident memory in KiB; 0 once it has gone."""
        try:
            lines = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii").splitlines()
        except (FileNotFoundError, ProcessLookupError):
            return 0
        return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), 0)

    def descriptors(self) -> int:
        """Return how many files and connections it has open; 0 once it has gone."""
        try:
            return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))
        except (FileNotFoundError, ProcessLookupError):
            return 0


class Nursery:
    """The other side of tests.soak.nursery; ends with all that it has started."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._turn = asyncio.Lock()

    @classmethod
    async def open(cls) -> "Nursery":
        """Start it and wait until it has loaded the bridge."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.soak.nursery",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for us; we end the others in order
            cwd=Path(__file__).parent.parent.parent,
        )
        nursery = cls(process)
        await nursery._answer()
        return nursery

    async def _answer(self) -> int:
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError("the nursery has ended")
        pid: int = json.loads(line)["pid"]
        return pid

    async def start(self, words: Sequence[str], log: Path, *, forks: bool = False, **more: Any) -> Living:
        """Start a process: a fork that runs the bridge's command line, or another program."""
        assert self._process.stdin is not None
        wanted = {
            "words": list(words),
            "log": str(log),
            "forks": forks,
            "env": {"BOOTSTRAP_BRIDGE_DEBUGGABLE": "1"},
            "breaks": [],
            **more,
        }
        async with self._turn:
            self._process.stdin.write(json.dumps(wanted).encode() + b"\n")
            pid = await self._answer()
        return Living(pid, log)

    async def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()


@dataclass
class House:
    """Both brokers and the bridge on one folder. ``breaks`` are ways in which the bridge is broken on purpose.

    ``ended_alone`` is called with the name of a process that nobody has killed.
    """

    site: ApartSite
    nursery: Nursery
    ended_alone: Callable[[str], None]
    breaks: Sequence[str] = ()
    living: dict[Victim, Living] = field(default_factory=dict)
    _watchers: set[asyncio.Task[None]] = field(default_factory=set)
    _generation: int = 0
    spoilt: int = 0
    """How often a kill left the operations broker's accounts as half a file."""
    arming: Arming = field(init=False)

    def __post_init__(self) -> None:
        """Prepare for bridges that end themselves."""
        self.arming = Arming(self.folder / "arming")

    @property
    def folder(self) -> Path:
        """Where the logs are."""
        return self.site.data.parent

    async def start(self, victim: Victim) -> None:
        """Start a process; it is not waited for until it serves."""
        if victim is Victim.OPERATIONS and is_spoilt(self.site.data):
            await self._put_right()
        self._generation += 1
        log = self.folder / f"{victim}.{self._generation:05}.log"
        data = self.site.data
        if victim is Victim.BRIDGE:
            words = [str(BIN / "bootstrap-bridge"), "serve", "--data", str(data)]
            living = await self.nursery.start(
                words, log, forks=True, arming=f"{self.folder}/arming", breaks=list(self.breaks)
            )
        else:
            words = [str(lines.broker()), "-c", f"{data}/{victim}-broker/mosquitto.conf"]
            living = await self.nursery.start(words, log)
        self.living[victim] = living
        watcher = asyncio.get_running_loop().create_task(self._watch(victim, living), name=f"watch {victim}")
        self._watchers.add(watcher)
        watcher.add_done_callback(self._watchers.discard)

    async def _put_right(self) -> None:
        """Do what an operator does whose broker has lost its accounts: `init`, and his own accounts from a backup."""
        self.spoilt += 1
        words = [str(BIN / "bootstrap-bridge"), "init", "--data", str(self.site.data)]
        log = self.folder / f"init.{self.spoilt:05}.log"
        made = await self.nursery.start(words, log, forks=True, arming=f"{self.folder}/arming")
        await made.ended.wait()
        if is_spoilt(self.site.data):
            raise RuntimeError(f"init has not put the broker's accounts right: {log.read_text(encoding='utf-8')}")
        await asyncio.to_thread(add_others, self.site.data)

    async def _watch(self, victim: Victim, living: Living) -> None:
        await living.ended.wait()
        if not living.expected:
            self.ended_alone(victim)

    async def end_at(self, arrow: Arrow, passes: int, patience: float) -> bool:
        """Let the bridge end itself at ``arrow``; return whether it got there within ``patience`` seconds."""
        bridge = self.living[Victim.BRIDGE]
        bridge.expected = True
        self.arming.arm(arrow, passes)
        try:
            async with asyncio.timeout(patience):
                await bridge.ended.wait()
        except TimeoutError:
            return False
        finally:
            self.arming.disarm()
        return True

    async def kill(self, victims: Sequence[Victim]) -> None:
        """Kill processes at once, and wait until they have gone."""
        for victim in victims:
            self.living[victim].expected = True
        await asyncio.gather(*(self.living[victim].end() for victim in victims))

    async def stop(self) -> None:
        """End all of them in good order, the bridge first."""
        for victim in Victim:
            if victim in self.living:
                again = PATIENCE if victim is Victim.BRIDGE else AGAIN
                await self.living[victim].end(signal.SIGTERM, again)
        for watcher in list(self._watchers):
            watcher.cancel()


def is_spoilt(data: Path) -> bool:
    """Tell whether the operations broker would find no accounts: Mosquitto 2.0 writes them over what was there."""
    try:
        content = json.loads((data / "operations-broker" / "dynamic-security.json").read_text(encoding="utf-8"))
    except ValueError:
        return True
    return "clients" not in content
