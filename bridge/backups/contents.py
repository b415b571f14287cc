"""What of an installation's folder a backup holds: one table, by which it is packed and by which it is taken back.

What is not named is of one time or one machine: locks, what a broker keeps of sessions, files that a start makes again.
"""

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

OPERATIONS: Final = "operations-broker"
PARTS: Final = (OPERATIONS, "bootstrap-broker", "bridge")
"""The folders below the installation's, the bridge's last: what a start looks for first is put back last."""
TOP: Final = ("ca.pem",)
"""Files of the folder itself that are packed."""
MADE_AGAIN: Final = ("access.json", "bootstrap.json")
"""Files of the folder itself that a start, or `init`, makes again: moved aside with the rest, and not packed."""
LEFT_OUT: Final = (
    "lock",
    "*.lock",
    "registrations.db*",  # the database comes by a way of its own
    "mosquitto.db*",  # sessions and messages of another time
    "*.damaged-*",
    "*.log",
    "*.new",
    "*.pid",
    "loaded.json",  # what a bridge that ran then went by
)
KEYS: Final = "bridge/keys.json"
FACTS: Final = "bridge/installation.json"
DATABASE: Final = "bridge/registrations.db"
DATABASE_MADE: Final = "bridge/database-made"
BESIDE: Final = "bridge/beside.json"
ACCOUNTS: Final = f"{OPERATIONS}/dynamic-security.json"
FOREIGN_ACCOUNTS: Final = f"{OPERATIONS}/dynamic-security.of-your-broker.json"
"""The accounts of a broker that keeps them outside the folder: put back beside the others, for a person to copy."""
AUTHORITY: Final = "bridge/ca.key"
STAYING: Final[tuple[tuple[str, ...], ...]] = (
    # What was renewed since must not come back: files that stay as they are where they can be read, in groups.
    (FACTS,),
    (
        *(AUTHORITY, "bridge/ca.pem", "ca.pem", "operations-broker/server.pem", "bootstrap-broker/server.pem"),
        *("bridge/next-ca.key", "bridge/next-ca.pem", "bridge/former-ca.pem"),
    ),
)
GOING: Final = ("bridge/next-ca.key", "bridge/next-ca.pem", "bridge/former-ca.pem")
"""Of these, what is not there any more stays away: whom the authority followed, and whom nobody shall trust again."""
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


def is_packed(name: str) -> bool:
    """Tell whether a file of this name, seen from the folder, belongs into a backup; never one outside the folder."""
    if name in TOP or name == DATABASE:
        return True
    part, _, file = name.partition("/")
    return (
        part in PARTS
        and _NAME.fullmatch(file) is not None
        and not any(fnmatchcase(file, pattern) for pattern in LEFT_OUT)
    )


def files(data: Path) -> Iterator[str]:
    """Yield the names of the files in ``data`` that are packed, without the database. Raises OSError."""
    for name in TOP:
        if (data / name).is_file():
            yield name
    for part in PARTS:
        if not (data / part).is_dir():
            continue
        for path in sorted((data / part).iterdir()):
            name = f"{part}/{path.name}"
            if name != DATABASE and is_packed(name) and path.is_file():
                yield name
