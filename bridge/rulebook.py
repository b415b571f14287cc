"""What decisions follow beside the record at hand: keys, options, tenants, roles. Held in memory, decides nothing."""

import json
import math
import secrets
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from bridge.applications import may_use
from bridge.credentials import KeyRing
from bridge.names import MANAGEMENT
from bridge.options import Values, device_topics, policy_for
from bridge.records import DEVICE, Account
from bridge.registration import Draw, Policy


@dataclass(slots=True)
class Rulebook:
    """What decisions follow beside the record, as it stands in the database, of which this process is the one writer.

    ``values`` are the options set, ``roles`` go from tenant and administrator to role. ``foreign_names`` tells which
    names the broker knows as somebody else's.
    """

    keys: KeyRing
    values: Values = field(default_factory=dict)
    tenants: frozenset[str] = frozenset()
    roles: Mapping[tuple[str, str], str] = field(default_factory=dict)
    foreign_names: Callable[[], Collection[str]] = frozenset
    monotonic: Callable[[], float] = time.monotonic
    _heard_since: dict[tuple[str, str], float] = field(default_factory=dict)
    _policies: dict[str, Policy] = field(default_factory=dict)

    def policy(self, tenant: str) -> Policy:
        """Return the policy of ``tenant``."""
        if tenant not in self._policies:
            self._policies[tenant] = policy_for(self.values, tenant)
        return self._policies[tenant]

    def follow(self, values: Values, tenants: frozenset[str], roles: Mapping[tuple[str, str], str]) -> None:
        """Follow what has changed from the next decision on."""
        self.values, self.tenants, self.roles = values, tenants, roles
        self._policies = {}

    def give_name(self, tenant: str, administrator: str, *, formerly_anothers: bool) -> None:
        """Hear who has this name now, and not who had it before him.

        What came until now, and waits for its turn, is the former one's. Where the broker still has that one's account
        (``formerly_anothers``), so is all that comes until ``let_in``.
        """
        self._heard_since[tenant, administrator] = math.inf if formerly_anothers else self.monotonic()

    def let_in(self, tenant: str, administrator: str) -> None:
        """Hear an administrator from now on, since all sessions of whoever had the name before are closed."""
        if self._heard_since.get((tenant, administrator)) == math.inf:
            self._heard_since[tenant, administrator] = self.monotonic()

    def hears(self, tenant: str, administrator: str, arrived: float | None = None) -> bool:
        """Tell whether what ``arrived`` then, by ``monotonic``, or now, is of who has the name now."""
        since = self._heard_since.get((tenant, administrator), -math.inf)
        return since <= (self.monotonic() if arrived is None else arrived)

    def password_of(self, account: Account) -> str:
        """Return the password of ``account``, derived anew or decrypted. Raises BadSecret."""
        keys = self.keys
        if account.secret is not None:
            return keys.unlocked(account.username, account.secret, account.key_id)
        if account.kind == DEVICE:
            return keys.device_password(account.tenant, account.subject, account.seed, account.key_id)
        return keys.administrator_password(account.username, account.seed, account.key_id)

    def is_alone(self, tenant: str) -> bool:
        """Tell whether ``tenant`` is the only one besides management."""
        return self.tenants <= {MANAGEMENT, tenant}

    def further_topics(self, tenant: str) -> list[str]:
        """Return the filters of the option ``topics`` for devices of ``tenant``, with ``{id}`` left to fill in."""
        return device_topics(self.values, tenant)

    def application_filters(self, account: Account) -> tuple[list[str], list[str]]:
        """Return what an application reads and writes as things are; what it no longer may is left out."""
        granted = json.loads(account.details or "{}")
        read, write = (
            [one for one in granted.get(way, ()) if self.may_use(one, account.tenant)] for way in ("read", "write")
        )
        return read, write

    def may_use(self, filter_: str, tenant: str) -> bool:
        """Tell whether an application of ``tenant`` may have ``filter_``."""
        return may_use(filter_, tenant, self.values, alone=tenant == MANAGEMENT or self.is_alone(tenant))

    def draw(self) -> Draw:
        """Draw what one decision may need."""
        return Draw(secrets.token_bytes(16), self.keys.current, secrets.token_hex(4))
