"""A Mosquitto ACL file: who is let where, and the lines that keep the bridge's topics from those it grants. Pure.

Measured on Mosquitto 2.0.11: within one user, and within the patterns, a ``deny`` counts before every grant, wherever
it stands; a user's own rules count before the patterns; rules before the first ``user`` line are for clients without
a user name. An account of the dynamic security plugin is asked of that first: what it grants no ACL file takes away,
what it does not grant a pattern may still.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

BEGIN: Final = "# bootstrap-bridge: begin. Made by `bootstrap-bridge init --beside`; write your own rules above this."
BEGIN_FIRST: Final = "# bootstrap-bridge: begin. Clients without a user name; made by `bootstrap-bridge init --beside`."
END: Final = "# bootstrap-bridge: end"
_MARK: Final = "# bootstrap-bridge: begin"
_ACCESSES: Final = frozenset({"read", "write", "readwrite", "deny"})
PATTERN: Final = "pattern"


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of an ACL file. ``user`` None: clients without a name, ``is_pattern``: every client."""

    number: int
    user: str | None
    is_pattern: bool
    access: str
    topic: str

    @property
    def line(self) -> str:
        """The rule as Mosquitto writes it."""
        return f"{'pattern' if self.is_pattern else 'topic'} {self.access} {self.topic}"

    @property
    def whom(self) -> str:
        """Whom it lets, for people."""
        if self.is_pattern:
            return "every client"
        return "clients without a user name" if self.user is None else f"the user {self.user}"


def families(prefix: str) -> tuple[str, ...]:
    """Return the filters of all topics on which somebody's identity hangs; ``prefix`` ends with ``/`` or is empty."""
    return tuple(f"{prefix}{family}/#" for family in ("control", "events", "devices", "bridge"))


CONTROL: Final = "$CONTROL/#"
"""Where accounts are made; a rule reaches it only when it names it."""


def rules(text: str) -> list[Rule]:
    """Read an ACL file; a line that Mosquitto would not take is left out."""
    found: list[Rule] = []
    user: str | None = None
    for number, raw in enumerate(text.splitlines(), 1):
        word, _, rest = raw.strip(" \r").partition(" ")
        rest = rest.strip(" ")
        if word == "user" and rest:
            user = rest
        elif word in {"topic", PATTERN} and rest:
            first, _, topic = rest.partition(" ")
            access, topic = (first, topic.strip(" ")) if first in _ACCESSES and topic else ("readwrite", rest)
            found.append(Rule(number, user, word == PATTERN, access, topic))
    return found


def overlap(one: str, other: str) -> bool:
    """Tell whether some topic fits both filters; a level with ``%c`` or ``%u`` may stand for several."""
    if one.startswith("$") != other.startswith("$"):
        return False
    for left, right in zip(one.split("/"), other.split("/"), strict=False):
        if "#" in (left, right) or "%c" in left or "%u" in left:
            return True
        if left != right and "+" not in (left, right):
            return False
    return one.count("/") == other.count("/") or one.endswith("/#") or other.endswith("/#")


def reached(rule: Rule, filters: Sequence[str]) -> list[str]:
    """Return those of ``filters`` that ``rule`` lets somebody into."""
    return [] if rule.access == "deny" else [one for one in filters if overlap(rule.topic, one)]


def openings(found: Iterable[Rule], filters: Sequence[str]) -> list[Rule]:
    """Return the rules that let somebody into ``filters`` and are not undone by denials."""
    known = list(found)
    return [
        rule
        for rule in known
        for reach in [reached(rule, filters)]
        if any(not _denied(known, rule, one) for one in reach)
    ]


def _denied(known: Iterable[Rule], rule: Rule, family: str) -> bool:
    return any(
        one.access == "deny"
        and one.topic in {family, "#"}
        and one.is_pattern == rule.is_pattern
        and (rule.is_pattern or one.user == rule.user)
        for one in known
    )


def closed(text: str, filters: Sequence[str]) -> str:
    """Return the ACL file with what keeps ``filters`` and ``$CONTROL`` from everybody whom it lets in there.

    All other lines stay as they are. Closing it again changes nothing.
    """
    guarded = (*filters, CONTROL)
    before, after, was_closed = _parted(text)
    grants = [rule for rule in rules(text) if not rule.is_pattern and reached(rule, guarded)]
    users = sorted({rule.user for rule in grants if rule.user is not None})
    denials = [f"topic deny {one}" for one in guarded]
    block = [BEGIN]
    for user in users:
        block += [f"user {user}", *denials]
    block += [*(f"pattern deny {one}" for one in guarded), END]
    head = [BEGIN_FIRST, *denials, END] if any(rule.user is None for rule in grants) else []
    if not was_closed and before and before[-1].strip():
        block = ["", *block]
    return "\n".join([*head, *before, *block, *after]) + "\n"


def _parted(text: str) -> tuple[list[str], list[str], bool]:
    """Return a file's own lines before and after our last block, without our blocks, and whether there was one."""
    before: list[str] = []
    after: list[str] = []
    inside = was_closed = False
    for line in text.splitlines():
        if line.startswith(_MARK):
            inside = True
            was_closed = was_closed or line == BEGIN
        elif inside:
            inside = line != END
        else:
            (after if was_closed else before).append(line)
    return before, after, was_closed


def everything(users: Iterable[str], *, anonymous: bool, filters: Sequence[str]) -> str:
    """Return an ACL file that leaves everybody all they have where there was none, but for ``filters``.

    Each user is named, since a pattern would let in the devices too, whom the bridge brings.
    """
    lines = [
        "# Made by `bootstrap-bridge init --beside`: this broker had no ACL file, and with the dynamic security plugin",
        "# beside it everybody else would be refused. A new user needs the same two lines here, above the last part.",
    ]
    grants = ["topic readwrite #", "topic readwrite $SYS/#"]
    if anonymous:
        lines += grants
    for user in users:
        lines += [f"user {user}", *grants]
    return closed("\n".join(lines) + "\n", filters)
