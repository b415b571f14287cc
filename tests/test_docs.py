"""The documentation says what the code does."""

import re
from pathlib import Path

import pytest

from docs import draw, draw_commands, draw_roles

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_the_state_diagram_is_drawn_from_the_rules_as_they_are() -> None:
    assert draw.PAGE.read_text(encoding="utf-8") == draw.page(), "run make docs"


def test_the_reference_of_the_commands_is_as_the_command_line_is() -> None:
    assert draw_commands.PAGE.read_text(encoding="utf-8") == draw_commands.page(), "run make docs"
    assert draw_commands.left_out() == []


@pytest.mark.parametrize("name", draw_commands.menu().commands)
def test_every_command_argument_and_option_has_a_help_text(name: str) -> None:
    command = draw_commands.menu().commands[name]
    assert command.help
    for parameter in draw_commands.parameters(command):
        assert len((parameter.help or "").split()) > 2, parameter.name


def test_the_table_of_roles_is_drawn_from_the_grants_as_they_are() -> None:
    assert draw_roles.PAGE.read_text(encoding="utf-8") == draw_roles.page(), "run make docs"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


def test_the_readme_names_only_targets_that_make_has() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for page in PAGES:
        for target in re.findall(r"`make ([a-z-]+)`", page.read_text(encoding="utf-8")):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"{page.name}: make {target}"
