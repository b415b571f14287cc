"""The stage for tests with real brokers: both Mosquittos, the desk, a watcher, and fleets in this process."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from device_sim.bootstrap_file import read_bootstrap_file
from device_sim.connection import Dialler
from device_sim.device import Device
from device_sim.fleet import End, Limits, run_fleet
from device_sim.pace import Timing
from device_sim.plan import Member, Plan, assemble
from device_sim.store import StateStore
from tests.device_sim.desk import BRIDGE_PASSWORD, WATCHER_PASSWORD, Desk, Watcher
from tests.device_sim.mosquitto import BOOTSTRAP_ACL, OPERATIONS_ACL, PATIENCE, Mosquitto

QUICK = Timing(retry_after=0.2, telemetry_interval=0.1, backoff_first=0.1, backoff_most=0.5, forget_after=3)


@dataclass
class Stage:
    """Brokers and the people behind them; ``desk.passwords`` are what the operations broker knows of devices."""

    directory: Path
    bootstrap: Mosquitto
    operations: Mosquitto
    desk: Desk
    watcher: Watcher
    bootstrap_file: Path
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def store(self) -> StateStore:
        """The state of all fleets on this stage."""
        return StateStore(self.directory / "state")

    @contextlib.asynccontextmanager
    async def playing(self, plan: Plan, *, mqtt5: bool = True) -> AsyncIterator[list[Member]]:
        """Run a fleet beside the test, until the test ends it by leaving."""
        with self.store.locked():
            members = assemble(plan, self.store)
            stop = asyncio.Event()
            dialler = Dialler(read_bootstrap_file(self.bootstrap_file), mqtt5=mqtt5)
            running = asyncio.create_task(
                run_fleet(members, dialler, self.store.save, Limits(keep_on=None), stop, lambda _: None), name="fleet"
            )
            try:
                yield members
            finally:
                stop.set()
                await asyncio.wait_for(running, PATIENCE)

    async def run(self, plan: Plan, limits: Limits) -> End:
        """Run a fleet to its own end."""
        with self.store.locked():
            members = assemble(plan, self.store)
            dialler = Dialler(read_bootstrap_file(self.bootstrap_file))
            fleet = run_fleet(members, dialler, self.store.save, limits, self.stop, lambda _: None)
            return await asyncio.wait_for(fleet, PATIENCE)

    def users(self) -> dict[str, str]:
        """Return the users of the operations broker."""
        devices = {f"t1/device_{device_id}": password for device_id, password in self.desk.passwords.items()}
        return devices | {"watcher": WATCHER_PASSWORD}

    def info(self, device_id: str, prefix: str = "") -> list[dict[str, Any]]:
        """Return the info messages of a device."""
        return [json.loads(payload) for payload in self.watcher.on(f"{prefix}devices/t1/{device_id}/info")]


async def until(holds: Callable[[], bool]) -> None:
    """Look every few milliseconds until ``holds()``, for things that tell nobody when they change."""
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110 - a machine has no event to wait for
            await asyncio.sleep(0.01)


def devices_of(members: Sequence[Member]) -> list[Device]:
    """Return the machines of ``members``."""
    return [member.device for member in members]


@contextlib.asynccontextmanager
async def set_stage(directory: Path, device_ids: Sequence[str], *, prefix: str = "") -> AsyncIterator[Stage]:
    """Start both brokers, the desk and the watcher for ``device_ids``; end them all at the end."""
    passwords = {device_id: f"secret-of-{number}" for number, device_id in enumerate(device_ids)}
    users = {"bridge": BRIDGE_PASSWORD, "devicebootstrap": "everybody knows"}
    bootstrap = Mosquitto(directory / "bootstrap", users, BOOTSTRAP_ACL, prefix=prefix)
    operations = Mosquitto(directory / "operations", {}, OPERATIONS_ACL, prefix=prefix)
    bootstrap_file = directory / "bootstrap.json"
    bootstrap_file.write_text(
        json.dumps(
            {
                "host": "127.0.0.1",
                "port": operations.port,
                "bootstrapPort": bootstrap.port,
                "topicPrefix": prefix.rstrip("/"),
                "tls": None,
                "bootstrap": {"username": "devicebootstrap", "password": "everybody knows"},
            }
        )
    )
    filters = f"{prefix}bootstrap/+/request", f"{prefix}bootstrap/+/request/+"
    desk = Desk(bootstrap.port, "bridge", BRIDGE_PASSWORD, filters, passwords=passwords, prefix=prefix)
    watcher = Watcher(operations.port, "watcher", WATCHER_PASSWORD, (f"{prefix}devices/#",))
    stage = Stage(directory, bootstrap, operations, desk, watcher, bootstrap_file)
    operations.set_users(stage.users())
    async with contextlib.AsyncExitStack() as stack:
        for broker in (bootstrap, operations):
            stack.push_async_callback(broker.stop)
            await broker.start()
        for listener in (desk, watcher):
            stack.push_async_callback(listener.stop)
            await listener.start()
        yield stage


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage for the devices ``pump-1`` to ``pump-3`` and one whose id is not ASCII."""
    async with set_stage(tmp_path, ["pump-1", "pump-2", "pump-3", "Wärmepumpe-7"]) as made:
        yield made
