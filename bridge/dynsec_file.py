"""The dynamic security plugin's own file: who has which rights in it, what its defaults mean. A running broker keeps
it in memory and overwrites it, so a change to the file counts only while the broker stands still.
"""

import copy
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bridge.accounts.dynsec import TEXTNAME, role_name
from bridge.mosquitto_acl import overlap

SERVICE_TEXTNAME: Final = f"{TEXTNAME} service"
_ACTS: Final = {"publishClientSend": "publish on", "publishClientReceive": "read"}


class AccountsFileFault(Exception):
    """The plugin's file cannot be used; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Opening:
    """A right in a role that is not the bridge's, and who has that role."""

    role: str
    act: str
    topic: str
    family: str
    holders: tuple[str, ...]

    @property
    def sends(self) -> bool:
        """Whether its holders may speak there, not only hear."""
        return self.act == "publishClientSend"

    @property
    def words(self) -> str:
        """The right, for people."""
        whom = ", ".join(self.holders[:5]) + (f" and {len(self.holders) - 5} others" if len(self.holders) > 5 else "")
        return f"the role {self.role} ({whom or 'nobody has it'}) may {_ACTS[self.act]} {self.topic}"


def read(path: Path) -> dict[str, Any]:
    """Read the plugin's file. Raises AccountsFileFault."""
    try:
        return parsed(path.read_bytes())
    except OSError as error:
        raise AccountsFileFault(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise AccountsFileFault(f"{path} is damaged: {error}") from error


def parsed(raw: bytes) -> dict[str, Any]:
    """Return the content of the plugin's file. Raises ValueError."""
    content = json.loads(raw)
    if not isinstance(content, dict) or not all(
        isinstance(content.get(part, []), list) and all(isinstance(one, dict) for one in content.get(part, []))
        for part in ("clients", "roles", "groups")
    ):
        raise ValueError("it is no file of the dynamic security plugin")
    return content


def usernames(content: Mapping[str, Any]) -> frozenset[str]:
    """Return the user names of all accounts."""
    return frozenset(str(one.get("username")) for one in content.get("clients", []))


def own_services(content: Mapping[str, Any]) -> frozenset[str]:
    """Return the user names of the bridge's own logins."""
    return frozenset(
        str(one.get("username")) for one in content.get("clients", []) if one.get("textname") == SERVICE_TEXTNAME
    )


def defaults(content: Mapping[str, Any]) -> dict[str, bool]:
    """Return what an account may do where none of its roles says; Mosquitto's own defaults where nothing is written."""
    taken = {"publishClientSend": False, "publishClientReceive": True, "subscribe": False, "unsubscribe": True}
    written = content.get("defaultACLAccess")
    return {**taken, **(written if isinstance(written, dict) else {})}


def defaults_fault(content: Mapping[str, Any]) -> str | None:
    """Say what the defaults let every device do that it must not, and how to end it; None if nothing."""
    found = defaults(content)
    if found["publishClientSend"]:
        return (
            "its default publishClientSend is allow: every account, each device too, could publish on control/… and "
            "speak as an administrator. Set it with: mosquitto_ctrl dynsec setDefaultACLAccess publishClientSend deny"
        )
    if found["publishClientReceive"] and found["subscribe"]:
        return (
            "its defaults subscribe and publishClientReceive are both allow: every account, each device too, could "
            "read all others. Set one with: mosquitto_ctrl dynsec setDefaultACLAccess subscribe deny"
        )
    return None


def openings(content: Mapping[str, Any], families: Sequence[str]) -> list[Opening]:
    """Return what roles that are not the bridge's let their holders do within ``families``."""
    found: list[Opening] = []
    for role in content.get("roles", []):
        name = str(role.get("rolename"))
        if name.startswith(f"{TEXTNAME}:"):
            continue
        acls = [one for one in role.get("acls", []) if one.get("acltype") in _ACTS]
        for acl in acls:
            topic = str(acl.get("topic"))
            if not acl.get("allow"):
                continue
            found += [
                Opening(name, acl["acltype"], topic, family, tuple(_holders(content, name)))
                for family in families
                if overlap(topic, family) and not _denied(acls, acl, family)
            ]
    return found


def _denied(acls: Iterable[Mapping[str, Any]], acl: Mapping[str, Any], family: str) -> bool:
    return any(
        not one.get("allow")
        and one["acltype"] == acl["acltype"]
        and one.get("topic") in {family, "#"}
        and one.get("priority", 0) > acl.get("priority", 0)
        for one in acls
    )


def _holders(content: Mapping[str, Any], role: str) -> Iterable[str]:
    groups = {str(one.get("groupname")) for one in content.get("groups", []) if _has(one, role)}
    anonymous = content.get("anonymousGroup")
    if anonymous in groups:
        yield "clients without a user name"
    for client in content.get("clients", []):
        in_group = any(one.get("groupname") in groups for one in client.get("groups", []))
        if in_group or _has(client, role):
            yield str(client.get("username"))
    for group in content.get("groups", []):
        if group.get("groupname") in groups:
            listed = {str(one.get("username")) for one in group.get("clients", [])}
            yield from sorted(
                listed - {str(one.get("username")) for one in content.get("clients", []) if one.get("groups")}
            )


def _has(one: Mapping[str, Any], role: str) -> bool:
    return any(granted.get("rolename") == role for granted in one.get("roles", []))


def merged(
    content: Mapping[str, Any], ours: Mapping[str, Any], families: Sequence[str], wanted: Iterable[str]
) -> dict[str, Any]:
    """Return the file with those accounts of ``ours`` that are ``wanted``, and others' roles kept off ``families``.

    Everything else, the defaults too, stays as it is. A denial is put above the highest priority of its role.
    """
    made = copy.deepcopy(dict(content))
    names = set(wanted)
    clients, roles = made.setdefault("clients", []), made.setdefault("roles", [])
    theirs = {role_name(name) for name in names}
    clients[:] = [one for one in clients if one.get("username") not in names]
    roles[:] = [one for one in roles if one.get("rolename") not in theirs]
    clients += [one for one in ours["clients"] if one["username"] in names]
    roles += [one for one in ours["roles"] if one["rolename"] in theirs]
    needed = {(one.role, one.act, one.family) for one in openings(content, families)}
    for role in roles:
        acls = role.get("acls", [])
        above = max((int(one.get("priority", 0)) for one in acls), default=0) + 1
        acls += [
            {"acltype": act, "topic": family, "priority": above, "allow": False}
            for name, act, family in sorted(needed)
            if name == role.get("rolename")
        ]
    return made


def text(content: Mapping[str, Any]) -> str:
    """Return the file as the plugin writes it."""
    return json.dumps(content, indent="\t", ensure_ascii=False) + "\n"
