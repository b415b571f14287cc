"""The menu: every command has its place, and every example can be typed as it stands."""

import shlex
from typing import cast

import pytest
import typer
from typer.testing import CliRunner

from bridge import roles
from bridge.cli import app
from bridge.menu import BEGINNING, ORDER, PANELS, PROGRAM, Menu, examples_of, panel_of

MENU = cast("Menu", typer.main.get_command(app))
EXAMPLES = [example for name in MENU.commands for example in examples_of(name)]


def test_the_command_line_is_the_menu() -> None:
    assert isinstance(MENU, Menu)


def test_every_command_stands_in_a_panel_with_an_example() -> None:
    assert [name for name in MENU.commands if panel_of(name) is None or not examples_of(name)] == []


def test_every_control_command_is_in_the_menu() -> None:
    controls = roles.COMMANDS[roles.OWNER] | roles.OF_MANAGEMENT
    assert controls <= set(ORDER)
    assert controls <= set(MENU.commands)


def test_commands_come_in_the_order_of_the_menu() -> None:
    assert list(MENU.commands) == sorted(MENU.commands, key=lambda name: ORDER[name])
    assert next(iter(MENU.commands)) == "up"
    assert len(ORDER) == sum(len(panel) for panel in PANELS.values())


@pytest.mark.parametrize("example", [*EXAMPLES, *(line[2:] for line in BEGINNING if line.startswith("$ "))])
def test_an_example_can_be_typed_as_it_stands(example: str) -> None:
    program, name, *words = shlex.split(example.split(" > ")[0].split(" < ")[0])
    assert program == PROGRAM
    command = MENU.commands[name]
    with command.make_context(name, words) as context:
        assert not context.args


@pytest.mark.parametrize(
    ("words", "default"),
    [
        (["up"], "[default: 1883]"),
        (["rotate-bootstrap-password"], "[default: the next number]"),
        (["restore"], "[default: the one that is replaced]"),
    ],
)
def test_defaults_that_are_written_by_hand_are_shown_and_not_taken_for_a_style(words: list[str], default: str) -> None:
    shown = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "300", "TERMINAL_WIDTH": "300"}).output
    assert default in " ".join(shown.split())
