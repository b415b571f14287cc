"""Who may do what."""

from bridge.handlers import HANDLERS
from bridge.roles import CHANGING, COMMANDS

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


def test_no_role_has_more_than_the_contract_gives() -> None:
    assert COMMANDS["viewer"] <= set(CONTRACT["viewer"])
    assert COMMANDS["registrar"] - COMMANDS["viewer"] <= set(CONTRACT["registrar"])


def test_a_viewer_changes_nothing() -> None:
    assert not CHANGING & COMMANDS["viewer"]
    assert COMMANDS["owner"] >= CHANGING


def test_every_command_of_a_role_is_done_by_somebody() -> None:
    assert set(HANDLERS) | {"accept-all"} == COMMANDS["owner"]
