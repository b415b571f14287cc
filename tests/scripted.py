"""The command line at a bridge that answers as it is told: what is typed, what is sent, what is printed."""

import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from rich.text import Text
from typer.testing import CliRunner

from bridge import admin, speaking
from bridge.admin import Access, result_of
from bridge.cli import app
from bridge.commands import terminal

PASSWORD = "s3cret-of-admin"


@dataclass(frozen=True)
class No:
    """A refusal."""

    code: str
    message: str = "no"
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Said:
    """What a command left behind."""

    status: int
    out: str
    err: str
    asked: list[tuple[str, dict[str, Any]]]
    questions: list[str]
    access: Access | None

    @property
    def sent(self) -> dict[str, Any]:
        """The payload of the only request."""
        ((_, payload),) = self.asked
        return payload

    @property
    def lines(self) -> list[str]:
        """The lines of standard output, without the blanks at their ends."""
        return [line.rstrip() for line in self.out.splitlines()]


@dataclass
class Bridge:
    """What a command takes for its connection. ``answers``: command to its result, or to a list of them in turn."""

    tenant: str
    answers: dict[str, Any]
    happened: Sequence[tuple[str, dict[str, Any]]] = ()
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    async def answer(self, command: str, payload: Mapping[str, Any] | None = None) -> dict[str, Any]:
        self.asked.append((command, json.loads(json.dumps(payload or {}))))
        value = self.answers[command]
        if isinstance(value, list):
            value = value.pop(0)
        if isinstance(value, No):
            error = {"code": value.code, "message": value.message, "details": value.details}
            return {"command": command, "ok": False, "error": error}
        return {"command": command, "ok": True, "result": value}

    async def request(self, command: str, payload: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return result_of(await self.answer(command, payload))

    async def events(self) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        for one in self.happened:
            yield one


@contextmanager
def _at_terminal(typed: Sequence[str], questions: list[str], width: int, patch: pytest.MonkeyPatch) -> Iterator[None]:
    lines = list(typed)

    async def line(question: Text | str, *, hidden: bool = False) -> str:
        questions.append(f"{question}{'(hidden)' if hidden else ''}")
        return lines.pop(0)

    patch.setattr(terminal, "somebody_is_there", lambda: True)
    patch.setattr(terminal, "line", line)
    for console in (speaking.out, speaking.err):
        patch.setattr(console, "_force_terminal", True)
        patch.setattr(console, "no_color", True)
        patch.setattr(console, "_color_system", None)
        patch.setattr(console, "_width", width)
        patch.setattr(console, "soft_wrap", False)
    yield
    assert not lines, f"nobody asked for {lines}"


def typed(
    *words: str,
    answers: Mapping[str, Any] | None = None,
    tenant: str = "default",
    stdin: str = "",
    terminal_lines: Sequence[str] | None = None,
    width: int = 80,
    happened: Sequence[tuple[str, dict[str, Any]]] = (),
    env: Mapping[str, str] | None = None,
) -> Said:
    """Type a command; with ``terminal_lines`` somebody sits at a terminal and answers questions with these."""
    bridge = Bridge(tenant, dict(answers or {}), happened)
    reached: list[Access] = []
    questions: list[str] = []

    @asynccontextmanager
    async def connect(access: Access) -> AsyncIterator[Bridge]:
        reached.append(access)
        bridge.tenant = access.tenant
        yield bridge

    login = {
        "BOOTSTRAP_BRIDGE_DATA": "/nowhere",
        "BOOTSTRAP_BRIDGE_USERNAME": "admin",
        "BOOTSTRAP_BRIDGE_TENANT": tenant,
        "BOOTSTRAP_BRIDGE_PASSWORD": PASSWORD,
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(admin, "connect", connect)
        if terminal_lines is None:
            result = CliRunner().invoke(app, list(words), input=stdin, env=login if env is None else dict(env))
        else:
            with _at_terminal(terminal_lines, questions, width, patch):
                result = CliRunner().invoke(app, list(words), env=login if env is None else dict(env))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    access = reached[0] if reached else None
    return Said(result.exit_code, result.stdout, result.stderr, bridge.asked, questions, access)
