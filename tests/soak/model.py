"""What may be true of devices, people, tenants and options, from what administrators asked and were answered.

An answered command has happened and holds, whatever was killed since; of one without an answer both is possible. So
each subject has a set of states it may be in. An answer, or a look at the rows, that fits none of them contradicts
what was told before: something that was promised is lost, or was done that nobody asked for. Pure.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

NONE: Final = "none"
OPEN: Final = "open"
ACCEPTED: Final = "accepted"
"""How a registration stands: there is none, it waits or is blocked, it was accepted."""

State = tuple[str, bool]
"""The registration, and whether the device stands in the inventory."""
States = frozenset[State]
NEW: Final[States] = frozenset({(NONE, False)})
OK: Final = "ok"

STATUS: Final[Mapping[str, str]] = {
    "WAITING_FOR_CONNECTION": OPEN,
    "PENDING_ACCEPTANCE": OPEN,
    "BLOCKED": OPEN,
    "ACCEPTED": ACCEPTED,
}


class Contradiction(Exception):
    """What was answered or seen cannot be, after what was answered before."""


def _each(states: States, kept: Callable[[State], bool], to: Callable[[State], Iterable[State]]) -> States:
    return frozenset(new for state in states if kept(state) for new in to(state))


def _is_registered(state: State) -> bool:
    return state[0] != NONE


def _is_open(state: State) -> bool:
    return state[0] == OPEN


def _is_unregistered(state: State) -> bool:
    return state[0] == NONE


def _is_device(state: State) -> bool:
    return state[1] or state[0] == ACCEPTED


def _always(state: State) -> bool:
    return True


def _as_it_was(state: State) -> Iterable[State]:
    return (state,)


def _forgotten(state: State) -> Iterable[State]:
    """Deleted: before the confirmation the device goes too, after it the device stays."""
    registration, device = state
    if registration == OPEN:
        return ((NONE, device),)
    return {(NONE, False), (NONE, device)}


_Rule = tuple[Callable[[State], bool], Callable[[State], Iterable[State]]]
_REFUSED_OPEN: Final[_Rule] = (_is_open, _as_it_was)
_RULES: Final[Mapping[tuple[str, str], _Rule]] = {
    # What an answer to a command says of how it was before, and of how it is after it.
    ("register", OK): (_is_unregistered, lambda state: ((OPEN, state[1]),)),
    ("register", "ALREADY_REGISTERED"): (_is_registered, _as_it_was),
    ("accept", OK): (_is_registered, lambda state: ((ACCEPTED, state[1]),)),
    ("accept", "NOT_FOUND"): (_is_unregistered, _as_it_was),
    ("accept", "INVALID_STATE"): _REFUSED_OPEN,
    ("accept", "TOKEN_MISMATCH"): _REFUSED_OPEN,
    ("accept", "TOKEN_REQUIRED"): _REFUSED_OPEN,
    ("accept", "CLAIM_CONFLICT"): _REFUSED_OPEN,
    ("accept", "BLOCKED"): _REFUSED_OPEN,
    ("delete", OK): (_is_registered, _forgotten),
    ("delete", "NOT_FOUND"): (_is_unregistered, _as_it_was),
    ("delete-device", OK): (_is_device, lambda state: ((NONE, False),)),
    ("delete-device", "NOT_FOUND"): (lambda state: not _is_device(state), _as_it_was),
    ("simple row", OK): (
        lambda state: True,
        lambda state: ((OPEN, False),) if state == (NONE, False) else (state,),
    ),
    ("simple row", "INVALID_STATE"): _REFUSED_OPEN,
    ("full row", OK): (_always, lambda state: ((ACCEPTED, True),)),
}
COMMANDS: Final = frozenset(command for command, _ in _RULES)


@dataclass(slots=True)
class _Standing:
    states: States = NEW
    accepts_itself: bool = False


@dataclass(frozen=True, slots=True)
class Underway:
    """A command of which no answer was heard yet, with how its devices stood before it."""

    command: str
    tenant: str
    before: Mapping[str, States]
    sweeps: int


@dataclass(slots=True)
class Devices:
    """The devices; commands for one id come one after the other, accept-all at any time."""

    tenants: Mapping[str, str]
    _standings: dict[str, _Standing] = field(default_factory=dict)
    _sweeping: Counter[str] = field(default_factory=Counter)
    _swept: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        """Begin with an empty house."""
        self._standings = {device_id: _Standing() for device_id in self.tenants}

    def states(self, device_id: str) -> States:
        """Return what may be true of ``device_id`` now."""
        return self._standings[device_id].states

    def may_be_accepted(self, device_id: str) -> bool:
        """Tell whether the device may be an accepted one now."""
        return any(registration == ACCEPTED for registration, _ in self.states(device_id))

    def begin(self, command: str, ids: Iterable[str], *, accepts_itself: bool = False) -> Underway:
        """Note that ``command`` was sent: from now on what it does may have happened."""
        ids = list(ids)
        before = {device_id: self.states(device_id) for device_id in ids}
        for device_id in ids:
            standing = self._standings[device_id]
            standing.accepts_itself |= accepts_itself
            done = _each(standing.states, *_RULES[command, OK])
            standing.states = self._closed(device_id, standing.states | done)
        tenant = self.tenants[ids[0]] if ids else ""
        return Underway(command, tenant, before, self._swept[tenant])

    def answered(self, underway: Underway, outcomes: Mapping[str, str]) -> None:
        """Note an answer: ``ok`` or a code for each device. Raises Contradiction."""
        swept = self._swept[underway.tenant] > underway.sweeps or self._sweeping[underway.tenant] > 0
        for device_id, outcome in outcomes.items():
            standing = self._standings[device_id]
            before = underway.before[device_id]
            if swept:
                before |= _accepted(before)
            before |= _entered(before)
            rule = _RULES.get((underway.command, outcome))
            if rule is None:
                raise Contradiction(f"{underway.command} {device_id} was answered {outcome}, which it never is")
            after = _each(before, *rule)
            if not after:
                raise Contradiction(
                    f"{underway.command} {device_id} was answered {outcome}, but before it the device was "
                    f"{_words(before)}"
                )
            if outcome == OK and underway.command in {"delete", "delete-device"}:
                standing.accepts_itself = False
            if swept:
                after |= _accepted(after)
            standing.states = self._closed(device_id, after)

    def unanswered(self, underway: Underway) -> None:
        """Note that nobody will hear an answer any more: both stays possible."""

    def begin_sweep(self, tenant: str) -> None:
        """Note that accept-all was sent for ``tenant``: whatever is open may be accepted from now on."""
        self._sweeping[tenant] += 1
        self._swept[tenant] += 1
        for device_id in self._of(tenant):
            self._standings[device_id].states |= _accepted(self.states(device_id))

    def end_sweep(self, tenant: str) -> None:
        """Note that accept-all was answered."""
        self._sweeping[tenant] -= 1

    def sweeps(self, device_id: str) -> int:
        """Return how many accept-alls have begun that may be about the device; for ``saw``."""
        return self._swept[self.tenants[device_id]]

    def saw(self, device_id: str, registration: str | None, device: bool | None, since: int | None = None) -> None:
        """Take what a look at the registration, or the inventory, has shown (None: not looked at).

        ``since`` is what ``sweeps`` was before the look: what was seen may have been accepted after it.
        Raises Contradiction.
        """
        standing = self._standings[device_id]
        fitting = frozenset(
            state
            for state in standing.states
            if (registration is None or state[0] == registration) and (device is None or state[1] == device)
        )
        if since is not None and self.sweeps(device_id) > since:
            fitting |= _accepted(fitting)
        if not fitting:
            seen = _words(frozenset({(registration or "?", bool(device))}))
            raise Contradiction(f"{device_id} is {seen}, but by what was answered it is {_words(standing.states)}")
        standing.states = self._closed(device_id, fitting)

    def _of(self, tenant: str) -> Iterable[str]:
        return (one for one, owner in self.tenants.items() if owner == tenant)

    def _closed(self, device_id: str, states: States) -> States:
        """Add what may become true by itself: a call that is accepted at once, an entry made with the account."""
        if self._standings[device_id].accepts_itself or self._sweeping[self.tenants[device_id]] > 0:
            states |= _accepted(states)
        return states | _entered(states)


def _accepted(states: States) -> States:
    states |= _each(states, _is_open, lambda state: ((ACCEPTED, state[1]),))
    return states | _entered(states)


def _entered(states: States) -> States:
    return frozenset((registration, True) for registration, _ in states if registration == ACCEPTED)


def _words(states: States) -> str:
    return " or ".join(
        f"{registration} with{'' if device else 'out'} a device" for registration, device in sorted(states)
    )


@dataclass(slots=True)
class Names:
    """People, programs or tenants: each is there or not; of an unanswered command both is possible."""

    kind: str
    _there: dict[str, frozenset[bool]] = field(default_factory=dict)

    def may_be(self, name: str) -> frozenset[bool]:
        """Return whether ``name`` may be there."""
        return self._there.get(name, frozenset({False}))

    def certain(self) -> list[str]:
        """Return the names that are there."""
        return [name for name, there in self._there.items() if there == {True}]

    def known(self) -> list[str]:
        """Return all names that were ever asked for."""
        return list(self._there)

    def begin(self, name: str) -> frozenset[bool]:
        """Note that a command about ``name`` was sent; return how it stood before."""
        before = self.may_be(name)
        self._there[name] = frozenset({True, False})
        return before

    def answered(self, name: str, before: frozenset[bool], outcome: str, *, creates: bool) -> None:
        """Note an answer to a command that creates or deletes ``name``. Raises Contradiction."""
        was_there = (outcome == OK) != creates
        if outcome not in {OK, "ALREADY_EXISTS" if creates else "NOT_FOUND"} or was_there not in before:
            verb = "create" if creates else "delete"
            raise Contradiction(f"{verb} {self.kind} {name} was answered {outcome}, but before it {_presence(before)}")
        self._there[name] = frozenset({creates})

    def saw(self, there: Iterable[str]) -> list[str]:
        """Compare with the names that there are; return what contradicts, in sentences."""
        found = set(there)
        return [
            f"{self.kind} {name} is {'there' if name in found else 'gone'}, but by what was answered {_presence(may)}"
            for name, may in self._there.items()
            if (name in found) not in may
        ]


def _presence(may: frozenset[bool]) -> str:
    return "it may be there or not" if len(may) > 1 else f"it was {'there' if True in may else 'not there'}"
