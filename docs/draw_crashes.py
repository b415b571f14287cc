"""Write the tables of docs/faults.md from the arrows of the bridge and the invariants of the tests.

Run it with `make docs` after a change of either; a test says when it was forgotten.
"""

import inspect
from pathlib import Path
from typing import Final

from bridge.arrows import Arrow
from docs.drawing import redrawn
from tests.e2e.crashes import SCENARIOS
from tests.invariants import INVARIANTS

PAGE = Path(__file__).parent / "faults.md"


def arrows() -> str:
    """Write what each arrow stands between, and in the middle of what it is tried."""
    lines = ["| arrow | killed here, this is done and that is not | tried while |", "|---|---|---|"]
    for arrow in Arrow:
        names = [name.replace("-", " ") for name, scenario in SCENARIOS.items() if arrow in scenario.arrows]
        lines.append(f"| `{arrow.name}` | {arrow.value} | {', '.join(names)} |")
    return "\n".join(lines)


def scenarios() -> str:
    """Write what goes on while processes die."""
    lines = ["| scenario | what goes on |", "|---|---|"]
    for name, scenario in SCENARIOS.items():
        lines.append(f"| {name.replace('-', ' ')} | {inspect.getdoc(scenario.play)} |")
    return "\n".join(lines)


def invariants() -> str:
    """Write what must be true afterwards."""
    lines = ["| invariant | what it says |", "|---|---|"]
    for name, invariant in INVARIANTS.items():
        says = " ".join((inspect.getdoc(invariant) or "").split())
        lines.append(f"| {name.replace('_', ' ')} | {says} |")
    return "\n".join(lines)


DRAWN: Final = {"arrows": arrows, "scenarios": scenarios, "invariants": invariants}


def page() -> str:
    """Return the whole page, its tables drawn anew."""
    return redrawn(PAGE, DRAWN)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
