"""What of the folder that is replaced counts more than the backup: renewed keys and logins, and who is no more."""

import asyncio
import shutil
from datetime import datetime
from pathlib import Path

from bridge import dynsec_file, installation
from bridge.accounts.dynsec import TEXTNAME, role_name
from bridge.backups import BackupFault
from bridge.backups.contents import ACCOUNTS, AUTHORITY, DATABASE, FOREIGN_ACCOUNTS, KEYS, STAYING
from bridge.backups.differing import Differences, unknown_to
from bridge.backups.manifest import Manifest
from bridge.backups.settling import seeds_of
from bridge.credentials import KeyRing
from bridge.facts import Facts
from bridge.folder import Folder, InstallationFault, write_private
from bridge.keys_file import write_keys


def let_stay(data: Path, stage: Path, keys: KeyRing, facts: Facts, stayed: list[str]) -> bool:
    """Keep what may have been renewed since, where the replaced folder is of the same installation and can be read.

    Return whether it had another bootstrap login.
    """
    try:
        current = installation.load(data)
    except InstallationFault:
        return False
    if not current.keys.agrees_with(keys):
        return False  # another installation
    both = current.keys.remembering(keys)  # rows of then may name keys that are no more
    if (both.masters, both.current) != (keys.masters, keys.current):
        write_keys(stage / KEYS, both)
        stayed.append(KEYS)
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


def unknown_to_broker(data: Path, stage: Path, manifest: Manifest) -> tuple[str, ...]:
    """Look into the replaced folder's file of accounts, where no database tells who is gone: it is a hint, no more."""
    path = data / ACCOUNTS
    try:
        if path.stat().st_mtime < datetime.fromisoformat(manifest.at).timestamp():
            return ()
        clients = dynsec_file.read(path).get("clients", [])
    except (OSError, dynsec_file.AccountsFileFault):
        return ()
    marks = {
        str(one.get("username")): str(one.get("textdescription", "")).partition(":")[0]
        for one in clients
        if one.get("textname") == TEXTNAME
    }
    return unknown_to(marks, stage / DATABASE) if marks else ()


def write_access(data: Path, stage: Path) -> None:
    """Write the files for administrators and devices anew, unless somebody took them away on purpose."""
    if Folder(data).facts.exists() and not Folder(data).access.exists():
        return
    made = installation.load(stage)
    there = asyncio.run(seeds_of(stage / DATABASE, [one.username for one in made.facts.administrators]))
    made.write_access(
        gone=[one.username for one in made.facts.administrators if there.get(one.username) != one.seed_bytes]
    )


def take_out_of_accounts(stage: Path, settled: Differences) -> None:
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
