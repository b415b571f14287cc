"""The options of a tenant: what exists, what may be set, the policy that follows. Pure (the contract, section 5)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bridge.names import MANAGEMENT
from bridge.registration import Policy, TokenPolicy

CATEGORY: Final = "device-registration"

TOKEN_POLICY: Final = "security-token.policy"  # noqa: S105 - the name of an option
MAX_ATTEMPTS: Final = "security-token.max-attempts"
TOKEN_MISSING: Final = "token-missing.action"  # noqa: S105 - the name of an option
REDELIVERY_WINDOW: Final = "redelivery.window"
TTL: Final = "registration.ttl"
RETENTION: Final = "registration.retention"
RETRY_AFTER: Final = "retry-after"

OptionValue = int | str
Values = Mapping[tuple[str, str], OptionValue]
"""What has been set: (tenant, key) to value."""


class InvalidOption(ValueError):
    """A value that its option does not take; the sentence says what it takes."""


@dataclass(frozen=True, slots=True)
class Choice:
    """An option with a few words as values."""

    default: str
    words: tuple[str, ...]
    type: str = "choice"
    unit: str | None = None

    @property
    def range(self) -> list[str]:
        """The words, for a person to read."""
        return list(self.words)

    def parse(self, value: object) -> OptionValue:
        """Return the word that ``value`` is. Raises InvalidOption."""
        if isinstance(value, str) and value in self.words:
            return value
        raise InvalidOption(f"takes one of {', '.join(self.words)}")


@dataclass(frozen=True, slots=True)
class Number:
    """An option with whole numbers as values, ``zero_too`` besides the range."""

    default: int
    low: int
    high: int
    unit: str | None
    zero_too: bool = False
    type: str = "integer"

    @property
    def range(self) -> list[int]:
        """The least and the greatest value."""
        return [0 if self.zero_too else self.low, self.high]

    def parse(self, value: object) -> OptionValue:
        """Return the number that ``value`` is, a JSON number or a decimal string. Raises InvalidOption."""
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 12:
            value = int(value)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            value = None
        if value is not None and (self.low <= value <= self.high or (self.zero_too and value == 0)):
            return value
        unit = f" {self.unit}" if self.unit else ""
        zero = ", or 0 for never" if self.zero_too else ""
        raise InvalidOption(f"takes a whole number from {self.low} to {self.high}{unit}{zero}")


OPTIONS: Final[Mapping[str, Choice | Number]] = {
    TOKEN_POLICY: Choice("OPTIONAL", tuple(policy.name for policy in TokenPolicy)),
    MAX_ATTEMPTS: Number(5, 1, 100, "attempts"),
    TOKEN_MISSING: Choice("BLOCK", ("BLOCK", "IGNORE")),
    REDELIVERY_WINDOW: Number(86_400, 60, 604_800, "seconds"),
    TTL: Number(0, 1, 315_360_000, "seconds", zero_too=True),
    RETENTION: Number(86_400, 0, 315_360_000, "seconds"),
    RETRY_AFTER: Number(30, 5, 3_600, "seconds"),
}

INSTALLATION_WIDE: Final = frozenset({RETRY_AFTER})
"""Set by ``management`` for everybody: what a device is told must not tell tenants apart."""


def own_value(values: Values, tenant: str, key: str) -> OptionValue:
    """Return what ``tenant`` has set for ``key``, or the default."""
    holder = MANAGEMENT if key in INSTALLATION_WIDE else tenant
    return values.get((holder, key), OPTIONS[key].default)


def effective_value(values: Values, tenant: str, key: str) -> OptionValue:
    """Return what holds for ``tenant``: for the token policy the stricter of its own and what management has set."""
    own = own_value(values, tenant, key)
    if key != TOKEN_POLICY or (MANAGEMENT, key) not in values:
        return own
    return max(TokenPolicy[str(own)], TokenPolicy[str(values[MANAGEMENT, key])]).name


def policy_for(values: Values, tenant: str) -> Policy:
    """Return the policy that decisions about a registration of ``tenant`` follow."""

    def seconds(key: str) -> int:
        return int(effective_value(values, tenant, key)) * 1000

    return Policy(
        tokens=TokenPolicy[str(effective_value(values, tenant, TOKEN_POLICY))],
        max_attempts=int(effective_value(values, tenant, MAX_ATTEMPTS)),
        block_missing=effective_value(values, tenant, TOKEN_MISSING) == "BLOCK",
        redelivery_window=seconds(REDELIVERY_WINDOW),
        ttl=seconds(TTL),
        retention=seconds(RETENTION),
    )
