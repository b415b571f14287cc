"""All rows of the table, and how a test says which of them it proves."""

from typing import Any, Final

import pytest

from tests.hostile import Attack, conduct, entry, reach, rude

ATTACKS: Final[tuple[Attack, ...]] = (*reach.ATTACKS, *entry.ATTACKS, *rude.ATTACKS, *conduct.ATTACKS)


def proves(*rows: Attack) -> pytest.MarkDecorator:
    """Parametrize a test by ``attack``: one test for each of ``rows``, called by its name."""
    return pytest.mark.parametrize("attack", [pytest.param(row, id=row.name) for row in rows])


def proven_by(test: Any) -> list[Attack]:
    """Return the rows that ``test`` is parametrized by, in whichever way it was written."""
    found: list[Any] = []
    for mark in getattr(test, "pytestmark", []):
        if mark.name == "parametrize":
            for one in mark.args[1]:
                values = getattr(one, "values", one)  # as pytest.param has them
                found += values if isinstance(values, tuple) else (values,)
    return [one for one in found if isinstance(one, Attack)]
