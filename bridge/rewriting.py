"""Changes to files that are somebody else's: shown as a diff, written whole, with a backup of what was there."""

import difflib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bridge.folder import write_private

BACKUP: Final = ".before-bootstrap-bridge"


@dataclass(frozen=True, slots=True)
class Edit:
    """A file of the broker's as it is (None: it is not there) and as it will be."""

    path: Path
    before: str | None = field(repr=False)
    after: str = field(repr=False)

    @property
    def diff(self) -> str:
        """The change as a unified diff."""
        old = [] if self.before is None else self.before.splitlines()
        name = "/dev/null" if self.before is None else str(self.path)
        return "\n".join(difflib.unified_diff(old, self.after.splitlines(), name, str(self.path), lineterm="")) + "\n"


def rewrite(path: Path, content: str, *, like: Path) -> list[Path]:
    """Replace a file whole, with its owner and mode (a new one: those of ``like``), and keep what was there."""
    path = path.resolve()
    exists = path.exists()
    status = (path if exists else like).stat()
    backups = []
    if exists:
        backup = path.with_name(path.name + BACKUP)
        number = 1
        while backup.exists():
            number += 1
            backup = path.with_name(f"{path.name}{BACKUP}.{number}")
        write_private(backup, path.read_text(encoding="utf-8"))
        backups.append(backup)
    draft = path.with_name(f".{path.name}.bootstrap-bridge")
    write_private(draft, content)
    for one in (*backups, draft):
        os.chown(one, status.st_uid, status.st_gid)
        one.chmod(status.st_mode & 0o777)
    draft.replace(path)
    return backups
