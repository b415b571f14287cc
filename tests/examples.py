"""Examples of the rules: what each row of the table does, and those of files and devices, which are many."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.decisions import (
    Age,
    Command,
    Confirm,
    Decision,
    Delete,
    DeleteDevice,
    Effect,
    Enter,
    Install,
    MarkDelivered,
    MarkInstalled,
    Register,
    Remove,
    Reply,
)
from bridge.registration import CallKind, Code, Device, Form, Policy, Registration, Status
from tests.making import (
    ACCEPTED,
    BEFORE,
    BLOCKED,
    BY,
    DRAW,
    NEW_SEED,
    NOW,
    REQUIRED,
    WAITING,
    accepted,
    announce,
    blocked,
    claim,
    decided,
    entry,
    installed,
    pending,
    provision,
    waiting,
)

DEFAULTS = Policy()
STRICT = Policy(REQUIRED)
LENIENT = Policy(REQUIRED, block_missing=False)
YES, NO = Reply(credentials=True), Reply(credentials=False)
REGISTER = Register("pump-7", "default", BY)
DELETE = Delete("pump-7", BY)
DELETE_DEVICE = DeleteDevice("pump-7", BY)
CONFIRM = Confirm("pump-7", "default")
AGE = Age("pump-7")
PLAIN = claim("c1", kind=CallKind.PLAIN, client_id="pump-7", form=Form.LINE)
FOUR = tuple(claim(f"c{number}") for number in range(4))
CONFIRMED = installed(confirmed=BEFORE)
EXPIRING = Policy(ttl=60_000)


@dataclass(frozen=True)
class Example:
    """One row of the contract's table, or one case of it."""

    title: str
    before: Registration | None
    command: Command
    to: Status | None
    refused: Code | None = None
    events: tuple[str, ...] = ()
    effects: tuple[Effect, ...] = ()
    policy: Policy = DEFAULTS
    device_tenant: str | None = None
    device: Device | None = None
    says: Mapping[str, object] = field(default_factory=dict)
    """What the registration says afterwards, where that is the point of it."""

    def decide(self) -> Decision:
        return decided(self.before, self.command, self.policy, device_tenant=self.device_tenant, device=self.device)


GONE = None
TAKEN = Code.ALREADY_REGISTERED
STATE = Code.INVALID_STATE
INSTALL = (Install(DRAW.seed, DRAW.key_id),)
OVER = ("request-after-completion",)
TAKEN_DEVICE = Code.ALREADY_EXISTS
OWNER = Code.NOT_PERMITTED
FOREIGN = entry(tenant="north")
PROVIDED = Install(NEW_SEED, "k1", b"secret")
MADE = entry(name="N", type=None, group=None, properties={}, created=NOW, bulk="b1")
RENAMED = entry(name="N", bulk="b1")
HAPPENED = ("accepted", "confirmed")

MISFITS: tuple[Command, ...] = (MarkInstalled("pump-7", bytes(16)), MarkDelivered("pump-7", bytes(16)), CONFIRM, AGE)

OF_FILES = [
    # a line of a simple bulk file
    Example("nobody knows the id: simple line", None, announce(name="N"), WAITING, events=("registered",)),
    Example("a device of another tenant: simple line", None, announce(), GONE, TAKEN_DEVICE, device=FOREIGN),
    *(
        Example(
            f"{before.status}, another tenant's: simple line", before, announce(tenant="north"), before.status, TAKEN
        )
        for before in (waiting(), pending(), accepted(), blocked())
    ),
    Example(
        "a device: simple line with nothing new", None, announce(name="Pump", may_update=False), GONE, device=entry()
    ),
    Example(
        "a device: simple line of no owner", None, announce(name="N", may_update=False), GONE, OWNER, device=entry()
    ),
    Example("a device: simple line", None, announce(name="N"), GONE, effects=(Enter(RENAMED),), device=entry()),
    *(
        Example(f"{before.status}: simple line", before, announce(name="N"), before.status, says={"name": "N"})
        for before in (waiting(), pending(), accepted())
    ),
    Example("blocked: simple line", blocked(), announce(name="N"), BLOCKED, STATE),
    Example("blocked, a device: simple line", blocked(), announce(name="N"), BLOCKED, STATE, device=entry()),
    Example(
        "confirmed: simple line with nothing new",
        CONFIRMED,
        announce(group="A/B", may_update=False),
        ACCEPTED,
        device=entry(),
    ),
    Example(
        "accepted, not installed: simple line with nothing new",
        accepted(name="N"),
        announce(name="N", may_update=False),
        ACCEPTED,
    ),
    Example(
        "confirmed: simple line of no owner",
        CONFIRMED,
        announce(name="N", may_update=False),
        ACCEPTED,
        OWNER,
        device=entry(),
    ),
    Example("accepted: simple line of no owner", accepted(), announce(name="N", may_update=False), ACCEPTED, OWNER),
    Example(
        "confirmed: simple line", CONFIRMED, announce(name="N"), ACCEPTED, effects=(Enter(RENAMED),), device=entry()
    ),
    # a line of a full bulk file
    Example(
        "nobody knows the id: full line",
        None,
        provision(name="N", may_update=False),
        ACCEPTED,
        None,
        ("registered", *HAPPENED),
        (PROVIDED, Enter(MADE)),
    ),
    Example("a device of another tenant: full line", None, provision(), GONE, TAKEN_DEVICE, device=FOREIGN),
    *(
        Example(
            f"{before.status}, another tenant's: full line", before, provision(tenant="north"), before.status, TAKEN
        )
        for before in (waiting(), pending(), accepted(), blocked())
    ),
    *(
        Example(
            f"{before.status}: full line",
            before,
            provision(name="N", may_update=False),
            ACCEPTED,
            None,
            HAPPENED,
            (PROVIDED, Enter(MADE)),
        )
        for before in (waiting(), pending(), blocked())
    ),
    Example(
        "accepted, not installed: full line",
        accepted(),
        provision(name="N"),
        ACCEPTED,
        None,
        HAPPENED,
        (PROVIDED, Enter(MADE)),
    ),
    Example(
        "confirmed: full line",
        CONFIRMED,
        provision(name="N"),
        ACCEPTED,
        None,
        HAPPENED,
        (PROVIDED, Enter(RENAMED)),
        device=entry(),
    ),
    Example(
        "a device: full line",
        None,
        provision(name="N"),
        ACCEPTED,
        None,
        ("registered", *HAPPENED),
        (PROVIDED, Enter(RENAMED)),
        device=entry(),
    ),
    Example(
        "a device: full line with nothing new",
        None,
        provision(name="Pump", held=True, may_update=False),
        GONE,
        device=entry(),
    ),
    Example(
        "confirmed: full line with nothing new",
        CONFIRMED,
        provision(held=True, may_update=False),
        ACCEPTED,
        device=entry(),
    ),
    Example(
        "accepted, not installed: full line with the password that it will have",
        accepted(),
        provision(held=True),
        ACCEPTED,
        says={"confirmed": None},
    ),
    Example("a device: full line of no owner", None, provision(may_update=False), GONE, OWNER, device=entry()),
    Example(
        "a device: full line of no owner with its password",
        None,
        provision(name="N", held=True, may_update=False),
        GONE,
        OWNER,
        device=entry(),
    ),
    *(
        Example(
            f"{before.status}, a device: full line of no owner",
            before,
            provision(may_update=False),
            before.status,
            OWNER,
            device=entry(),
        )
        for before in (waiting(), pending(), CONFIRMED, blocked())
    ),
    Example("accepted, not installed: full line of no owner", accepted(), provision(may_update=False), ACCEPTED, OWNER),
    Example(
        "a device: full line with its password",
        None,
        provision(name="N", held=True),
        GONE,
        effects=(Enter(RENAMED),),
        device=entry(),
    ),
    Example(
        "confirmed: full line with its password",
        CONFIRMED,
        provision(name="N", held=True),
        ACCEPTED,
        effects=(Enter(RENAMED),),
        device=entry(),
    ),
    Example(
        "waiting, a device: full line with its password",
        waiting(),
        provision(name="N", held=True, installed=BEFORE),
        ACCEPTED,
        None,
        HAPPENED,
        (Enter(RENAMED),),
        device=entry(),
    ),
    # delete-device
    Example("not registered: delete-device", None, DELETE_DEVICE, GONE, Code.NOT_FOUND),
    Example("a device: delete-device", None, DELETE_DEVICE, GONE, None, ("deleted",), (Remove(),), device=entry()),
    *(
        Example(f"{before.status}: delete-device", before, DELETE_DEVICE, before.status, Code.NOT_FOUND)
        for before in (waiting(), pending(), blocked())
    ),
    *(
        Example(
            f"{before.status}, a device: delete-device",
            before,
            DELETE_DEVICE,
            GONE,
            None,
            ("deleted",),
            (Remove(),),
            device=entry(),
        )
        for before in (waiting(), pending(), CONFIRMED, blocked())
    ),
    Example("accepted, not installed: delete-device", accepted(), DELETE_DEVICE, GONE, None, ("deleted",), (Remove(),)),
]
"""Lines of bulk files, and delete-device."""
