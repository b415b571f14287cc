"""Who may log in to the operations broker. One small Protocol, behind which each kind of broker has a room."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bridge.accounts.grants import Grant, digest_of


class AccountsFault(Exception):
    """The broker did not do what was asked of its accounts; the sentence is the broker's."""


@dataclass(frozen=True, slots=True)
class Seen:
    """An account of the bridge's as the broker has it; ``granted`` is the digest of what it may do."""

    username: str
    mark: str
    granted: str
    client_id: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Login:
    """An account as the broker should have it. ``mark`` changes with the password and is no secret.

    ``description`` tells whether password and grants are right, compared with what the broker has.
    """

    username: str
    password: str = field(repr=False)
    mark: str
    grants: tuple[Grant, ...]
    client_id: str | None = field(default=None, repr=False)

    @property
    def description(self) -> str:
        """The mark of the password and that of the grants."""
        return f"{self.mark}:{digest_of(self.grants)}"

    def is_as(self, seen: Seen | None) -> bool:
        """Tell whether the broker has the account as it should be, as far as can be seen."""
        wanted = Seen(self.username, self.mark, digest_of(self.grants), self.client_id)
        return seen == wanted

    def has_password_of(self, description: str) -> bool:
        """Tell whether an account that is described so has this password, whatever it may do."""
        return description.partition(":")[0] == self.mark


class Accounts(Protocol):
    """What the bridge needs of a broker's accounts. Each call may be repeated without harm; all raise AccountsFault."""

    async def install(self, logins: Sequence[Login]) -> None:
        """Make accounts that were never there. One that is there already is left as it is if it is the same."""

    async def renew(self, logins: Sequence[Login]) -> None:
        """Make accounts be as given, whatever was there; a changed one loses its live sessions."""

    async def remove(self, usernames: Sequence[str]) -> None:
        """Take accounts away, with their live sessions. One that is not there is none to take away."""

    def listed(self) -> AsyncIterator[Sequence[Seen]]:
        """Yield every account that the bridge made, and no other, in pages, some of which may be empty.

        Between two pages the broker serves others, and accounts may come and go: one may be left out or come twice.
        """

    async def look(self, usernames: Sequence[str]) -> list[Seen | None]:
        """Return just these accounts, as they are now; None for one that is not there or not the bridge's."""
