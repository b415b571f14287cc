"""Administrators, applications and tenants: what is sent, and that a password is shown once and alone."""

import json
from pathlib import Path

import pytest

from tests.scripted import No, typed

MADE = {"name": "jo", "role": "viewer", "password": "generated-once"}
CHOSEN = {"name": "jo", "role": "viewer"}


def test_a_generated_password_stands_alone_on_standard_output() -> None:
    said = typed("create-administrator", "jo", "--role", "viewer", answers={"create-administrator": MADE})
    assert said.sent == {"name": "jo", "role": "viewer"}
    assert said.out == "generated-once\n"
    assert "generated-once" not in said.err
    assert "shown this once" in said.err
    assert typed("create-application", "app", answers={"create-application": MADE}).out == "generated-once\n"


def test_a_password_is_printed_whole_on_a_narrow_terminal() -> None:
    long = {**MADE, "password": "x" * 120}
    said = typed("create-application", "app", answers={"create-application": long}, terminal_lines=[], width=40)
    assert said.out == "x" * 120 + "\n"


def test_a_chosen_password_comes_from_a_file_or_standard_input_and_is_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(" with spaces \r\n")
    answers = {"create-administrator": CHOSEN, "create-application": {"name": "app"}}
    words = ("create-administrator", "jo", "--role", "owner", "--new-password-file")
    said = typed(*words, str(file), answers=answers)
    assert said.sent == {"name": "jo", "role": "owner", "password": " with spaces "}
    assert "with spaces" not in said.out + said.err
    assert typed(*words, "-", stdin="chosen-pw\n", answers=answers).sent["password"] == "chosen-pw"
    said = typed("create-application", "app", "--new-password-file", "-", stdin="chosen-pw", answers=answers)
    assert said.sent == {"name": "app", "password": "chosen-pw"}


def test_a_chosen_password_is_asked_for_twice_without_echo() -> None:
    said = typed(
        "create-administrator",
        *("jo", "--role", "viewer", "--ask-password"),
        answers={"create-administrator": CHOSEN},
        terminal_lines=["first-try", "other", "chosen-pw", "chosen-pw"],
    )
    assert said.sent["password"] == "chosen-pw"
    assert said.questions == ["Password for jo: (hidden)", "The same again: (hidden)"] * 2
    assert "chosen-pw" not in said.out + said.err


@pytest.mark.parametrize("content", ["", "\n", "two\nlines\n"])
def test_a_file_without_one_password_is_wrong_usage(content: str) -> None:
    words = ("create-administrator", "jo", "--role", "viewer", "--new-password-file", "-")
    said = typed(*words, stdin=content)
    assert (said.status, said.asked) == (2, [])


@pytest.mark.parametrize(
    "words",
    [
        ("jo",),
        ("jo", "--role", "king"),
        ("jo", "--role", "viewer", "--ask-password"),
        ("jo", "--role", "viewer", "--ask-password", "--new-password-file", "-"),
        ("jo", "--role", "viewer", "--new-password-file", "/nowhere/at/all"),
    ],
    ids=" ".join,
)
def test_what_makes_no_administrator_is_wrong_usage(words: tuple[str, ...]) -> None:
    said = typed("create-administrator", *words)
    assert (said.status, said.asked) == (2, [])


def test_an_administrator_for_another_tenant() -> None:
    said = typed(
        *("create-administrator", "jo", "--role", "owner", "--for-tenant", "acme"),
        answers={"create-administrator": MADE},
        tenant="management",
    )
    assert said.sent == {"name": "jo", "role": "owner", "tenant": "acme"}


def test_filters_of_an_application_are_sent_as_lists() -> None:
    words = ("create-application", "app", "--read", "devices/default/+/t", "--read", "x/#", "--write", "y")
    assert typed(*words, answers={"create-application": MADE}).sent == {
        "name": "app",
        "read": ["devices/default/+/t", "x/#"],
        "write": ["y"],
    }


@pytest.mark.parametrize("command", ["delete-administrator", "delete-application"])
def test_deleting_a_login_is_asked_about_where_somebody_can_answer(command: str) -> None:
    answers = {command: {"name": "jo"}}
    assert typed(command, "jo", answers=answers, terminal_lines=[""]).asked == []
    for said in (
        typed(command, "jo", answers=answers, terminal_lines=["yes"]),
        typed(command, "jo", "--yes", answers=answers, terminal_lines=[]),
        typed(command, "jo", answers=answers),
    ):
        assert (said.sent, said.lines, said.status) == ({"name": "jo"}, ["jo is deleted"], 0)
    said = typed(command, "jo", answers={command: No("NOT_FOUND", "no jo")})
    assert f"bootstrap-bridge {command.replace('delete', 'list')}s" in said.err


def test_administrators_are_listed_with_a_tenant_only_where_there_are_several() -> None:
    rows = [
        {"name": "admin", "tenant": "default", "role": "owner"},
        {"name": "jo", "tenant": "default", "role": "viewer"},
    ]
    said = typed("list-administrators", answers={"list-administrators": {"administrators": rows}})
    assert [line.split() for line in said.lines] == [["Administrator", "Role"], ["admin", "owner"], ["jo", "viewer"]]
    rows.append({"name": "kim", "tenant": "acme", "role": "owner"})
    said = typed("list-administrators", answers={"list-administrators": {"administrators": rows}}, tenant="management")
    assert said.lines[-1].split() == ["kim", "acme", "owner"]


def test_applications_are_listed_with_what_they_read_and_write() -> None:
    rows = [{"name": "app", "read": ["devices/default/#", "x/#"], "write": []}]
    said = typed("list-applications", answers={"list-applications": {"applications": rows}})
    assert [line.split() for line in said.lines] == [
        ["Application", "Reads", "Writes"],
        ["app", "devices/default/#"],
        ["x/#"],
    ]
    none = typed("list-applications", answers={"list-applications": {"applications": []}})
    assert "create-application" in none.lines[-1]


def test_a_new_tenant_is_followed_by_how_to_make_its_first_administrator() -> None:
    said = typed("create-tenant", "acme", "--name", "Acme", answers={"create-tenant": {"id": "acme", "name": "Acme"}})
    assert said.sent == {"id": "acme", "name": "Acme"}
    assert said.lines[-1] == "  bootstrap-bridge create-administrator NAME --role owner --for-tenant acme"
    said = typed("list-tenants", "--json", answers={"list-tenants": {"tenants": [{"id": "acme", "name": "Acme"}]}})
    assert json.loads(said.out)["ok"]
    said = typed("list-tenants", answers={"list-tenants": {"tenants": [{"id": "acme", "name": "A\x1b"}]}})
    assert said.lines[-1].split() == ["acme", "A�"]
