"""The dynamic security plugin's file: what it lets others do, and what is put into it."""

import json
from pathlib import Path
from typing import Any

import pytest

from bridge import dynsec_file
from bridge.accounts import Login, grants
from bridge.brokers import dynamic_security
from bridge.dynsec_file import AccountsFileFault, defaults_fault, merged, openings, own_services, usernames
from bridge.mosquitto_acl import families

OURS = families("")
FRESH: dict[str, Any] = json.loads(
    dynamic_security([Login("bridge-info", "p", "service", grants.for_bridge_accounts(), "c")], [])
)


def acl(act: str, topic: str, priority: int = 0, allow: bool = True) -> dict[str, Any]:
    return {"acltype": act, "topic": topic, "priority": priority, "allow": allow}


def theirs(*acls: dict[str, Any], defaults: dict[str, bool] | None = None) -> dict[str, Any]:
    return {
        **({} if defaults is None else {"defaultACLAccess": defaults}),
        "clients": [{"username": "boss", "roles": [{"rolename": "all"}]}, {"username": "one", "groups": [GROUPED]}],
        "groups": [{"groupname": "staff", "roles": [{"rolename": "all"}], "clients": [{"username": "two"}]}],
        "roles": [{"rolename": "all", "acls": list(acls)}],
    }


GROUPED = {"groupname": "staff"}


def test_a_right_of_others_on_our_topics_is_told_with_those_who_have_it() -> None:
    found = openings(theirs(acl("publishClientSend", "#"), acl("subscribePattern", "#")), ("control/#",))
    assert [(one.holders, one.sends) for one in found] == [(("boss", "one", "two"), True)]
    assert "boss, one, two" in found[0].words


def test_the_bridges_own_roles_are_no_openings() -> None:
    assert openings(FRESH, (*OURS, "$CONTROL/#")) == []


def test_a_denial_of_higher_priority_closes() -> None:
    opened = acl("publishClientReceive", "#", 3)
    assert openings(theirs(opened, acl("publishClientReceive", "devices/#", 4, allow=False)), ("devices/#",)) == []
    assert openings(theirs(opened, acl("publishClientReceive", "devices/#", 3, allow=False)), ("devices/#",))
    assert openings(theirs(opened, acl("publishClientSend", "devices/#", 4, allow=False)), ("devices/#",))


@pytest.mark.parametrize(
    ("send", "receive", "subscribe", "words"),
    [
        (False, False, False, None),
        (False, True, False, None),
        (False, False, True, None),
        (True, False, False, "publishClientSend"),
        (False, True, True, "read all others"),
    ],
)
def test_defaults_that_let_every_device_speak_or_read_are_faults(
    send: bool, receive: bool, subscribe: bool, words: str | None
) -> None:
    found = defaults_fault(
        {"defaultACLAccess": {"publishClientSend": send, "publishClientReceive": receive, "subscribe": subscribe}}
    )
    assert found is None if words is None else words in (found or "")


def test_where_nothing_is_written_mosquittos_own_defaults_count() -> None:
    assert defaults_fault({}) is None
    assert dynsec_file.defaults({})["publishClientReceive"] is True


def test_merging_adds_ours_closes_theirs_and_leaves_the_rest() -> None:
    before = theirs(acl("publishClientSend", "#", 7), defaults={"publishClientReceive": True})
    made = merged(before, FRESH, OURS, {"bridge-info"})
    assert usernames(made) == {"boss", "one", "bridge-info"}
    assert own_services(made) == {"bridge-info"}
    assert openings(made, OURS) == []
    assert made["defaultACLAccess"] == {"publishClientReceive": True}
    assert made["groups"] == before["groups"]
    assert made["roles"][0]["acls"][0] == acl("publishClientSend", "#", 7)
    assert all(one["priority"] == 8 for one in made["roles"][0]["acls"][1:])
    assert before == theirs(acl("publishClientSend", "#", 7), defaults={"publishClientReceive": True}), "not touched"
    assert merged(made, FRESH, OURS, {"bridge-info"}) == made


@pytest.mark.parametrize("content", ["{", "[]", '{"clients": {}}', '{"roles": [1]}'])
def test_a_file_that_is_none_of_the_plugins_is_said(tmp_path: Path, content: str) -> None:
    path = tmp_path / "d.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(AccountsFileFault, match=r"d\.json"):
        dynsec_file.read(path)
    with pytest.raises(AccountsFileFault, match="nowhere"):
        dynsec_file.read(tmp_path / "nowhere")


def test_it_is_written_as_it_was_read(tmp_path: Path) -> None:
    path = tmp_path / "d.json"
    path.write_text(dynsec_file.text(FRESH), encoding="utf-8")
    assert dynsec_file.read(path) == FRESH
