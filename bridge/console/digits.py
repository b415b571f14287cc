"""Numbers as browsers read them. Pure."""

from typing import Final

EXACT: Final = 19
"""Characters, a sign among them, from which on a whole number may be too long for 64 bits."""


def whole(digits: str) -> int | float:
    """Make a number of the ``digits`` of a whole one.

    Devices and people may give longer ones than NiceGUI writes, and one alone would break each page that shows it.
    Browsers make a double of any number, so of the longer ones this is what they would show anyway.
    """
    return int(digits) if len(digits) < EXACT else float(digits)
