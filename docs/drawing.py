"""Puts tables that were drawn from the code into a page, between the marks that stand there for them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

BEGINS: Final = "<!-- drawn by make docs: {} -->"
ENDS: Final = "<!-- end of what is drawn -->"


def redrawn(page: Path, drawn: Mapping[str, Callable[[], str]]) -> str:
    """Return the whole page, its tables drawn anew."""
    text = page.read_text(encoding="utf-8")
    for name, draw in drawn.items():
        before, begins, rest = text.partition(BEGINS.format(name))
        _, ends, after = rest.partition(ENDS)
        assert begins, f"{page} has no place for {name}"
        assert ends, f"{page} has no place for {name}"
        text = f"{before}{begins}\n\n{draw()}\n\n{ends}{after}"
    return text
