"""Counts a fleet: how many called, got credentials, made it, and how long it took. Pure."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from device_sim.device import Counts, Device, Phase
from device_sim.plan import Member


@dataclass(frozen=True, slots=True)
class Seconds:
    """Percentiles of the seconds from a device's first call to its credentials; None where none has got any."""

    p50: float | None
    p95: float | None
    p99: float | None


@dataclass(frozen=True, slots=True)
class Tally:
    """One part of a fleet in numbers of devices, and the sums of their counts.

    ``accepted`` are those whose credentials came in this run, ``made_it`` those that have logged in and whose info the
    broker has taken, ``waiting`` those without credentials.
    """

    devices: int
    called: int
    accepted: int
    credentials: int
    made_it: int
    online: int
    waiting: int
    seconds: Seconds
    counts: Counts

    def as_json(self) -> dict[str, Any]:
        """Return the tally with the field names of ``--json``."""
        return {
            "devices": self.devices,
            "called": self.called,
            "acceptedNow": self.accepted,
            "credentials": self.credentials,
            "madeIt": self.made_it,
            "online": self.online,
            "waiting": self.waiting,
            "secondsToCredentials": asdict(self.seconds),
            "counts": {_camel(name): value for name, value in asdict(self.counts).items()},
        }


def tally(devices: Sequence[Device]) -> Tally:
    """Count ``devices``."""
    return Tally(
        devices=len(devices),
        called=sum(device.counts.calls > 0 for device in devices),
        accepted=sum(device.credentials_at is not None for device in devices),
        credentials=sum(device.credentials is not None for device in devices),
        made_it=sum(device.informed for device in devices),
        online=sum(device.phase is Phase.LOGGED_IN for device in devices),
        waiting=sum(device.credentials is None for device in devices),
        seconds=percentiles(
            device.credentials_at - device.called_at
            for device in devices
            if device.credentials_at is not None and device.called_at is not None
        ),
        counts=Counts(
            **{name.name: sum(getattr(device.counts, name.name) for device in devices) for name in fields(Counts)}
        ),
    )


def percentiles(durations: Iterable[float]) -> Seconds:
    """Return p50, p95 and p99 of ``durations`` by nearest rank, in whole milliseconds."""
    ordered = sorted(durations)
    ranks = (ordered[math.ceil(part * len(ordered)) - 1] if ordered else None for part in (0.50, 0.95, 0.99))
    return Seconds(*(None if rank is None else round(rank, 3) for rank in ranks))


def good_devices(members: Iterable[Member]) -> list[Device]:
    """Return the devices that keep to the contract."""
    return [member.device for member in members if not member.misbehaves]


def bad_devices(members: Iterable[Member]) -> list[Device]:
    """Return the devices that do not."""
    return [member.device for member in members if member.misbehaves]


def faults(devices: Iterable[Device]) -> Mapping[str, int]:
    """Return what has last gone wrong at devices that have not made it, and at how many; the most frequent first."""
    found: dict[str, int] = {}
    for device in devices:
        if device.fault and not device.informed:
            found[device.fault] = found.get(device.fault, 0) + 1
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
