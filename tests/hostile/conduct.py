"""Attacks by behaviour: what clients do with messages that they may send."""

from tests.hostile import Attack

ATTACKS: tuple[Attack, ...] = ()
