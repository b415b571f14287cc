"""Write docs/roles.md from the bridge's roles and the broker's grants: who may send which command.

Run it with `make docs` after a change of either; a test says when it was forgotten.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from bridge.accounts import grants
from bridge.accounts.grants import Act, Grant
from bridge.names import DEFAULT, MANAGEMENT
from bridge.roles import CHANGING, COMMANDS, OF_MANAGEMENT, OWNER, REGISTRAR, VIEWER, commands_of
from bridge.wire import Topics

PAGE = Path(__file__).parent / "roles.md"

INTRODUCTION = """Drawn by `make docs` from `bridge/roles.py` and `bridge/accounts/grants.py`, which the bridge follows.

The broker lets an account publish only what its role grants: a command that it refuses never reaches the bridge, and
gets no answer. To MQTT 5 clients at QoS 1 it says *Not authorized*. The bridge looks at role and tenant again before it
executes a command, and answers what it refuses with `NOT_PERMITTED`. A command that changes something is audited.
`list-unregistered` is for `management` alone as soon as there is more than one other tenant."""


class Cell(StrEnum):
    """What becomes of a command."""

    YES = "yes"
    ANSWERED = "`NOT_PERMITTED`"
    BROKER = "no"


@dataclass(frozen=True)
class Who:
    """A column of the table."""

    title: str
    tenant: str
    role: str | None

    def granted(self, name: str = "name") -> tuple[Grant, ...]:
        """Return what the broker lets this one do."""
        topics = Topics()
        if self.role is None:
            every = f"devices/{self.tenant}/#"
            return grants.for_application(topics, self.tenant, [every], [every])
        return grants.for_administrator(topics, self.tenant, name, self.role)

    def cell(self, command: str) -> Cell:
        """Tell what becomes of ``command``."""
        topic = Topics().request(self.tenant, "name", command)
        wanted = {topic, Topics().request(self.tenant, "name", "+")}
        if not any(grant.topic in wanted and grant.act is Act.SEND and grant.allow for grant in self.granted()):
            return Cell.BROKER
        assert self.role is not None
        allowed = commands_of(self.role, management=self.tenant == MANAGEMENT)
        return Cell.YES if command in allowed else Cell.ANSWERED


COLUMNS = (
    Who("viewer", DEFAULT, VIEWER),
    Who("registrar", DEFAULT, REGISTRAR),
    Who("owner", DEFAULT, OWNER),
    Who("owner of `management`", MANAGEMENT, OWNER),
    Who("application", DEFAULT, None),
)


def commands() -> list[str]:
    """Return every command: the viewer's first, those of management last."""
    steps: Iterable[frozenset[str]] = (*(COMMANDS[role] for role in (VIEWER, REGISTRAR, OWNER)), OF_MANAGEMENT)
    found: list[str] = []
    for step in steps:
        found += sorted(step - set(found))
    return found


def rows() -> list[tuple[str, tuple[Cell, ...]]]:
    """Return each command with its cells."""
    return [(command, tuple(who.cell(command) for who in COLUMNS)) for command in commands()]


def table() -> str:
    """Write who may send which command."""
    head = ["command", "changes", *(who.title for who in COLUMNS)]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for command, cells in rows():
        changes = "yes" if command in CHANGING else ""
        lines.append(f"| `{command}` | {changes} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _topics(granted: Iterable[Grant], act: Act, *, allow: bool = True) -> str:
    found = [f"`{grant.topic}`" for grant in granted if grant.act is act and grant.allow is allow]
    return ", ".join(found) or "nothing"


def topics() -> str:
    """Write what each kind of account publishes and receives."""
    every = Topics()
    accounts: list[tuple[str, tuple[Grant, ...]]] = [
        ("owner", grants.for_administrator(every, "<tenant>", "<name>", OWNER)),
        ("owner of `management`", grants.for_administrator(every, MANAGEMENT, "<name>", OWNER)),
        ("device", grants.for_device(every, "<tenant>", "<device id>", ())),
        (
            "application, unless granted otherwise",
            grants.for_application(every, "<tenant>", ["devices/<tenant>/#"], []),
        ),
    ]
    lines = ["| account | publishes | never | receives |", "|---|---|---|---|"]
    lines += [
        f"| {name} | {_topics(granted, Act.SEND)} | {_topics(granted, Act.SEND, allow=False)} "
        f"| {_topics(granted, Act.RECEIVE)} |"
        for name, granted in accounts
    ]
    return "\n".join(lines)


def page() -> str:
    """Return the whole page."""
    return "\n\n".join(
        [
            "# Who may do what",
            INTRODUCTION,
            "## Commands",
            f"*{Cell.YES}*: done, or refused for what was asked. *{Cell.BROKER}*: refused by the broker.",
            table(),
            "## Topics",
            "Viewers and registrars are as owners, but publish one topic for each of their commands.",
            topics() + "\n",
        ]
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
