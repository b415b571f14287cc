"""Write the tables of docs/attacks.md from the rows that the tests are parametrized by.

Run it with `make docs` after a change of the rows; a test says when it was forgotten.
"""

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import Final

from docs.drawing import redrawn
from tests.hostile import Attack, Login
from tests.hostile.reach import PLACES
from tests.hostile.rows import ATTACKS

PAGE = Path(__file__).parent / "attacks.md"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _tests(rows: list[Attack]) -> str:
    """Name the tests of rows that are one line: `…-rest` where their names differ in the attacker alone."""
    if len(rows) == 1:
        return f"`{rows[0].name}`"
    rests = {row.name.partition("-")[2] for row in rows}
    return f"`…-{rests.pop()}`" if len(rests) == 1 else ", ".join(f"`{row.name}`" for row in rows)


def _table(rows: Iterable[Attack]) -> str:
    """Write rows, those that differ in the attacker alone as one line."""
    alike: dict[tuple[str, str], list[Attack]] = {}
    for row in rows:
        alike.setdefault((row.does, row.expected), []).append(row)
    lines = ["| who | what is tried | what comes of it | test |", "|---|---|---|---|"]
    for (does, expected), group in alike.items():
        who = ", ".join(row.who for row in group)
        lines.append(f"| {who} | {_cell(does)} | {_cell(expected)} | {_cell(_tests(group))} |")
    return "\n".join(lines)


def families() -> str:
    """Write a chapter for each family, in the order in which the rows name them."""
    order = list(dict.fromkeys(row.family for row in ATTACKS))
    rows = sorted(ATTACKS, key=lambda row: order.index(row.family))
    return "\n\n".join(
        f"### {family}\n\n{_table(group)}" for family, group in groupby(rows, key=lambda row: row.family)
    )


def places() -> str:
    """Write what angle brackets stand for."""
    lines = ["| in a topic | what it stands for |", "|---|---|"]
    return "\n".join([*lines, *(f"| `{place}` | {meaning} |" for place, meaning in PLACES.items())])


def figures() -> str:
    """Write how many rows there are, and for whom."""
    counted = [(who, sum(row.who is who for row in ATTACKS)) for who in Login]
    lines = ["| the attacker holds | rows |", "|---|---|", *(f"| {who} | {number} |" for who, number in counted)]
    return "\n".join([*lines, f"| all | {len(ATTACKS)} |"])


DRAWN: Final = {"figures": figures, "places": places, "families": families}


def page() -> str:
    """Return the whole page, its tables drawn anew."""
    return redrawn(PAGE, DRAWN)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
