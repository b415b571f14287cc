"""Unpacks a backup into a folder of its own, with whatever may be wrong with it: sizes, hashes, keys, what it names."""

import hashlib
import hmac
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bridge import installation
from bridge.backups import BackupFault
from bridge.backups.archive import Reader, is_standard
from bridge.backups.contents import FACTS, KEYS, TOP
from bridge.backups.manifest import MAX_BYTES, NAME, SEAL, Manifest, Member, read
from bridge.credentials import DIGESTS, BadSecret, KeyRing, backup_mac, key_check, opened_file
from bridge.facts import Facts
from bridge.folder import write_private
from bridge.keys_file import read_keys

SPARE_BYTES: Final = 50_000_000
"""What must be left free on the disk beside what the backup holds."""
_MAC_BYTES: Final = 64
Noted = Callable[[str, int, int], None]


@contextmanager
def opened(file: Path) -> Iterator[Reader]:
    """Open a backup, or take it from standard input. Raises OSError."""
    if is_standard(file):
        yield Reader(sys.stdin.buffer, str(file))
        return
    with file.open("rb") as stream:
        yield Reader(stream, str(file))


def unpack(file: Path, stage: Path, given: Path | None, noted: Noted) -> tuple[Manifest, KeyRing]:
    """Unpack a backup into ``stage``, decrypted, and return what it says of itself and its keys.

    ``given`` is a file of master keys, where it has none. Raises BackupFault, InstallationFault, OSError.
    """
    with opened(file) as reader:
        size = reader.next(NAME, most=MAX_BYTES)
        raw = b"".join(reader.content(size))
        manifest = read(raw)
        reader.next(SEAL, _MAC_BYTES)
        mac = b"".join(reader.content(_MAC_BYTES)).decode(errors="replace")
        keys = _keys_given(manifest, raw, mac, given) if given or not manifest.keys_inside else None
        free = shutil.disk_usage(stage).free
        if manifest.total + SPARE_BYTES > free:
            raise BackupFault(
                f"the backup holds {manifest.total / 1e6:.0f} MB, and {free / 1e6:.0f} MB are free in {stage.parent}"
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
        keys = read_keys(stage / KEYS)
        _check_keys(keys, manifest, raw, mac, file)
    else:
        assert given is not None
        (stage / KEYS).parent.mkdir(mode=0o700, exist_ok=True)
        write_private(stage / KEYS, given.read_bytes())
    _unseal(stage, manifest, keys)
    return manifest, keys


def _keys_given(manifest: Manifest, raw: bytes, mac: str, given: Path | None) -> KeyRing:
    if given is None:
        raise BackupFault(
            f"the backup was made without keys, and needs {', '.join(manifest.needed)}: name the file that holds them "
            "with --keys (bootstrap-bridge backup --keys-only made it; a copy of bridge/keys.json is the same)"
        )
    keys = read_keys(given)
    _check_keys(keys, manifest, raw, mac, given)
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
    if not hmac.compare_digest(key_check(keys.digest_key(DIGESTS[0])).encode(), manifest.digests.encode()):
        raise BackupFault(f"the key of tokens' digests in {file} is another than that of the backup")
    if not hmac.compare_digest(backup_mac(keys.masters[manifest.key], raw).encode(), mac.encode()):
        raise BackupFault("the manifest of the backup was changed after it was made: it is not to be trusted")


def _write(path: Path, member: Member, blocks: Iterator[bytes]) -> None:
    found = hashlib.sha256()
    path.touch(0o600, exist_ok=False)
    with path.open("wb") as file:
        for block in blocks:
            found.update(block)
            file.write(block)
    path.chmod(0o644 if member.name in TOP else 0o600)
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


def checked_facts(stage: Path, keys: KeyRing) -> Facts:
    """Read the facts in the backup: they must be whole, and name no key that is not there."""
    if not (stage / FACTS).exists():
        raise BackupFault(f"the backup holds no {FACTS}: it is no backup of a whole installation")
    facts = installation.load(stage).facts
    if missing := {one.key_id for one in facts.administrators} - set(keys.masters):
        raise BackupFault(f"the backup names the master key {', '.join(sorted(missing))}, which is not at hand")
    return facts
