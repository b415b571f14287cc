"""How a test of behaviour says which row of the table it carries out."""

from typing import Final

import pytest

from tests.hostile import Attack, conduct
from tests.hostile.rows import proves

BY_NAME: Final[dict[str, Attack]] = {attack.name: attack for attack in conduct.ATTACKS}


def carries_out(name: str) -> pytest.MarkDecorator:
    """Mark a test as that of the row ``name``, which it takes as ``attack``. Raises KeyError without such a row."""
    return proves(BY_NAME[name])
