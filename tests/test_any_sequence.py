"""Whatever administrators and devices do in whatever order, the tables never contradict each other."""

from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from bridge import schema
from bridge.batch import Batch
from bridge.decisions import Confirm
from bridge.records import Account
from bridge.registration import Device, Registration, Status
from bridge.rows import accounts_selected, device_of, devices_selected, registration_of, registrations_selected
from bridge.store import Store
from tests.files import tables
from tests.world import World

IDS = st.sampled_from(["a", "b", "c"])
WHO = st.sampled_from(["default/admin", "default/admin", "default/rita", "north/nora"])
CELLS = st.sampled_from(["", "", "N", "M"])
GROUPS = st.sampled_from(["", "G", "G/H", "K"])


@dataclass(frozen=True)
class File:
    """A bulk file, of which each id stands in one line, or is repeated with the same line."""

    who: str
    lines: list[tuple[str, ...]]
    header: str = field(kw_only=True)

    @property
    def content(self) -> bytes:
        return "\n".join([self.header, *(";".join(line) for line in self.lines)]).encode() + b"\n"


def files(header: str, *cells: st.SearchStrategy[str]) -> st.SearchStrategy[File]:
    lines = st.lists(st.tuples(IDS, *cells), min_size=1, max_size=3, unique_by=lambda line: line[0])
    return st.builds(File, WHO, lines, header=st.just(header))


SIMPLE = files("ID;PATH;NAME;TOKEN", GROUPS, CELLS, st.sampled_from(["", "", "s3cret"]))
FULL = files("ID;PATH;NAME;CREDENTIALS", GROUPS, CELLS, st.sampled_from(["password-1", "password-2", "short"]))
ACTS = st.sampled_from(["register", "accept", "delete", "delete-device", "call", "call with token", "confirm"])
STEPS = st.lists(SIMPLE | FULL | st.tuples(WHO, ACTS, IDS) | st.just("install"), min_size=4, max_size=12)


async def acted(world: World, who: str, act: str, device_id: str) -> None:
    match act:
        case "call":
            await world.call(device_id)
        case "call with token":
            await world.call(device_id, b'{"securityToken":"s3cret"}')
        case "confirm":
            async with world.store.write() as transaction:
                batch = Batch(transaction, world.rulebook, world.clock())
                await batch.load([device_id])
                batch.decide(Confirm(device_id, "default"))
                await batch.write()
        case _:
            payload: dict[str, Any] = {"id": device_id, **({"group": "R/S"} if act == "register" else {})}
            answer = await world.answer(act, payload, who=who)
            assert answer["ok"] or answer["error"]["code"] != "INTERNAL", answer


async def checked(world: World) -> None:
    """See that what the tables say of each device belongs together."""
    async with world.store.read() as connection:
        rows = await connection.execute(accounts_selected().where(schema.accounts.c.kind == "device"))
        accounts = {row[3]: Account(*row) for row in rows}
        registrations = {
            one.id: one for one in map(registration_of, await connection.execute(registrations_selected()))
        }
        devices = {one.id: one for one in map(device_of, await connection.execute(devices_selected()))}
        groups = {(tenant, path) for tenant, path in await connection.execute(sa.select(schema.groups))}
    wanted = {device_id: account for device_id, account in accounts.items() if account.wanted}
    accepted = {one.id for one in registrations.values() if one.status is Status.ACCEPTED}
    assert set(wanted) <= set(devices) | accepted, "an account is of a device, or of one that was accepted"
    assert accepted <= set(wanted), "who was accepted has an account"
    assert set(devices) <= set(wanted), "a device has an account"
    records: list[Registration | Device] = [*registrations.values(), *devices.values()]
    for record in records:
        belongs(record, wanted, groups)


def belongs(record: Registration | Device, wanted: dict[str, Account], groups: set[tuple[str, str]]) -> None:
    account = wanted.get(record.id)
    assert account is None or account.tenant == record.tenant, "one id, one tenant"
    if record.group is not None:
        names = record.group.split("/")
        assert {(record.tenant, "/".join(names[:depth])) for depth in range(1, len(names) + 1)} <= groups
    if isinstance(record, Registration) and record.status is Status.ACCEPTED:
        assert account is not None
        assert (record.seed, record.key_id) == (account.seed, account.key_id), "one password"
        assert account.installed is None or record.installed is not None


@settings(max_examples=8, phases=[Phase.generate])
@given(STEPS)
async def test_any_sequence_keeps_the_tables_of_one_mind(store: Store, steps: list[Any]) -> None:
    async with store.write() as transaction:
        for table in schema.metadata.sorted_tables:
            await transaction.connection.execute(sa.delete(table))
    world = await World.on(store)
    for step in steps:
        if step == "install":
            await world.installer.drain()
        elif isinstance(step, File):
            dry = await world.done("bulk-validate", step.content, who=step.who)
            assert dry == await world.done("bulk-register", step.content, who=step.who)
            before = await tables(world)
            again = await world.done("bulk-register", step.content, who=step.who)
            assert await tables(world) == before, "the same rows sent again change nothing"
            assert (again["numberOfCreated"], again["credentialUpdatedList"]) == (0, [])
            assert again["numberOfFailed"] == dry["numberOfFailed"]
        else:
            await acted(world, *step)
        await checked(world)
    await world.installer.drain()
    await checked(world)
    assert await world.reconcile() == 0
