"""The brokers' files after somebody or something has spoilt them: the bridge's own part comes back, others' stays."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bridge import installation
from bridge.accounts.dynsec import role_name
from bridge.credentials import mosquitto_hash, verifies
from bridge.dynsec_file import defaults_fault
from bridge.installation import make

Content = dict[str, Any]
OWN = ("bridge-control", "bridge-info", "bridge-accounts")
FOREIGN = {"username": "theirs", "password": "x", "salt": "y", "iterations": 101, "roles": [{"rolename": "theirs"}]}
ROLE = {"rolename": "theirs", "acls": [{"acltype": "publishClientSend", "topic": "their/#", "allow": True}]}
GROUP = {"groupname": "theirs", "roles": [], "clients": [{"username": "theirs"}]}


def accounts(path: Path) -> Content:
    content = json.loads((path / "operations-broker" / "dynamic-security.json").read_bytes())
    assert isinstance(content, dict)
    return content


def client(content: Content, name: str) -> Content:
    (found,) = [one for one in content["clients"] if one["username"] == name]
    assert isinstance(found, dict)
    return found


def spoilt(data: Path, spoil: Callable[[Content], None]) -> Content:
    """Make an installation with somebody else's account in it, spoil it, and return what was in it."""
    made = make(data)
    content = accounts(data)
    content["clients"].append(FOREIGN)
    content["roles"].append(ROLE)
    content["groups"].append(GROUP)
    before: Content = json.loads(json.dumps(content))
    spoil(content)
    made.folder.dynamic_security.write_text(json.dumps(content))
    return before


def drop(content: Content) -> None:
    content["clients"] = [one for one in content["clients"] if one["username"] not in OWN]


def disable(content: Content) -> None:
    client(content, "bridge-control")["disabled"] = True


def unbind(content: Content) -> None:
    del client(content, "bridge-info")["clientid"]


def other_password(content: Content) -> None:
    client(content, "bridge-accounts").update(mosquitto_hash("another").members)


def no_password(content: Content) -> None:
    del client(content, "bridge-accounts")["password"]


def further_role(content: Content) -> None:
    client(content, "bridge-info")["roles"].append({"rolename": "theirs"})


def wider_role(content: Content) -> None:
    (role,) = [one for one in content["roles"] if one["rolename"] == role_name("bridge-info")]
    role["acls"].append({"acltype": "subscribePattern", "topic": "#", "allow": True, "priority": 0})


def no_role(content: Content) -> None:
    content["roles"] = [one for one in content["roles"] if one["rolename"] != role_name("bridge-info")]


def no_defaults(content: Content) -> None:
    del content["defaultACLAccess"]
    content["defaultACLAccess"] = {"subscribe": True}


SPOILS = (drop, disable, unbind, other_password, no_password, further_role, wider_role, no_role, no_defaults)


@pytest.mark.parametrize("spoil", SPOILS)
def test_what_the_bridge_needs_is_put_back_and_all_else_stays(tmp_path: Path, spoil: Callable[[Content], None]) -> None:
    before = spoilt(tmp_path, spoil)
    path = tmp_path / "operations-broker" / "dynamic-security.json"
    raw = path.read_bytes()
    made = make(tmp_path)
    assert made.mended
    assert all(str(path) in fault for fault in made.mended)
    after = accounts(tmp_path)
    assert defaults_fault(after) is None
    for login in installation.own_logins(made.facts, made.topics):
        found = client(after, login.username)
        assert found["clientid"] == login.client_id
        line = f"$7${found['iterations']}${found['salt']}${found['password']}"
        assert verifies(line, login.password)
    for part, key in (("clients", "username"), ("roles", "rolename"), ("groups", "groupname")):
        kept, found = ({one[key]: one for one in where[part]} for where in (before, after))
        assert set(found) == set(kept)
        others = [name for name in kept if "bridge-" not in name]
        assert {name: found[name] for name in others} == {name: kept[name] for name in others}
    (damaged,) = path.parent.glob("*.damaged-*")
    assert damaged.read_bytes() == raw
    assert damaged.stat().st_mode & 0o777 == 0o600
    assert make(tmp_path).mended == (), "once is enough"


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'{"clients": 1}', b"\xff\xfe", b'{"clients": ["x"]}', b"null"])
def test_a_file_that_cannot_be_read_is_made_anew_and_kept(tmp_path: Path, raw: bytes) -> None:
    first = make(tmp_path)
    names = {one["username"] for one in accounts(tmp_path)["clients"]}
    first.folder.dynamic_security.write_bytes(raw)
    made = make(tmp_path)
    (said,) = made.mended
    assert "damaged" in said
    assert {one["username"] for one in accounts(tmp_path)["clients"]} == names
    (damaged,) = first.folder.operations.glob("*.damaged-*")
    assert damaged.read_bytes() == raw


def test_a_truncated_file_is_damaged_wherever_it_ends(tmp_path: Path) -> None:
    first = make(tmp_path)
    whole = first.folder.dynamic_security.read_bytes().rstrip()
    for end in range(0, len(whole), 997):
        first.folder.dynamic_security.write_bytes(whole[:end])
        assert make(tmp_path).mended, end


def test_a_file_that_is_lost_is_told_where_there_were_devices(tmp_path: Path) -> None:
    first = make(tmp_path)
    assert first.mended == ()
    first.folder.dynamic_security.unlink()
    assert make(tmp_path).mended == (), "nobody had an account yet"
    first.folder.dynamic_security.unlink()
    first.folder.database.write_bytes(b"")
    (said,) = make(tmp_path).mended
    assert "was lost" in said


def test_a_file_without_any_account_of_the_bridges_is_anothers_and_made_anew(tmp_path: Path) -> None:
    """2.1 that found no file at its start has written one, with a user who may do everything."""
    first = make(tmp_path)
    names = {one["username"] for one in accounts(tmp_path)["clients"]}
    others = {"clients": [{"username": "admin"}, {"username": "democlient"}], "defaultACLAccess": {}}
    first.folder.dynamic_security.write_text(json.dumps(others))
    (said,) = make(tmp_path).mended
    assert "another's" in said
    assert {one["username"] for one in accounts(tmp_path)["clients"]} == names


def test_members_that_mosquitto_leaves_out_are_no_fault(tmp_path: Path) -> None:
    """2.0.11 writes an account without `disabled`, and 2.1 a password in one member."""

    def as_others_write_it(content: Content) -> None:
        one = client(content, "bridge-info")
        line = f"$7${one.pop('iterations')}${one.pop('salt')}${one.pop('password')}"
        one["encoded_password"] = line
        for role in content["roles"]:
            for acl in role["acls"]:
                if not acl.get("priority"):
                    acl.pop("priority", None)

    spoilt(tmp_path, as_others_write_it)
    assert make(tmp_path).mended == ()


def test_the_gates_passwords_come_back_and_others_stay(tmp_path: Path) -> None:
    first = make(tmp_path)
    path = first.folder.bootstrap / "passwords"
    right = path.read_text()
    for spoilt_ in ("", "bridge:\n", "bridge:$7$101$AAAA$AAAA\n", right.splitlines()[0] + "\n", "\ufffd"):
        path.write_text("theirs:$7$101$AAAA$BBBB\n" + spoilt_)
        made = make(tmp_path)
        assert made.mended
        lines = dict(line.partition(":")[::2] for line in path.read_text().splitlines() if ":" in line)
        assert lines["theirs"] == "$7$101$AAAA$BBBB"
        for user, password in (
            (made.facts.gate.username, made.facts.gate.password),
            (made.facts.bootstrap_username, made.facts.bootstrap_password),
        ):
            assert verifies(lines[user], password)
        assert make(tmp_path).mended == ()
    path.write_bytes(b"\xff\x00\xff")
    assert make(tmp_path).mended
    assert make(tmp_path).mended == ()


@pytest.mark.parametrize("spoilt_", ["{}", '{"roles": []}', '{"defaultACLAccess": {}}'])
def test_a_file_of_accounts_in_which_no_accounts_are_named_is_made_anew(tmp_path: Path, spoilt_: str) -> None:
    first = make(tmp_path)
    first.folder.dynamic_security.write_text(spoilt_)
    made = make(tmp_path)
    assert len(made.mended) == 1
    assert set(OWN) <= {one["username"] for one in accounts(tmp_path)["clients"]}
    assert make(tmp_path).mended == ()


def test_a_password_is_verified_as_mosquitto_does() -> None:
    line = mosquitto_hash("secret").line
    assert verifies(line, "secret")
    assert not verifies(line, "Secret")
    assert not verifies(line[:-4], "secret")
    assert not verifies("", "secret")
    assert not verifies("$7$x$y$z", "secret")
    assert verifies("$argon2id$v=19$whatever", "secret"), "unknown here, so it is left alone"
