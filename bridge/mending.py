"""Puts back what the bridge itself needs in the brokers' files where it was lost: its logins, and closed defaults.

A broker with a damaged file of accounts starts all the same and refuses everybody (Mosquitto 2.0.11), so nobody could
put it right from outside. Everything else in a file that can be read stays as it is. Only for brokers that stand still,
since a running one overwrites its file.
"""

import copy
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bridge import brokers, dynsec_file
from bridge.accounts import Login
from bridge.accounts.dynsec import TEXTNAME, role_name
from bridge.credentials import mosquitto_line, verifies
from bridge.folder import write_private

AGAIN: Final = 0.3
"""Seconds after which a file that does not look right is read once more: Mosquitto 2.0 empties it before it writes, and
a broker may run that should stand still."""
CLOSED: Final = {"publishClientSend": False, "publishClientReceive": False, "subscribe": False, "unsubscribe": True}


@dataclass(frozen=True, slots=True)
class Mended:
    """A file as it should be written, and in words what was wrong with it; nothing was if ``faults`` is empty."""

    text: str = field(repr=False)
    faults: tuple[str, ...]


def mended_accounts(raw: bytes, own: Sequence[Login], first: Sequence[Login]) -> Mended:
    """Look at the file of the dynamic security plugin; make it anew, with the ``first`` administrators, if damaged."""
    try:
        content = dynsec_file.parsed(raw)
    except ValueError as error:
        return Mended(brokers.dynamic_security(own, first), (f"it is damaged ({error}); all accounts in it are lost",))
    names = {login.username for login in own}
    if not any(one.get("textname") == TEXTNAME or one.get("username") in names for one in content.get("clients", [])):
        # Mosquitto 2.1 that found none at its start has written one, with a user of everything in it.
        return Mended(brokers.dynamic_security(own, first), ("it has no account of the bridge's, so it is another's",))
    wanted = json.loads(brokers.dynamic_security(own, ()))
    faults = []
    for login in own:
        if fault := _account_fault(content, login, wanted):
            faults.append(f"the bridge's own account {login.username} {fault}")
            content = _with_account(content, wanted, login.username)
    if dynsec_file.defaults_fault(content) is not None:
        faults.append("its defaults let every account, each device too, speak or read as others")
        content = {**content, "defaultACLAccess": CLOSED}
    return Mended(dynsec_file.text(content), tuple(faults))


def _account_fault(content: Mapping[str, Any], login: Login, wanted: Mapping[str, Any]) -> str | None:
    client = _one(content, "clients", "username", login.username)
    if client is None:
        return "is not there"
    if client.get("disabled", False):
        return "is disabled"
    if client.get("clientid") != login.client_id or not _has_password(client, login.password):
        return "has another password or client id"
    name = role_name(login.username)
    role, right = (_one(where, "roles", "rolename", name) for where in (content, wanted))
    if [one.get("rolename") for one in client.get("roles", [])] != [name] or role is None or right is None:
        return "has other roles"
    return None if _acls(role) == _acls(right) else "may do other things"


def _one(content: Mapping[str, Any], part: str, key: str, name: str) -> Mapping[str, Any] | None:
    return next((one for one in content.get(part, []) if one.get(key) == name), None)


def _acls(role: Mapping[str, Any]) -> set[tuple[Any, ...]]:
    # Mosquitto leaves out what is not set.
    return {
        (one.get("acltype"), one.get("topic"), one.get("allow", False), one.get("priority", 0))
        for one in role.get("acls", [])
    }


def _has_password(client: Mapping[str, Any], password: str) -> bool:
    line = client.get("encoded_password") or mosquitto_line(client)
    return line is not None and verifies(line, password)


def _with_account(content: Mapping[str, Any], wanted: Mapping[str, Any], username: str) -> dict[str, Any]:
    made = copy.deepcopy(dict(content))
    for part, key, name in (("clients", "username", username), ("roles", "rolename", role_name(username))):
        right = _one(wanted, part, key, name)
        made[part] = [*(one for one in made.get(part, []) if one.get(key) != name), right]
    return made


def mended_passwords(raw: bytes, users: Mapping[str, str]) -> Mended:
    """Look at a password file: each of ``users`` must be able to log in; lines of others stay."""
    try:
        lines = raw.decode().splitlines()
    except UnicodeDecodeError:
        return Mended(brokers.password_lines(users), ("it is damaged",))
    found = dict(line.partition(":")[::2] for line in lines if ":" in line)
    wrong = {user: word for user, word in users.items() if user not in found or not verifies(found[user], word)}
    if not wrong:
        return Mended(raw.decode(), ())
    kept = [line for line in lines if line.partition(":")[0] not in wrong]
    text = "".join(f"{line}\n" for line in kept) + brokers.password_lines(wrong)
    return Mended(text, tuple(f"the login {user} is not there or has another password" for user in wrong))


def put_right(path: Path, look: Callable[[bytes], Mended]) -> list[str]:
    """Write a file anew if ``look`` finds faults in it, keep what it was, and return in words what was wrong.

    Raises OSError.
    """
    raw = path.read_bytes()
    mended = look(raw)
    if mended.faults:
        time.sleep(AGAIN)
        raw = path.read_bytes()
        mended = look(raw)
    if not mended.faults:
        return []
    kept = path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}")
    write_private(kept, raw)
    write_private(path, mended.text)
    return [f"{path}: {fault}. It is put right; what was there is kept as {kept.name}" for fault in mended.faults]
