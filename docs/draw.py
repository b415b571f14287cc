"""Write docs/states.md from the transition table: the diagram and the table of a registration's life.

Run it with `make docs` after a change of the rules; a test says when it was forgotten.
"""

from pathlib import Path

from bridge.registration import Status
from bridge.rules import TABLE, Row

PAGE = Path(__file__).parent / "states.md"
NAMES: dict[Status | None, str] = {None: "none"} | {status: status.name.capitalize() for status in Status}


INTRODUCTION = """Drawn by `make docs` from the table in `bridge/rules.py`, which the bridge follows. *none* is: no
registration. Commands that leave the status as it is stand in the table below only."""


def _moves() -> list[Row]:
    return [row for row in TABLE if any(source is not row.to for source in row.sources)]


def diagram() -> str:
    """Draw the rows that change the status as a Mermaid state diagram."""
    lines = ["```mermaid", "stateDiagram-v2"]
    for row in _moves():
        for source in row.sources:
            if source is row.to:
                continue
            start = "[*]" if source is None else NAMES[source]
            end = "[*]" if row.to is None else NAMES[row.to]
            when = "" if row.when in {"always", "otherwise"} else f", {row.when}"
            lines.append(f"    {start} --> {end}: {row.on.__name__}{when}")
    return "\n".join([*lines, "```"])


def table() -> str:
    """Write all rows; of those from one status at one command the first that fits counts."""
    lines = ["| from | at | when | to |", "|---|---|---|---|"]
    for row in TABLE:
        sources = ", ".join(NAMES[source] for source in row.sources)
        lines.append(f"| {sources} | {row.on.__name__} | {row.when} | {NAMES[row.to]} |")
    return "\n".join(lines)


def page() -> str:
    """Return the whole page."""
    return "\n\n".join(
        [
            "# The life of a registration",
            INTRODUCTION,
            diagram(),
            table() + "\n",
        ]
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
