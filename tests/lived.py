"""An installation that was lived in, without brokers: files as `init` makes them, rows as the bridge does."""

import asyncio
import base64
import hashlib
import json
import secrets
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from bridge import database_file, installation
from bridge.accounts import Login, grants
from bridge.accounts.dynsec import file_client, file_role
from bridge.clock import clock
from bridge.credentials import mark_of
from bridge.installation import Installation
from bridge.names import device_username
from bridge.records import ADMINISTRATOR, DEVICE, Account, AuditEntry, Change
from bridge.store import Store
from bridge.transaction import Transaction
from tests.making import entry, installed, waiting

CHOSEN = "chosen-by-somebody"
DEVICES = ("pump-1", "pump-2", "pump-3")


def lived_in(data: Path, *, port: int = 1, bootstrap_port: int = 2) -> Installation:
    """Make an installation with three devices, one that waits, its administrators and one more, who chose a password.

    At the ports nobody listens.
    """
    made = installation.make(data, port=port, bootstrap_port=bootstrap_port)
    made.folder.database_made.touch(0o600)
    change(data, lambda transaction: _live(transaction, made))
    return made


def change(data: Path, work: Callable[[Transaction], Awaitable[None]]) -> None:
    """Change the rows of an installation as the bridge does, in one transaction."""

    async def do() -> None:
        store = await Store.open(f"sqlite+aiosqlite:///{data / 'bridge' / 'registrations.db'}")
        try:
            async with store.write() as transaction:
                await work(transaction)
        finally:
            await store.close()

    asyncio.run(do())


async def _live(transaction: Transaction, made: Installation) -> None:
    now, key = clock(), made.keys.current
    await transaction.ensure_tenants(now)
    people = [
        Account(
            one.username, ADMINISTRATOR, one.tenant, one.username, one.seed_bytes, one.key_id, "owner", installed=now
        )
        for one in made.facts.administrators
    ]
    kim = Account("kim", ADMINISTRATOR, "default", "kim", secrets.token_bytes(16), key, "viewer", installed=now)
    people.append(replace(kim, secret=made.keys.locked("kim", CHOSEN, key)))
    await transaction.save_accounts(people)
    for name in DEVICES:
        await bring(transaction, made, name)
    await transaction.save([Change(None, waiting(id="waits-1"))])
    await transaction.audit([AuditEntry(now, "default", "default/admin", "accept", "pump-1", "ok", {})])


async def bring(transaction: Transaction, made: Installation, name: str, key: str | None = None) -> Account:
    """Write a device that was accepted, with another password where it was there, into the rows and the accounts."""
    seed, named = secrets.token_bytes(16), key or made.keys.current
    before = (await transaction.registrations([name])).get(name)
    after = installed(id=name, seed=seed, key_id=named, delivered=clock(), confirmed=clock())
    await transaction.save([Change(before, after)])
    await transaction.save_devices([entry(id=name, group=None)])
    account = Account(device_username("default", name), DEVICE, "default", name, seed, named, installed=clock())
    await transaction.save_accounts([account])
    keys = installation.read_keys(made.folder.keys)
    password = keys.device_password("default", name, seed, named)
    granted = grants.for_device(made.topics, "default", name, ())
    put_account(made.folder.dynamic_security, Login(account.username, password, mark_of(seed), granted, name))
    return account


async def delete(transaction: Transaction, name: str) -> None:
    """Delete a device, as the bridge does once the broker has taken its account away."""
    before = (await transaction.registrations([name])).get(name)
    await transaction.save([Change(before, None)])
    await transaction.forget_devices([name])
    await transaction.forget_accounts([device_username("default", name)])
    await note(transaction, "delete-device", name)


async def note(transaction: Transaction, action: str, name: str | None = None) -> None:
    await transaction.audit([AuditEntry(clock(), "default", "default/admin", action, name, "ok", {})])


def put_account(path: Path, login: Login) -> None:
    """Put an account into a broker's file, or another in its place."""
    content = json.loads(path.read_text(encoding="utf-8"))
    client, role = file_client(login), file_role(login)
    content["clients"] = [one for one in content["clients"] if one["username"] != login.username] + [client]
    content["roles"] = [one for one in content["roles"] if one["rolename"] != role["rolename"]] + [role]
    path.write_text(json.dumps(content), encoding="utf-8")


def add_key(data: Path, name: str) -> None:
    """Add a master key, which new acceptances use from now on."""
    path = data / "bridge" / "keys.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["keys"][name] = base64.b64encode(hashlib.sha256(name.encode()).digest()).decode()
    content["current"] = name
    path.write_text(json.dumps(content), encoding="utf-8")


def rows(data: Path, query: str) -> list[Any]:
    """Ask the database of an installation; single columns come as values."""
    with closing(database_file.opened(data / "bridge" / "registrations.db")) as connection:
        found = connection.execute(query).fetchall()
    return [row[0] if len(row) == 1 else row for row in found]


def files_of(data: Path) -> dict[str, bytes]:
    """Return all files of a folder but its locks, and what SQLite makes to read with."""
    return {
        str(path.relative_to(data)): path.read_bytes()
        for path in sorted(data.rglob("*"))
        if path.is_file() and path.name not in ("lock", "changes.lock") and not path.name.endswith(("-wal", "-shm"))
    }
