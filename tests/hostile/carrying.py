"""How a test says which row of the table it carries out."""

import pytest

from tests.hostile.conduct import ATTACKS

BY_NAME = {attack.name: attack for attack in ATTACKS}


def carries_out(name: str) -> pytest.MarkDecorator:
    """Mark a test as that of the row ``name``, which it takes as ``attack``; with KeyError if there is no such row."""
    return pytest.mark.parametrize("attack", [pytest.param(BY_NAME[name], id=name)])
