"""Look at a real installation from all sides and tell what is wrong: rows, the broker's accounts, logins, promises.

It asks the database and the operations broker, never the bridge, which may be dead. ``prepare`` comes before the first
start: it puts accounts of somebody else beside the bridge's, one of which this looks with.
"""

import asyncio
import base64
import hashlib
import json
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiomqtt
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from bridge import installation, queries, schema
from bridge.accounts import grants
from bridge.accounts.dynsec import REQUESTS, RESPONSES, TEXTNAME, role_name
from bridge.accounts.grants import Grant, digest_of, digest_of_members
from bridge.clock import clock
from bridge.credentials import BadSecret, mark_of
from bridge.installation import Installation
from bridge.records import APPLICATION, DEVICE, Account, Answered, AuditEntry
from bridge.registration import Status
from bridge.rows import NOW, accounts_selected, device_of, devices_selected, registration_of, registrations_selected
from bridge.rulebook import Rulebook
from tests.e2e.peer import Peer, connected
from tests.e2e.site import AnySite, free_ports
from tests.invariants import violations_of
from tests.snapshot import Attempt, BrokerAccount, Ledger, Snapshot

INSPECTOR: Final = "inspector"
PASSWORD: Final = "an inspector's word"
PAGE: Final = 500
LOGINS_AT_ONCE: Final = 10
_REFUSED: Final = frozenset({0x04, 0x05, 0x84, 0x85, 0x86, 0x87, 0x8A})
_FOREIGN: Final = {
    INSPECTOR: grants.for_bridge_accounts(),
    "historian": (Grant(grants.Act.SUBSCRIBE_PATTERN, "plant/#"), Grant(grants.Act.RECEIVE, "plant/#")),
}
"""Accounts of somebody else, and what they may do."""


def prepare(site: AnySite) -> None:
    """Make the installation of ``site`` without starting it, and put accounts of somebody else into its broker."""
    port, bootstrap_port = free_ports(2)
    done = site.cli("init", "--port", str(port), "--bootstrap-port", str(bootstrap_port))
    assert done.returncode == 0, done.stderr
    add_others(site.data)


def add_others(data: Path) -> None:
    """Put accounts of somebody else into the file of a broker that stands still."""
    path = installation.load(data).folder.dynamic_security
    content = json.loads(path.read_text(encoding="utf-8"))
    for name, granted in _FOREIGN.items():
        salt = secrets.token_bytes(12)
        digest = hashlib.pbkdf2_hmac("sha512", PASSWORD.encode(), salt, 101, 64)
        content["clients"].append(
            {
                "username": name,
                "textname": "of somebody else",
                "roles": [{"rolename": name, "priority": 0}],
                "password": base64.b64encode(digest).decode(),
                "salt": base64.b64encode(salt).decode(),
                "iterations": 101,
            }
        )
        content["roles"].append({"rolename": name, "acls": [grant.members for grant in granted]})
    path.write_text(json.dumps(content), encoding="utf-8")


async def violations(
    site: AnySite, ledger: Ledger | None = None, *, logins: bool = True, patience: float = 60
) -> list[str]:
    """Look until nothing is wrong any more, up to ``patience`` seconds, and return what is wrong then.

    ``logins``: try to log in as everybody, which throws out whoever is connected under the client id of a device.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            found = violations_of(await inspected(site, ledger or Ledger(), logins=logins))
        except aiomqtt.MqttError:  # the broker is on its way
            if time.monotonic() > deadline:
                raise
        else:
            if not found or time.monotonic() > deadline:
                return found
        await asyncio.sleep(0.1)


async def inspected(site: AnySite, ledger: Ledger, *, logins: bool = True) -> Snapshot:
    """Collect everything."""
    found = installation.load(site.data)
    async with _reading(site.data) as connection:
        await connection.exec_driver_sql("BEGIN")  # one view of all tables
        rows = await _rows(connection, found, ledger.since)
    async with asking(site.access["port"]) as ask:
        broker_roles = {
            role["rolename"]: digest_of_members(role.get("acls", ())) async for role in _pages(ask, "roles")
        }
        broker = {client["username"]: _broker_account(client, broker_roles) async for client in _pages(ask, "clients")}
    others = _others(found)
    attempts = await _attempts(site.access["port"], rows, ledger) if logins else ()
    return Snapshot(
        now=clock(),
        **rows,
        broker=broker,
        broker_roles=broker_roles,
        others=others,
        others_roles={account.roles[0]: account.granted for account in others.values()},
        attempts=tuple(attempts),
        held=tuple(ledger.held),
        asked=tuple(ledger.asked),
    )


@asynccontextmanager
async def _reading(data: Path) -> AsyncIterator[AsyncConnection]:
    path = (data / "bridge" / "registrations.db").absolute()
    engine = create_async_engine(
        f"sqlite+aiosqlite:///file:{path}?mode=ro&uri=true", isolation_level="AUTOCOMMIT", pool_reset_on_return=None
    )
    try:
        async with engine.connect() as connection:
            yield connection
    finally:
        await engine.dispose()


async def _rows(connection: AsyncConnection, found: Installation, since: int) -> dict[str, Any]:
    standing = await queries.standing(connection)
    rulebook = Rulebook(found.keys)
    rulebook.follow(standing.values, standing.tenants, standing.roles)
    accounts = {row[0]: Account(*row) for row in await connection.execute(accounts_selected())}
    tallies = schema.tallies.c
    counted = await connection.execute(
        sa.select(tallies.tenant, tallies.what, tallies.number).where(tallies.hour == NOW)
    )
    groups = await connection.execute(sa.select(schema.groups.c.tenant, schema.groups.c.path))
    audit = await connection.execute(sa.select(schema.audit).where(schema.audit.c.at >= since))
    return {
        "registrations": {row[0]: registration_of(row) for row in await connection.execute(registrations_selected())},
        "accounts": accounts,
        "devices": {row[0]: device_of(row) for row in await connection.execute(devices_selected())},
        "counts": {(tenant, Status(what)): number for tenant, what, number in counted},
        "tenants": standing.tenants,
        "groups": frozenset((tenant, path) for tenant, path in groups),
        "audit": tuple(_audit_entry(row._asdict()) for row in audit),
        "answers": tuple(Answered(*row) for row in await connection.execute(sa.select(schema.requests))),
        "passwords": {username: _password(rulebook, account) for username, account in accounts.items()},
        "wanted": {
            username: _wanted(found, rulebook, account) for username, account in accounts.items() if account.wanted
        },
    }


def _audit_entry(row: Mapping[str, Any]) -> AuditEntry:
    return AuditEntry(**{**row, "details": json.loads(row["details"])})


def _password(rulebook: Rulebook, account: Account) -> str | None:
    try:
        return rulebook.password_of(account)
    except (BadSecret, KeyError):
        return None


def _wanted(found: Installation, rulebook: Rulebook, account: Account) -> BrokerAccount:
    topics, client_id = found.topics, None
    if account.kind == DEVICE:
        client_id = account.subject
        further = rulebook.further_topics(account.tenant)
        granted = grants.for_device(topics, account.tenant, account.subject, further)
    elif account.kind == APPLICATION:
        granted = grants.for_application(topics, account.tenant, *rulebook.application_filters(account))
    else:
        granted = grants.for_administrator(topics, account.tenant, account.username, account.role or "")
    roles = (role_name(account.username),)
    return BrokerAccount(account.username, client_id, mark_of(account.seed), digest_of(granted), roles)


def _others(found: Installation) -> dict[str, BrokerAccount]:
    facts, topics = found.facts, found.topics
    others = {
        own.username: BrokerAccount(
            own.username, own.client_id, "service", digest_of(granted), (role_name(own.username),), ours=False
        )
        for own, granted in (
            (facts.control, grants.for_bridge_control(topics)),
            (facts.info, grants.for_bridge_info(topics)),
            (facts.accounts, grants.for_bridge_accounts()),
        )
    }
    foreign = {
        name: BrokerAccount(name, None, "", digest_of(granted), (name,), ours=False)
        for name, granted in _FOREIGN.items()
    }
    return others | foreign


def _broker_account(client: Mapping[str, Any], granted: Mapping[str, str]) -> BrokerAccount:
    roles = tuple(role["rolename"] for role in client.get("roles", ()))
    return BrokerAccount(
        username=client["username"],
        client_id=client.get("clientid"),
        mark=client.get("textdescription", "").partition(":")[0],
        granted=" ".join(granted.get(role, "lacking") for role in roles),
        roles=roles,
        ours=client.get("textname") == TEXTNAME,
        disabled=client.get("disabled", False),
    )


class Asking:
    """Commands to the dynamic security plugin, as somebody else who may give them."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    async def __call__(self, command: str, **members: Any) -> Any:
        """Give one command and return what it answered. Raises AssertionError if it was refused."""
        key = secrets.token_hex(8)
        await self._peer.publish(
            REQUESTS, json.dumps({"commands": [{"command": command, **members, "correlationData": key}]})
        )
        while True:
            for answer in (await self._peer.next_json(30))["responses"]:
                if answer.get("correlationData") == key:
                    assert "error" not in answer, answer
                    return answer.get("data", {})


@asynccontextmanager
async def asking(port: int) -> AsyncIterator[Asking]:
    """Log in as the inspector."""
    async with connected(port, INSPECTOR, PASSWORD) as peer:
        await peer.subscribe(RESPONSES)
        yield Asking(peer)


async def _pages(ask: Asking, what: str) -> AsyncIterator[dict[str, Any]]:
    offset = 0
    while True:
        rows = (await ask(f"list{what.capitalize()}", verbose=True, count=PAGE, offset=offset))[what]
        for row in rows:
            yield row
        offset += len(rows)
        if len(rows) < PAGE:
            return


async def _attempts(port: int, rows: Mapping[str, Any], ledger: Ledger) -> list[Attempt]:
    """Try every login that should work, those that were given to somebody, and each device's under a foreign name."""
    tries: dict[tuple[str, str, str | None], None] = {}
    for username, wanted in rows["wanted"].items():
        password = rows["passwords"][username]
        if password is not None:
            tries[username, password, wanted.client_id] = None
            if wanted.client_id is not None:
                tries[username, password, f"not-{wanted.client_id}"] = None
    for one in ledger.held:
        tries[one.username, one.password, one.client_id] = None
    turn = asyncio.Semaphore(LOGINS_AT_ONCE)

    async def attempt(username: str, password: str, client_id: str | None) -> Attempt:
        async with turn:
            return Attempt(username, password, client_id, await logs_in(port, username, password, client_id))

    return list(await asyncio.gather(*(attempt(*one) for one in tries)))


async def logs_in(port: int, username: str, password: str, client_id: str | None) -> bool:
    """Tell whether the operations broker lets this login in. Raises MqttError if it does not answer."""
    try:
        # Not a clean start: what the broker keeps for the device is not this one's to clear.
        async with connected(port, username, password, client_id, clean_start=False):
            return True
    except aiomqtt.MqttCodeError as error:
        code = error.rc if isinstance(error.rc, int) else getattr(error.rc, "value", None)
        if code in _REFUSED:
            return False
        raise
