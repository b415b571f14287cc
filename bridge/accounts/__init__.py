"""Who may log in to the operations broker. One small Protocol, behind which each kind of broker has a room."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bridge.accounts.grants import Grant


class AccountsFault(Exception):
    """The broker did not do what was asked of its accounts; the sentence is the broker's."""


@dataclass(frozen=True, slots=True)
class Login:
    """An account as the broker should have it. ``mark`` changes with the password and is no secret."""

    username: str
    password: str = field(repr=False)
    mark: str
    grants: tuple[Grant, ...]
    client_id: str | None = None


class Accounts(Protocol):
    """What the bridge needs of a broker's accounts. Each call may be repeated without harm; all raise AccountsFault."""

    async def install(self, logins: Sequence[Login]) -> None:
        """Make accounts that were never there. One that is there already is left as it is if it is the same."""

    async def renew(self, logins: Sequence[Login]) -> None:
        """Make accounts be as given, whatever was there; a changed one loses its live sessions."""

    async def remove(self, usernames: Sequence[str]) -> None:
        """Take accounts away, with their live sessions. One that is not there is none to take away."""

    def listed(self) -> AsyncIterator[tuple[str, str]]:
        """Yield user name and mark of every account that the bridge made, and of no other."""
