"""What a run of the soak will do, as a pure function of its seed: who is asked what, and who is killed when.

The plan of a longer run begins with that of a shorter one of the same seed and fleet. No clock, no input or output.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from bridge.arrows import Arrow
from tests.soak.words import STRICT, Kill, Machine, Operation, Round, Step, Victim

TENANTS = ("default", "default", "default", STRICT)
"""Whose the devices are, in turn: three of four belong to the tenant that every installation begins with."""
FROM_FILES_EVERY = 6
"""Every such device gets its credentials from a bulk file and never calls."""
PEOPLE = tuple(f"clerk-{number}" for number in range(1, 7))
PROGRAMS = tuple(f"program-{number}" for number in range(1, 4))
STEPS = (3, 9)
"""How few and how many steps a round has."""
LONGEST_DELAY = 400
"""Milliseconds between a step and its kill, at the most."""
LONGEST_RESTART = 700
"""Milliseconds from a restart to a second kill, at the most."""
AFTER_START = tuple(
    arrow for arrow in Arrow if arrow.name.startswith(("RECONCILE", "ACCOUNTS", "CREDENTIALS", "LEAVING", "LI"))
)
"""Arrows that a bridge passes when it has just been started, and finds work that waits."""
ON_THE_WAY = tuple(
    arrow
    for arrow in Arrow
    if arrow.name not in {"BEGINNINGS_COMMITTED", "AGED_COMMITTED", "CREDENTIALS_PUSHED_AGAIN"}
    and not arrow.name.startswith("RECONCILE")
)
"""Arrows that a bridge passes while it serves: not those of a start, of a fresh database, or of an old one."""
STRETCH = 40
"""Rounds after which a bridge lives through ``STRETCH_ALIVE`` rounds, so that what it does not give back shows."""
STRETCH_ALIVE = 8


_WEIGHTS: dict[Operation, int] = {
    Operation.REGISTER: 12,
    Operation.REGISTER_SEVERAL: 6,
    Operation.PREAUTHORISE: 5,
    Operation.BULK_SIMPLE: 5,
    Operation.BULK_FULL: 5,
    Operation.ACCEPT: 20,
    Operation.ACCEPT_SEVERAL: 6,
    Operation.ACCEPT_WRONG_TOKEN: 4,
    Operation.ACCEPT_ALL: 4,
    Operation.DELETE: 8,
    Operation.DELETE_SEVERAL: 3,
    Operation.DELETE_DEVICE: 6,
    Operation.BEGIN_ANEW: 10,
    Operation.REGISTER_AGAIN: 3,
    Operation.CALL_WRONG_TOKEN: 4,
    Operation.CALL_WITHOUT_TOKEN: 3,
    Operation.POWER_CYCLE: 4,
    Operation.CREATE_ADMINISTRATOR: 3,
    Operation.DELETE_ADMINISTRATOR: 2,
    Operation.CREATE_APPLICATION: 2,
    Operation.DELETE_APPLICATION: 1,
    Operation.CREATE_TENANT: 1,
    Operation.SET_OPTION: 3,
}
_VICTIMS: tuple[tuple[frozenset[Victim], int], ...] = (
    (frozenset({Victim.BRIDGE}), 56),
    (frozenset({Victim.OPERATIONS}), 11),
    (frozenset({Victim.BOOTSTRAP}), 8),
    (frozenset({Victim.BRIDGE, Victim.OPERATIONS}), 8),
    (frozenset({Victim.BRIDGE, Victim.BOOTSTRAP}), 4),
    (frozenset({Victim.OPERATIONS, Victim.BOOTSTRAP}), 3),
    (frozenset(Victim), 10),
)
_LETTING_IN = {
    *(Operation.ACCEPT, Operation.ACCEPT_SEVERAL, Operation.ACCEPT_ALL, Operation.PREAUTHORISE, Operation.BULK_FULL)
}
_SENDING_OFF = {
    *(Operation.DELETE, Operation.DELETE_SEVERAL, Operation.DELETE_DEVICE, Operation.BULK_FULL),
    *(Operation.BEGIN_ANEW, Operation.REGISTER_AGAIN),
}
_WITH_TOKEN = (True, True, False)
OPTIONS: dict[str, tuple[int, int]] = {
    "security-token.max-attempts": (3, 9),
    "redelivery.window": (3_600, 90_000),
    "registration.retention": (86_400, 200_000),
}
"""Options that are set, with the range from which; none of them ends anything within the time of a run."""


@dataclass(slots=True)
class _Guess:
    """What the drawer of a plan believes of the devices, so that most steps make sense; a run may differ."""

    open: set[int] = field(default_factory=set)
    accepted: set[int] = field(default_factory=set)
    people: set[str] = field(default_factory=set)
    programs: set[str] = field(default_factory=set)
    tenants: int = 0


def machines(seed: int, number: int) -> tuple[Machine, ...]:
    """Return the fleet of a run."""
    chance = random.Random(f"{seed} fleet")
    fleet = []
    for at in range(number):
        tenant = TENANTS[at % len(TENANTS)]
        digits = f"{chance.randrange(10**10):010}"
        has_token = chance.choice(_WITH_TOKEN) or tenant == STRICT
        line = chance.random() < 0.25
        machine = Machine(
            id=f"soak-{at:03}",
            tenant=tenant,
            token=digits if has_token else None,
            plain=chance.random() < 0.25,
            line=line,
            sealed=not line and chance.random() < 0.3,
            from_file=at % FROM_FILES_EVERY == FROM_FILES_EVERY - 1,
        )
        fleet.append(machine)
    return tuple(fleet)


def rounds(seed: int, fleet: tuple[Machine, ...]) -> Iterator[Round]:
    """Yield the rounds of a run, without end."""
    chance = random.Random(f"{seed} rounds")
    guess = _Guess()
    steps = _first_steps(fleet, guess)
    yield Round(0, steps, _kill(chance, steps, lives=False))
    number = 1
    while True:
        steps = tuple(_step(chance, fleet, guess) for _ in range(chance.randint(*STEPS)))
        yield Round(number, steps, _kill(chance, steps, lives=number % STRETCH >= STRETCH - STRETCH_ALIVE))
        number += 1


def _first_steps(fleet: tuple[Machine, ...], guess: _Guess) -> tuple[Step, ...]:
    """Bring the whole fleet in by files, so that a run begins with devices that are there."""
    steps = []
    for tenant in sorted(set(TENANTS)):
        for operation in (Operation.BULK_SIMPLE, Operation.BULK_FULL):
            of_files = operation is Operation.BULK_FULL
            some = [at for at, one in enumerate(fleet) if one.tenant == tenant and one.from_file == of_files]
            (guess.accepted if of_files else guess.open).update(some)
            if some:
                steps.append(Step(operation, tuple(some), value="in the beginning"))
    return tuple(steps)


def plan(seed: int, kills: int, devices: int) -> tuple[Round, ...]:
    """Return as many rounds as hold ``kills`` kills; the last of them may hold one more."""
    drawn = rounds(seed, machines(seed, devices))
    found: list[Round] = []
    while kills > 0:
        found += islice(drawn, 1)
        kills -= found[-1].kill.kills
    return tuple(found)


def _kill(chance: random.Random, steps: tuple[Step, ...], *, lives: bool) -> Kill:
    kinds = [(victims, weight) for victims, weight in _VICTIMS if not (lives and Victim.BRIDGE in victims)]
    (victims,) = chance.choices([kind for kind, _ in kinds], [weight for _, weight in kinds])
    again = not lives and chance.random() < 0.12
    at_arrow = victims == {Victim.BRIDGE} and chance.random() < 0.5
    return Kill(
        victims,
        # To get to an arrow the bridge needs steps that take it there.
        after_step=chance.randrange(max(1, len(steps) // 2) if at_arrow else len(steps) + 1),
        delay=int(LONGEST_DELAY * chance.random() ** 2) // (4 if at_arrow else 1),
        arrow=chance.choice(_on_the_way(steps)) if at_arrow else None,
        passes=chance.choice((1, 1, 1, 2, 3)),
        again_after=chance.randrange(LONGEST_RESTART) if again else None,
        again_at=chance.choice(AFTER_START) if again and Victim.BRIDGE in victims and chance.random() < 0.5 else None,
    )


def _on_the_way(steps: tuple[Step, ...]) -> list[Arrow]:
    """Return the arrows that a bridge passes with ``steps``, or while devices call and come back."""
    operations = {step.operation for step in steps}
    ways = ["CALLS", "REQUEST", "INFO"]
    if operations & _LETTING_IN:
        ways += ["ACCOUNTS", "CREDENTIALS_PUSHED", "DELIVERY"]
    if operations & _SENDING_OFF:
        ways += ["LI", "LEAVING"]
    return [arrow for arrow in ON_THE_WAY if arrow.name.startswith(tuple(ways))]


def _step(chance: random.Random, fleet: tuple[Machine, ...], guess: _Guess) -> Step:
    (operation,) = chance.choices(list(_WEIGHTS), list(_WEIGHTS.values()))
    insists, asks_again = chance.random() < 0.75, chance.random() < 0.25
    callers = {at for at, machine in enumerate(fleet) if not machine.from_file}
    match operation:
        case Operation.BULK_FULL:
            of_files = sorted(set(range(len(fleet))) - callers)
            some = _some(chance, of_files, of_files, 4)
            guess.accepted.update(some)
            return Step(operation, some, value=f"{chance.randrange(10**12):012}", asks_again=asks_again)
        case Operation.REGISTER | Operation.PREAUTHORISE | Operation.BEGIN_ANEW | Operation.REGISTER_AGAIN:
            again = operation in {Operation.BEGIN_ANEW, Operation.REGISTER_AGAIN}
            (one,) = _some(chance, callers if again else callers - guess.open - guess.accepted, callers, 1)
            if operation is Operation.PREAUTHORISE and fleet[one].token is None:
                operation = Operation.REGISTER
            guess.accepted.discard(one)
            guess.open.add(one)
            # Whoever begins anew sees each of his commands through: the device is reset in between.
            return Step(operation, (one,), insists=insists or operation is Operation.BEGIN_ANEW, asks_again=asks_again)
        case Operation.REGISTER_SEVERAL | Operation.BULK_SIMPLE:
            some = _some(chance, callers - guess.open - guess.accepted, callers, 5)
            guess.open.update(set(some) - guess.accepted)
            return Step(operation, some, asks_again=asks_again)
        case Operation.ACCEPT | Operation.ACCEPT_WRONG_TOKEN:
            (one,) = _some(chance, guess.open, callers, 1)
            if operation is Operation.ACCEPT and one in guess.open:
                guess.open.discard(one)
                guess.accepted.add(one)
            return Step(operation, (one,), insists=insists, asks_again=asks_again)
        case Operation.ACCEPT_SEVERAL:
            some = _some(chance, guess.open, callers, 4)
            guess.accepted.update(guess.open & set(some))
            guess.open.difference_update(some)
            return Step(operation, some, asks_again=asks_again)
        case Operation.ACCEPT_ALL:
            tenant = chance.choice(sorted(set(TENANTS)))
            return Step(operation, name=tenant, asks_again=asks_again)
        case Operation.DELETE | Operation.DELETE_SEVERAL | Operation.DELETE_DEVICE:
            pool = guess.accepted if operation is Operation.DELETE_DEVICE else guess.open | guess.accepted
            some = _some(chance, pool, range(len(fleet)), 3 if operation is Operation.DELETE_SEVERAL else 1)
            guess.open.difference_update(some)
            guess.accepted.difference_update(some)
            alone = operation is not Operation.DELETE_SEVERAL
            return Step(operation, some, insists=insists or not alone, asks_again=asks_again)
        case Operation.CALL_WRONG_TOKEN | Operation.CALL_WITHOUT_TOKEN:
            # Without a token only where one is required: elsewhere such a call is as good a claim as the device's own.
            strict = operation is Operation.CALL_WITHOUT_TOKEN
            marked = {at for at in callers if fleet[at].token and (fleet[at].tenant == STRICT or not strict)}
            some = _some(chance, guess.open & marked, marked, 1)
            return Step(operation, some)
        case Operation.POWER_CYCLE:
            return Step(operation, _some(chance, callers, callers, 3))
        case Operation.SET_OPTION:
            name = chance.choice(sorted(OPTIONS))
            return Step(operation, name=name, value=str(chance.randint(*OPTIONS[name])), asks_again=asks_again)
        case Operation.CREATE_TENANT:
            guess.tenants += 1
            return Step(operation, name=f"tenant-{guess.tenants}", asks_again=asks_again)
        case Operation.CREATE_ADMINISTRATOR | Operation.DELETE_ADMINISTRATOR:
            return _of_people(chance, operation, PEOPLE, guess.people, asks_again)
        case Operation.CREATE_APPLICATION | Operation.DELETE_APPLICATION:
            return _of_people(chance, operation, PROGRAMS, guess.programs, asks_again)


def _of_people(
    chance: random.Random, operation: Operation, names: tuple[str, ...], there: set[str], asks_again: bool
) -> Step:
    creates = operation in {Operation.CREATE_ADMINISTRATOR, Operation.CREATE_APPLICATION}
    sensible = set(names) - there if creates else there
    name = chance.choice(sorted(sensible or names))
    (there.add if creates else there.discard)(name)
    chosen = f"chosen-{chance.randrange(10**12):012}" if creates and chance.random() < 0.4 else ""
    return Step(operation, name=name, value=chosen, asks_again=asks_again)


def _some(
    chance: random.Random, sensible: "set[int] | list[int]", all_: "set[int] | list[int] | range", most: int
) -> tuple[int, ...]:
    """Draw up to ``most`` devices, mostly from those with whom the step makes sense."""
    pool = sorted(sensible if sensible and chance.random() < 0.85 else all_)
    return tuple(chance.sample(pool, min(chance.randint(1, most), len(pool))))
