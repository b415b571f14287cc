"""How long the tests look for what nobody thought of: every day a little, before a merge more, now and then for hours.

``BOOTSTRAP_BRIDGE_TEST_DEPTH`` says which: unset, ``more`` or ``deep``. The first two try the same each time, so that a
red build is red on every machine; the last one tries something else each time, and keeps what failed in .hypothesis.
"""

import os
from typing import Any

from hypothesis import Phase, settings
from hypothesis.database import DirectoryBasedExampleDatabase

DEPTH = os.environ.get("BOOTSTRAP_BRIDGE_TEST_DEPTH", "")
FACTORS = {"": 1, "more": 5, "deep": 100}


def examples(every_day: int) -> int:
    """Return how many examples to try, where ``every_day`` are tried by ``make unit``."""
    return every_day * FACTORS[DEPTH]


def searching(every_day: int, **further: Any) -> settings:
    """Return the settings of a search that tries ``every_day`` examples in ``make unit``.

    To make a failing example smaller takes minutes where examples are long, which only ``deep`` has.
    """
    if DEPTH == "deep":
        database = DirectoryBasedExampleDatabase(".hypothesis/examples")
        return settings(max_examples=examples(every_day), derandomize=False, database=database, **further)
    return settings(max_examples=examples(every_day), phases=[Phase.generate], **further)
