"""Attacks by topic: how far each login reaches. What the page says and what the test asserts are the same columns."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tests.hostile import Attack, Login


class Broker(StrEnum):
    """Where an attack takes place."""

    GATE = "bootstrap broker"
    OPERATIONS = "operations broker"


class Act(StrEnum):
    """What is tried with the topics of a row."""

    LISTEN = "subscribes to"
    SEND = "publishes to"


class Outcome(StrEnum):
    """What comes of it, in the words of the page."""

    HEARS = "It hears this, and is meant to."
    REFUSED = "The broker refuses the subscription, and nothing comes."
    DEAF = "The broker grants the subscription, as it grants every one, and delivers nothing of others."
    ARRIVES = "It arrives, and is meant to."
    STAYS = "It arrives where it may publish, and nowhere else: to a broker these levels are names like any other."
    DROPPED = "It reaches nobody and is not kept; MQTT 5 at QoS 1 is told *Not authorized*."


@dataclass(frozen=True, slots=True)
class Reach(Attack):
    """A row by topic. ``topics`` are templates: what stands in angle brackets differs from attacker to attacker.

    ``quiet``: nobody uses these topics, so that no traffic of others can be looked for there.
    """

    at: Broker
    act: Act
    topics: tuple[str, ...]
    outcome: Outcome
    quiet: bool = False


DEVICE, VIEWER, REGISTRAR, OWNER = Login.DEVICE, Login.VIEWER, Login.REGISTRAR, Login.OWNER
APPLICATION, TENANT = Login.APPLICATION, Login.TENANT
PEOPLE: Final = (VIEWER, REGISTRAR, OWNER, TENANT)
RESIDENTS: Final = (DEVICE, *PEOPLE, APPLICATION)
"""Whoever has a login of the operations broker."""
READABLE: Final = "devices/<tenant>/+/telemetry"
"""What the application of the table was granted to read."""
WRITABLE: Final = "devices/<tenant>/#"
"""What it was granted to write."""
PLACES: Final = {
    "<tenant>": "the attacker's own tenant",
    "<me>": "its own user name, of a device its id",
    "<client id>": "its own client id",
    "<neighbour>": "another device of the same tenant",
    "<colleague>": "another administrator of the same tenant",
    "<elsewhere>": "another tenant",
    "<their device>": "a device of that tenant",
    "<their owner>": "an owner of that tenant",
    "<caller>": "a device that is calling on the bootstrap broker",
    "<their call>": "the client id of its private call, which nobody can know",
}
"""What the angle brackets stand for."""

WORDS: Final = {
    Login.BOOTSTRAP: "bootstrap",
    **{login: login.value for login in (DEVICE, VIEWER, REGISTRAR, OWNER, APPLICATION)},
    TENANT: "tenant",
    Login.NONE: "none",
}


def _rows(
    who: Iterable[Login],
    family: str,
    slug: str,
    act: Act,
    gist: str,
    topics: Iterable[str],
    outcome: Outcome,
    *,
    at: Broker = Broker.OPERATIONS,
    quiet: bool = False,
) -> tuple[Reach, ...]:
    """One row for each of ``who``."""
    tried = tuple(topics)
    said = f"{act.value.capitalize()} {gist}: {', '.join(f'`{one}`' for one in tried)}."
    return tuple(
        Reach(f"{WORDS[one]}-{slug}", one, family, said, outcome.value, at, act, tried, outcome, quiet) for one in who
    )


def listen(
    who: Iterable[Login], family: str, slug: str, gist: str, outcome: Outcome, *topics: str, quiet: bool = False
) -> tuple[Reach, ...]:
    """Rows of those who listen on the operations broker."""
    return _rows(who, family, f"hears-{slug}", Act.LISTEN, gist, topics, outcome, quiet=quiet)


def send(who: Iterable[Login], family: str, slug: str, gist: str, outcome: Outcome, *topics: str) -> tuple[Reach, ...]:
    """Rows of those who publish on the operations broker."""
    return _rows(who, family, f"sends-{slug}", Act.SEND, gist, topics, outcome)


def at_gate(
    family: str, slug: str, act: Act, gist: str, outcome: Outcome, *topics: str, quiet: bool = False
) -> tuple[Reach, ...]:
    """A row of somebody with the bootstrap login, on the bootstrap broker."""
    verb = "hears" if act is Act.LISTEN else "sends"
    return _rows([Login.BOOTSTRAP], family, f"{verb}-{slug}", act, gist, topics, outcome, at=Broker.GATE, quiet=quiet)


CALLS, WILD, SHARED = "Calls and their answers", "Wildcards", "Shared subscriptions"
DEVICES, COMMANDS, EVENTS = "Topics of devices", "Commands and their answers", "Events and the state of the bridge"
OPTION = "Topics by the option `topics`"
ACCOUNTS, FIGURES, ALIKE = "The broker's own topics: $CONTROL", "The broker's own topics: $SYS", "Names alike"

_EVERYTHING = ("#", "+/#", "+/+/#", "+/+/+/#", "+/+", "+/+/+", "+/+/+/+", "+/+/+/+/+")
_OF_CALLERS = (
    "bootstrap/#",
    "bootstrap/+/request",
    "bootstrap/+/request/+",
    "bootstrap/+/response",
    "bootstrap/+/response/+",
    "bootstrap/<caller>/#",
    "bootstrap/<caller>/response",
    "bootstrap/<caller>/response/<their call>",
    "bootstrap/<caller>/request/<their call>",
)
_OF_ACCOUNTS = (
    "$CONTROL/#",
    "$CONTROL/+/+/+",
    "$CONTROL/dynamic-security/#",
    "$CONTROL/dynamic-security/v1/response",
)
_OF_BROKER = ("$SYS/#", "$SYS/broker/+", "$SYS/broker/version", "$SYS/broker/clients/#")
_OF_COLLEAGUES = (
    "control/#",
    "control/+/+/request/+",
    "control/+/+/response",
    "control/<tenant>/#",
    "control/<tenant>/+/response",
    "control/<tenant>/<colleague>/#",
    "control/<tenant>/<colleague>/response",
    "control/<tenant>/<colleague>/request/list",
    "control/<elsewhere>/<their owner>/response",
    "control/<elsewhere>/<their owner>/request/+",
)
_OF_DEVICES = (
    "devices/#",
    "devices/+/+/info",
    "devices/<tenant>/<neighbour>/#",
    "devices/<tenant>/<neighbour>/info",
    "devices/<tenant>/<neighbour>/+",
    "devices/+/<neighbour>/#",
    "+/<tenant>/<neighbour>/info",
)
_ABROAD = (
    "devices/<elsewhere>/#",
    "devices/<elsewhere>/+/info",
    "devices/<elsewhere>/<their device>/#",
    "devices/<elsewhere>/<their device>/telemetry",
    "devices/+/<their device>/#",
    "devices/+/+/telemetry",
)
FURTHER: Final = "tele/{tenant}/{id}/#"
"""The option ``topics`` of both tenants."""
_OF_OPTION = (
    *("tele/#", "tele/+/+/#", "tele/<tenant>/#", "tele/+/<neighbour>/#", "tele/<tenant>/<neighbour>/#"),
    *("tele/<elsewhere>/#", "tele/<elsewhere>/<their device>/#", "tele/<tenant>/<neighbour>/STATE"),
)
_EVENTS_ABROAD = (
    "events/#",
    "events/+/#",
    "events/+/registrations/+",
    "events/+/bulk",
    "events/<elsewhere>/#",
    "events/<elsewhere>/registrations/<their device>",
    "+/<elsewhere>/registrations/+",
)
_STATE = "bridge/state"
OF_ALL_KINDS: Final = (*_EVERYTHING, *_OF_CALLERS, *_OF_COLLEAGUES, *_OF_DEVICES, *_OF_ACCOUNTS, *_OF_BROKER)
"""What somebody subscribes to who does not know what a name may open."""
TO_ALL_KINDS: Final = (
    *("bootstrap/<caller>/request", "bootstrap/<caller>/request/<their call>"),
    *("bootstrap/<caller>/response", "bootstrap/<caller>/response/<their call>"),
    *("devices/<tenant>/<neighbour>/info", "devices/<elsewhere>/<their device>/info"),
    *("control/<tenant>/<colleague>/request/list", "control/<tenant>/<colleague>/response"),
    *("events/<tenant>/bulk", _STATE, "$CONTROL/dynamic-security/v1"),
)
"""What somebody publishes who does not know either."""


LISTENING: Final[tuple[Reach, ...]] = (
    *at_gate(CALLS, "own-answer", Act.LISTEN, "the answers to its own call", Outcome.HEARS,
             "bootstrap/<me>/response/<client id>", "bootstrap/+/response/<client id>"),
    *at_gate(CALLS, "calls", Act.LISTEN, "calls and answers of others", Outcome.DEAF, *_OF_CALLERS),
    *at_gate(WILD, "everything", Act.LISTEN, "all there is", Outcome.DEAF, *_EVERYTHING),
    *at_gate(SHARED, "shares", Act.LISTEN, "what others are to hear, as one of a group", Outcome.DEAF,
             *(f"$share/g/{one}" for one in ("#", *_OF_CALLERS)), "$queue/bootstrap/#"),
    *at_gate(FIGURES, "figures", Act.LISTEN, "what the broker tells of itself", Outcome.DEAF, *_OF_BROKER),
    *at_gate(ACCOUNTS, "control", Act.LISTEN, "answers about accounts", Outcome.DEAF, *_OF_ACCOUNTS, quiet=True),
    *listen(RESIDENTS, CALLS, "calls", "calls, which are made on the other broker", Outcome.REFUSED, *_OF_CALLERS,
            quiet=True),
    *listen(RESIDENTS, WILD, "everything", "all there is", Outcome.REFUSED, *_EVERYTHING),
    *listen(RESIDENTS, SHARED, "shares", "what others are to hear, as one of a group", Outcome.REFUSED,
            *(f"$share/g/{one}" for one in (*_EVERYTHING, *_OF_DEVICES, *_ABROAD, *_OF_COLLEAGUES, *_EVENTS_ABROAD))),
    *listen([DEVICE], DEVICES, "own", "its own topics", Outcome.HEARS, "devices/<tenant>/<me>/#"),
    *listen([APPLICATION], DEVICES, "granted", "what it was granted", Outcome.HEARS, READABLE),
    *listen(RESIDENTS, DEVICES, "neighbours", "topics of other devices", Outcome.REFUSED, *_OF_DEVICES),
    *listen(RESIDENTS, DEVICES, "devices-elsewhere", "topics of another tenant's devices", Outcome.REFUSED, *_ABROAD),
    *listen((DEVICE, *PEOPLE), DEVICES, "telemetry", "what an application may read", Outcome.REFUSED, READABLE),
    *listen([DEVICE], OPTION, "own-further", "what the option `topics` gives it", Outcome.HEARS,
            "tele/<tenant>/<me>/#"),
    *listen(RESIDENTS, OPTION, "further", "what the option gives other devices", Outcome.REFUSED, *_OF_OPTION,
            *(f"$share/g/{one}" for one in _OF_OPTION)),
    *listen(PEOPLE, COMMANDS, "own-answers", "the answers to its own commands", Outcome.HEARS,
            "control/<tenant>/<me>/response"),
    *listen(RESIDENTS, COMMANDS, "colleagues", "commands and answers of other administrators", Outcome.REFUSED,
            *_OF_COLLEAGUES),
    *listen(RESIDENTS, COMMANDS, "requests", "what the bridge is to hear, in its own name", Outcome.REFUSED,
            "control/<tenant>/<me>/#", "control/<tenant>/<me>/request/+", "control/<tenant>/<me>/+",
            quiet=True),
    *listen(PEOPLE, EVENTS, "own-events", "the events of its tenant", Outcome.HEARS, "events/<tenant>/#"),
    *listen((DEVICE, APPLICATION), EVENTS, "own-events", "the events of its tenant", Outcome.REFUSED,
            "events/<tenant>/#", "events/<tenant>/registrations/<me>", "events/<tenant>/bulk"),
    *listen(RESIDENTS, EVENTS, "events-elsewhere", "events of another tenant", Outcome.REFUSED, *_EVENTS_ABROAD),
    *listen(PEOPLE, EVENTS, "state", "the state of the bridge", Outcome.HEARS, _STATE),
    *listen(PEOPLE, EVENTS, "beside-state", "what stands beside the state", Outcome.REFUSED, "bridge/#", "bridge/+"),
    *listen((DEVICE, APPLICATION), EVENTS, "state", "the state of the bridge", Outcome.REFUSED, _STATE, "bridge/#"),
    *listen(RESIDENTS, ACCOUNTS, "control", "answers about accounts", Outcome.REFUSED, *_OF_ACCOUNTS,
            *(f"$share/g/{one}" for one in _OF_ACCOUNTS)),
    *listen(RESIDENTS, FIGURES, "figures", "what the broker tells of itself", Outcome.REFUSED, *_OF_BROKER,
            *(f"$share/g/{one}" for one in _OF_BROKER)),
    *listen(RESIDENTS, ALIKE, "alike", "topics that begin like its own", Outcome.REFUSED,
            "devices/<tenant>/<me>x/#", "devices/<tenant>x/<me>/#", "events/<tenant>x/#", "events/<tenant>-/#",
            "control/<tenant>/<me>x/response", "control/<tenant>x/<me>/response", "/devices/<tenant>/<me>/#",
            "devices//<me>/#", "devices/<tenant>//#", "DEVICES/<tenant>/<me>/#",
            quiet=True),
)  # fmt: skip

_BEYOND = {
    VIEWER: ("register", "accept", "accept-all", "delete", "bulk-register", "set-option", "create-administrator"),
    REGISTRAR: ("set-option", "delete-device", "update-device", "create-group", "create-administrator",
                "create-application", "create-tenant"),
    DEVICE: ("list", "register", "accept", "create-administrator"),
    APPLICATION: ("list", "register", "accept", "create-administrator"),
}  # fmt: skip
_IN_OTHER_NAMES = (
    "control/<tenant>/<colleague>/request/list",
    "control/<tenant>/<colleague>/request/register",
    "control/<elsewhere>/<their owner>/request/list",
    "control/<elsewhere>/<me>/request/list",
    "control/<elsewhere>/<colleague>/request/list",
    "control/management/root/request/create-tenant",
    "control/management/<me>/request/list",
    "control/<tenant>/bridge-control/request/list",
)

SENDING: Final[tuple[Reach, ...]] = (
    *at_gate(CALLS, "own-call", Act.SEND, "its own call", Outcome.ARRIVES, "bootstrap/<me>/request/<client id>"),
    # With these it makes 85 calls on one connection; above 100 the bridge would leave them alone.
    *at_gate(ALIKE, "no-device", Act.SEND, "its own call in the name of what is no device id", Outcome.ARRIVES,
             *(f"bootstrap/{one}/request/<client id>" for one in ("", "..", "$SYS", "%c", "a b", "cafe\u0301"))),
    *at_gate(CALLS, "calls", Act.SEND, "the calls of others", Outcome.DROPPED,
             "bootstrap/<caller>/request", "bootstrap/<caller>/request/<their call>", "bootstrap/<me>/request",
             "bootstrap/<caller>/request/<client id>/more", "bootstrap/<caller>/request/"),
    *at_gate(CALLS, "answers", Act.SEND, "answers, as if it were the bridge", Outcome.DROPPED,
             "bootstrap/<caller>/response", "bootstrap/<caller>/response/<their call>",
             "bootstrap/<me>/response/<client id>", "bootstrap/<client id>/response"),
    *at_gate(COMMANDS, "residents", Act.SEND, "topics of the other broker", Outcome.DROPPED,
             "control/management/root/request/list", "control/<tenant>/<colleague>/response",
             "devices/<tenant>/<neighbour>/info", "events/<tenant>/bulk", _STATE),
    *at_gate(ACCOUNTS, "control", Act.SEND, "commands about accounts", Outcome.DROPPED,
             "$CONTROL/dynamic-security/v1", "$CONTROL/dynamic-security/v1/response", "$CONTROL/broker/v1"),
    *at_gate(FIGURES, "figures", Act.SEND, "figures, as if it were the broker", Outcome.DROPPED,
             "$SYS/broker/version", "$SYS/other"),
    *send(RESIDENTS, CALLS, "calls", "calls and answers, which belong to the other broker", Outcome.DROPPED,
          "bootstrap/<caller>/request", "bootstrap/<caller>/request/<their call>",
          "bootstrap/<caller>/response/<their call>"),
    *send([DEVICE], DEVICES, "own", "its own topics", Outcome.ARRIVES, "devices/<tenant>/<me>/telemetry"),
    *send([APPLICATION], DEVICES, "granted", "what it was granted", Outcome.ARRIVES,
          "devices/<tenant>/<neighbour>/commands"),
    *send([APPLICATION], DEVICES, "info", "`info`, in the name of devices", Outcome.DROPPED,
          "devices/<tenant>/<neighbour>/info", "devices/<tenant>/nobody/info", "devices/<tenant>//info"),
    *send((DEVICE, *PEOPLE), DEVICES, "neighbours", "topics of other devices", Outcome.DROPPED,
          "devices/<tenant>/<neighbour>/info", "devices/<tenant>/<neighbour>/telemetry",
          "devices/<tenant>/<neighbour>/commands", "devices/<tenant>/<neighbour>", "devices/<tenant>/nobody/info"),
    *send(RESIDENTS, DEVICES, "devices-elsewhere", "topics of another tenant's devices", Outcome.DROPPED,
          "devices/<elsewhere>/<their device>/info", "devices/<elsewhere>/<their device>/telemetry",
          "devices/<elsewhere>/<their device>/commands", "devices/<elsewhere>/<me>/info", "devices/-/-/info"),
    *send([DEVICE], OPTION, "own-further", "what the option `topics` gives it", Outcome.ARRIVES,
          "tele/<tenant>/<me>/STATE"),
    *send(RESIDENTS, OPTION, "further", "what the option gives other devices", Outcome.DROPPED,
          "tele/<tenant>/<neighbour>/STATE", "tele/<elsewhere>/<their device>/STATE", "tele/<elsewhere>/<me>/STATE",
          "tele/<tenant>", "tele"),
    *send([DEVICE], ALIKE, "dots", "paths that would lead out if they were paths", Outcome.STAYS,
          "devices/<tenant>/<me>/../<neighbour>/info", "devices/<tenant>/<me>//info",
          "devices/<tenant>/<me>/%2e%2e/<neighbour>/info"),
    *send((VIEWER, REGISTRAR), COMMANDS, "own-command", "a command of its role", Outcome.ARRIVES,
          "control/<tenant>/<me>/request/list"),
    *send((OWNER, TENANT), COMMANDS, "own-command", "any command in its own name", Outcome.ARRIVES,
          "control/<tenant>/<me>/request/list", "control/<tenant>/<me>/request/fly",
          "control/<tenant>/<me>/request/LIST", "control/<tenant>/<me>/request/"),
    *(row for who, commands in _BEYOND.items() for row in send(
        [who], COMMANDS, "beyond-its-role", "commands that its role has not", Outcome.DROPPED,
        *(f"control/<tenant>/<me>/request/{one}" for one in commands))),
    *send(PEOPLE, COMMANDS, "no-command", "what is no command, in its own name", Outcome.DROPPED,
          "control/<tenant>/<me>/request", "control/<tenant>/<me>/request/list/more", "control/<tenant>/<me>"),
    *send(RESIDENTS, COMMANDS, "other-names", "commands in other names", Outcome.DROPPED, *_IN_OTHER_NAMES),
    *send(RESIDENTS, COMMANDS, "answers", "answers, as if it were the bridge", Outcome.DROPPED,
          "control/<tenant>/<me>/response", "control/<tenant>/<colleague>/response",
          "control/<elsewhere>/<their owner>/response", "control/management/root/response"),
    *send(RESIDENTS, EVENTS, "events", "events, as if it were the bridge", Outcome.DROPPED,
          "events/<tenant>/registrations/<neighbour>", "events/<tenant>/bulk",
          "events/<elsewhere>/registrations/<their device>", "events/management/bulk"),
    *send(RESIDENTS, EVENTS, "state", "the state, as if it were the bridge", Outcome.DROPPED, _STATE, "bridge/other"),
    *send(RESIDENTS, ACCOUNTS, "control", "commands about accounts", Outcome.DROPPED,
          "$CONTROL/dynamic-security/v1", "$CONTROL/dynamic-security/v1/", "$CONTROL/dynamic-security",
          "$CONTROL/dynamic-security/v1/response", "$CONTROL/broker/v1"),
    *send(RESIDENTS, FIGURES, "figures", "figures, as if it were the broker", Outcome.DROPPED,
          "$SYS/broker/version", "$SYS/other"),
    *send(RESIDENTS, SHARED, "shares", "a topic with the name of a group", Outcome.DROPPED,
          "$share/g/devices/<tenant>/<neighbour>/info", "$share/g/control/<tenant>/<colleague>/request/list"),
    *send((DEVICE, *PEOPLE), ALIKE, "alike", "topics that begin like its own", Outcome.DROPPED,
          "devices/<tenant>/<me>x/info", "devices/<tenant>x/<me>/info", "devices//<me>/info", "devices/<tenant>//info",
          "/devices/<tenant>/<me>/info", "DEVICES/<tenant>/<me>/info", "control/<tenant>/<me>x/request/list",
          "control/<tenant>x/<me>/request/list", "control/<tenant>//request/list", "control/<tenant>/<me>/REQUEST/list",
          "control/<tenant>/<colleague>/../<me>/request/list", "events/<tenant>x/bulk"),
)  # fmt: skip

ATTACKS: Final[tuple[Attack, ...]] = (*LISTENING, *SENDING)
