"""Who is not at rest, what somebody does for him, and what no help makes right."""

from typing import Any

import pytest

from bridge.registration import Status
from device_sim.memory import Approach, Credentials, Memory
from tests.soak.settling import Help, Need, Registered, Rows, Seen, assess

USERNAME = "default/device_a"
CALLING = Memory("a", Approach("caller"))
HOLDING = Memory("a", Approach("caller"), Credentials("default", USERNAME, "secret", "a"))


def seen(**changes: Any) -> Seen:
    members: dict[str, Any] = {
        "id": "a",
        "tenant": "default",
        "from_file": False,
        "is_on": True,
        "is_at_home": False,
        "memory": CALLING,
        "refused": None,
    }
    return Seen(**(members | changes))


def rows(registered: Registered | None = None, **changes: Any) -> Rows:
    members: dict[str, Any] = {"devices": frozenset(), "passwords": {}, "to_do": ()}
    return Rows({} if registered is None else {"a": registered}, **(members | changes))


def of(status: Status, *, confirmed: bool = False, accepted_caller: str | None = None) -> Registered:
    return Registered(status, confirmed, accepted_caller)


AT_HOME = {"memory": HOLDING, "is_at_home": True}
INSTALLED: dict[str, Any] = {"passwords": {USERNAME: "secret"}, "devices": frozenset({"a"})}
ACCEPTED = of(Status.ACCEPTED, accepted_caller="caller")
CONFIRMED = of(Status.ACCEPTED, confirmed=True, accepted_caller="caller")


@pytest.mark.parametrize(
    ("one", "there"),
    [
        (seen(), rows()),
        (seen(**AT_HOME), rows(CONFIRMED, **INSTALLED)),
        (seen(**AT_HOME), rows(None, **INSTALLED)),
        (seen(**AT_HOME), rows(of(Status.WAITING), **INSTALLED)),
        (seen(from_file=True, is_on=False, memory=None), rows()),
        (seen(from_file=True, **AT_HOME), rows(CONFIRMED, **INSTALLED)),
    ],
)
def test_at_rest_is_who_is_at_home_with_an_account_or_calls_without_a_registration(one: Seen, there: Rows) -> None:
    assert assess([one], there) == []


@pytest.mark.parametrize(
    ("one", "there", "help_"),
    [
        (seen(), rows(of(Status.WAITING)), Help.NONE),
        (seen(), rows(of(Status.PENDING)), Help.ACCEPT),
        (seen(), rows(of(Status.BLOCKED)), Help.REGISTER_AGAIN),
        (seen(), rows(ACCEPTED, **INSTALLED), Help.NONE),
        (seen(), rows(of(Status.ACCEPTED, accepted_caller="other"), **INSTALLED), Help.REGISTER_AGAIN),
        (seen(), rows(CONFIRMED, **INSTALLED), Help.REGISTER_AGAIN),
        (seen(), rows(None, **INSTALLED), Help.REGISTER),
        (seen(memory=HOLDING), rows(CONFIRMED, **INSTALLED), Help.NONE),
        (seen(**AT_HOME), rows(ACCEPTED, **INSTALLED), Help.SWITCH_ON_AGAIN),
        (seen(**AT_HOME), rows(), Help.NONE),
        (seen(from_file=True, **AT_HOME), rows(), Help.NONE),
        (seen(from_file=True), rows(CONFIRMED, **INSTALLED), Help.NONE),
    ],
)
def test_everybody_else_waits_or_is_helped(one: Seen, there: Rows, help_: Help) -> None:
    (need,) = assess([one], there)
    assert (need.help, need.is_wrong) == (help_, False)


def test_who_was_refused_with_the_right_password_was_wronged() -> None:
    (need,) = assess([seen(refused=HOLDING)], rows(CONFIRMED, **INSTALLED))
    assert need.is_wrong
    (need,) = assess([seen(refused=HOLDING)], rows(CONFIRMED, **INSTALLED), excused=True)
    assert not need.is_wrong, "the broker had lost its accounts"
    assert assess([seen(refused=HOLDING)], rows(None)) == [], "its account has gone"
    (need,) = assess([seen(refused=HOLDING)], rows(None, **INSTALLED | {"passwords": {USERNAME: "another"}}))
    assert not need.is_wrong


def test_accounts_that_are_worked_on_are_waited_for() -> None:
    assert assess([], rows(to_do=(USERNAME,))) == [Need(USERNAME, "its account is still to be worked on")]
