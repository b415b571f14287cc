"""The table of attacks: what hostile clients try, and what must come of it.

The page in the documentation is drawn from it (``docs/draw_attacks.py``), the tests are parametrized by its rows.
"""

from dataclasses import dataclass
from enum import StrEnum


class Login(StrEnum):
    """Whose login the attacker holds."""

    BOOTSTRAP = "bootstrap"
    DEVICE = "device"
    VIEWER = "viewer"
    REGISTRAR = "registrar"
    OWNER = "owner"
    APPLICATION = "application"
    TENANT = "another tenant's owner"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Attack:
    """A row: one thing that somebody tries.

    ``name`` is unique and the test's id, ``family`` the heading under which it stands; ``does`` and ``expected`` are
    one sentence each, for people.
    """

    name: str
    who: Login
    family: str
    does: str
    expected: str
