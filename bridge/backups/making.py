"""Makes a backup of an installation, running or not: the database first, then the keys, then all else.

In this order, since rows are the truth and the other way round lies a hole: a row that came after the keys were copied
could name a key that is not in the copy. Accounts may be some moments newer or older than the rows; the bridge compares
them when it starts.
"""

import hashlib
import io
import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

from bridge import __version__, dynsec_file, installation
from bridge.backups import BackupFault
from bridge.backups.archive import Writer, digest_of, draft, is_standard, place, refuse_existing
from bridge.backups.contents import ACCOUNTS, BESIDE, DATABASE, FOREIGN_ACCOUNTS, KEYS, files
from bridge.backups.manifest import FORMAT, NAME, SEAL, Manifest, Member
from bridge.backups.snapshot import Contents, copy, looked_through
from bridge.clock import clock
from bridge.credentials import DIGESTS, KeyRing, backup_mac, key_check, sealed_file
from bridge.database_file import path_of
from bridge.facts import Facts
from bridge.folder import Folder
from bridge.installation import Installation
from bridge.keys_file import read_keys
from bridge.wire import iso

ATTEMPTS: Final = 3
"""How often a copy is begun again whose rows name a key that was taken away meanwhile."""
HALF_WRITTEN: Final = 10
"""How often the file of accounts is read again that a broker is just writing."""
AGAIN: Final = 0.3
"""Seconds between two of these."""
Noted = Callable[[str, int, int], None]
"""Hears what is being done, and how much of how much."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What shall be backed up, and where to. ``database`` is an address, None: the folder's own."""

    data: Path
    file: Path
    database: str | None = field(default=None, repr=False)
    without_keys: bool = False
    without_database: bool = False
    force: bool = False


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was made. ``warnings`` are sentences."""

    file: Path
    bytes: int
    manifest: Manifest
    warnings: tuple[str, ...]


@dataclass(slots=True)
class _Gathered:
    """The files of a backup as they go into it: small ones in memory, the database in a draft."""

    members: list[Member] = field(default_factory=list)
    small: dict[str, bytes] = field(default_factory=dict, repr=False)

    def add(self, name: str, content: bytes, seal: Callable[[str, bytes], bytes] | None) -> None:
        raw = content if seal is None else seal(name, content)
        self.small[name] = raw
        digest = hashlib.sha256(raw).hexdigest()
        self.members.append(Member(name=name, size=len(raw), sha256=digest, sealed=seal is not None))


def back_up(wishes: Wishes, noted: Noted = lambda what, done, total: None) -> Made:
    """Make a backup. Raises BackupFault, InstallationFault, OSError; then there is none, and what was there stays."""
    found = installation.load(wishes.data)
    refuse_existing(wishes.file, force=wishes.force)
    source = _database(found, wishes)
    with draft(wishes.file) as folder:
        database = folder / "registrations.db"
        contents, keys, raw_keys, facts = _consistent(found, source, database, noted)
        at = clock()
        gathered, warnings = _gather(found.folder, raw_keys, None if not wishes.without_keys else keys)
        if source is not None:
            size = database.stat().st_size
            digest = digest_of(database, lambda done: noted("reading the copy", done, size))
            gathered.members.append(Member(name=DATABASE, size=size, sha256=digest))
        needed = contents.keys | {one.key_id for one in facts.administrators}
        manifest = Manifest(
            format=FORMAT,
            program=__version__,
            at=iso(at),
            database="elsewhere" if source is None else "sqlite",
            schema_version=None if source is None else contents.version,
            counts=contents.counts,
            key=keys.current,
            needed=sorted(needed),
            checks={name: key_check(keys.masters[name]) for name in sorted(needed | {keys.current})},
            digests=key_check(keys.digest_key(DIGESTS[0])),
            keys_inside=not wishes.without_keys,
            accounts_from=_foreign_accounts(found.folder),
            lacking=sorted(warnings),
            members=gathered.members,
        )
        packed = _pack(wishes.file, folder, manifest, keys, gathered, database, noted)
        if not is_standard(wishes.file):
            place(folder / "backup", wishes.file, force=wishes.force)
    return Made(wishes.file, packed, manifest, tuple(warnings.values()))


def back_up_keys(data: Path, file: Path, *, force: bool) -> tuple[str, ...]:
    """Write the master keys alone, as `keys.json` is, and return their ids. Raises as ``back_up`` does."""
    found = installation.load(data)
    refuse_existing(file, force=force)
    raw = found.folder.keys.read_bytes()
    with draft(file) as folder:
        made = folder / "backup"
        made.touch(0o600)
        made.write_bytes(raw)
        keys = read_keys(made)
        with made.open("rb") as written:
            os.fsync(written.fileno())
        place(made, file, force=force)
    return tuple(keys.masters)


def _database(found: Installation, wishes: Wishes) -> Path | None:
    url = wishes.database or found.database_url
    path = path_of(url)
    if wishes.without_database:
        return None
    if path is None:
        raise BackupFault(
            "the database is kept by a server, whose own tool backs it up (pg_dump). Do that first, then run this with "
            "--without-database for keys, settings and accounts: in this order no row names a key that is missing"
        )
    if not path.exists():
        raise BackupFault(f"there is no database {path} yet: the first start of the bridge makes it")
    return path


def _consistent(
    found: Installation, source: Path | None, target: Path, noted: Noted
) -> tuple[Contents, KeyRing, bytes, Facts]:
    """Copy the database and then the keys, until no row in the copy names a key that is not there."""
    folder = found.folder
    for _ in range(ATTEMPTS):
        target.unlink(missing_ok=True)
        if source is None:
            contents = Contents("", {}, frozenset())
        else:
            copy(source, target, lambda done, total: noted("copying the database", done, total))
            noted("looking the copy through", 0, 0)
            contents = looked_through(target)
        raw = folder.keys.read_bytes()
        after = installation.load(folder.path)
        if folder.keys.read_bytes() != raw:
            continue
        needed = contents.keys | {one.key_id for one in after.facts.administrators}
        missing = needed - set(after.keys.masters)
        if not missing:
            return contents, after.keys, raw, after.facts
    raise BackupFault(
        f"passwords come from the master key {', '.join(sorted(missing))}, which {folder.keys} does not hold: a backup "
        "without it would be of no use. Restore that file first"
    )


def _gather(folder: Folder, raw_keys: bytes, sealing: KeyRing | None) -> tuple[_Gathered, dict[str, str]]:
    """Read all files but the database. ``sealing``: the keys under which they are encrypted, and left out."""
    gathered, warnings = _Gathered(), dict[str, str]()
    seal: Callable[[str, bytes], bytes] | None = None
    if sealing is not None:
        master = sealing.masters[sealing.current]

        def seal(name: str, content: bytes) -> bytes:
            return sealed_file(master, name, content)

    for name in files(folder.path):
        if name == KEYS:
            if sealing is None:
                gathered.add(name, raw_keys, None)
            continue
        if name == ACCOUNTS:
            _add_accounts(gathered, warnings, name, folder.path / name, seal)
            continue
        gathered.add(name, (folder.path / name).read_bytes(), seal)
    elsewhere = _foreign_accounts(folder)
    if elsewhere is not None:
        _add_accounts(gathered, warnings, FOREIGN_ACCOUNTS, Path(elsewhere), seal)
    return gathered, warnings


def _add_accounts(
    gathered: _Gathered,
    warnings: dict[str, str],
    name: str,
    path: Path,
    seal: Callable[[str, bytes], bytes] | None,
) -> None:
    """Add a broker's file of accounts. Mosquitto 2.0 empties it before it writes: then it is read again."""
    reason = ""
    for _ in range(HALF_WRITTEN):
        try:
            raw = path.read_bytes()
            dynsec_file.parsed(raw)
        except OSError as error:
            reason = f"cannot be read: {error.strerror}"
            break
        except ValueError as error:
            reason = f"is damaged: {error}"
            time.sleep(AGAIN)
        else:
            gathered.add(name, raw, seal)
            return
    warnings[name] = (
        f"{path} {reason}. It is not in the backup: the bridge's accounts come back from the database, those that "
        "others made do not"
    )


def _foreign_accounts(folder: Folder) -> str | None:
    """Return where the broker keeps its accounts that we stand beside, if that is not in our folder."""
    if not (folder.path / BESIDE).exists():
        return None
    try:
        path = Path(str(json.loads((folder.path / BESIDE).read_text(encoding="utf-8"))["dynamicSecurity"]))
    except (ValueError, KeyError, TypeError) as error:
        raise BackupFault(f"{folder.beside} is damaged ({error}): run bootstrap-bridge init --beside again") from error
    return None if path.absolute() == folder.dynamic_security.absolute() else str(path)


def _pack(
    file: Path, folder: Path, manifest: Manifest, keys: KeyRing, gathered: _Gathered, database: Path, noted: Noted
) -> int:
    raw = manifest.written()
    mac = backup_mac(keys.masters[manifest.key], raw).encode()
    path = None if is_standard(file) else folder / "backup"
    with Writer(path, clock() // 1000) as writer:
        for name, content in ((NAME, raw), (SEAL, mac)):
            writer.add(name, len(content), io.BytesIO(content))
        for member in manifest.members:
            if member.name == DATABASE:
                with database.open("rb") as stream:
                    writer.add(member.name, member.size, _Watched(stream, member.size, noted))  # type: ignore[arg-type]
            else:
                writer.add(member.name, member.size, io.BytesIO(gathered.small[member.name]))
    return writer.written


class _Watched:
    """A stream that tells how far it has been read."""

    def __init__(self, stream: BinaryIO, size: int, noted: Noted) -> None:
        self._stream, self._size, self._noted, self._done = stream, size, noted, 0

    def read(self, size: int) -> bytes:
        block = self._stream.read(size)
        self._done += len(block)
        self._noted("packing", self._done, self._size)
        return block


def members_of(made: Made) -> Mapping[str, Any]:
    """Return what is told of a backup as JSON."""
    manifest = made.manifest
    return {
        "file": str(made.file),
        "bytes": made.bytes,
        "at": manifest.at,
        "database": manifest.database,
        **manifest.counts,
        "keys": "inside" if manifest.keys_inside else "apart",
        "keyIds": manifest.to_open,
        "warnings": list(made.warnings),
    }
