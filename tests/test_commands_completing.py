"""Completion: known values, names from the bridge, and silence where there is none."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from typer.testing import CliRunner

from bridge import admin
from bridge.admin import Access, NoAnswer
from bridge.broker import LoginRefused, Unreachable
from bridge.cli import app
from bridge.commands import completing
from tests.scripted import Bridge, No

LOGIN = {"BOOTSTRAP_BRIDGE_USERNAME": "admin", "BOOTSTRAP_BRIDGE_PASSWORD": "s3cret", "BOOTSTRAP_BRIDGE_DATA": "/no"}


@dataclass
class Shell:
    """A shell in which somebody presses TAB, and a bridge or the fault of reaching it."""

    answers: Mapping[str, Any] = field(default_factory=dict)
    fault: Exception | None = None
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def offers(self, line: str, **env: str) -> list[str]:
        """Return what is offered at the end of ``line``."""
        words = line.split(" ")

        @asynccontextmanager
        async def connect(access: Access) -> AsyncIterator[Bridge]:
            if self.fault is not None:
                raise self.fault
            yield Bridge("default", dict(self.answers), asked=self.asked)

        asked = {
            "_BOOTSTRAP_BRIDGE_COMPLETE": "complete_bash",
            "COMP_WORDS": f"bootstrap-bridge {line}",
            "COMP_CWORD": str(len(words)),
        }
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(admin, "connect", connect)
            result = CliRunner().invoke(app, [], prog_name="bootstrap-bridge", env={**LOGIN, **asked, **env})
        assert result.exit_code == 0
        assert result.stderr == ""
        return result.stdout.split()


REGISTERED = {"list": {"registrations": [{"id": "pump-1"}, {"id": "pump-2"}, {"id": "my-pump"}]}}


def test_values_that_are_known_are_offered() -> None:
    completed = Shell().offers
    assert completed("list --status PEND") == ["PENDING_ACCEPTANCE"]
    assert completed("list --sort last") == ["lastSeen"]
    assert completed("create-administrator jo --role ") == ["owner", "registrar", "viewer"]
    assert completed("get-option --category dev") == ["device-registration", "devices"]
    assert "topics" in completed("set-option ")
    assert completed("get-option security-token.p") == ["security-token.policy"]


def test_the_words_of_an_option_are_offered() -> None:
    completed = Shell().offers
    assert completed("set-option security-token.policy RE") == ["REQUIRED"]
    assert completed("set-option retry-after ") == []


def test_device_ids_come_from_the_bridge() -> None:
    shell = Shell(REGISTERED)
    assert shell.offers("get pum") == ["pump-1", "pump-2"]
    assert shell.offers("delete pump-1 pum") == ["pump-2"]
    assert shell.offers("get ") == ["pump-1", "pump-2", "my-pump"]


def test_a_name_is_put_into_the_line_as_the_shell_takes_it() -> None:
    shell = Shell({"list-groups": {"groups": [{"path": "Hall;2/$(x)'s"}, {"path": "Hall\x1b[2J"}]}})
    assert shell.offers("create-group Hall") == [r"Hall\;2/\$\(x\)\'s"]
    fish = {"_BOOTSTRAP_BRIDGE_COMPLETE": "complete_fish", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    line = "create-group Hall"
    assert shell.offers(line, **fish, _TYPER_COMPLETE_ARGS=f"bootstrap-bridge {line}") == ["Hall;2/$(x)'s"]


def test_accept_offers_those_that_are_pending() -> None:
    shell = Shell(REGISTERED)
    assert shell.offers("accept pum") == ["pump-1", "pump-2"]
    assert shell.asked == [("list", {"limit": 100, "sort": "id", "search": "pum", "status": ["PENDING_ACCEPTANCE"]})]


@pytest.mark.parametrize(
    ("line", "answers"),
    [
        ("register n", {"list-unregistered": {"devices": [{"id": "new"}]}}),
        ("get-device n", {"list-devices": {"devices": [{"id": "new"}, {"id": "other"}]}}),
        ("list-devices --group n", {"list-groups": {"groups": [{"path": "new"}]}}),
        ("delete-administrator n", {"list-administrators": {"administrators": [{"name": "new"}]}}),
        ("delete-application n", {"list-applications": {"applications": [{"name": "new"}]}}),
    ],
)
def test_other_names_come_from_the_bridge_too(line: str, answers: Any) -> None:
    assert Shell(answers).offers(line) == ["new"]


@pytest.mark.parametrize(
    "fault", [Unreachable("no broker"), LoginRefused("no"), NoAnswer("no bridge"), OSError("no"), TimeoutError()]
)
def test_without_a_bridge_nothing_is_offered_and_nothing_said(fault: Exception) -> None:
    assert Shell(fault=fault).offers("get ") == []


def test_a_refusal_or_a_missing_login_offers_nothing() -> None:
    assert Shell({"list": No("NOT_PERMITTED")}).offers("get ") == []
    assert Shell(REGISTERED).offers("get ", BOOTSTRAP_BRIDGE_USERNAME="") == []


def test_a_bridge_that_is_slow_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(completing, "PATIENCE", 0.01)

    async def never(self: Bridge, command: str, payload: object = None) -> dict[str, Any]:
        await asyncio.Event().wait()
        return {}

    monkeypatch.setattr(Bridge, "request", never)
    assert Shell().offers("get ") == []
