"""Puts a backup back: everything is looked at in a folder of its own first, and only then anything is replaced."""

import asyncio
import shutil
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from bridge import installation
from bridge.backups import BackupFault
from bridge.backups.contents import ACCOUNTS, DATABASE, DATABASE_MADE, FACTS, FOREIGN_ACCOUNTS, KEYS
from bridge.backups.differing import Differences, differences
from bridge.backups.manifest import Manifest
from bridge.backups.placing import place, undo
from bridge.backups.settling import bring_to_this_version, settle
from bridge.backups.staying import ended_before, let_stay, take_out_of_accounts, unknown_to_broker, write_access
from bridge.backups.unpacking import Noted, checked_facts, unpack
from bridge.children import holder_of
from bridge.clock import clock
from bridge.folder import Folder, InstallationFault
from bridge.keys_file import read_keys
from bridge.locks import lock_bridge, lock_changes, lock_folder

STAGE: Final = ".restoring"
_KNOCK: Final = 2.0
"""Seconds for a broker on this machine to take a connection."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """Which backup shall be put back, and where. ``keys`` is a file of master keys, where the backup has none.

    ``revive``: bring back as well what was deleted or renewed since. ``compare_with`` is the folder that tells of it,
    None: the one that is replaced.
    """

    file: Path
    data: Path
    keys: Path | None = None
    revive: bool = False
    compare_with: Path | None = None


@dataclass(frozen=True, slots=True)
class Restored:
    """What was done. ``aside`` holds what was in the folder; ``stayed`` are newer files of it than the backup's.

    ``lost`` are accounts whose present password could not be kept, since its master key is not at hand.
    """

    manifest: Manifest
    changes: Differences
    revived: bool
    aside: Path | None
    stayed: tuple[str, ...]
    bootstrap_renewed: bool
    lost: tuple[str, ...]
    notes: tuple[str, ...]


def _noted(what: str, done: int, total: int) -> None:
    """Tell nobody."""


def restore(wishes: Wishes, noted: Noted = _noted) -> Restored:
    """Put a backup back. Raises BackupFault, InstallationFault, Busy, OSError; then nothing has changed."""
    was_there = wishes.data.exists()
    installation.make_folder(wishes.data)
    try:
        with ExitStack() as stack:
            stack.callback(lock_folder(wishes.data).release)
            if (wishes.data / "bridge").is_dir():
                # Who changes keys would ask whoever has the bridge's lock, taken for a bridge, to read them again.
                stack.callback(lock_changes(wishes.data).release)
                stack.callback(lock_bridge(wishes.data).release)
            undo(wishes.data)
            beside = Folder(wishes.data).beside.exists()
            _refuse_running_brokers(wishes.data, beside=beside)
            stage = stack.enter_context(_stage(wishes.data))
            return _restore(wishes, stage, noted, beside=beside)
    except BaseException:
        if not was_there:
            shutil.rmtree(wishes.data, ignore_errors=True)
        raise


def _restore(wishes: Wishes, stage: Path, noted: Noted, *, beside: bool) -> Restored:
    manifest, keys = unpack(wishes.file, stage, wishes.keys, noted)
    facts = checked_facts(stage, keys)
    stayed: list[str] = []
    was_renewed = False
    if manifest.database == "sqlite":
        asyncio.run(bring_to_this_version(stage / DATABASE))
    if not wishes.revive and not ended_before(wishes.compare_with or wishes.data, stage, manifest):
        was_renewed = let_stay(wishes.compare_with or wishes.data, stage, keys, facts, stayed)
        keys = read_keys(stage / KEYS)
    changes, lost = Differences(None, "the backup holds no database"), tuple[str, ...]()
    if manifest.database == "sqlite":
        noted("looking what has changed since", 0, 0)
        changes = differences(stage / DATABASE, Folder(wishes.compare_with or wishes.data).database)
        if changes.compared is None and wishes.compare_with is not None:
            raise BackupFault(
                f"--compare-with cannot tell what has changed since: {changes.reason}. Leave it away to restore without"
            )
        if changes.compared is None:
            changes = replace(changes, unknown_to_broker=unknown_to_broker(wishes.data, stage, manifest))
        lost = tuple(one.username for one in changes.renewed if one.key_id not in keys.masters)
        settled = Differences(None) if wishes.revive else changes
        told = _told(manifest, changes, wishes)
        asyncio.run(settle(stage / DATABASE, settled, set(keys.masters), clock(), told))
        write_access(wishes.data, stage)
        (stage / DATABASE_MADE).touch(0o600)
        take_out_of_accounts(stage, settled)
    notes = [*_notes(manifest, stage)]
    if FACTS in stayed:
        notes.append(
            "installation.json is newer than the brokers' configurations: for brokers of your own run bootstrap-bridge "
            "init before they start (`up` does it by itself)"
        )
    if beside and (wishes.data / ACCOUNTS).exists():
        # A broker that has others' clients goes on meanwhile, and writes what it has in memory.
        shutil.copyfile(wishes.data / ACCOUNTS, stage / ACCOUNTS)
        (stage / ACCOUNTS).chmod(0o600)
        notes.append(f"{wishes.data / ACCOUNTS} stays as your broker has it")
    called = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    aside = place(wishes.data, stage, called)
    return Restored(manifest, changes, wishes.revive, aside, tuple(stayed), was_renewed, lost, tuple(notes))


@contextmanager
def _stage(data: Path) -> Iterator[Path]:
    stage = data.absolute() / STAGE
    shutil.rmtree(stage, ignore_errors=True)  # of one that was killed; we have the folder's lock
    stage.mkdir(mode=0o700)
    try:
        yield stage
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _refuse_running_brokers(data: Path, *, beside: bool) -> None:
    """A broker that runs writes its accounts from memory, over those of the backup. One of others may go on."""
    try:
        facts = installation.load(data).facts
    except InstallationFault:
        return
    for name, host, port in (
        ("operations", facts.host, facts.port),
        ("bootstrap", facts.bootstrap_host, facts.bootstrap_port),
    ):
        if beside and name == "operations":
            continue
        try:
            socket.create_connection((host, port), _KNOCK).close()
        except OSError:
            continue
        who = holder_of(port)
        by = "" if who is None else f" (process {who[0]}, {who[1]})"
        raise BackupFault(
            f"at {host}:{port}, where the {name} broker of {data} listens, somebody answers{by}: end it first, since "
            "it would write over what is restored"
        )


def _told(manifest: Manifest, changes: Differences, wishes: Wishes) -> Mapping[str, Any]:
    return {
        "backup": manifest.at,
        "program": manifest.program,
        "compared": changes.compared is not None,
        "revived": wishes.revive,
        "devicesDeletedSince": len(changes.devices_deleted),
        "passwordsRenewedSince": len(changes.renewed),
        "devicesComeSince": len(changes.devices_come),
    }


def _notes(manifest: Manifest, stage: Path) -> Iterator[str]:
    if manifest.database == "elsewhere":
        yield "the database is kept elsewhere: put it back with its own tool (pg_restore), from before this backup"
    for name in manifest.lacking:
        yield f"{name} could not be read when the backup was made: what others made in it is not in the backup"
    if (stage / FOREIGN_ACCOUNTS).exists():
        yield (
            f"{manifest.accounts_from}, where your broker keeps its accounts, is not touched. What it held is in "
            f"{FOREIGN_ACCOUNTS}: with that broker stopped, copy it there if you want it back"
        )


def members_of(restored: Restored) -> Mapping[str, Any]:
    """Return what is told of a restore as JSON."""
    changes = restored.changes
    return {
        "backup": {"at": restored.manifest.at, "program": restored.manifest.program, **restored.manifest.counts},
        "before": None if restored.aside is None else str(restored.aside),
        "comparedWith": None if changes.compared is None else str(changes.compared),
        "notComparedBecause": changes.reason or None,
        "revived": restored.revived,
        "devicesDeletedSince": list(changes.devices_deleted),
        "devicesRenewedSince": list(changes.devices_renewed),
        "devicesAcceptedSince": list(changes.devices_accepted),
        "devicesComeSince": list(changes.devices_come),
        "peopleDeletedSince": list(changes.people_deleted),
        "peopleRenewedSince": list(changes.people_renewed),
        "peopleComeSince": list(changes.people_come),
        "unknownToBroker": list(changes.unknown_to_broker),
        "passwordsNotKept": list(restored.lost),
        "bootstrapLoginRenewedSince": restored.bootstrap_renewed,
        "filesThatStayed": list(restored.stayed),
        "notes": list(restored.notes),
    }
