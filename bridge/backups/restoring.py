"""Puts a backup back: everything is looked at in a folder of its own first, and only then anything is replaced."""

import asyncio
import hashlib
import hmac
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from bridge import dynsec_file, installation
from bridge.accounts.dynsec import TEXTNAME, role_name
from bridge.backups import BackupFault
from bridge.backups.archive import Reader, is_standard
from bridge.backups.contents import (
    ACCOUNTS,
    AUTHORITY,
    DATABASE,
    DATABASE_MADE,
    FACTS,
    FOREIGN_ACCOUNTS,
    KEYS,
    STAYING,
)
from bridge.backups.differing import Differences, differences
from bridge.backups.manifest import MAX_BYTES, NAME, SEAL, Manifest, Member, read
from bridge.backups.placing import place, undo
from bridge.backups.settling import bring_to_this_version, settle
from bridge.children import holder_of
from bridge.clock import clock
from bridge.credentials import BadSecret, KeyRing, backup_mac, key_check, opened_file
from bridge.folder import Folder, write_private
from bridge.installation import Facts, InstallationFault
from bridge.locks import lock_bridge, lock_folder

STAGE: Final = ".restoring"
SPARE_BYTES: Final = 50_000_000
"""What must be left free on the disk beside what the backup holds."""
_MAC_BYTES: Final = 64
_KNOCK: Final = 2.0
"""Seconds for a broker on this machine to take a connection."""
Noted = Callable[[str, int, int], None]


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
                stack.callback(lock_bridge(wishes.data).release)
            undo(wishes.data)
            beside = Folder(wishes.data).beside.exists()
            if not beside:
                _refuse_running_brokers(wishes.data)
            stage = stack.enter_context(_stage(wishes.data))
            return _restore(wishes, stage, noted, beside=beside)
    except BaseException:
        if not was_there:
            shutil.rmtree(wishes.data, ignore_errors=True)
        raise


def _restore(wishes: Wishes, stage: Path, noted: Noted, *, beside: bool) -> Restored:
    with _opened(wishes.file) as file:
        manifest, keys = _unpack(Reader(file, str(wishes.file)), stage, wishes, noted)
    facts = _checked_facts(stage, keys)
    stayed: list[str] = []
    was_renewed = False
    if not wishes.revive:
        was_renewed = _let_stay(wishes.compare_with or wishes.data, stage, manifest, facts, stayed)
        keys = installation.read_keys(stage / KEYS)
    changes, lost = Differences(None, "the backup holds no database"), tuple[str, ...]()
    if manifest.database == "sqlite":
        noted("looking what has changed since", 0, 0)
        asyncio.run(bring_to_this_version(stage / DATABASE))
        changes = differences(stage / DATABASE, Folder(wishes.compare_with or wishes.data).database)
        lost = tuple(one.username for one in changes.renewed if one.key_id not in keys.masters)
        settled = Differences(None) if wishes.revive else changes
        told = _told(manifest, changes, wishes)
        asyncio.run(settle(stage / DATABASE, settled, set(keys.masters), clock(), told))
        (stage / DATABASE_MADE).touch(0o600)
        _take_out_of_accounts(stage, settled)
    notes = [*_notes(manifest, stage)]
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


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    if is_standard(file):
        yield sys.stdin.buffer
        return
    with file.open("rb") as stream:
        yield stream


def _refuse_running_brokers(data: Path) -> None:
    """A broker that runs writes its accounts from memory, over those of the backup."""
    try:
        facts = installation.load(data).facts
    except InstallationFault:
        return
    for name, host, port in (
        ("operations", facts.host, facts.port),
        ("bootstrap", facts.bootstrap_host, facts.bootstrap_port),
    ):
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


def _unpack(reader: Reader, stage: Path, wishes: Wishes, noted: Noted) -> tuple[Manifest, KeyRing]:
    size = reader.next(NAME, most=MAX_BYTES)
    raw = b"".join(reader.content(size))
    manifest = read(raw)
    reader.next(SEAL, _MAC_BYTES)
    mac = b"".join(reader.content(_MAC_BYTES)).decode(errors="replace")
    keys = _keys_given(manifest, raw, mac, wishes) if wishes.keys or not manifest.keys_inside else None
    free = shutil.disk_usage(stage).free
    if manifest.total + SPARE_BYTES > free:
        raise BackupFault(
            f"the backup holds {manifest.total / 1e6:.0f} MB, and {free / 1e6:.0f} MB are free in {wishes.data}"
        )
    done = 0
    for member in manifest.members:
        (stage / member.name).parent.mkdir(mode=0o700, exist_ok=True)
        reader.next(member.name, member.size)
        _write(stage / member.name, member, reader.content(member.size))
        done += member.size
        noted("unpacking", done, manifest.total)
    reader.end()
    if keys is None:
        keys = installation.read_keys(stage / KEYS)
        _check_keys(keys, manifest, raw, mac, wishes.file)
    else:
        assert wishes.keys is not None
        (stage / KEYS).parent.mkdir(mode=0o700, exist_ok=True)
        write_private(stage / KEYS, wishes.keys.read_bytes())
    _unseal(stage, manifest, keys)
    return manifest, keys


def _keys_given(manifest: Manifest, raw: bytes, mac: str, wishes: Wishes) -> KeyRing:
    if wishes.keys is None:
        raise BackupFault(
            f"the backup was made without keys, and needs {', '.join(manifest.needed)}: name the file that holds them "
            "with --keys (bootstrap-bridge backup --keys-only made it; a copy of bridge/keys.json is the same)"
        )
    keys = installation.read_keys(wishes.keys)
    _check_keys(keys, manifest, raw, mac, wishes.keys)
    return keys


def _check_keys(keys: KeyRing, manifest: Manifest, raw: bytes, mac: str, file: Path) -> None:
    missing = sorted(set(manifest.checks) - set(keys.masters))
    if missing:
        raise BackupFault(
            f"passwords of the backup come from the master key {', '.join(missing)}, which {file} does not hold: it is "
            "another installation's, or from before the key was rotated"
        )
    for name, check in manifest.checks.items():
        if not hmac.compare_digest(key_check(keys.masters[name]).encode(), check.encode()):
            raise BackupFault(f"the master key {name} in {file} is another than that of the backup")
    if not hmac.compare_digest(backup_mac(keys.masters[manifest.key], raw).encode(), mac.encode()):
        raise BackupFault("the manifest of the backup was changed after it was made: it is not to be trusted")


def _write(path: Path, member: Member, blocks: Iterator[bytes]) -> None:
    found = hashlib.sha256()
    path.touch(0o600, exist_ok=False)
    with path.open("wb") as file:
        for block in blocks:
            found.update(block)
            file.write(block)
    if found.hexdigest() != member.sha256:
        raise BackupFault(f"{member.name} in the backup is not what was packed: the backup is damaged")


def _unseal(stage: Path, manifest: Manifest, keys: KeyRing) -> None:
    for member in manifest.members:
        if member.sealed:
            path = stage / member.name
            try:
                write_private(path, opened_file(keys.masters[manifest.key], member.name, path.read_bytes()))
            except BadSecret as error:
                raise BackupFault(f"{error} (in the backup)") from error


def _checked_facts(stage: Path, keys: KeyRing) -> Facts:
    """Read the facts in the backup: they must be whole, and name no key that is not there."""
    if not (stage / FACTS).exists():
        raise BackupFault(f"the backup holds no {FACTS}: it is no backup of a whole installation")
    facts = installation.load(stage).facts
    if missing := {one.key_id for one in facts.administrators} - set(keys.masters):
        raise BackupFault(f"the backup names the master key {', '.join(sorted(missing))}, which is not at hand")
    return facts


def _let_stay(data: Path, stage: Path, manifest: Manifest, facts: Facts, stayed: list[str]) -> bool:
    """Keep what may have been renewed since, where the replaced folder is of the same installation and can be read.

    Return whether it had another bootstrap login.
    """
    try:
        current = installation.load(data)
    except InstallationFault:
        return False
    masters = current.keys.masters
    if any(name not in masters or key_check(masters[name]) != check for name, check in manifest.checks.items()):
        return False  # another installation, or its keys are older
    for group in STAYING:
        if group[0] == AUTHORITY and not (data / AUTHORITY).exists():
            continue
        for name in group:
            there, here = data / name, stage / name
            if there.is_file() and (not here.exists() or there.read_bytes() != here.read_bytes()):
                shutil.copyfile(there, here)
                here.chmod(there.stat().st_mode & 0o777)
                stayed.append(name)
    then = (facts.bootstrap_username, facts.bootstrap_password)
    return then != (current.facts.bootstrap_username, current.facts.bootstrap_password)


def _take_out_of_accounts(stage: Path, settled: Differences) -> None:
    """Take accounts that are not to come back out of the brokers' file: the brokers start before the bridge does."""
    gone = {*settled.accounts_deleted, *(one.username for one in settled.renewed)}
    if not gone:
        return
    for name in (ACCOUNTS, FOREIGN_ACCOUNTS):
        if not (stage / name).exists():
            continue
        try:
            content = dynsec_file.read(stage / name)
        except dynsec_file.AccountsFileFault as error:
            raise BackupFault(str(error)) from error
        roles = {role_name(one) for one in gone}
        kept = [
            one
            for one in content.get("clients", [])
            if one.get("username") not in gone or one.get("textname") != TEXTNAME
        ]
        left = [one for one in content.get("roles", []) if one.get("rolename") not in roles]
        write_private(stage / name, dynsec_file.text({**content, "clients": kept, "roles": left}))


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
        "passwordsNotKept": list(restored.lost),
        "bootstrapLoginRenewedSince": restored.bootstrap_renewed,
        "filesThatStayed": list(restored.stayed),
        "notes": list(restored.notes),
    }
