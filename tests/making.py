"""Records and decisions as tests need them: small, with one thing named at a time."""

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from bridge.decisions import Accept, Announce, Call, Command, Decision, Provision
from bridge.registration import CallKind, Claim, Device, Draw, Form, Policy, Registration, Said, Status, TokenPolicy
from bridge.rules import decide
from tests.world import START

WAITING, PENDING, ACCEPTED, BLOCKED = Status
IGNORED, OPTIONAL, REQUIRED = TokenPolicy

BEFORE = START - 60_000
NOW = START
DRAW = Draw(bytes(range(16)), "k1", "0a1b2c3d")
SEED = bytes(range(100, 116))
"""The seed of a registration that was accepted before."""
NEW_SEED = bytes(range(200, 216))
"""The seed of a password that a bulk file brings."""
BY = "default/admin"


def claim(fingerprint: str, token: str | None = None, **changes: Any) -> Claim:
    """Return what a private caller with a client id of its own showed."""
    made = Claim(fingerprint, CallKind.PRIVATE, f"client-{fingerprint}", token, None, Form.JSON, BEFORE)
    return replace(made, **changes)


def waiting(**changes: Any) -> Registration:
    """Return a registration that nobody has called for."""
    return replace(Registration("pump-7", "default", BY, BEFORE), **changes)


def pending(*claims: Claim, **changes: Any) -> Registration:
    """Return a registration with callers."""
    shown = claims or (claim("c1"),)
    made = waiting(
        status=PENDING,
        claims=shown,
        calls=len(shown),
        first_called=BEFORE,
        last_seen=BEFORE,
        token_sent=any(one.token is not None for one in shown),
    )
    return replace(made, **changes)


def accepted(*claims: Claim, **changes: Any) -> Registration:
    """Return a registration whose first claim was accepted, and whose account is not installed yet."""
    made = pending(*claims, status=ACCEPTED, seed=SEED, key_id="k1", accepted=BEFORE)
    return replace(made, **{"accepted_claim": made.claims[0].fingerprint, **changes})


def installed(*claims: Claim, **changes: Any) -> Registration:
    """Return a registration whose credentials can be sent."""
    return accepted(*claims, **{"installed": BEFORE, **changes})


def blocked(**changes: Any) -> Registration:
    """Return a registration that has to be deleted."""
    return pending(**{"status": BLOCKED, "reason": "TOKEN_MISSING", **changes})


def call(token: str | None = None, like: Claim | None = None, **changes: Any) -> Call:
    """Return a call of a newcomer, or one equal to ``like``."""
    made = Call("pump-7", CallKind.PRIVATE, "client-new", Form.JSON, token)
    if like is not None:
        made = Call("pump-7", like.kind, like.client_id, like.form, like.token, like.public_key)
    return replace(made, **changes)


def accept(token: str | None = None, named: str | None = None, *, gentle: bool = False) -> Accept:
    """Return an administrator's yes."""
    return Accept("pump-7", BY, token, named, gentle)


def entry(**changes: Any) -> Device:
    """Return what the inventory has of a device."""
    return replace(Device("pump-7", "default", BY, "Pump", "t", "A/B", {"x": 1}, BEFORE), **changes)


def announce(*, may_update: bool = True, tenant: str = "default", **said: Any) -> Announce:
    """Return a line of a simple bulk file; what is said of token and acceptance stands beside what is said else."""
    own = {name: said.pop(name) for name in ("token", "token_is_long", "auto_accept") if name in said}
    return Announce("pump-7", tenant, BY, Said(**said), "b1", may_update, **own)


def provision(
    *, may_update: bool = True, tenant: str = "default", held: bool = False, installed: int | None = None, **said: Any
) -> Provision:
    """Return a line of a full bulk file, with a new password or (``held``) the one that the device has."""
    return Provision(
        "pump-7",
        tenant,
        BY,
        Said(**said),
        "b1",
        may_update,
        SEED if held else NEW_SEED,
        "k1",
        None if held else b"secret",
        held,
        installed,
    )


def decided(
    before: Registration | None,
    command: Command,
    policy: Policy = Policy(),  # noqa: B008 - frozen
    *,
    now: int = NOW,
    draw: Draw = DRAW,
    device_tenant: str | None = None,
    device: Device | None = None,
) -> Decision:
    """Decide at a time and with randomness that tests know."""
    tenant = device_tenant if device is None else device.tenant
    return decide(before, command, policy=policy, now=now, draw=draw, device_tenant=tenant, device=device)


def events_of(decision: Decision) -> list[str]:
    """Return the words of the events, in their order."""
    return [event.event for event in decision.events]


# Any record, for properties of the store and the queries.

_TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12)
_TIMES = st.integers(START, START + 50)
JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=6,
)
CLAIMS = st.builds(
    Claim,
    st.from_regex(r"[0-9a-f]{8}", fullmatch=True),
    st.sampled_from(CallKind),
    _TEXTS,
    st.none() | st.from_regex(r"[0-9a-f]{8}", fullmatch=True),
    st.none() | _TEXTS,
    st.sampled_from(Form),
    _TIMES,
)
IDS = st.text(st.sampled_from("abcABC019%_\\.ßÄäé設-"), min_size=1, max_size=6)
REGISTRATIONS = st.builds(
    Registration,
    id=IDS,
    tenant=st.sampled_from(["default", "north", "management"]),
    owner=_TEXTS,
    created=_TIMES,
    status=st.sampled_from(Status),
    reason=st.none() | _TEXTS,
    name=st.none() | st.sampled_from(["", "Pumpe", "pumpe", "STRASSE", "Straße", "50%", "a_b", "İ"]) | _TEXTS,
    type=st.none() | _TEXTS,
    group=st.none() | _TEXTS,
    properties=st.dictionaries(_TEXTS, JSON_VALUES, max_size=3),
    token=st.none() | _TEXTS,
    token_from_accept=st.booleans(),
    token_is_long=st.booleans(),
    auto_accept=st.booleans(),
    wrong_calls=st.integers(0, 9),
    failed_attempts=st.integers(0, 9),
    calls=st.integers(0, 2**40),
    first_called=st.none() | _TIMES,
    last_seen=st.none() | _TIMES,
    token_sent=st.booleans(),
    claims=st.lists(CLAIMS, max_size=4).map(tuple),
    claims_overflow=st.booleans(),
    accepted_claim=st.none() | _TEXTS,
    seed=st.none() | st.binary(min_size=16, max_size=16),
    key_id=st.none() | _TEXTS,
    accepted=st.none() | _TIMES,
    installed=st.none() | _TIMES,
    answered_plain=st.none() | _TIMES,
    delivered=st.none() | _TIMES,
    confirmed=st.none() | _TIMES,
    bulk=st.none() | _TEXTS,
)
DEVICES = st.builds(
    Device,
    id=IDS,
    tenant=st.sampled_from(["default", "north"]),
    owner=_TEXTS,
    name=st.none() | st.sampled_from(["", "Pumpe", "pumpe", "Straße", "50%", "a_b"]) | _TEXTS,
    type=st.none() | _TEXTS,
    group=st.none() | st.sampled_from(["A", "A/B", "A b", "B%"]),
    properties=st.dictionaries(_TEXTS, JSON_VALUES, max_size=3),
    created=_TIMES,
    last_info=st.none() | _TIMES,
    iccid=st.none() | _TEXTS,
    id_type=st.none() | _TEXTS,
    shell=st.booleans(),
    bulk=st.none() | _TEXTS,
)
SAID = st.builds(
    Said,
    name=st.none() | _TEXTS,
    type=st.none() | _TEXTS,
    group=st.none() | st.sampled_from(["A", "A/B"]),
    iccid=st.none() | _TEXTS,
    id_type=st.none() | _TEXTS,
    shell=st.none() | st.booleans(),
    properties=st.dictionaries(_TEXTS, JSON_VALUES, max_size=2),
)
