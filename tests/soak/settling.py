"""Brings an installation to rest: devices repeat, and the administrators see to those that cannot go on by themselves.

``assess`` is pure: from the rows and the fleet to what is still to be waited for and what somebody has to do.
"""

import asyncio
import contextlib
import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from bridge import installation
from bridge.credentials import KeyRing
from bridge.names import device_username
from bridge.records import DEVICE
from bridge.registration import Status
from bridge.rows import STATUSES
from device_sim.memory import Memory
from tests.soak.desk import Desk
from tests.soak.words import Operation, Step

PATIENCE = 90.0
"""Seconds after which an installation that is left alone must have come to rest."""
PAUSE = 0.25
TRIES = 2
"""Times that a device is accepted before the administrator begins again with it."""
LIVES = 4
"""Times that an administrator begins again with one device before that is a fault."""


class Help(Enum):
    """What an administrator does for a device that cannot go on."""

    ACCEPT = Operation.ACCEPT
    REGISTER = Operation.REGISTER
    REGISTER_AGAIN = Operation.REGISTER_AGAIN
    SWITCH_ON_AGAIN = Operation.POWER_CYCLE
    NONE = None


_WAITS: dict[Help, float] = {
    Help.NONE: 0,
    Help.ACCEPT: 0,
    Help.REGISTER: 2,
    Help.REGISTER_AGAIN: 2,
    Help.SWITCH_ON_AGAIN: 6,
}
"""Seconds for which a device must have been seen in need of it before an administrator helps."""


@dataclass(frozen=True, slots=True)
class Registered:
    """What matters here of a registration."""

    status: Status
    confirmed: bool
    accepted_caller: str | None


@dataclass(frozen=True, slots=True)
class Rows:
    """What matters here of the database: ``passwords`` of wanted accounts, ``to_do`` those that are worked on."""

    registrations: dict[str, Registered]
    devices: frozenset[str]
    passwords: dict[str, str | None]
    to_do: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """What matters here of a device of the fleet. ``refused``: what it has forgotten, since the broker refused it."""

    id: str
    tenant: str
    from_file: bool
    is_on: bool
    is_at_home: bool
    memory: Memory | None
    refused: Memory | None

    @property
    def has_credentials(self) -> bool:
        """Tell whether it has something to log in with."""
        return self.memory is not None and self.memory.credentials is not None


@dataclass(frozen=True, slots=True)
class Need:
    """A device that is not at rest: what is waited for, and what helps if that is somebody's turn.

    ``is_wrong``: no waiting and no help makes it right, a promise was broken.
    """

    id: str
    words: str
    help: Help = Help.NONE
    is_wrong: bool = False


def assess(seen: Sequence[Seen], rows: Rows, *, excused: bool = False) -> list[Need]:
    """Return who is not at rest; ``excused``: the broker may have refused whom it should let in."""
    needs = [Need(username, "its account is still to be worked on") for username in rows.to_do]
    for one in seen:
        need = _need_of_filed(one, rows) if one.from_file else _need_of_caller(one, rows, excused=excused)
        if need is not None:
            needs.append(need)
    return needs


def _need_of_filed(one: Seen, rows: Rows) -> Need | None:
    has_account = device_username(one.tenant, one.id) in rows.passwords
    if has_account and not one.is_at_home:
        return Need(one.id, "came with a file and does not log in")
    return Need(one.id, "has no account and is logged in") if one.is_at_home and not has_account else None


def _need_of_caller(one: Seen, rows: Rows, *, excused: bool) -> Need | None:
    registered = rows.registrations.get(one.id)
    has_account = device_username(one.tenant, one.id) in rows.passwords
    if one.has_credentials and not one.is_at_home:
        return Need(one.id, "holds credentials, and is neither logged in nor refused for good")
    if one.is_at_home:
        if not has_account:
            return Need(one.id, "is logged in without an account")
        if registered is not None and registered.status is Status.ACCEPTED and not registered.confirmed:
            # What it said may have gone down with a broker; it says it again at its next login.
            return Need(one.id, "is accepted and not confirmed", Help.SWITCH_ON_AGAIN)
        return None
    refused = one.refused and not excused and one.refused.credentials
    if refused and refused.username not in rows.to_do and refused.password == rows.passwords.get(refused.username):
        return Need(one.id, "was refused with the password that its account has", is_wrong=True)
    return _need_of_stranger(one, registered, is_device=one.id in rows.devices)


def _need_of_stranger(one: Seen, registered: Registered | None, *, is_device: bool) -> Need | None:
    """Tell what a device without credentials, which calls all the time, needs."""
    if registered is None:
        return (
            Need(one.id, "is a device, has no credentials, and is not registered", Help.REGISTER) if is_device else None
        )
    match registered.status:
        case Status.WAITING:
            return Need(one.id, "calls, and is still waited for")
        case Status.PENDING:
            return Need(one.id, "is pending", Help.ACCEPT)
        case Status.BLOCKED:
            return Need(one.id, "is blocked", Help.REGISTER_AGAIN)
    caller = None if one.memory is None else one.memory.approach.client_id
    if registered.confirmed:
        return Need(one.id, "is confirmed and has no credentials", Help.REGISTER_AGAIN)
    if registered.accepted_caller == caller:
        return Need(one.id, "is accepted and waits for its credentials")
    return Need(one.id, "is accepted for another call than its own", Help.REGISTER_AGAIN)


def read_rows(data: Path) -> Rows:
    """Read the database beside the bridge, which may be dead."""
    keys = installation.load(data).keys
    with _reading(data) as connection:
        registrations = {
            row["id"]: Registered(
                STATUSES[row["rank"]],
                row["confirmed"] is not None,
                next((claim[2] for claim in json.loads(row["claims"]) if claim[0] == row["accepted_claim"]), None),
            )
            for row in connection.execute("SELECT id, rank, confirmed, accepted_claim, claims FROM registrations")
        }
        devices = frozenset(row["id"] for row in connection.execute("SELECT id FROM devices"))
        accounts = list(connection.execute("SELECT * FROM accounts"))
    return Rows(
        registrations,
        devices,
        {row["username"]: _password(keys, row) for row in accounts if row["wanted"]},
        tuple(row["username"] for row in accounts if not row["wanted"] or row["installed"] is None or row["revisit"]),
    )


def _password(keys: KeyRing, row: sqlite3.Row) -> str | None:
    if row["kind"] != DEVICE:
        return None
    if row["secret"] is not None:
        return keys.unlocked(row["username"], row["secret"], row["key_id"])
    return keys.device_password(row["tenant"], row["subject"], row["seed"], row["key_id"])


def read_options(data: Path, tenant: str) -> dict[str, Any]:
    """Read the options that are set for ``tenant``."""
    with _reading(data) as connection:
        rows = connection.execute("SELECT key, value FROM options WHERE tenant = ?", (tenant,))
        return {row["key"]: json.loads(row["value"]) for row in rows}


@contextlib.contextmanager
def _reading(data: Path) -> Iterator[sqlite3.Connection]:
    path = (data / "bridge" / "registrations.db").absolute()
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    try:
        connection.execute("BEGIN")
        yield connection
    finally:
        connection.close()


@dataclass
class Settling:
    """One way to rest, with what administrators did for whom on it.

    ``excused``: the broker had lost its accounts, and refused for a moment whom it should let in.
    """

    desk: Desk
    data: Path
    key: str
    excused: bool = False
    helped: Counter[Help] = field(default_factory=Counter)
    lives: Counter[str] = field(default_factory=Counter)
    _since: dict[tuple[str, str], float] = field(default_factory=dict)
    _accepted: Counter[str] = field(default_factory=Counter)
    _steps: int = 0

    async def rest(self, patience: float = PATIENCE) -> bool:
        """Return whether everything has come to rest; what has not is in the desk's ``found``."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + patience
        while True:
            rows = await asyncio.to_thread(read_rows, self.data)
            needs = assess(self._seen(), rows, excused=self.excused)
            if not needs:
                return True
            self.desk.found += [f"{need.id} {need.words}" for need in needs if need.is_wrong]
            if self.desk.found:
                return False
            if clock() > deadline:
                words = "; ".join(f"{need.id} {need.words}" for need in needs[:8])
                self.desk.found.append(f"not at rest after {patience:g} s: {len(needs)} ({words})")
                return False
            first_seen = {(need.id, need.words): self._since.get((need.id, need.words), clock()) for need in needs}
            self._since = first_seen
            overdue = [need for need in needs if clock() - first_seen[need.id, need.words] >= _WAITS[need.help]]
            await asyncio.gather(*(self._help(need) for need in overdue if need.help is not Help.NONE))
            await asyncio.sleep(PAUSE)

    def _seen(self) -> list[Seen]:
        return [
            Seen(
                unit.machine.id,
                unit.machine.tenant,
                unit.machine.from_file,
                unit.device is not None,
                unit.is_at_home,
                unit.memory,
                unit.refused,
            )
            for unit in self.desk.fleet.units
        ]

    async def _help(self, need: Need) -> None:
        at = next(at for at, machine in enumerate(self.desk.machines) if machine.id == need.id)
        help_ = need.help
        if help_ is Help.ACCEPT:
            self._accepted[need.id] += 1
            if self._accepted[need.id] > TRIES:
                help_ = Help.REGISTER_AGAIN
        if help_ is Help.REGISTER_AGAIN:
            self._accepted[need.id] = 0
            self.lives[need.id] += 1
            if self.lives[need.id] > LIVES:
                self.desk.found.append(f"{need.id} was registered again {LIVES} times, and still it {need.words}")
                return
        self.helped[help_] += 1
        self._steps += 1
        self._since.pop((need.id, need.words), None)
        assert help_.value is not None
        await self.desk.perform(Step(help_.value, (at,)), f"{self.key}.{self._steps}")
