"""Which names the tests made and named on the installations that they share, so that no two tests fight over one.

Which tests share an installation hangs on how they are spread over processes. So what each of them did is asked of the
installation itself after each test, and compared over all processes at the end.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

MADE: Final = (
    ("device", "select id, bulk from registrations union select id, bulk from devices"),
    ("group", "select path, tenant from groups"),
    ("tenant", "select id, null from tenants"),
    ("account", "select username, null from accounts where kind <> 'device'"),
)
"""What is made, by kind, and the query that lists it, with what changes where it is made over again by a file."""
MAKING: Final = {
    "create-group": ("group", "path"),
    "create-tenant": ("tenant", "id"),
    "create-administrator": ("account", "name"),
    "create-application": ("account", "name"),
}
SWEEPING: Final = {"accept-all"}
"""What is done to all that there are, of whomever."""
Name = tuple[str, str, str]
"""The installation, the kind and the name itself."""


@dataclass
class Names:
    """What one installation has heard of until now."""

    installation: str
    database: Path
    known: set[tuple[str, str, str | None]] = field(default_factory=set)
    audited: int = 0

    def new(self) -> tuple[set[Name], set[Name]]:
        """Return what was made since the last time, though it may be gone by now, and what was asked for in vain."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as database:
            there = {(kind, name, more) for kind, query in MADE for name, more in database.execute(query)}
            audited = database.execute(
                "select number, action, outcome, device_id, details from audit where number > ? order by number",
                (self.audited,),
            ).fetchall()
        made = {(kind, name) for kind, name, _ in there - self.known}
        self.known = there
        asked = set()
        for number, action, outcome, device_id, details in audited:
            self.audited = number
            kind, key = MAKING.get(action, ("device", ""))
            name = json.loads(details).get(key) if key else device_id
            if name is None or action in SWEEPING:
                continue
            if outcome != "ok":
                asked.add((kind, name))
            elif key or action == "register":
                made.add((kind, name))
        return {(self.installation, *one) for one in made}, {(self.installation, *one) for one in asked - made}


@dataclass
class Ledger:
    """By name, which tests made it and which asked for it in vain."""

    made: dict[Name, set[str]] = field(default_factory=dict)
    named: dict[Name, set[str]] = field(default_factory=dict)

    def note(self, test: str, made: Iterable[Name], named: Iterable[Name]) -> None:
        """Add what a test did."""
        for name in made:
            self.made.setdefault(name, set()).add(test)
        for name in named:
            self.named.setdefault(name, set()).add(test)

    def written(self) -> list[tuple[str, list[list[str]], list[list[str]]]]:
        """Return it as another process can take it, with ``note``."""

        def names(which: dict[Name, set[str]], test: str) -> list[list[str]]:
            return [list(name) for name, tests in which.items() if test in tests]

        everybody = set().union(*self.made.values(), *self.named.values())
        return [(test, names(self.made, test), names(self.named, test)) for test in sorted(everybody)]

    def fights(self) -> Iterator[str]:
        """Say of each name that one test makes and another makes or counts on not being there, who they are."""
        for name, makers in sorted(self.made.items()):
            everybody = makers | self.named.get(name, set())
            if len(everybody) > 1:
                yield f"{' '.join(name)}: {', '.join(sorted(everybody))}"


LEDGER: Final = Ledger()
"""Of all tests, in a process that runs some of them or hears of others that do."""
