"""What `rotate-key` does with the master keys, in steps between which it may die.

A new key is on the disk before anything can name it, and an old one goes only while no row can come to name it. Each
step can be done again.
"""

import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from bridge import key_rows
from bridge.credentials import KeyRing, new_master_key, new_secret
from bridge.facts import FirstAdministrator, ServiceLogin
from bridge.folder import InstallationFault
from bridge.installation import Installation
from bridge.key_rows import Rows, Uses
from bridge.keys_file import new_key_id, read_keys, write_keys

BEGINNINGS: Final = "first administrators"


class Step(StrEnum):
    """What has just been done; tests end the command there."""

    NEW_KEY_WRITTEN = "the new key is written and current, the bridge does not know it"
    ROWS_COUNTED = "it is known which keys no row names, none is removed"
    BEGINNINGS_RENEWED = "first administrators that are gone name the current key, the old one is there"
    OLD_KEYS_REMOVED = "keys that no row named are removed, the rows are still held"


def reached(step: Step) -> None:
    """Name the step that was reached, which does nothing."""


def rotate(made: Installation, at: Callable[[Step], None] = reached) -> KeyRing:
    """Make a new master key, current from now on; return the ring as written. Raises InstallationFault, OSError."""
    path = made.folder.keys
    ring = read_keys(path).rotated(new_key_id(), new_master_key())
    write_keys(path, ring)
    at(Step.NEW_KEY_WRITTEN)
    return ring


@dataclass(frozen=True, slots=True)
class Removal:
    """Which keys were removed, and which stay with the rows that name them."""

    removed: tuple[str, ...] = ()
    kept: Uses = field(default_factory=dict)


async def in_use(made: Installation, connection: Rows | None) -> tuple[Uses, tuple[FirstAdministrator, ...]]:
    """Count what names each key, with the first administrators; return too those of them that are gone."""
    found = {} if connection is None else await key_rows.uses(connection)
    there = None if connection is None else await key_rows.seeds(connection)
    gone = []
    for one in made.facts.administrators:
        if there and there.get(one.username) != one.seed_bytes:
            gone.append(one)
        else:
            found.setdefault(one.key_id, Counter())[BEGINNINGS] += 1
    return found, tuple(gone)


async def counted(made: Installation, url: str) -> Uses:
    """Count what names each key. Raises RowsFault."""
    async with key_rows.looked_at(url) as rows:
        found, _ = await in_use(made, rows)
    return found


async def remove_unused(made: Installation, url: str, at: Callable[[Step], None] = reached) -> Removal:
    """Remove the master keys that nothing names, never the current one.

    To be called when a running bridge goes by the current key: it draws for a row while it writes it, so that no row
    can come to name another. That is looked at once more while nobody can write. Raises RowsFault, InstallationFault,
    OSError.
    """
    path = made.folder.keys
    ring = read_keys(path)
    async with key_rows.looked_at(url) as rows:
        found, gone = await in_use(made, rows)
    if lost := set(found) - set(ring.masters):
        raise InstallationFault(f"rows name the master key {', '.join(sorted(lost))}, which {path} does not hold")
    kept = {one: found[one] for one in ring.masters if one != ring.current and one in found}
    unused = [one for one in ring.masters if one != ring.current and one not in found]
    at(Step.ROWS_COUNTED)
    if not unused:
        return Removal((), kept)
    async with key_rows.held_still(url) as rows:
        still = set() if rows is None else await key_rows.named(rows, unused)
        going = tuple(one for one in unused if one not in still)
        if going:
            renewed(made, {one.username for one in gone}, ring.current).write_facts()
            at(Step.BEGINNINGS_RENEWED)
            write_keys(path, ring.without(going))
            at(Step.OLD_KEYS_REMOVED)
    return Removal(going, kept | {one: Counter(rows=1) for one in unused if one in still})


def renewed(made: Installation, usernames: set[str], key_id: str) -> Installation:
    """Return the installation with another beginning of these first administrators, who are none any more."""
    first = [
        one.model_copy(update={"seed": secrets.token_bytes(16).hex(), "key_id": key_id})
        if one.username in usernames
        else one
        for one in made.facts.administrators
    ]
    return _with(made, {"administrators": first})


def with_own_logins(made: Installation) -> Installation:
    """Return the installation with new passwords and client ids of the bridge's own accounts on both brokers."""

    def anew(login: ServiceLogin) -> ServiceLogin:
        return login.model_copy(update={"password": new_secret(), "client_id": secrets.token_hex(16)})

    facts = made.facts
    names = ("gate", "control", "info", "accounts")
    return _with(made, {name: anew(getattr(facts, name)) for name in names})


def _with(made: Installation, update: Mapping[str, object]) -> Installation:
    return Installation(made.folder, made.keys, made.facts.model_copy(update=dict(update)))
