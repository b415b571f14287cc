"""Who may reach the secret files, looked at before a start: one table of files, and what is done where one is too open.

A file that decides who is who is refused, as ssh does with a key: whoever could read it may have done so already, which
no change of its mode takes back. Files that the bridge itself writes are closed, with a warning.
"""

import grp
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from bridge.folder import InstallationFault

GROUP: Final = "BOOTSTRAP_BRIDGE_FILES_GROUP"
"""The variable that names a group, whose members are trusted with the files as their owner is."""


class Do(StrEnum):
    """What is done where something is too open."""

    REFUSE = "refuse"
    CLOSE = "close"
    WARN = "warn"


@dataclass(frozen=True, slots=True)
class Kept:
    """A row of the table: files below the data folder, by a pattern, and what others may not do with them.

    ``forbidden`` are bits of the mode. ``brokers``: they may belong to the user as whom the brokers run.
    """

    pattern: str
    what: str
    forbidden: int
    do: Do
    brokers: bool = False


ALL: Final = 0o077
ALL_BUT_GROUP_READS: Final = 0o037
ALL_BUT_GROUP_ENTERS: Final = 0o027
WRITING: Final = 0o022

TABLE: Final = (
    # Folders: whoever may write into one can put another file in the place of any in it.
    Kept(".", "the data folder", WRITING, Do.REFUSE),
    Kept("bridge", "the bridge's folder", ALL, Do.REFUSE),
    Kept("console", "the console's folder", ALL_BUT_GROUP_ENTERS, Do.CLOSE),
    Kept("operations-broker", "the operations broker's folder", ALL_BUT_GROUP_ENTERS, Do.CLOSE, brokers=True),
    Kept("bootstrap-broker", "the bootstrap broker's folder", ALL_BUT_GROUP_ENTERS, Do.CLOSE, brokers=True),
    # Files.
    Kept("bridge/keys.json", "the master keys", ALL, Do.REFUSE),
    Kept("bridge/installation.json", "the bridge's own logins", ALL, Do.REFUSE),
    Kept("bridge/*ca.key", "the key of the authority that devices trust", ALL, Do.REFUSE),
    Kept("ca.pem", "whom devices trust", WRITING, Do.CLOSE),
    Kept("bridge/*", "the database and what the bridge keeps beside it", ALL, Do.CLOSE),
    Kept("console/*", "the console's key", ALL_BUT_GROUP_READS, Do.CLOSE),
    Kept("access.json", "the first administrators' passwords", ALL, Do.CLOSE),
    Kept("bootstrap.json", "the bootstrap login", ALL, Do.CLOSE),
    Kept("bootstrap-broker/*", "the bootstrap broker's logins", ALL_BUT_GROUP_READS, Do.CLOSE, brokers=True),
    Kept("operations-broker/*", "the operations broker's accounts", ALL_BUT_GROUP_READS, Do.CLOSE, brokers=True),
)
"""All that is looked at. A path that several rows fit is the first one's."""


@dataclass(frozen=True, slots=True)
class Opening:
    """Something that others can reach, in words, and the command that ends it."""

    path: Path
    found: str
    command: str
    do: Do
    forbidden: int = 0

    @property
    def sentence(self) -> str:
        """What was found and what to do."""
        return f"{self.found}. {self.command}"


def openings(data: Path, *, me: int | None = None, group: str | None = None) -> Iterator[Opening]:
    """Yield all that others than the user ``me`` (by default who asks) can reach, in the order of the table.

    ``group``: name or number of one that is trusted as the owner is. A symbolic link counts as what it leads to; what
    is not there, or is nothing for us to see, is passed over. Raises InstallationFault if there is no such group.
    """
    uid = os.geteuid() if me is None else me
    allowed = _gid(group)
    seen: set[Path] = set()
    for row in TABLE:
        for path in [data] if row.pattern == "." else sorted(data.glob(row.pattern)):
            if path not in seen:
                seen.add(path)
                yield from _of(row, path, uid, allowed)
    yield from _above(data)


def _gid(group: str | None) -> int | None:
    try:
        return None if not group else int(group) if group.isdecimal() else grp.getgrnam(group).gr_gid
    except KeyError:
        raise InstallationFault(f"{GROUP} names the group {group}, which is not there") from None


def _of(row: Kept, path: Path, uid: int, allowed: int | None) -> Iterator[Opening]:
    try:
        status = path.stat()
        if path.is_symlink():
            target = path.resolve(strict=True)
            if (beside := target.parent.stat()).st_mode & WRITING and not beside.st_mode & stat.S_ISVTX:
                yield Opening(
                    path,
                    f"{path} leads to {target}, whose folder others may write into (mode {_mode(beside.st_mode)})",
                    f"Close it: chmod go-w {target.parent}",
                    row.do,
                )
    except OSError:
        return
    if stat.S_ISSOCK(status.st_mode):
        return
    forbidden = row.forbidden
    if allowed is not None and status.st_gid == allowed:
        forbidden &= ~0o070
    if loose := status.st_mode & forbidden:
        yield Opening(
            path,
            f"{path} has mode {_mode(status.st_mode)}: others on this machine can {_verbs(loose)} {row.what}",
            f"Close it: chmod {_letters(forbidden)} {path}",
            row.do,
            # Where a broker's user can put a link, it is not followed: it may lead to a file of anybody's.
            0 if row.brokers and path.is_symlink() else forbidden,
        )
    if status.st_uid not in (uid, 0) and uid != 0 and not row.brokers:
        yield Opening(
            path,
            f"{path}, {row.what}, belongs to another user (number {status.st_uid})",
            f"Give it to whom the bridge runs as: chown {uid} {path}",
            Do.REFUSE if row.do is Do.REFUSE else Do.WARN,
        )


def _above(data: Path) -> Iterator[Opening]:
    """Look at the folders above: whoever may write into one can put another in the place of ours."""
    for folder in data.absolute().parents:
        try:
            mode = folder.stat().st_mode
        except OSError:
            continue
        if mode & 0o002 and not mode & stat.S_ISVTX:
            yield Opening(
                folder,
                f"{folder} has mode {_mode(mode)}: anybody can put another folder in the place of the one in it",
                f"Close it: chmod o-w {folder}",
                Do.WARN,
            )


def _mode(mode: int) -> str:
    return f"{stat.S_IMODE(mode):04o}"


def _verbs(loose: int) -> str:
    reads, writes = loose & 0o055, loose & 0o022
    return "read and change" if reads and writes else "change" if writes else "read"


def _letters(forbidden: int) -> str:
    return {
        ALL: "go-rwx",
        ALL_BUT_GROUP_READS: "g-wx,o-rwx",
        ALL_BUT_GROUP_ENTERS: "g-w,o-rwx",
        WRITING: "go-w",
        ALL & ~0o070: "o-rwx",
        WRITING & ~0o070: "o-w",
    }[forbidden]


def refuse_open(data: Path, group: str | None = None) -> None:
    """Refuse what others could have read or changed and what decides who is who. Raises InstallationFault."""
    refused = [one for one in openings(data, group=group) if one.do is Do.REFUSE]
    if refused:
        raise InstallationFault("\n".join(one.sentence for one in refused))


def close(data: Path, group: str | None = None) -> list[str]:
    """Do the same, and close what the bridge writes itself; return what was open, in sentences.

    Raises InstallationFault.
    """
    refuse_open(data, group)
    said = []
    for one in openings(data, group=group):
        if one.do is Do.CLOSE and _closed(one):
            said.append(f"{one.found}. It is closed now; what was read is read")
        else:
            said.append(one.sentence)
    return said


def _closed(one: Opening) -> bool:
    if not one.forbidden:
        return False
    try:
        one.path.chmod(stat.S_IMODE(one.path.stat().st_mode) & ~one.forbidden)
    except OSError:
        return False
    return True
