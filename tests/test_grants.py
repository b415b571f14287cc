"""What each kind of account may do on the operations broker."""

import pytest

from bridge.accounts import grants
from bridge.accounts.grants import Act, Grant
from bridge.roles import COMMANDS
from bridge.wire import Topics

TOPICS = Topics()
SEND, RECEIVE, PATTERN, LITERAL = Act


def by_act(granted: tuple[Grant, ...]) -> dict[Act, set[str]]:
    return {act: {grant.topic for grant in granted if grant.act is act} for act in Act}


def test_the_acts_are_the_plugins() -> None:
    assert [act.value for act in Act] == [
        "publishClientSend",
        "publishClientReceive",
        "subscribePattern",
        "subscribeLiteral",
    ]
    assert Grant(SEND, "a/b").members == {"acltype": "publishClientSend", "topic": "a/b", "priority": 0, "allow": True}


def test_a_device_has_its_own_topics_and_no_others() -> None:
    own = {"devices/t1/pump-7/#"}
    assert by_act(grants.for_device(TOPICS, "t1", "pump-7")) == {SEND: own, RECEIVE: own, PATTERN: own, LITERAL: set()}


@pytest.mark.parametrize("role", ["viewer", "registrar"])
def test_an_administrator_may_send_the_commands_of_the_role(role: str) -> None:
    acts = by_act(grants.for_administrator(TOPICS, "t1", "ada", role))
    assert acts == {
        SEND: {f"control/t1/ada/request/{command}" for command in COMMANDS[role]},
        RECEIVE: {"control/t1/ada/response", "events/t1/#", "bridge/state"},
        PATTERN: {"events/t1/#"},
        LITERAL: {"control/t1/ada/response", "bridge/state"},
    }


def test_an_owner_may_send_any_command_so_that_an_unknown_one_is_answered() -> None:
    assert by_act(grants.for_administrator(TOPICS, "t1", "ada", "owner"))[SEND] == {"control/t1/ada/request/+"}


def test_management_hears_the_events_of_all() -> None:
    acts = by_act(grants.for_administrator(TOPICS, "management", "root", "owner"))
    assert "events/#" in acts[PATTERN] & acts[RECEIVE]


def test_the_bridges_own_accounts_have_one_task_each() -> None:
    requests, infos, accounts = {"control/+/+/request/+"}, {"devices/+/+/info"}, {"$CONTROL/dynamic-security/#"}
    assert by_act(grants.for_bridge_control(TOPICS)) == {
        SEND: {"control/+/+/response", "events/#", "bridge/state"},
        RECEIVE: requests,
        PATTERN: requests,
        LITERAL: set(),
    }
    barrier = {"devices/-/-/info"}
    assert by_act(grants.for_bridge_info(TOPICS)) == {SEND: barrier, RECEIVE: infos, PATTERN: infos, LITERAL: set()}
    assert by_act(grants.for_bridge_accounts()) == {
        SEND: accounts,
        RECEIVE: accounts,
        PATTERN: accounts,
        LITERAL: set(),
    }


def test_no_account_may_touch_anything_outside_the_prefix() -> None:
    below = Topics.below("site")
    for granted in (
        grants.for_device(below, "t1", "x"),
        grants.for_administrator(below, "t1", "ada", "owner"),
        grants.for_administrator(below, "management", "root", "viewer"),
        grants.for_device(below, "t1", "x", ["plant/{id}"]),
        grants.for_application(below, "t1", ["devices/t1/#"], ["plant/+"]),
        grants.for_bridge_control(below),
        grants.for_bridge_info(below),
    ):
        assert all(grant.topic.startswith("site/") for grant in granted)


def test_nobody_but_the_bridge_reaches_the_plugin() -> None:
    for role in COMMANDS:
        granted = grants.for_administrator(TOPICS, "management", "root", role)
        assert not any(grant.topic.startswith(("$", "#")) for grant in granted)


def test_a_device_has_the_further_topics_of_its_tenant_with_its_id() -> None:
    granted = grants.for_device(TOPICS, "t1", "pump-7", ["plant/t1/{id}/#", "{id}/x/{id}"])
    expected = {"devices/t1/pump-7/#", "plant/t1/pump-7/#", "pump-7/x/pump-7"}
    assert by_act(granted) == {SEND: expected, RECEIVE: expected, PATTERN: expected, LITERAL: set()}


def test_an_application_never_speaks_for_a_device_whatever_it_was_granted() -> None:
    granted = grants.for_application(TOPICS, "t1", ["devices/t1/#"], ["devices/t1/#", "devices/t1/+/cmd"])
    deny = Grant(SEND, "devices/t1/+/info", allow=False, priority=1)
    assert deny in granted
    allowed = tuple(grant for grant in granted if grant is not deny and grant != deny)
    assert all(grant.allow and grant.priority < deny.priority for grant in allowed)
    read = {"devices/t1/#"}
    assert by_act(allowed) == {
        SEND: {"devices/t1/#", "devices/t1/+/cmd"},
        RECEIVE: read,
        PATTERN: read,
        LITERAL: set(),
    }
    assert deny in grants.for_application(TOPICS, "t1", [], [])


def test_what_an_account_may_do_has_a_digest_of_its_own_whatever_the_order() -> None:
    one = grants.for_device(TOPICS, "t1", "x", ["a/{id}", "b/{id}"])
    assert grants.digest_of(one) == grants.digest_of(tuple(reversed(one)))
    others = [grants.for_device(TOPICS, "t1", "x"), grants.for_application(TOPICS, "t1", [], [])]
    assert len({grants.digest_of(granted) for granted in (one, *others)}) == 3
