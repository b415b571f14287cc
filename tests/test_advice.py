"""Advice: what to do next after a refusal names commands that exist."""

import re
from typing import cast

import pytest
import typer

from bridge.advice import LEFT_OUT, next_step
from bridge.cli import app
from bridge.menu import Menu
from bridge.registration import Code

MENU = cast("Menu", typer.main.get_command(app))
NAMED = [
    *(text for name in MENU.commands for code in Code if (text := next_step(name, code, "bootstrap-bridge"))),
    *(step.format(program="bootstrap-bridge") for _, step in LEFT_OUT.values()),
]


@pytest.mark.parametrize("text", sorted(set(NAMED)))
def test_advice_names_commands_and_options_that_exist(text: str) -> None:
    for name in re.findall(r"bootstrap-bridge ([a-z-]+)", text):
        command = MENU.commands[name]
        for option in re.findall(r"--[a-z-]+", text):
            assert any(option in parameter.opts for parameter in command.params), option


def test_what_is_named_wrongly_is_answered_with_what_lists_it() -> None:
    assert next_step("delete-device", "NOT_FOUND", "b") == "b list-devices shows which there are"
    assert next_step("set-option", "INVALID_OPTION", "b") == "b list-options shows which there are"


def test_where_the_bridge_has_said_it_all_nothing_is_added() -> None:
    assert next_step("accept", "TOKEN_MISMATCH", "b") is None
    assert next_step("", "INTERNAL", "b") is None


def test_every_code_that_leaves_devices_out_is_one_of_the_contract() -> None:
    assert set(LEFT_OUT) <= {code.value for code in Code}
