"""What goes on while processes die: a scenario for each thing that people and devices do, with the arrows it passes."""

import asyncio
import contextlib
import secrets
import sqlite3
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

from bridge.arrows import Arrow
from tests.e2e.inspecting import asking
from tests.e2e.mortal import BRIDGE, BROKERS, Callers, Cell, Stage, insist
from tests.e2e.peer import resident


async def calls(stage: Stage) -> None:
    """Devices call that are registered; one of them nobody knows."""
    await stage.register()
    callers = stage.callers(securityToken="t")
    callers.ids = [*stage.ids, f"unknown-{secrets.token_hex(3)}"]
    async with callers.connected():
        await stage.through(callers.until("PENDING_ACCEPTANCE"))
    for device_id in stage.ids:
        found = await stage.find(device_id)
        assert found is not None
        assert (found["status"], len(found["claims"])) == ("PENDING_ACCEPTANCE", 1)


async def calls_accepted_at_once(stage: Stage) -> None:
    """Devices call with the token that was given when they were registered, and are accepted by that."""
    token = "a token of more than sixteen"
    await stage.register(securityToken=token, autoAccept=True)
    callers = stage.callers(securityToken=token)
    async with callers.connected():
        credentials = await stage.through(callers.until("ACCEPTED"))
    await stage.confirm(credentials)


async def registering(stage: Stage) -> None:
    """An administrator registers devices."""
    await stage.through(stage.register())
    for device_id in stage.ids:
        found = await stage.find(device_id)
        assert found is not None
        assert found["status"] == "WAITING_FOR_CONNECTION"


async def both(asking: Coroutine[Any, Any, Any], callers: Callers) -> dict[str, dict[str, Any]]:
    """Ask, while the devices call on; return what they get."""
    _, credentials = await asyncio.gather(asking, callers.until("ACCEPTED"))
    return dict(credentials)


async def accepting(stage: Stage) -> None:
    """An administrator accepts; the devices listen meanwhile, and log in with what they get."""
    await stage.register()
    callers = stage.callers()
    async with callers.connected():
        await callers.until("PENDING_ACCEPTANCE")
        credentials = await stage.through(both(stage.accept(), callers))
    await stage.confirm(credentials)


async def accepting_all(stage: Stage) -> None:
    """The same by accept-all, in parts."""
    await stage.register()
    callers = stage.callers()
    async with callers.connected():
        await callers.until("PENDING_ACCEPTANCE")
        credentials = await stage.through(both(stage.ask("accept-all"), callers))
    await stage.confirm(credentials)


async def accepting_again(stage: Stage) -> None:
    """Devices that have lived before are registered and accepted again; their old passwords are useless then."""
    await stage.register()
    callers = stage.callers()
    await stage.served(callers)
    await stage.ask("delete", {"ids": stage.ids}, *stage.ids)
    await stage.register()
    async with callers.connected():
        await callers.until("PENDING_ACCEPTANCE")
        credentials = await stage.through(both(stage.accept(), callers))
    await stage.confirm(credentials)


async def speaking(stage: Stage) -> None:
    """Devices say their first word, which confirms them."""
    await stage.register()
    callers = stage.callers()
    async with callers.connected():
        await callers.until("PENDING_ACCEPTANCE")
        await stage.accept()
        credentials = await callers.until("ACCEPTED")
    await stage.through(stage.confirm(credentials))


async def deleting(stage: Stage) -> None:
    """Registrations are deleted that were accepted and not confirmed: their accounts go too."""
    await stage.register()
    callers = stage.callers()
    async with callers.connected():
        await callers.until("PENDING_ACCEPTANCE")
        await stage.accept()
        await callers.until("ACCEPTED")
    await stage.through(stage.ask("delete", {"ids": stage.ids}, *stage.ids))


async def deleting_devices(stage: Stage) -> None:
    """Devices are deleted while they are connected: they are thrown out, and do not come back."""
    await stage.register()
    credentials = await stage.served(stage.callers())
    device_id = stage.ids[0]

    async def delete() -> None:
        for one in stage.ids:
            await stage.ask("delete-device", {"id": one}, one)

    async with resident(stage.access, credentials[device_id]) as peer:
        await peer.subscribe(f"devices/default/{device_id}/commands")
        await stage.through(delete())
        await peer.thrown_out()


async def simple_file(stage: Stage) -> None:
    """A file registers devices, in parts."""
    file = "ID;PATH\n" + "".join(f"{device_id};A/B\n" for device_id in stage.ids)
    result = await stage.through(stage.ask("bulk-register", file, *stage.ids))
    assert (result["numberOfAll"], result["numberOfFailed"]) == (len(stage.ids), 0)


async def full_file(stage: Stage) -> None:
    """A file brings passwords, in parts: some devices are new, others have lived before."""
    later, stage.ids = stage.ids, stage.ids[: max(1, len(stage.ids) // 2)]
    await stage.register()
    await stage.served(stage.callers())
    stage.ids = later
    passwords = {device_id: secrets.token_hex(8) for device_id in stage.ids}
    file = "ID;CREDENTIALS\n" + "".join(f"{device_id};{password}\n" for device_id, password in passwords.items())
    result = await stage.through(stage.ask("bulk-register", file, *stage.ids, passwords=passwords))
    assert (result["numberOfAll"], result["numberOfFailed"]) == (len(stage.ids), 0)


async def making_people(stage: Stage) -> None:
    """An administrator is made, and logs in with the password that the answer tells."""
    name = f"person-{secrets.token_hex(3)}"
    made = await stage.through(stage.ask("create-administrator", {"name": name, "role": "registrar"}, name))
    stage.ledger.give({"username": name, "password": made["password"]})
    stage.people.append(name)


async def losing_people(stage: Stage) -> None:
    """An administrator is deleted."""
    name = f"person-{secrets.token_hex(3)}"
    made = await stage.ask("create-administrator", {"name": name, "role": "registrar"}, name)
    stage.ledger.give({"username": name, "password": made["password"]})
    await stage.through(stage.ask("delete-administrator", {"name": name}, name))


async def reconciling(stage: Stage) -> None:
    """The broker has lost accounts, and has one that nobody knows, when the bridge starts."""
    await stage.register()
    await stage.served(stage.callers())
    stage.site.kill_bridge()
    ghost = f"ghost-{secrets.token_hex(3)}"
    async with asking(stage.access["port"]) as ask:
        for device_id in stage.ids:
            await ask("deleteClient", username=f"default/device_{device_id}")
        await ask("createClient", username=ghost, password=ghost, textname="bootstrap-bridge")
    await stage.start_through()


async def delivering_late(stage: Stage) -> None:
    """Devices were accepted while they did not listen; they get their credentials when the bridge starts."""
    await stage.register()
    callers = stage.callers()
    async with callers.connected():
        await callers.until("PENDING_ACCEPTANCE")
    await stage.accept()
    for device_id in stage.ids:
        while "installedTime" not in (await stage.find(device_id) or {}):
            pass
    stage.site.kill_bridge()
    async with callers.connected():
        await stage.start_through()
        credentials = await callers.until("ACCEPTED")
    await stage.confirm(credentials)


async def expiring(stage: Stage) -> None:
    """Registrations expire while the bridge starts."""
    key = {"category": "device-registration", "key": "registration.ttl"}
    await insist(stage.access, "register", {"devices": [{"id": device_id} for device_id in stage.ids]})
    with contextlib.closing(sqlite3.connect(stage.site.database, timeout=30)) as connection, connection:
        connection.execute("UPDATE registrations SET created = created - 60000")  # time passes
    await insist(stage.access, "set-option", {**key, "value": 60})
    stage.site.kill_bridge()
    await stage.start_through()
    for device_id in stage.ids:
        while await stage.find(device_id) is not None:
            pass
    await insist(stage.access, "set-option", {**key, "value": 0})


async def beginning(stage: Stage) -> None:
    """The bridge starts without a database, and without the note that it had one; its broker has accounts of then."""
    stage.site.processes["serve"].stop()
    (stage.site.database.parent / "database-made").unlink()
    for path in stage.site.database.parent.glob(stage.site.database.name + "*"):
        path.unlink()
    await stage.start_through()
    assert (await insist(stage.access, "list"))["ok"]


CALLS: Final = (
    Arrow.CALLS_HEARD,
    Arrow.CALLS_UNDERSTOOD,
    Arrow.CALLS_LOADED,
    Arrow.CALLS_DECIDED,
    Arrow.CALLS_COMMITTED,
    Arrow.CALLS_ACKNOWLEDGED,
    Arrow.CALLS_ANSWERED,
    Arrow.CALLS_TOLD,
)
REQUEST: Final = (
    Arrow.REQUEST_HEARD,
    Arrow.REQUEST_UNDERSTOOD,
    Arrow.REQUEST_LOADED,
    Arrow.REQUEST_DECIDED,
    Arrow.REQUEST_COMMITTED,
    Arrow.REQUEST_ANSWERED,
    Arrow.REQUEST_TOLD,
    Arrow.REQUEST_ACKNOWLEDGED,
)
NOT_LOADING: Final = tuple(arrow for arrow in REQUEST if arrow is not Arrow.REQUEST_LOADED)
INSTALLING: Final = (
    Arrow.ACCOUNTS_SENT,
    Arrow.ACCOUNTS_INSTALLED,
    Arrow.CREDENTIALS_PUSHED,
    Arrow.ACCOUNTS_WRITTEN,
    Arrow.ACCOUNTS_NOTED,
)
DELIVERING: Final = (Arrow.DELIVERY_HEARD, Arrow.DELIVERY_COMMITTED)
ENDING: Final = (Arrow.ACCOUNTS_SENT, Arrow.LIVES_LOCKED_OUT, Arrow.LIFE_CLEARED, Arrow.LIVES_HEARD_OUT)
RENEWING: Final = (
    *ENDING,
    Arrow.ACCOUNTS_RENEWED,
    Arrow.CREDENTIALS_PUSHED,
    Arrow.ACCOUNTS_WRITTEN,
    Arrow.ACCOUNTS_NOTED,
)
LEAVING: Final = (*ENDING, Arrow.LEAVING_REMOVED, Arrow.LEAVING_FORGOTTEN)
INFO: Final = (Arrow.INFO_HEARD, Arrow.INFO_DECIDED, Arrow.INFO_COMMITTED, Arrow.INFO_ACKNOWLEDGED)


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is done, and which arrows it passes after it has begun."""

    play: Callable[[Stage], Awaitable[None]]
    arrows: tuple[Arrow, ...]
    devices: tuple[int, ...] = (1, 5)

    @property
    def name(self) -> str:
        return self.play.__name__.replace("_", "-")


PART: Final = Arrow.REQUEST_PART_COMMITTED
SCENARIOS: Final = {
    scenario.name: scenario
    for scenario in (
        Scenario(calls, CALLS),
        Scenario(accepting, (*REQUEST, *INSTALLING, *DELIVERING)),
        Scenario(accepting_again, (*REQUEST, *RENEWING, *DELIVERING)),
        Scenario(speaking, INFO),
        Scenario(deleting, (*REQUEST, *LEAVING)),
        Scenario(accepting_all, (*REQUEST, PART, *INSTALLING, *DELIVERING), devices=(5,)),
        Scenario(simple_file, (*REQUEST, PART), devices=(5,)),
        Scenario(full_file, (*REQUEST, PART, *RENEWING), devices=(5,)),
        Scenario(calls_accepted_at_once, (*CALLS, *INSTALLING, *DELIVERING)),
        Scenario(registering, REQUEST),
        Scenario(deleting_devices, (*REQUEST, *LEAVING)),
        Scenario(making_people, (*NOT_LOADING, Arrow.ACCOUNTS_SENT, Arrow.ACCOUNTS_INSTALLED), devices=(1,)),
        Scenario(losing_people, (*NOT_LOADING, Arrow.ACCOUNTS_SENT, Arrow.LEAVING_REMOVED), devices=(1,)),
        Scenario(reconciling, (Arrow.RECONCILE_LISTED, Arrow.RECONCILE_NOTED, Arrow.RECONCILE_REMOVED)),
        Scenario(delivering_late, (Arrow.CREDENTIALS_PUSHED_AGAIN, *DELIVERING)),
        Scenario(expiring, (Arrow.AGED_COMMITTED,)),
        Scenario(beginning, (Arrow.BEGINNINGS_COMMITTED,), devices=(1,)),
    )
}

KILLED: Final = ((BRIDGE,), ("operations",), ("bootstrap",), BROKERS, (BRIDGE, *BROKERS))
"""What dies: one of the three, both brokers under a living bridge, all."""
ALL: Final = (BRIDGE, *BROKERS)
_BROKERS_TOO: Final = (
    (Arrow.CALLS_DECIDED, calls, ("bootstrap",)),
    (Arrow.CALLS_COMMITTED, calls, ("bootstrap",)),
    (Arrow.CALLS_ACKNOWLEDGED, calls_accepted_at_once, ALL),
    (Arrow.REQUEST_DECIDED, registering, ("operations",)),
    (Arrow.REQUEST_COMMITTED, accepting, ("operations",)),
    (Arrow.REQUEST_ANSWERED, accepting_all, ALL),
    (PART, accepting_all, ("operations",)),
    (PART, simple_file, ALL),
    (PART, full_file, (BRIDGE,)),
    (Arrow.ACCOUNTS_SENT, accepting, ("operations",)),
    (Arrow.ACCOUNTS_INSTALLED, accepting, ALL),
    (Arrow.CREDENTIALS_PUSHED, accepting, ("bootstrap",)),
    (Arrow.ACCOUNTS_NOTED, accepting, BROKERS),
    (Arrow.DELIVERY_HEARD, accepting, ALL),
    (Arrow.ACCOUNTS_SENT, accepting_again, ("operations",)),
    (Arrow.LIFE_CLEARED, accepting_again, ALL),
    (Arrow.ACCOUNTS_RENEWED, accepting_again, ("operations",)),
    (Arrow.ACCOUNTS_RENEWED, full_file, ALL),
    (Arrow.INFO_HEARD, speaking, ALL),
    (Arrow.INFO_COMMITTED, speaking, ("operations",)),
    (Arrow.LIVES_HEARD_OUT, deleting_devices, ("operations",)),
    (Arrow.LEAVING_REMOVED, deleting, ALL),
    (Arrow.REQUEST_COMMITTED, making_people, ALL),
    (Arrow.ACCOUNTS_INSTALLED, making_people, ("operations",)),
    (Arrow.LEAVING_REMOVED, losing_people, (BRIDGE,)),
    (Arrow.RECONCILE_NOTED, reconciling, ("operations",)),
)
"""Where a broker's death makes a difference, beside the bridge's at every arrow."""


def chosen() -> Iterator[Cell]:
    """Yield the cells that every run tries: each arrow with the bridge killed, and brokers where it matters."""
    for number, arrow in enumerate(Arrow):
        scenario = next(one for one in SCENARIOS.values() if arrow in one.arrows)
        yield Cell(arrow, scenario.name, devices=scenario.devices[number % len(scenario.devices)])
    for number, (arrow, play, killed) in enumerate(_BROKERS_TOO):
        scenario = next(one for one in SCENARIOS.values() if one.play is play)
        yield Cell(arrow, scenario.name, killed, devices=scenario.devices[number % len(scenario.devices)])


def all_cells() -> Iterator[Cell]:
    """Yield the whole matrix."""
    for scenario in SCENARIOS.values():
        for arrow, killed, devices in product(scenario.arrows, KILLED, scenario.devices):
            yield Cell(arrow, scenario.name, killed, devices)
