"""The commands for devices, groups, people and tenants as a person types them; and a person at a terminal."""

import contextlib
import json
import os
import pty
import select
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.peer import administrator, device
from tests.e2e.scenes import accepted, enter
from tests.e2e.site import BIN, PATIENCE, UpSite, run, running, wait_until
from tests.e2e.test_cli import PLAIN, said

PROGRAM = str(BIN / "bootstrap-bridge")


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpSite]:
    """An installation for the commands of this module; ids are each test's own."""
    with running(UpSite(tmp_path_factory.mktemp("inventory") / "data")) as site:
        assert isinstance(site, UpSite)
        yield site


class Terminal:
    """A command at a terminal of its own, with somebody who reads and types."""

    def __init__(self, at: UpSite, *words: str) -> None:
        self.end, slave = pty.openpty()
        env = {**os.environ, **PLAIN, "COLUMNS": "100"}
        self.process = subprocess.Popen(
            [PROGRAM, *words, "--data", str(at.data)], stdin=slave, stdout=slave, stderr=slave, env=env
        )
        os.close(slave)
        self.shown = ""

    def reads(self, expected: str) -> None:
        """Read until ``expected`` is shown."""
        deadline = time.monotonic() + PATIENCE
        while expected not in self.shown:
            assert time.monotonic() < deadline, f"{expected!r} is not in {self.shown!r}"
            if select.select([self.end], [], [], 0.1)[0]:
                try:
                    self.shown += os.read(self.end, 4096).decode()
                except OSError:  # the command has ended
                    assert expected in self.shown, self.shown
                    return

    def types(self, text: str) -> None:
        os.write(self.end, f"{text}\n".encode())

    def ended(self) -> int:
        return self.process.wait(PATIENCE)


@contextlib.contextmanager
def sitting(at: UpSite, *words: str) -> Iterator[Terminal]:
    terminal = Terminal(at, *words)
    try:
        yield terminal
    finally:
        terminal.process.kill()
        terminal.process.wait()
        os.close(terminal.end)


async def in_the_inventory(at: UpSite, *ids: str, group: str) -> None:
    """Devices that came through: registered, called, accepted."""
    said(at.cli("register", *ids, "--group", group), 0)
    async with contextlib.AsyncExitStack() as stack:
        for device_id in ids:
            caller = await stack.enter_async_context(device(at.access, device_id))
            await caller.ask({})
            said(at.cli("accept", device_id), 0)
            await accepted(caller)


async def test_devices_and_groups_by_command_line(at: UpSite) -> None:
    assert "list" in said(at.cli("list-devices"), 0)
    await in_the_inventory(at, "inv-1", "inv-2", group="Hall 2/North")
    text = said(at.cli("list-devices", "--search", "INV-", "--sort=-id"), 0)
    assert text.index("inv-2") < text.index("inv-1")
    assert "Tenant" not in text
    words = ("update-device", "inv-1", "--name", "Pump", "--group", "Yard", "--property", "site.floor:=3")
    assert '"floor": 3' in said(at.cli(*words), 0)
    assert "Hall 2/North" not in said(at.cli("list-devices", "--group", "Yard"), 0)
    assert "Pump" in said(at.cli("get-device", "inv-1"), 0)
    said(at.cli("update-device", "inv-1", "--remove-property", "site"), 0)
    device = json.loads(at.cli("get-device", "inv-1", "--json").stdout)["result"]
    assert device["properties"] == {}
    said(at.cli("create-group", "Empty/Inner"), 0)
    rows = [line.split("  ")[0] for line in at.cli("list-groups").stdout.splitlines()]
    assert {"Empty", "Empty/Inner", "Hall 2", "Hall 2/North", "Yard"} <= set(rows)
    assert "INVALID_STATE" in said(at.cli("delete-group", "Yard"), 1)
    said(at.cli("delete-group", "Empty/Inner"), 0)
    said(at.cli("delete-device", "inv-1"), 0)
    assert "list-devices" in said(at.cli("get-device", "inv-1"), 1)
    assert "delete-device" in said(at.cli("audit", "--id", "inv-1"), 0)


async def test_who_called_unregistered_can_be_registered(at: UpSite) -> None:
    async with device(at.access, "stranger-1") as caller:
        await caller.ask({})
    text = said(at.cli("list-unregistered"), 0)
    assert "stranger-1" in text
    assert "bootstrap-bridge register" in text
    said(at.cli("register", "stranger-1"), 0)
    assert "stranger-1" not in at.cli("list-unregistered").stdout


def test_people_log_in_with_the_password_that_was_printed(at: UpSite) -> None:
    made = at.cli("create-administrator", "jo", "--role", "viewer")
    said(made, 0)
    password = made.stdout.strip()
    assert made.stdout == f"{password}\n"
    login: dict[str, Any] = {"BOOTSTRAP_BRIDGE_USERNAME": "jo", "BOOTSTRAP_BRIDGE_PASSWORD": password}
    wait_until(lambda: at.cli("list", **login).returncode == 0, "the new administrator is let in")
    assert "NOT_PERMITTED" in said(at.cli("register", "jo-1", **login), 1)
    assert "jo" in said(at.cli("list-administrators"), 0)
    said(at.cli("delete-administrator", "jo"), 0)
    wait_until(lambda: at.cli("list", **login).returncode == 3, "the deleted administrator is not let in")
    chosen = at.cli("create-application", "dash", "--new-password-file", "-", stdin="a-chosen-password\n")
    assert "a-chosen-password" not in said(chosen, 0)
    assert "devices/default/#" in said(at.cli("list-applications"), 0)
    said(at.cli("delete-application", "dash"), 0)


def test_tenants_are_made_by_management(at: UpSite) -> None:
    assert "--for-tenant acme" in said(at.cli("create-tenant", "acme"), 0)
    made = at.cli("create-administrator", "kim", "--role", "owner", "--for-tenant", "acme")
    said(made, 0)
    login: dict[str, Any] = {
        "BOOTSTRAP_BRIDGE_TENANT": "acme",
        "BOOTSTRAP_BRIDGE_USERNAME": "kim",
        "BOOTSTRAP_BRIDGE_PASSWORD": made.stdout.strip(),
    }
    wait_until(lambda: at.cli("list", **login).returncode == 0, "the first administrator is let in")
    assert "acme" in said(at.cli("list-tenants"), 0)
    said(at.cli("set-option", "topics", "plant/{tenant}/{id}/#"), 0)
    said(at.cli("set-option", "topics", "[]"), 0)
    assert "acme" in said(at.cli("audit", "--tenant", "management"), 0)


async def test_a_person_at_a_terminal_is_asked_for_the_token_and_it_is_not_shown(at: UpSite) -> None:
    said(at.cli("register", "term-1"), 0)
    async with contextlib.AsyncExitStack() as stack:
        await enter(stack, at.access, "term-1", {})
        caller = await enter(stack, at.access, "term-1", {"securityToken": "on-the-label"})
        with sitting(at, "accept", "term-1") as terminal:
            terminal.reads("Which one is it?")
            terminal.types("2")
            terminal.reads("Security token on the label of term-1")
            terminal.types("on-the-label")
            terminal.reads("term-1 is accepted")
            assert terminal.ended() == 0
            assert "on-the-label" not in terminal.shown
        assert (await accepted(caller))["deviceId"] == "term-1"
    async with administrator(at.access) as admin:
        assert (await admin.get("term-1"))["status"] == "ACCEPTED"
    for answer, status in (("n", 1), ("y", 0)):
        with sitting(at, "delete-device", "term-1") as terminal:
            terminal.reads("[y/N]")
            terminal.types(answer)
            assert terminal.ended() == status


def test_ctrl_c_at_a_question_ends_the_command_and_keeps_the_device(at: UpSite) -> None:
    with sitting(at, "delete-device", "term-2") as terminal:
        terminal.reads("[y/N]")
        terminal.process.send_signal(2)
        assert terminal.ended() == 130


def test_the_shell_completes_ids_from_the_bridge(at: UpSite) -> None:
    said(at.cli("register", "tab-1", "tab-2"), 0)
    line: dict[str, Any] = {"COMP_WORDS": f"bootstrap-bridge get --data {at.data} tab", "COMP_CWORD": "4"}
    done = run(PROGRAM, _BOOTSTRAP_BRIDGE_COMPLETE="complete_bash", **line)
    assert done.stdout.split() == ["tab-1", "tab-2"]
