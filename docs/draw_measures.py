"""Write what is measured, and the stages of the shutdown, into docs/operating.md, from the tables in the code."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from bridge.measures import MEASURES, Kind
from bridge.metrics import PREFIX
from bridge.stopping import LIMIT, STAGES

PAGE = Path(__file__).parent / "operating.md"
MANY = 12
"""Values of a label that stand in the table; of more only the first and how many there are."""


def measures() -> str:
    """Return the table of all measures."""
    lines = ["| metric | kind | labels | what |", "|---|---|---|---|"]
    for one in MEASURES:
        name = f"{PREFIX}_{one.name}" + ("_total" if one.kind is Kind.COUNTER else "")
        labels = []
        for label, values in one.labels.items():
            shown = " ".join(values) if len(values) <= MANY else f"{' '.join(values[:2])} … ({len(values)})"
            labels.append(f"`{label}`: {shown}")
        lines.append(f"| `{name}` | {one.kind} | {'; '.join(labels)} | {one.says} |")
    return "\n".join(lines)


def stages() -> str:
    """Return the table of the stages."""
    lines = ["| stage | seconds | what |", "|---|---|---|"]
    lines += [f"| {one.name} | {one.seconds:g} | {one.does} |" for one in STAGES]
    lines.append(f"| all together, at the most | {LIMIT:g} | |")
    return "\n".join(lines)


def drawn(text: str) -> str:
    """Return the page ``text`` with the tables as they are now."""
    for name, table in (("measures", measures()), ("stages", stages())):
        marks = (f"<!-- {name}: written by make docs -->", f"<!-- end of {name} -->")
        text = re.sub(
            f"{re.escape(marks[0])}.*?{re.escape(marks[1])}",
            lambda _, marks=marks, table=table: f"{marks[0]}\n{table}\n{marks[1]}",  # type: ignore[misc]
            text,
            flags=re.DOTALL,
        )
    return text


if __name__ == "__main__":
    PAGE.write_text(drawn(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
