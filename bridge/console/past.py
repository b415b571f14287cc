"""What was done, as the audit has it: looked through for what a person wants to see, and put into words.

The bridge finds entries by device and time. By who did it and what came of it they are found here, and so that a rare
one does not keep everybody waiting, one look goes through so many entries and then says how far it came.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bridge.console.listing import LARGEST, Asks
from bridge.console.texts import section

PAGE: Final = 100
"""Entries shown by one look."""
MOST_LOOKED_THROUGH: Final = 10_000
"""Entries that one look goes through, some tenth of a second for each thousand."""

OK: Final = "ok"


@dataclass(frozen=True, slots=True)
class Filter:
    """What is wanted: of this device, since a time in ISO 8601, done by whom (a part of the name), with what outcome.

    ``outcome`` is ``ok``, ``refused``, or empty for any.
    """

    id: str = ""
    since: str = ""
    actor: str = ""
    outcome: str = ""

    @property
    def asked(self) -> dict[str, Any]:
        """What of it the bridge finds."""
        return {name: value for name, value in (("id", self.id), ("since", self.since)) if value}

    @property
    def is_for_here(self) -> bool:
        """Whether entries have to be left out here."""
        return bool(self.actor or self.outcome)

    def takes(self, entry: Mapping[str, Any]) -> bool:
        """Tell whether ``entry``, which the bridge found, is wanted."""
        if self.actor.casefold() not in str(entry["actor"]).casefold():
            return False
        return not self.outcome or (self.outcome == OK) == (entry["outcome"] == OK)


@dataclass(slots=True)
class Past:
    """What was found so far, the newest first.

    ``reached`` is the time of the oldest entry that was looked at; ``deep``: more than the first look is shown.
    """

    ask: Asks
    filter: Filter = field(default_factory=Filter)
    entries: list[dict[str, Any]] = field(default_factory=list)
    reached: str = ""
    deep: bool = False
    _cursor: str | None = None

    @property
    def more(self) -> bool:
        """Whether there are older entries that were not looked at."""
        return self._cursor is not None

    async def load(self) -> None:
        """Look from the newest entry on. Raises as ``ask``."""
        self.entries, self.reached, self._cursor = await self._look(None)
        self.deep = False

    async def go_on(self) -> None:
        """Look on from where the last look ended. Raises as ``ask``."""
        if self._cursor is None:
            return
        found, self.reached, self._cursor = await self._look(self._cursor)
        self.entries = [*self.entries, *found]
        self.deep = True

    async def _look(self, cursor: str | None) -> tuple[list[dict[str, Any]], str, str | None]:
        found: list[dict[str, Any]] = []
        looked, reached = 0, ""
        while len(found) < PAGE and looked < MOST_LOOKED_THROUGH:
            limit = LARGEST if self.filter.is_for_here else PAGE - len(found)
            asked = {**self.filter.asked, "limit": limit, **({} if cursor is None else {"cursor": cursor})}
            result = await self.ask("audit", asked)
            entries = result["entries"]
            looked += len(entries)
            reached = entries[-1]["at"] if entries else reached
            found += [readable(entry) for entry in entries if self.filter.takes(entry)]
            cursor = result["next"]
            if cursor is None:
                break
        return found, reached, cursor


def readable(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry of the audit in words; ``details`` are (what, value), what is empty where the value says all."""
    texts = section("audit")
    action, code = str(entry["action"]), str(entry["outcome"])
    return {
        "at": entry["at"],
        "actor": entry["actor"],
        "action": action,
        "did": texts.get(f"did_{action}", action),
        "id": entry.get("id", ""),
        "code": code,
        "outcome": texts["done"] if code == OK else texts.get(f"code_{code}", code),
        "details": [
            ("" if name == "message" else texts.get(f"detail_{name}", name), _value(value, texts))
            for name, value in (entry.get("details") or {}).items()
        ],
    }


def _value(value: object, texts: Mapping[str, str]) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return texts["yes" if value else "no"]
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list):
        return ", ".join(_value(one, texts) for one in value) or texts["nothing"]
    return texts["nothing"] if value is None else json.dumps(value, ensure_ascii=False)
