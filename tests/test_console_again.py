"""Deleting a registration and making it anew: what is kept, and what comes between both."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from bridge.admin import RefusedByBridge
from bridge.console.again import CannotBeKept, NotRegistered, made_again, replace
from bridge.console.session import Away, Ended, State

BEFORE: dict[str, Any] = {
    "id": "pump-7",
    "status": "BLOCKED",
    "tenant": "default",
    "owner": "default/somebody",
    "name": "Pump",
    "type": "pump",
    "group": "Hall/West",
    "properties": {"made": 2026},
    "failedAttempts": 5,
    "claims": [],
    "autoAccept": True,
}


def again(token: str = "", auto_accept: bool = False, own_tenant: str = "default", **other: Any) -> dict[str, Any]:
    return made_again({**BEFORE, **other}, token, auto_accept=auto_accept, own_tenant=own_tenant)


def test_all_that_was_said_about_the_device_is_kept_and_nothing_else() -> None:
    assert again() == {
        "id": "pump-7",
        "name": "Pump",
        "type": "pump",
        "group": "Hall/West",
        "properties": {"made": 2026},
    }


def test_what_was_not_said_is_not_said_again() -> None:
    bare = {key: BEFORE[key] for key in ("id", "tenant")}
    assert made_again({**bare, "properties": {}}, "", auto_accept=False, own_tenant="default") == {"id": "pump-7"}


def test_a_token_given_anew_goes_along_as_it_was_typed() -> None:
    assert again(" t0ken ", auto_accept=True)["securityToken"] == " t0ken "
    assert again(" t0ken ", auto_accept=True)["autoAccept"] is True


def test_without_a_token_nothing_is_accepted_by_itself() -> None:
    assert "autoAccept" not in again("  ", auto_accept=True)


def test_management_gives_it_back_to_its_tenant() -> None:
    made = again(own_tenant="management", group=None)
    assert (made["tenant"], "group" in made) == ("default", False)


def test_a_group_of_another_tenant_stops_it_before_anything_is_deleted() -> None:
    with pytest.raises(CannotBeKept, match=r"Hall/West, is of the tenant default"):
        again(own_tenant="management")


def test_a_token_that_is_too_long_stops_it_before_anything_is_deleted() -> None:
    assert again(" " * 50 + "x" * 256)["securityToken"].strip() == "x" * 256
    with pytest.raises(CannotBeKept, match="at most 256 characters"):
        again("x" * 257)


def test_a_token_that_no_message_can_hold_stops_it_before_anything_is_deleted() -> None:
    assert again("whole \U0001f511")["securityToken"] == "whole \U0001f511"
    with pytest.raises(CannotBeKept, match="half a character"):
        again("half \ud83d")


class FakeSession:
    """A session whose requests end as scripted: None is an answer, an exception is raised."""

    def __init__(self, *script: Exception | None) -> None:
        self.state = State.ONLINE
        self.asked: list[str] = []
        self._script = list(script)
        self._watchers: list[Callable[[], None]] = []

    async def request(
        self, command: str, payload: Mapping[str, Any] | bytes | None = None, *, request_id: str | None = None
    ) -> dict[str, Any]:
        self.asked.append(command)
        assert isinstance(payload, dict)
        assert payload["id"] == "pump-7"
        what = self._script.pop(0)
        if isinstance(what, Away):
            self.state = State.BROKER_AWAY
        if what is not None:
            raise what
        return {}

    def watch(self, watcher: Callable[[], None]) -> Callable[[], None]:
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher)

    def become(self, state: State) -> None:
        self.state = state
        for watcher in list(self._watchers):
            watcher()


def refusal(code: str) -> RefusedByBridge:
    return RefusedByBridge(code, "because", {})


async def replacing(session: FakeSession) -> int:
    """Replace a registration, bringing the connection back whenever it is told to be away; return how often it was."""
    told = 0

    def tell() -> None:
        nonlocal told
        told += 1
        asyncio.get_running_loop().call_soon(session.become, State.BRIDGE_AWAY)
        asyncio.get_running_loop().call_later(0, lambda: session.become(State.ONLINE))

    await replace(session, {"id": "pump-7"}, tell)
    assert session._watchers == []
    return told


async def test_it_is_deleted_and_registered() -> None:
    session = FakeSession(None, None)
    assert await replacing(session) == 0
    assert session.asked == ["delete", "register"]


async def test_a_refusal_to_delete_leaves_all_as_it_is() -> None:
    session = FakeSession(refusal("NOT_PERMITTED"))
    with pytest.raises(RefusedByBridge):
        await replacing(session)
    assert session.asked == ["delete"]


async def test_it_goes_on_when_broker_or_bridge_are_back_and_does_nothing_twice() -> None:
    """Either answer may have been lost with the connection."""
    lost = [Away("away"), refusal("NOT_FOUND"), Away("away"), Away("away"), refusal("ALREADY_REGISTERED")]
    session = FakeSession(*lost)
    assert await replacing(session) == 3
    assert session.asked == ["delete", "delete", "register", "register", "register"]


async def test_a_refusal_to_register_what_is_deleted_is_told_apart() -> None:
    with pytest.raises(NotRegistered) as caught:
        await replacing(FakeSession(None, refusal("ALREADY_EXISTS")))
    assert caught.value.refusal.code == "ALREADY_EXISTS"


async def test_the_end_of_the_session_ends_it() -> None:
    with pytest.raises(Ended):
        await replacing(FakeSession(None, Ended()))
