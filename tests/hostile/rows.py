"""All rows of the table, and how a test says which of them it proves."""

from typing import Any, Final

import pytest

from tests.hostile import Attack, conduct, reach

ATTACKS: Final[tuple[Attack, ...]] = (*reach.ATTACKS, *conduct.ATTACKS)


def proves(*rows: Attack) -> pytest.MarkDecorator:
    """Parametrize a test by ``attack``: one test for each of ``rows``, called by its name."""
    return pytest.mark.parametrize("attack", [pytest.param(row, id=row.name) for row in rows])


def proven_by(test: Any) -> list[Attack]:
    """Return the rows that ``test`` is parametrized by, in whichever way it was written."""
    found = []
    for mark in getattr(test, "pytestmark", []):
        if mark.name == "parametrize":
            values = [getattr(one, "values", (one,)) for one in mark.args[1]]
            found += [one for value in values for one in (value if isinstance(value, tuple) else (value,))]
    return [one for one in found if isinstance(one, Attack)]
