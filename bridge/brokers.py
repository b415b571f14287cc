"""The files of both Mosquitto brokers: configurations from the templates, password file, ACL, dynamic security."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from bridge.accounts import Login
from bridge.accounts.dynsec import file_client, file_role
from bridge.credentials import mosquitto_hash

PLUGIN: Final = "mosquitto_dynamic_security.so"
_PLUGIN_FOLDERS: Final = ("usr/lib/*-linux-gnu*", "usr/lib", "usr/lib64", "usr/local/lib", "usr/local/lib64")
_BESIDE_PROGRAM: Final = ("lib/*-linux-gnu*", "lib", "lib64")
"""Folders of plugins below the one that has ``sbin`` with the program."""
BRIDGE_USER: Final = "bridge"
"""The bridge's user name on the bootstrap broker."""


def template(name: str) -> str:
    """Return the text of ``mosquitto.conf`` or ``mosquitto-bootstrap.conf`` as it came with the program."""
    inside = Path(__file__).parent / name  # in an installed package
    return (inside if inside.exists() else Path(__file__).parent.parent / name).read_text(encoding="utf-8")


def rendered(text: str, settings: Mapping[str, str], extra: Iterable[str] = ()) -> str:
    """Return a configuration with the values of ``settings``, each of which it must name once, and ``extra`` lines.

    A setting that the template names behind ``#`` is in force only where it is given.
    """
    left = dict(settings)
    lines = []
    for line in text.splitlines():
        word = line.removeprefix("#").split(" ", 1)[0]
        lines.append(f"{word} {left.pop(word)}" if word in left else line)
    assert not left, left
    return "\n".join([*lines, *extra, ""])


def bootstrap_acl(prefix: str) -> str:
    """Return the ACL of the bootstrap broker: a caller sends its own call and hears its own answer, nothing else."""
    lines = [
        f"user {BRIDGE_USER}",
        f"topic read {prefix}bootstrap/+/request",
        f"topic read {prefix}bootstrap/+/request/+",
        f"topic write {prefix}bootstrap/+/request",
        f"topic write {prefix}bootstrap/+/request/+",
        f"topic write {prefix}bootstrap/+/response",
        f"topic write {prefix}bootstrap/+/response/+",
        f"pattern write {prefix}bootstrap/%c/request",
        f"pattern read {prefix}bootstrap/%c/response",
        f"pattern write {prefix}bootstrap/+/request/%c",
        f"pattern read {prefix}bootstrap/+/response/%c",
    ]
    return "\n".join(lines) + "\n"


def password_lines(passwords: Mapping[str, str]) -> str:
    """Return a password file with the users of ``passwords``."""
    return "".join(f"{user}:{mosquitto_hash(password).line}\n" for user, password in passwords.items())


def users_of(raw: bytes) -> set[str]:
    """Return the users of a password file."""
    return {line.partition(b":")[0].decode(errors="replace") for line in raw.splitlines()}


def without_users(raw: bytes, users: Iterable[str]) -> bytes:
    """Return a password file without the lines of ``users``."""
    names = {user.encode() for user in users}
    return b"".join(line for line in raw.splitlines(keepends=True) if line.partition(b":")[0] not in names)


def dynamic_security(own: Iterable[Login], others: Iterable[Login]) -> str:
    """Return the dynamic security file of a fresh installation: closed defaults, the bridge's ``own`` accounts, others.

    The own accounts are not named as the bridge's work, so that it never compares or removes itself.
    """
    clients: list[dict[str, Any]] = [{**file_client(login), "textname": "bootstrap-bridge service"} for login in own]
    roles = [file_role(login) for login in own]
    for login in others:
        clients.append(file_client(login))
        roles.append(file_role(login))
    content = {
        "defaultACLAccess": {
            "publishClientSend": False,
            "publishClientReceive": False,
            "subscribe": False,
            "unsubscribe": True,
        },
        "clients": clients,
        "groups": [],
        "roles": roles,
    }
    return json.dumps(content, indent="\t", ensure_ascii=False) + "\n"


def find_plugin(program: Path | None = None) -> Path | None:
    """Find the dynamic security plugin: the one that came with the broker's ``program``, else a distribution's.

    A broker of one version takes another's plugin without a word, so its own is looked for first.
    """
    own = [] if program is None else [(program.resolve().parent.parent, folder) for folder in _BESIDE_PROGRAM]
    for start, folder in [*own, *((Path("/"), folder) for folder in _PLUGIN_FOLDERS)]:
        for found in sorted(start.glob(f"{folder}/{PLUGIN}")):
            return found
    return None
