"""The file of the master keys. Whatever is written here is on the disk before any row can name it."""

import base64
import json
import secrets
from pathlib import Path
from typing import Any, Final

from bridge.credentials import DIGESTS, KeyRing, new_master_key
from bridge.folder import Folder, InstallationFault, write_private

KEY_LENGTH: Final = 32


def read_json(path: Path) -> Any:
    """Read a file of the installation. Raises InstallationFault."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InstallationFault(f"{path} cannot be read: {error.strerror}; check its owner and mode") from error
    except ValueError as error:
        raise InstallationFault(f"{path} is damaged ({error}): restore it from a backup") from error


def new_key_id() -> str:
    """Draw the id of a master key, which says nothing of it."""
    return secrets.token_hex(4)


def new_keys(folder: Folder) -> None:
    """Make the keys of a fresh installation. Raises InstallationFault where there was one, OSError."""
    if folder.database.exists() or folder.facts.exists():
        raise InstallationFault(
            f"{folder.keys} is missing, but {folder.bridge} was made with it: restore it from a backup. "
            "Without it no password of a device can be derived again"
        )
    name = new_key_id()
    write_keys(folder.keys, KeyRing({name: new_master_key()}, name))


def write_keys(path: Path, ring: KeyRing) -> None:
    """Write the keys, whole or not at all; a symbolic link stays, and what it leads to is written. Raises OSError."""
    content: dict[str, Any] = {"current": ring.current, "keys": _encoded(ring.masters)}
    if ring.digests:
        content["digests"] = _encoded(ring.digests)
    write_private(path.resolve(), json.dumps(content, indent=2) + "\n")


def _encoded(keys: Any) -> dict[str, str]:
    return {name: base64.b64encode(key).decode() for name, key in keys.items()}


def _decoded(keys: Any) -> dict[str, bytes]:
    return {name: base64.b64decode(key, validate=True) for name, key in keys.items()}


def read_keys(path: Path) -> KeyRing:
    """Read the master keys. Raises InstallationFault."""
    content = read_json(path)
    try:
        ring = KeyRing(_decoded(content["keys"]), content["current"], _decoded(content.get("digests", {})))
        damaged = (
            ring.current not in ring.masters
            or set(ring.digests) not in (set(), set(DIGESTS))
            or any(len(key) != KEY_LENGTH for key in (*ring.masters.values(), *ring.digests.values()))
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        damaged = True
    if damaged:
        raise InstallationFault(f"{path} holds no master keys: restore it from a backup")
    return ring
