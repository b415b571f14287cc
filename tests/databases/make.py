"""Makes a database of each schema that ever was, with the code that wrote it, as text for the tests to load.

Usage: python -m tests.databases.make [VERSION ...]

For each version the commit that last wrote it is checked out beside the sources, and this file is run inside it: what
stands in ``NNNN.sql`` was written by the program of then. Whoever adds a migration first adds a line to ``WRITTEN_BY``
with the last commit before it, runs this once, and commits the file; one that is there is history, never made anew.
"""

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
WRITTEN_BY = {
    "0001": "6cf5f15",
    "0002": "9885315",
}
TOKEN = "a-token-long-enough-for-autoaccept"
OTHER_CLIENT = "another-client-of-a-caller"
CREDENTIALS = "chosen-by-the-factory"
KEY = "hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo"
"""The public key of RFC 7748, section 6.1, Alice's."""
FULL = (
    f"ID;CREDENTIALS;TYPE;NAME;ICCID;IDTYPE;PATH;SHELL;rack\nfull-1;{CREDENTIALS};meter;Full one;8949;imei;A/B;1;r1\n"
)


def main() -> None:
    """Make what is asked for, by default all that is not there."""
    for version in sys.argv[1:] or [one for one in WRITTEN_BY if not (HERE / f"{one}.sql").exists()]:
        with tempfile.TemporaryDirectory() as folder:
            sources, path = Path(folder) / "sources", Path(folder) / "registrations.db"
            git = ("git", "-C", str(ROOT), "worktree")
            subprocess.run([*git, "add", "--quiet", "--detach", str(sources), WRITTEN_BY[version]], check=True)
            try:
                writer = shutil.copy(__file__, folder)
                words = [sys.executable, writer, "inside", str(path), version]
                subprocess.run(words, cwd=sources, env={**os.environ, "PYTHONPATH": str(sources)}, check=True)
            finally:
                subprocess.run([*git, "remove", "--force", str(sources)], check=True)
            (HERE / f"{version}.sql").write_text(dumped(path), encoding="utf-8")


def dumped(path: Path) -> str:
    """Return all that a database holds, as SQLite's own statements."""
    with closing(sqlite3.connect(path)) as connection:
        return "\n".join(connection.iterdump()) + "\n"


async def write(path: str, version: str) -> None:
    """Write rows of every kind, with the program whose sources this runs in."""
    store_module, world_module = import_module("bridge.store"), import_module("tests.world")
    store = await store_module.Store.open(f"sqlite+aiosqlite:///{path}")
    if version == "0001":
        records = import_module("bridge.records")
        people = [
            records.Account(name, "administrator", tenant, name, name.encode(), "k1", role)
            for (tenant, name), role in world_module.ROLES.items()
        ]
        async with store.write() as transaction:
            await transaction.save_accounts(people)
    world = await world_module.World.on(store)
    await _first_tables(world)
    if version >= "0002":
        await _bulk_groups_and_people(world)
    await store.close()


async def _confirmed(world: Any, device_id: str) -> None:
    """Let a device be delivered its credentials and say its first word."""
    try:
        decisions = import_module("bridge.decisions")
    except ModuleNotFoundError:
        decisions = import_module("bridge.registration")
    registration = await world.registration(device_id)
    async with world.store.write() as transaction:
        batch = import_module("bridge.batch").Batch(transaction, world.rulebook, world.clock())
        await batch.load([device_id])
        batch.decide(decisions.MarkDelivered(device_id, registration.seed))
        if device_id.startswith("confirmed"):
            batch.decide(decisions.Confirm(device_id, "default"))
        await batch.write()


async def _first_tables(world: Any) -> None:
    """Registrations in every status, with what leads there; options, answers, callers that nobody expected."""
    world.clock.turn(1)
    await world.done("set-option", {"category": "device-registration", "key": "registration.ttl", "value": 31_536_000})
    await world.done(
        "set-option",
        {"category": "device-registration", "key": "retry-after", "value": 60},
        who="management/root",
    )
    named = {"name": "Größe 1", "type": "meter", "group": "Group A/Group B", "properties": {"site": {"hall": 7}}}
    await world.done("register", {"id": "waiting-1", **named, "requestId": "r-1"})
    await world.done("register", {"id": "waiting-token", "securityToken": TOKEN})
    await world.done("register", {"id": "waiting-auto", "securityToken": TOKEN, "autoAccept": True})
    await world.done("register", {"id": "waiting-north", "tenant": "north"}, who="management/root")
    for device_id in ("pending-1", "pending-token", "pending-key", "pending-two", "pending-five", "blocked-1"):
        await world.done("register", {"id": device_id})
    world.clock.turn(60)
    await world.call("pending-1")
    await world.call("pending-token", b'{"securityToken":"right"}')
    await world.refused("accept", {"id": "pending-token", "securityToken": "wrong"})
    await world.call("pending-key", f'{{"publicKey":"{KEY}"}}'.encode())
    await world.call("pending-two", b"", None)
    await world.call("pending-two")
    for number in range(5):
        await world.call("pending-five", f'{{"securityToken":"token {number}"}}'.encode(), f"{OTHER_CLIENT}-{number}")
    await world.call("waiting-token", b'{"securityToken":"not it"}')
    await world.call("blocked-1", b"right", None)
    for _ in range(5):
        await world.refused("accept", {"id": "blocked-1", "securityToken": "wrong"})
    await world.call("stranger-1")
    await world.call("stranger-2", b'{"securityToken":"s"}')
    await world.call("stranger-2", b'{"securityToken":"s"}')
    world.clock.turn(60)
    for device_id in ("confirmed-1", "delivered-1", "installed-1", "leaving-1", "again-1"):
        await world.accepted(device_id)
    await world.accepted("plain-1", b"", None)
    await world.installer.drain()
    world.clock.turn(1)
    await world.call("plain-1", b"", None)
    for device_id in ("confirmed-1", "delivered-1"):
        await _confirmed(world, device_id)
    await world.done("delete", {"id": "leaving-1"})
    await world.accepted("accepted-1")
    await world.done("delete", {"id": "again-1"})
    await world.accepted("again-1")
    await world.done("register", {"id": "gone-1"})
    await world.done("delete", {"id": "gone-1"})
    await world.refused("register", {"id": "waiting-1", "requestId": "r-2"})
    await world.refused("register", {"id": "not/allowed"})


async def _bulk_groups_and_people(world: Any) -> None:
    """Files, groups, an inventory in full, people and applications, rights that are to be looked at again."""
    world.clock.turn(60)
    await world.done("bulk-register", b"ID;PATH;TOKEN\nbulk-1;A/C;\nbulk-2;A;token\nbulk-3;/;\n")
    await world.done("bulk-register", FULL.encode())
    await world.done("create-group", {"path": "Empty/One"})
    await world.installer.drain()
    await world.done("update-device", {"id": "full-1", "properties": {"rack": "r2", "note": None}})
    await world.done("create-tenant", {"id": "south", "name": "Süd"}, who="management/root")
    owner = {"name": "sam", "role": "owner", "tenant": "south"}
    await world.done("create-administrator", owner, who="management/root")
    await world.done("create-administrator", {"name": "chosen", "role": "viewer", "password": "chosen-by-a-person"})
    await world.done("create-administrator", {"name": "former", "role": "registrar"})
    await world.done("create-application", {"name": "reader", "read": ["devices/default/+/data"]})
    await world.installer.drain()
    await world.done("delete-administrator", {"name": "former"})
    await world.done("set-option", {"category": "devices", "key": "topics", "value": ["plant/{tenant}/{id}/#"]})
    await world.accepted("accepted-2")


if __name__ == "__main__":
    if sys.argv[1:2] == ["inside"]:
        asyncio.run(write(sys.argv[2], sys.argv[3]))
    else:
        main()
