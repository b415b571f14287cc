"""The options of a tenant: what exists, what may be set, the policy that follows. Pure (the contract, section 5)."""

from collections.abc import Collection, Mapping
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

TOPICS: Final = "topics"
DEVICES: Final = "devices"
"""The category of the option ``topics``."""
RESERVED_LEVELS: Final = frozenset({"devices", "control", "events", "bridge", "bootstrap", "extensions"})
"""First levels of topics that are the bridge's own."""
MAX_FILTERS: Final = 20
MAX_FILTER: Final = 1_000

OptionValue = int | str | list[str]
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
    category: str = CATEGORY

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
    category: str = CATEGORY

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


@dataclass(frozen=True, slots=True)
class Filters:
    """An option with topic filters, in which ``{id}`` and ``{tenant}`` stand for those of each device."""

    type: str = "topic filters"
    unit: str | None = "filters"
    category: str = DEVICES

    @property
    def default(self) -> list[str]:
        """No filters."""
        return []

    @property
    def range(self) -> list[int]:
        """How few and how many there may be."""
        return [0, MAX_FILTERS]

    def parse(self, value: object) -> OptionValue:
        """Return the filters that ``value`` lists, each once. Raises InvalidOption."""
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise InvalidOption('takes a list of topic filters, as ["plant/{tenant}/{id}/#"]')
        if len(value) > MAX_FILTERS:
            raise InvalidOption(f"takes at most {MAX_FILTERS} topic filters")
        for one in value:
            if fault := _filter_fault(one):
                raise InvalidOption(f"does not take {one[:80]!r}: {fault}")
        return list(dict.fromkeys(value))


def _filter_fault(text: str) -> str | None:
    levels = text.split("/")
    if len(text) > MAX_FILTER or not text.isprintable():
        return f"a topic filter has at most {MAX_FILTER} characters, all of which can be seen"
    if fault := shape_fault(text):
        return fault
    if any("{" in level or "}" in level for level in levels if level not in {"{id}", "{tenant}"}):
        return "{id} and {tenant} stand as whole levels, and there are no other braces"
    if "{id}" not in levels:
        return "{id} has to stand in it, as a whole level"
    if {"+", "#"}.intersection(levels[: levels.index("{id}")]):
        return "no wildcard may stand before {id}"
    if not levels[0] or levels[0] in {"{id}", "{tenant}"} or levels[0] in RESERVED_LEVELS or levels[0].startswith("$"):
        return f"the first level is a word of your own, none of {', '.join(sorted(RESERVED_LEVELS))}, no $"
    return None


def shape_fault(text: str) -> str | None:
    """Say why ``text`` is no MQTT topic filter (MQTT 5, section 4.7), or None if it is one."""
    levels = text.split("/")
    if not text or "\0" in text:
        return "a topic filter is not empty and has no null character"
    if "#" in text and (text.count("#") > 1 or levels[-1] != "#"):
        return "# stands alone as the last level"
    if any("+" in level and level != "+" for level in levels):
        return "+ stands alone as a level"
    return None


OPTIONS: Final[Mapping[str, Choice | Number | Filters]] = {
    TOKEN_POLICY: Choice("OPTIONAL", tuple(policy.name for policy in TokenPolicy)),
    MAX_ATTEMPTS: Number(5, 1, 100, "attempts"),
    TOKEN_MISSING: Choice("BLOCK", ("BLOCK", "IGNORE")),
    REDELIVERY_WINDOW: Number(86_400, 60, 604_800, "seconds"),
    TTL: Number(0, 1, 315_360_000, "seconds", zero_too=True),
    RETENTION: Number(86_400, 0, 315_360_000, "seconds"),
    RETRY_AFTER: Number(30, 5, 3_600, "seconds"),
    TOPICS: Filters(),
}

INSTALLATION_WIDE: Final = frozenset({RETRY_AFTER})
"""Set by ``management`` for everybody: what a device is told must not tell tenants apart."""


def own_value(values: Values, tenant: str, key: str) -> OptionValue:
    """Return what ``tenant`` has set for ``key``, or the default."""
    holder = MANAGEMENT if key in INSTALLATION_WIDE else tenant
    return values.get((holder, key), OPTIONS[key].default)


def effective_value(values: Values, tenant: str, key: str) -> OptionValue:
    """Return what holds for ``tenant``.

    Of the token policy that is the stricter of its own and what management has set, of topics those of both.
    """
    own = own_value(values, tenant, key)
    if key == TOPICS:
        return device_topics(values, tenant)
    if key != TOKEN_POLICY or (MANAGEMENT, key) not in values:
        return own
    return max(TokenPolicy[str(own)], TokenPolicy[str(values[MANAGEMENT, key])]).name


def neighbour_fault(values: Values, tenant: str, filters: Collection[str]) -> str | None:
    """Say why ``filters`` of ``tenant`` could meet topics of another tenant's devices, or None if they cannot.

    A tenant's own filters begin ``word/{tenant}/``: what two tenants have is apart then, whatever devices are called.
    A filter of management that does not begin so covers devices of all, and nobody else may have its first level.
    """
    shared = {
        one.split("/")[0]
        for one in (filters if tenant == MANAGEMENT else _topics_of(values, MANAGEMENT))
        if one.split("/")[1:2] != ["{tenant}"]
    }
    if tenant == MANAGEMENT:
        holders = {holder for holder, key in values if key == TOPICS and holder != MANAGEMENT}
        taken = {one.split("/")[0] for holder in holders for one in _topics_of(values, holder)} & shared
        return f"tenants have topics below {min(taken)} of their own" if taken else None
    for one in filters:
        first, *rest = one.split("/")
        if "{tenant}" not in rest:
            return f"{one!r} does not name {{tenant}}: without it only management may set it"
        if rest[0] != "{tenant}":
            return f"{one!r} could meet another tenant's topics: {{tenant}} stands as the second level"
        if first in shared:
            return f"{one!r} could meet another tenant's topics: management has given {first} to the devices of all"
    return None


def _topics_of(values: Values, tenant: str) -> list[str]:
    own = own_value(values, tenant, TOPICS)
    assert isinstance(own, list)
    return own


def number_of(values: Values, tenant: str, key: str) -> int:
    """Return what holds for ``tenant`` of an option that is a number."""
    value = effective_value(values, tenant, key)
    assert isinstance(value, int)
    return value


def device_topics(values: Values, tenant: str) -> list[str]:
    """Return the filters that devices of ``tenant`` may use besides their own topics, with ``{id}`` left to fill in."""
    found: list[str] = []
    for holder in (MANAGEMENT, tenant):
        found += _topics_of(values, holder)
    return [one.replace("{tenant}", tenant) for one in dict.fromkeys(found)]


def policy_for(values: Values, tenant: str) -> Policy:
    """Return the policy that decisions about a registration of ``tenant`` follow."""

    def seconds(key: str) -> int:
        return number_of(values, tenant, key) * 1000

    return Policy(
        tokens=TokenPolicy[str(effective_value(values, tenant, TOKEN_POLICY))],
        max_attempts=number_of(values, tenant, MAX_ATTEMPTS),
        block_missing=effective_value(values, tenant, TOKEN_MISSING) == "BLOCK",
        redelivery_window=seconds(REDELIVERY_WINDOW),
        ttl=seconds(TTL),
        retention=seconds(RETENTION),
    )
