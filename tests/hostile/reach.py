"""Attacks by topic: how far each login reaches."""

from tests.hostile import Attack

ATTACKS: tuple[Attack, ...] = ()
