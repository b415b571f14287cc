"""What is measured: the table of all measures, and the meter on which rooms count. It knows no library.

Each label has its few values here, and whatever else is given becomes ``other``: neither a caller nor an administrator
can make the number of time series grow. No device, tenant or person stands in a label; who may see the figures, may
see no more than figures.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol

from bridge.registration import Code, Status
from bridge.roles import COMMANDS, OF_MANAGEMENT, OWNER

OTHER: Final = "other"
"""The value of a label that is none of those in the table."""


class Kind(StrEnum):
    """How a measure behaves: it only grows, it goes up and down, or it is a distribution."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Measure:
    """One row of the table. ``buckets`` are upper bounds, of a histogram alone."""

    name: str
    kind: Kind
    says: str
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    buckets: tuple[float, ...] = ()

    def __hash__(self) -> int:
        return hash(self.name)


class Meter(Protocol):
    """Where rooms count. Labels are those of the measure, all of them."""

    def count(self, measure: Measure, number: float = 1, /, **labels: str) -> None:
        """Add ``number`` to a counter."""

    def observe(self, measure: Measure, value: float, /, **labels: str) -> None:
        """Put ``value`` into a distribution."""

    def show(self, measure: Measure, value: float, /, **labels: str) -> None:
        """Let a gauge stand at ``value``."""


class Unmeasured:
    """A meter on which nothing is read."""

    def count(self, measure: Measure, number: float = 1, /, **labels: str) -> None:
        """See ``Meter``."""

    def observe(self, measure: Measure, value: float, /, **labels: str) -> None:
        """See ``Meter``."""

    def show(self, measure: Measure, value: float, /, **labels: str) -> None:
        """See ``Meter``."""


UNMEASURED: Final[Meter] = Unmeasured()

CALL: Final = "call"
REQUEST: Final = "request"
INFO: Final = "info"
EVENT: Final = "event"
_KINDS: Final = {"kind": (CALL, REQUEST, INFO)}
_SESSIONS: Final = {"session": ("calls", "control", "info", "accounts")}
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_LONG: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)
_SIZES: Final = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0)
QUEUES: Final = ("waiting", "unacknowledged", "outgoing")
_CODES: Final = tuple(code.value for code in Code)
_COMMANDS: Final = tuple(sorted(COMMANDS[OWNER] | OF_MANAGEMENT))
_EVENTS: Final = (
    "registered",
    "requested",
    "accepted",
    "token-mismatch",
    "blocked",
    "delivered",
    "confirmed",
    "deleted",
    "expired",
    "updated",
    "request-after-completion",
    "claim-conflict",
    "auto-accept-suspended",
)

MESSAGES: Final = Measure(
    "messages",
    Kind.COUNTER,
    "Messages handled, by what they were and what came of them.",
    _KINDS | {"outcome": ("handled", "refused", "malformed", "limited", "discarded", "fault")},
)
REQUESTS: Final = Measure(
    "requests",
    Kind.COUNTER,
    "Administrators' requests by command and outcome: ok, or the code of the refusal.",
    {"command": _COMMANDS, "outcome": ("ok", *_CODES)},
)
REFUSALS: Final = Measure(
    "refusals", Kind.COUNTER, "Refusals by code: of whole requests, and of single devices in them.", {"code": _CODES}
)
BULK_ROWS: Final = Measure(
    "bulk_rows",
    Kind.COUNTER,
    "Lines of bulk files by what came of them.",
    {"outcome": ("created", "updated", "failed")},
)
MALFORMED: Final = Measure(
    "malformed",
    Kind.COUNTER,
    "Calls that could not be understood, by what was wrong.",
    {"reason": ("device-id", "client-id", "too-large", "not-utf8", "not-json", "members", "public-key", "token")},
)
LIMITED: Final = Measure(
    "calls_limited",
    Kind.COUNTER,
    "Calls that were not looked at, by the limit that they were above.",
    {"limit": ("device", "connection", "overall")},
)
DROPPED: Final = Measure(
    "messages_dropped",
    Kind.COUNTER,
    "Messages dropped because too many waited: incoming ones with QoS 0, and events that the broker did not take.",
    {"kind": (CALL, REQUEST, INFO, EVENT)},
)
FAULTS: Final = Measure(
    "faults",
    Kind.COUNTER,
    "Faults of the bridge itself; each has its traceback in the log.",
    {"where": ("calls", "control", "info")},
)
STORE_FAULTS: Final = Measure(
    "store_faults", Kind.COUNTER, "Times that the database refused a change or a query: locked, full or gone."
)
EVENTS: Final = Measure(
    "registration_events", Kind.COUNTER, "What happened to registrations, by event.", {"event": _EVENTS}
)
BATCH: Final = Measure("batch_messages", Kind.HISTOGRAM, "Messages decided together.", _KINDS, _SIZES)
HANDLING: Final = Measure(
    "handling_seconds", Kind.HISTOGRAM, "Time for a batch or a request, until it was committed.", _KINDS, _SECONDS
)
CALL_TO_PENDING: Final = Measure(
    "call_to_pending_seconds",
    Kind.HISTOGRAM,
    "Time from the arrival of a call to its registration's being pending, committed.",
    buckets=_SECONDS,
)
ACCEPT_TO_DELIVERED: Final = Measure(
    "accept_to_delivered_seconds",
    Kind.HISTOGRAM,
    "Time from acceptance to the broker's having taken the credentials for a listener.",
    buckets=_LONG,
)
ACCOUNT_CHANGES: Final = Measure(
    "account_changes",
    Kind.COUNTER,
    "Accounts that the operations broker confirmed as made or taken away.",
    {"change": ("installed", "removed")},
)
HELD_BACK: Final = Measure(
    "accounts_held_back", Kind.COUNTER, "Accounts that the operations broker refused, to be tried again."
)
REPAIRS: Final = Measure(
    "repairs",
    Kind.COUNTER,
    "Accounts found otherwise in the broker than they should be, by the repair.",
    {"repair": ("installed", "rights", "removed")},
)
SESSION_ENDS: Final = Measure(
    "session_ends",
    Kind.COUNTER,
    "Times that a session ended and was begun again, by the reason.",
    _SESSIONS
    | {
        "reason": (
            "Unreachable",
            "Untrusted",
            "LoginRefused",
            "Disconnected",
            "SubscriptionRefused",
            "StoreFault",
            "AccountsFault",
        )
    },
)
SERVING: Final = Measure(
    "part_serving",
    Kind.GAUGE,
    "Whether a part of the bridge serves: 1 or 0.",
    {"part": ("calls", "control", "info", "accounts", "rights", "database")},
)
READY: Final = Measure("ready", Kind.GAUGE, "Whether all parts serve, as /readyz says: 1 or 0.")
QUEUE: Final = Measure(
    "queue_messages",
    Kind.GAUGE,
    "Messages in memory: waiting for their turn, not acknowledged to the broker yet, or not acknowledged by it.",
    _SESSIONS | {"queue": QUEUES},
)
REGISTRATIONS: Final = Measure(
    "registrations", Kind.GAUGE, "Registrations by status.", {"status": tuple(status.value for status in Status)}
)
OLDEST_PENDING: Final = Measure(
    "oldest_pending_seconds", Kind.GAUGE, "Age of the call that has waited longest for a person, 0 if none waits."
)
UNREGISTERED: Final = Measure(
    "unregistered_callers", Kind.GAUGE, "Ids remembered that called without a registration; at most some 11,000."
)
ACCOUNTS: Final = Measure(
    "accounts",
    Kind.GAUGE,
    "Accounts that the operations broker should have, and those of them that it has confirmed.",
    {"kind": ("device", "administrator", "application"), "state": ("wanted", "installed")},
)
OUTBOX: Final = Measure(
    "outbox_accounts",
    Kind.GAUGE,
    "Accounts to be made, taken away, or given other rights.",
    {"work": ("install", "remove", "revisit")},
)
UNDELIVERED: Final = Measure(
    "undelivered_credentials", Kind.GAUGE, "Accepted devices with an account that nobody has heard to take delivery."
)
DATABASE: Final = Measure("database_bytes", Kind.GAUGE, "Size of the database's files.", {"file": ("database", "log")})
LAG: Final = Measure(
    "event_loop_lag_seconds", Kind.GAUGE, "How late the event loop was at the worst in the last half minute."
)
CERTIFICATE_EXPIRY: Final = Measure(
    "certificate_expiry_timestamp_seconds",
    Kind.GAUGE,
    "When the certificate ends that a broker shows, or the authority that signs them, in seconds since 1970.",
    {"certificate": ("operations", "bootstrap", "authority")},
)
COUNTING: Final = Measure(
    "counting_seconds", Kind.GAUGE, "How long the last look into the database for these gauges took."
)

BOOTSTRAP_OVERLAP: Final = Measure(
    "bootstrap_overlap_seconds",
    Kind.GAUGE,
    "Time until the earlier bootstrap login ends, 0 if there is none; below 0 it should have ended and has not.",
)

MEASURES: Final = (
    MESSAGES,
    REQUESTS,
    REFUSALS,
    BULK_ROWS,
    MALFORMED,
    LIMITED,
    DROPPED,
    FAULTS,
    STORE_FAULTS,
    EVENTS,
    BATCH,
    HANDLING,
    CALL_TO_PENDING,
    ACCEPT_TO_DELIVERED,
    ACCOUNT_CHANGES,
    HELD_BACK,
    REPAIRS,
    SESSION_ENDS,
    SERVING,
    READY,
    QUEUE,
    REGISTRATIONS,
    OLDEST_PENDING,
    UNREGISTERED,
    ACCOUNTS,
    OUTBOX,
    UNDELIVERED,
    DATABASE,
    LAG,
    COUNTING,
    CERTIFICATE_EXPIRY,
    BOOTSTRAP_OVERLAP,
)
"""All that is measured, in the order in which it is documented."""
