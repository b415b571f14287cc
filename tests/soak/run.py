"""A run of the soak: rounds of steps with a kill in their middle, and now and then a look at everything."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from bridge.arrows import Arrow
from bridge.records import ADMINISTRATOR, APPLICATION
from bridge.registration import Status
from device_sim.bootstrap_file import read_bootstrap_file
from device_sim.fleet import descriptors_missing
from device_sim.memory import Credentials
from tests.e2e.inspecting import inspected, prepare
from tests.e2e.site import ApartSite
from tests.invariants import violations_of
from tests.snapshot import Snapshot
from tests.soak.clerk import Clerk, NeverAnswered
from tests.soak.desk import DEFAULT, MANAGEMENT, Desk
from tests.soak.figures import Figures, Look
from tests.soak.fleet import Fleet
from tests.soak.model import ACCEPTED, NONE, OPEN, Contradiction, Devices
from tests.soak.plan import machines, rounds
from tests.soak.processes import House, Nursery
from tests.soak.settling import Settling, read_options
from tests.soak.words import STRICT, Kill, Machine, Round, Step, Victim

STEP_PAUSE = 0.06
"""Seconds after which the next step begins though the one before has not ended."""
ARROW_PATIENCE = 1.2
"""Seconds for which a bridge may go on to its arrow before it is killed wherever it is."""
AGREE = 10.0
"""Seconds within which everything must agree once it is at rest."""
RECENT = 40
"""Logins, of those that were given to somebody last, that are tried at each look; all of them at the end."""
KEEPER = "keeper"


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be run."""

    seed: int
    kills: int
    devices: int
    check_every: int = 10
    breaks: tuple[str, ...] = ()


@dataclass
class Soak:
    """One run on the folder ``folder``; ``tell`` is given a line after each look."""

    order: Order
    folder: Path
    tell: Callable[[str], None]
    figures: Figures = field(default_factory=Figures)
    house: House = field(init=False)
    desk: Desk = field(init=False)
    round: int = 0
    _logs_read: dict[Path, int] = field(default_factory=dict)
    _spoilt_before: int = 0
    repairs: int = 0

    @property
    def found(self) -> list[str]:
        """What must not be."""
        return self.desk.found

    async def run(self, stop: asyncio.Event) -> list[str]:
        """Run to the end, to the first violation, or until ``stop`` is set; return what was found."""
        began = time.monotonic()
        async with self._installed():
            try:
                await self._rounds(stop)
                if not self.found and not stop.is_set():
                    await self._check(last=True)
                    self.found.extend(self.figures.growth())
            finally:
                self.figures.seconds = time.monotonic() - began
        return self.found

    async def _rounds(self, stop: asyncio.Event) -> None:
        unchecked = 0
        for one in rounds(self.order.seed, machines(self.order.seed, self.order.devices)):
            if self.figures.kills >= self.order.kills or self.found or stop.is_set():
                return
            self.round = one.number
            await self._round(one)
            self.figures.kills += one.kill.kills
            unchecked += one.kill.kills
            if unchecked >= self.order.check_every and self.figures.kills < self.order.kills and not self.found:
                unchecked = 0
                await self._check()

    # Setting up and taking down.

    @contextlib.asynccontextmanager
    async def _installed(self) -> AsyncIterator[None]:
        missing = descriptors_missing(4 * self.order.devices)
        if missing > 0:
            raise RuntimeError(f"this machine allows {missing} open files too few for {self.order.devices} devices")
        site = ApartSite(self.folder / "data")
        await asyncio.to_thread(prepare, site)
        nursery = await Nursery.open()
        self.house = House(site, nursery, self._ended_alone, self.order.breaks)
        fleet_plan = machines(self.order.seed, self.order.devices)
        access = site.access
        try:
            async with asyncio.TaskGroup() as tasks:
                root = Clerk(access["port"], MANAGEMENT, "root", site.password_of("root"))
                admin = Clerk(access["port"], DEFAULT, "admin", site.password_of("admin"))
                keeper = Clerk(access["port"], STRICT, KEEPER, f"of the {STRICT}")
                clerks = {MANAGEMENT: root, DEFAULT: admin, STRICT: keeper}
                self.desk = Desk(access, fleet_plan, clerks, Devices({one.id: one.tenant for one in fleet_plan}))
                loop = asyncio.get_running_loop()

                def given(machine: Machine, credentials: Credentials) -> None:
                    loop.call_soon_threadsafe(self.desk.given, machine, credentials)  # devices save in threads

                fleet = self.desk.fleet = Fleet(
                    fleet_plan,
                    read_bootstrap_file(site.data / "bootstrap.json"),
                    given,
                )
                for victim in (Victim.OPERATIONS, Victim.BOOTSTRAP, Victim.BRIDGE):
                    await self.house.start(victim)
                lives = [tasks.create_task(root.run(), name="root"), tasks.create_task(admin.run(), name="admin")]
                await self._begin(root)
                lives.append(tasks.create_task(keeper.run(), name=KEEPER))
                await keeper.ask("set-option", _REQUIRED, "begin.policy")
                fleet.switch_on()
                try:
                    yield
                finally:
                    await fleet.switch_off()
                    for life in lives:
                        life.cancel()
        finally:
            await self.house.stop()
            await nursery.close()

    async def _begin(self, root: Clerk) -> None:
        """Make the tenant that requires tokens, with its administrator."""
        for command, body in (
            ("create-tenant", {"id": STRICT}),
            (
                "create-administrator",
                {"name": KEEPER, "role": "owner", "password": f"of the {STRICT}", "tenant": STRICT},
            ),
        ):
            answer = await root.ask(command, body, f"begin.{command}")
            assert answer["ok"], answer

    def _ended_alone(self, name: str) -> None:
        self.desk.found.append(f"the {name} ended by itself, see {self.house.living[Victim(name)].log}")

    # A round.

    async def _round(self, planned: Round) -> None:
        begun: asyncio.Queue[int] = asyncio.Queue()
        try:
            async with asyncio.TaskGroup() as tasks:
                killing = tasks.create_task(self._kill(planned.kill, begun), name="kill")
                begun.put_nowait(0)
                for at, step in enumerate(planned.steps):
                    task = tasks.create_task(self._step(step, planned.number, at), name=f"step {at}")
                    await asyncio.wait({task}, timeout=STEP_PAUSE)
                    begun.put_nowait(at + 1)
                await killing
                # Whoever answers has come back, or was never away.
                await self.desk.clerks[MANAGEMENT].ask("list", {"limit": 1}, f"{planned.number}.there")
        except* NeverAnswered as group:
            self.found.extend(str(one) for one in group.exceptions)
        self.found.extend(self.desk.fleet.faults())

    async def _step(self, step: Step, number: int, at: int) -> None:
        await self.desk.perform(step, f"{self.order.seed:x}.{number}.{at}")
        self.figures.steps += 1

    async def _kill(self, kill: Kill, begun: asyncio.Queue[int]) -> None:
        while await begun.get() < kill.after_step:
            continue
        await self._kill_and_restart(kill, kill.delay, kill.arrow)
        if kill.again_after is not None:
            await self._kill_and_restart(kill, kill.again_after, kill.again_at)

    async def _kill_and_restart(self, kill: Kill, delay: int, arrow: Arrow | None) -> None:
        await asyncio.sleep(delay / 1000)
        if self.found:
            return
        if arrow is not None and await self.house.end_at(arrow, kill.passes, ARROW_PATIENCE):
            self.figures.at_arrows[arrow] += 1
        victims = sorted(kill.victims)
        await self.house.kill(victims)
        self.figures.processes_killed += len(victims)
        for victim in victims:
            await self.house.start(victim)

    # A look at everything.

    async def _check(self, *, last: bool = False) -> None:
        key = f"{self.order.seed:x}.{self.round}.rest"
        settling = Settling(self.desk, self.house.site.data, key, excused=self.house.spoilt > self._spoilt_before)
        self._spoilt_before = self.house.spoilt
        if await settling.rest():
            await self._agree(last=last)
        self.figures.helped.update({help_.name: number for help_, number in settling.helped.items()})
        self.figures.checks += 1
        self._read_logs()
        self._look()
        self.tell(self._line())

    async def _agree(self, *, last: bool) -> None:
        deadline = time.monotonic() + AGREE
        while True:
            snapshot = await self._snapshot(last=last)
            wrong = violations_of(snapshot)
            if not wrong or time.monotonic() > deadline:
                break
            await asyncio.sleep(0.3)
        self.found.extend(wrong)
        self.found.extend(self._contradictions(snapshot))

    async def _snapshot(self, *, last: bool) -> Snapshot:
        ledger = self.desk.ledger
        tried = ledger if last else replace(ledger, held=ledger.held[-RECENT:])
        snapshot = await inspected(self.house.site, tried, logins=last)
        return replace(snapshot, held=tuple(ledger.held), asked=tuple(ledger.asked))

    def _contradictions(self, snapshot: Snapshot) -> list[str]:
        """Compare the rows with what administrators were answered."""
        found = []
        for machine in self.desk.machines:
            one = snapshot.registrations.get(machine.id)
            stands = NONE if one is None else ACCEPTED if one.status is Status.ACCEPTED else OPEN
            try:
                self.desk.devices.saw(machine.id, stands, machine.id in snapshot.devices)
            except Contradiction as wrong:
                found.append(str(wrong))
        for names, kind in ((self.desk.people, ADMINISTRATOR), (self.desk.programs, APPLICATION)):
            there = [one.username for one in snapshot.accounts.values() if one.kind == kind and one.wanted]
            found += names.saw(there)
        found += self.desk.tenants.saw(snapshot.tenants)
        options = read_options(self.house.site.data, DEFAULT)
        for name, may in self.desk.options.items():
            if options.get(name) not in may:
                found.append(f"the option {name} is {options.get(name)}, but by what was answered {sorted(may)}")
        return found

    def _read_logs(self) -> None:
        """Read what the bridges have written since the last time: faults nobody foresaw, and repairs."""
        for path in sorted(self.folder.glob("bridge.*.log")):
            with path.open(encoding="utf-8", errors="replace") as log:
                log.seek(self._logs_read.get(path, 0))
                for line in iter(log.readline, ""):
                    if "Traceback" in line or '"event": "failed"' in line:
                        self.found.append(f"{path.name}: {line.strip()[:300]}")
                    elif '"event": "reconciled"' in line:
                        members = json.loads(line)
                        self.repairs += members["repaired"] + members["removed"]
                self._logs_read[path] = log.tell()

    def _look(self) -> None:
        living = self.house.living
        bridge = living[Victim.BRIDGE]
        self.figures.looks.append(
            Look(
                bridge.memory(),
                bridge.descriptors(),
                living[Victim.OPERATIONS].memory(),
                living[Victim.BOOTSTRAP].memory(),
            )
        )

    def _line(self) -> str:
        look, clerks = self.figures.looks[-1], self.desk.clerks.values()
        return (
            f"{self.figures.kills:5} kills  {self.desk.fleet.at_home:4} of {self.order.devices} devices at home  "
            f"{sum(clerk.asked for clerk in clerks):6} commands ({sum(clerk.repeated for clerk in clerks)} repeated)  "
            f"{len(self.desk.ledger.held):5} credentials  {self.repairs:3} repairs  "
            f"bridge {look.bridge / 1024:.0f} MB, {look.descriptors} descriptors"
        )


_REQUIRED = {"category": "device-registration", "key": "security-token.policy", "value": "REQUIRED"}
