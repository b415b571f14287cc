"""The documentation says what the code does."""

import functools
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, cast

import pytest
import typer

from bridge import cli
from bridge.applications import may_use
from bridge.arrows import Arrow
from bridge.handlers import HANDLERS, SWEEPS
from bridge.measures import EVENTS
from bridge.names import DEFAULT, MANAGEMENT
from bridge.options import OPTIONS, TOPICS, Values
from bridge.registration import Code, Status
from bridge.speaking import app
from docs import draw, draw_attacks, draw_commands, draw_crashes, draw_roles
from tests.invariants import INVARIANTS
from tests.world import World

assert cli  # imported for the commands it adds to the app

ROOT = Path(__file__).parent.parent
SECURITY = ROOT / "SECURITY.md"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", SECURITY, *sorted((ROOT / "docs").rglob("*.md"))]
GUIDE = ROOT / "docs" / "administrators.md"
APPLICATIONS = ROOT / "docs" / "applications.md"
PROGRAM: Final = "bootstrap-bridge"
OPERATORS: Final = frozenset("();<>|&")


def fenced(page: Path, *kinds: str) -> Iterator[str]:
    """Yield the lines in the blocks of ``page`` that are marked as one of ``kinds``, whatever their indentation."""
    inside: str | None = None
    for line in page.read_text(encoding="utf-8").splitlines():
        text = line.strip()
        if text.startswith("```"):
            inside = text.removeprefix("```") if inside is None else None
        elif inside in kinds:
            yield text


def words(line: str) -> list[str]:
    """Split a line as a shell does, up to a pipe or the next command; comments and redirections are left out."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    found: list[str] = []
    tokens = iter(lexer)
    for token in tokens:
        if set(token) <= {"<", ">"}:
            next(tokens)
        elif set(token) <= OPERATORS:
            break
        else:
            found.append(token)
    return found


def examples(page: Path) -> list[list[str]]:
    """Return what follows the name of our program in each example of ``page``; COMMAND stands for any of them."""
    lines = [line.removeprefix("$ ") for line in fenced(page, "sh", "console")]
    inline = re.findall(rf"`({PROGRAM} [^`\n]+)`", page.read_text(encoding="utf-8"))
    # Brackets, in which a synopsis puts what may be left out, are no part of the command.
    lines += [re.sub(r"[\[\]]", "", example) for example in inline]
    found = [words(line)[1:] for line in lines if line.startswith(f"{PROGRAM} ")]
    return [example for example in found if example[0] != "COMMAND"]


@functools.cache
def _menu() -> Any:
    return cast("Any", typer.main.get_command(app))


def parsed(arguments: list[str]) -> tuple[str, dict[str, Any]]:
    """Let the command line read an example as it reads what people type, and return command and parameters."""
    menu = _menu()
    name, *rest = arguments
    if name.startswith("-"):
        assert any(name in parameter.opts for parameter in menu.params), f"there is no option {name}"
        return name, {}
    assert name in menu.commands, f"there is no command {name}"
    return name, menu.commands[name].make_context(name, rest).params


def requests(page: Path) -> list[tuple[str, str, dict[str, Any]]]:
    """Return the raw requests of ``page`` as (who, command, payload): ask asks as an owner, root as management."""
    found = []
    for line in fenced(page, "sh"):
        who, *rest = words(line) if line.startswith(("ask ", "root ")) else [""]
        if who in {"ask", "root"}:
            command, payload = rest
            found.append((who, command, json.loads(payload)))
    return found


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


def test_the_arrows_and_the_invariants_stand_in_the_page_as_they_are_in_the_code() -> None:
    assert draw_crashes.PAGE.read_text(encoding="utf-8") == draw_crashes.page(), "run make docs"
    for arrow in Arrow:
        assert f"| `{arrow.name}` | {arrow.value} |" in draw_crashes.page()
    assert draw_crashes.invariants().count("\n") == len(INVARIANTS) + 1


def test_the_table_of_attacks_is_drawn_from_the_rows_that_are_tried() -> None:
    assert draw_attacks.PAGE.read_text(encoding="utf-8") == draw_attacks.page(), "run make docs"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_a_chapter_name_one_that_is_there(page: Path) -> None:
    for target, chapter in re.findall(r"\]\(([^)#]*)#([^)]*)\)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            text = (page.parent / target if target else page).read_text(encoding="utf-8")
            headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
            anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
            assert chapter in anchors, f"{target}#{chapter}"


def test_the_readme_names_only_targets_that_make_has() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for page in PAGES:
        for target in re.findall(r"`make ([a-z-]+)`", page.read_text(encoding="utf-8")):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"{page.name}: make {target}"


def test_what_the_security_page_names_is_there() -> None:
    text = SECURITY.read_text(encoding="utf-8")
    tests = re.findall(r"`(tests/[^`]+)`", text)
    assert len(tests) > 8
    assert [path for path in tests if not (ROOT / path).exists()] == []
    options = {
        option for command in draw_commands.menu().commands.values() for each in command.params for option in each.opts
    }
    named = set(re.findall(r"`(?:[a-z-]+ )?(--[a-z-]+)`", text))
    assert named <= options
    keys = set(re.findall(r"`(security-token\.[a-z.-]+|redelivery\.[a-z.-]+)`", text))
    assert keys
    assert keys <= set(OPTIONS)
    told = set(EVENTS.labels["event"])
    assert {"claim-conflict", "request-after-completion"} <= {word for word in told if f"`{word}`" in text}
    linked = re.findall(r"^- \[[^]]+\]\(#[^)]+\)$", text, re.MULTILINE)
    assert len(linked) == len(re.findall(r"^## ", text, re.MULTILINE)), "every chapter stands in the list at the top"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_example_on_the_command_line_can_be_typed(page: Path) -> None:
    for example in examples(page):
        parsed(example)


def test_examples_are_found_where_there_are_some() -> None:
    assert ["register", "pump-7"] in [example[:2] for example in examples(ROOT / "README.md")]
    assert ["get", "ID"] in examples(ROOT / "docs" / "operating.md")
    assert len(examples(GUIDE)) > 50
    with pytest.raises(AssertionError):
        parsed(["regsiter", "pump-7"])
    with pytest.raises(typer.TyperException):
        parsed(["register", "pump-7", "--tokenfile", "label.txt"])


@pytest.mark.parametrize("command", sorted({*HANDLERS, *SWEEPS}))
def test_the_administrators_guide_shows_every_command(command: str) -> None:
    assert command in {example[0] for example in examples(GUIDE)}


@pytest.mark.parametrize("command", sorted({*HANDLERS, *SWEEPS} - {"bulk-register", "bulk-validate"}))
def test_the_administrators_guide_has_the_raw_request_of_every_command(command: str) -> None:
    assert command in {asked for _, asked, _ in requests(GUIDE)}


async def test_no_raw_request_of_the_administrators_guide_is_misunderstood(world: World) -> None:
    misunderstood = {
        Code.MALFORMED_REQUEST,
        Code.UNKNOWN_COMMAND,
        Code.UNKNOWN_TENANT,
        Code.INVALID_ID,
        Code.INVALID_OPTION,
        Code.NOT_PERMITTED,
        Code.LIMIT_REACHED,
        Code.TENANT_AND_GROUP,
        Code.INTERNAL,
    }
    for who, command, payload in requests(GUIDE):
        answer = await world.answer(command, payload, who="management/root" if who == "root" else "default/admin")
        assert answer["ok"] or answer["error"]["code"] not in misunderstood, (command, payload, answer)


def test_the_table_of_options_in_the_guide_is_that_of_the_code() -> None:
    rows = re.findall(
        r"^\| `([a-z.-]+)` \| (.*?) \| ?(.*?) \| (.*?) \| (.*?) \| .+ \|$", GUIDE.read_text(), re.MULTILINE
    )
    shown = {key: tuple(cells) for key, *cells in rows}
    wanted = {}
    for key, option in OPTIONS.items():
        taken = option.range
        limits = f"{taken[0]} to {taken[1]}" if isinstance(taken[0], int) else ", ".join(map(str, taken))
        default = "none" if option.default == [] else str(option.default)
        wanted[key] = (option.type, option.unit or "", default, limits)
    assert shown == wanted


def test_the_contract_names_every_code_status_command_and_option() -> None:
    contract = (ROOT / "docs" / "contract.md").read_text(encoding="utf-8")
    for word in (*Code, *Status, *HANDLERS, *SWEEPS, *OPTIONS):
        assert f"`{word}`" in contract, word


def test_the_page_about_cumulocity_places_every_code_status_and_option() -> None:
    page = (ROOT / "docs" / "cumulocity.md").read_text(encoding="utf-8")
    for word in (*Code, *Status, *OPTIONS):
        assert f"`{word}`" in page, word


def test_applications_in_the_examples_may_have_the_filters_that_they_ask_for() -> None:
    values: Values = {}
    filters = 0
    for page in (APPLICATIONS, GUIDE, ROOT / "README.md"):
        for name, given in map(parsed, examples(page)):
            if name == "set-option" and given["key"] == TOPICS:
                values = {**values, (MANAGEMENT, TOPICS): list(given["values"])}
            if name == "create-application":
                for one in (*(given["read"] or ()), *(given["write"] or ())):
                    filters += 1
                    assert may_use(one, DEFAULT, values, alone=True), (page.name, one)
    assert filters > 10


def test_the_glossary_is_in_order() -> None:
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| ([^|]+?) \|", text, re.MULTILINE)[1:]
    assert listed == sorted(listed, key=lambda word: re.sub(r"\W", "", word).casefold())
