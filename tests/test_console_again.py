"""What a registration is made of that takes the place of a deleted one."""

from typing import Any

import pytest

from bridge.console.again import CannotBeKept, made_again

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
