"""The shared bootstrap login and its rotation: for a time two logins are valid, then the earlier one is none. Pure.

The new one has a user name of its own, since Mosquitto's password file knows one password for each name.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
DEFAULT_OVERLAP: Final = "30d"
LONGEST: Final = 3_650 * 86_400
_USERNAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
BRIDGE: Final = "bridge"
"""The bridge's own user name on the same broker."""
PASSWORD_LENGTHS: Final = range(8, 129)


class LoginFault(ValueError):
    """A login that cannot be had, or a rotation that cannot be; the sentence says why."""


@dataclass(frozen=True, slots=True)
class EarlierLogin:
    """A bootstrap login that is valid until a moment, in ISO 8601."""

    username: str
    password: str = field(repr=False)
    until: str

    @property
    def end(self) -> int:
        """The moment in milliseconds since 1970 UTC."""
        return round(datetime.fromisoformat(self.until).timestamp() * 1000)


def overlap_of(text: str) -> int:
    """Read how long both logins are valid, in milliseconds: 0, or a number with s, m, h or d. Raises LoginFault."""
    found = re.fullmatch(r"([0-9]{1,10})([smhd]?)", text)
    if found is None or (not found[2] and int(found[1])):
        raise LoginFault(f"the overlap {text!r} is no length of time: write it as 30d, 12h or 90m, or 0 for none")
    seconds = int(found[1]) * UNITS.get(found[2], 1)
    if seconds > LONGEST:
        raise LoginFault(f"the overlap {text!r} is longer than ten years")
    return seconds * 1000


def next_name(username: str) -> str:
    """Return the user name after ``username``: ``devicebootstrap``, ``devicebootstrap-2``, ``devicebootstrap-3``."""
    stem, _, number = username.rpartition("-")
    return f"{stem}-{int(number) + 1}" if stem and number.isdecimal() else f"{username}-2"


def checked_username(username: str, taken: Iterable[str]) -> str:
    """Return a chosen user name. Raises LoginFault."""
    if not _USERNAME.fullmatch(username):
        raise LoginFault(f"the user name {username!r} cannot be had: 1 to 64 of A-Z a-z 0-9 . _ -")
    if username in taken:
        raise LoginFault(f"the user name {username} is in use: choose another, since one name has one password")
    return username


def checked_secret(password: str) -> str:
    """Return a chosen password. Raises LoginFault, which does not tell it."""
    if len(password) not in PASSWORD_LENGTHS or not password.isprintable():
        raise LoginFault("the password has to have 8 to 128 characters, none of them a control character")
    return password


def moment(milliseconds: int) -> str:
    """Write a time down to be read by ``EarlierLogin.end``."""
    made = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=milliseconds)
    return f"{made:%Y-%m-%dT%H:%M:%S}.{made.microsecond // 1000:03d}Z"


def valid(earlier: Iterable[EarlierLogin], now: int) -> dict[str, str]:
    """Return user names and passwords of the ``earlier`` logins that are valid still."""
    return {one.username: one.password for one in earlier if one.end > now}


def over(earlier: Iterable[EarlierLogin], now: int) -> list[str]:
    """Return the user names of those that are no more."""
    return [one.username for one in earlier if one.end <= now]


@dataclass(frozen=True, slots=True)
class Logins:
    """The present bootstrap login, and those on their way out."""

    username: str
    password: str = field(repr=False)
    earlier: tuple[EarlierLogin, ...] = ()

    def rotated(self, username: str | None, password: str, overlap: int, now: int) -> "Logins":
        """Return them with another present one, the one of now being valid for ``overlap`` milliseconds more.

        Raises LoginFault.
        """
        still = [one for one in self.earlier if one.end > now]
        if still:
            raise LoginFault(
                f"two logins are valid until {still[0].until}, {self.username} and {still[0].username}: wait, or end "
                f"{still[0].username} with --end-overlap first"
            )
        taken = {self.username, *(one.username for one in self.earlier), BRIDGE}
        name = next_name(self.username) if username is None else checked_username(username, taken)
        left = EarlierLogin(self.username, self.password, moment(now + overlap))
        return Logins(name, checked_secret(password), (*self.earlier, left))

    def alone(self, now: int) -> "Logins":
        """Return them with the present one alone being valid from ``now`` on."""
        ended = [EarlierLogin(one.username, one.password, moment(min(one.end, now))) for one in self.earlier]
        return Logins(self.username, self.password, tuple(ended))
