"""Makes the devices of a fleet: what each is called, how it calls, what it remembers, which of them misbehave."""

import random
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from device_sim.device import Device
from device_sim.labels import new_token
from device_sim.memory import Approach, Call, Form, Memory
from device_sim.misbehaviour import Misbehaviour, astray, garbage
from device_sim.pace import Timing
from device_sim.sealing import new_private_key
from device_sim.store import StateStore

_MIN_DIGITS = 3
_CLIENT_ID_BYTES = 24  # 32 characters of base64url; the contract asks for 22 to 64

_chance = random.SystemRandom().random


@dataclass(frozen=True, slots=True)
class Manner:
    """How the devices of a fleet call, where they have not begun to already."""

    call: Call = Call.PRIVATE
    form: Form = Form.JSON
    sealed: bool = False


@dataclass(frozen=True, slots=True)
class Member:
    """A device of a fleet and the id on its label, which is not the id it calls with when it takes another's."""

    label: str
    device: Device
    misbehaves: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """A fleet to be: the last ``misbehaving`` of ``device_ids`` show ``misbehaviour``, ``labels`` is id → token."""

    device_ids: Sequence[str]
    labels: Mapping[str, str] = field(repr=False)
    prefix: str = ""
    manner: Manner = field(default_factory=Manner)
    timing: Timing = field(default_factory=Timing)
    misbehaviour: Misbehaviour = Misbehaviour.WRONG_TOKEN
    misbehaving: int = 0

    @property
    def good_ids(self) -> Sequence[str]:
        """The ids of the devices that keep to the contract."""
        return self.device_ids[: len(self.device_ids) - self.misbehaving]

    @property
    def bad_ids(self) -> Sequence[str]:
        """The ids on the labels of those that do not."""
        return self.device_ids[len(self.device_ids) - self.misbehaving :]


def numbered_ids(prefix: str, count: int) -> list[str]:
    """Return ``count`` ids such as ``sim-001``, with as many digits as the last one needs and at least three."""
    digits = max(_MIN_DIGITS, len(str(count)))
    return [f"{prefix}{number:0{digits}}" for number in range(1, count + 1)]


def assemble(plan: Plan, store: StateStore) -> list[Member]:
    """Make the members of ``plan``.

    Who keeps to the contract goes on with what it remembers in ``store``; who does not is a stranger without a past.
    Raises StateError.
    """
    members = [
        Member(device_id, _device(plan, device_id, _fresh(plan, device_id), memory=store.load(device_id)))
        for device_id in plan.good_ids
    ]
    for position, label in enumerate(plan.bad_ids):
        takes_other = plan.misbehaviour is Misbehaviour.OTHER_ID
        device = _device(
            plan,
            plan.good_ids[position % len(plan.good_ids)] if takes_other else label,
            astray(plan.misbehaviour, _fresh(plan, label), new_token),
            spoil=garbage if plan.misbehaviour is Misbehaviour.GARBAGE else None,
        )
        members.append(Member(label, device, misbehaves=True))
    return members


def going_on(plan: Plan, members: Sequence[Member]) -> int:
    """Count the devices that go on with a call they began in another manner, or with another token, than ``plan``'s."""
    return sum(
        member.device.memory is not None
        and member.device.credentials is None
        and not _fits(plan, member.label, member.device.memory.approach)
        for member in members
    )


def _device(
    plan: Plan,
    device_id: str,
    fresh: Callable[[], Approach],
    memory: Memory | None = None,
    spoil: Callable[[int], bytes] | None = None,
) -> Device:
    return Device(device_id, fresh, _chance, plan.prefix, plan.timing, memory=memory, spoil=spoil)


def _fresh(plan: Plan, label: str) -> Callable[[], Approach]:
    manner = plan.manner
    token = plan.labels.get(label) or None

    def approach() -> Approach:
        private = manner.call is Call.PRIVATE
        return Approach(
            client_id=secrets.token_urlsafe(_CLIENT_ID_BYTES) if private else label,
            call=manner.call,
            form=manner.form,
            token=token,
            private_key=new_private_key() if manner.sealed else None,
        )

    return approach


def _fits(plan: Plan, label: str, approach: Approach) -> bool:
    manner = plan.manner
    return (approach.call, approach.form, approach.private_key is not None, approach.token) == (
        manner.call,
        manner.form,
        manner.sealed,
        plan.labels.get(label) or None,
    )
