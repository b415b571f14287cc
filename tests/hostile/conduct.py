"""Attacks by behaviour: what clients do with what their logins let them do; how far these reach is ``reach``'s."""

from typing import Final

from tests.hostile import Attack, asking, calling, residing

ATTACKS: Final[tuple[Attack, ...]] = (*calling.ATTACKS, *residing.ATTACKS, *asking.ATTACKS)
