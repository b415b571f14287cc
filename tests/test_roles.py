"""Who may do what."""

from bridge.handlers import HANDLERS, SWEEPS
from bridge.roles import CHANGING, COMMANDS, OF_MANAGEMENT, commands_of

CONTRACT = {
    "viewer": [
        "list",
        "get",
        "list-groups",
        "list-devices",
        "get-device",
        "list-unregistered",
        "audit",
        "stats",
        "template",
    ],
    "registrar": ["register", "accept", "accept-all", "delete", "bulk-register", "bulk-validate"],
}


def test_each_role_has_what_the_one_below_has_and_more() -> None:
    assert COMMANDS["viewer"] < COMMANDS["registrar"] < COMMANDS["owner"]


def test_a_role_has_what_the_contract_gives() -> None:
    assert COMMANDS["viewer"] == set(CONTRACT["viewer"])
    assert COMMANDS["registrar"] - COMMANDS["viewer"] == set(CONTRACT["registrar"])


def test_a_viewer_changes_nothing() -> None:
    assert not CHANGING & COMMANDS["viewer"]
    assert COMMANDS["owner"] | OF_MANAGEMENT >= CHANGING


def test_every_command_of_a_role_is_done_by_somebody() -> None:
    assert set(HANDLERS) | set(SWEEPS) == COMMANDS["owner"] | OF_MANAGEMENT


def test_tenants_are_made_by_the_owners_of_management_alone() -> None:
    for role in COMMANDS:
        for management in (True, False):
            assert (commands_of(role, management=management) >= OF_MANAGEMENT) == (management and role == "owner")
