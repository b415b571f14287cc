"""What goes into a device (events) and what comes out of it (commands). Plain values, no behaviour."""

from dataclasses import dataclass, field

from device_sim.memory import Memory


@dataclass(frozen=True, slots=True)
class Started:
    """The device was switched on; the first event of its life."""


@dataclass(frozen=True, slots=True)
class Connected:
    """The broker it dialled last has let it in."""


@dataclass(frozen=True, slots=True)
class LoginRefused:
    """The broker it dialled last knows no such user and password, or does not let it in."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The connection is gone, or could not be made."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Received:
    """A message came."""

    topic: str = field(repr=False)
    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The broker has taken the message published on ``topic``."""

    topic: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Denied:
    """The broker has refused a publish or a subscription on ``topic``."""

    topic: str = field(repr=False)
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Ticked:
    """Time has passed; sent when ``Device.wakes_at`` is reached, harmless at any other time."""


Event = Started | Connected | LoginRefused | Disconnected | Received | Acknowledged | Denied | Ticked


@dataclass(frozen=True, slots=True)
class ConnectBootstrap:
    """Dial the bootstrap broker with the shared login and this client id."""

    client_id: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ConnectOperations:
    """Dial the operations broker with the device's own login."""

    username: str
    password: str = field(repr=False)
    client_id: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Subscribe, and go on when the broker has answered."""

    topic: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Publish:
    """Publish, and tell when the broker has answered."""

    topic: str = field(repr=False)
    payload: bytes = field(repr=False)
    qos: int = 1


@dataclass(frozen=True, slots=True)
class Disconnect:
    """Close the connection; no event follows."""


@dataclass(frozen=True, slots=True)
class Save:
    """Put this on disk before anything else is done."""

    memory: Memory


Command = ConnectBootstrap | ConnectOperations | Subscribe | Publish | Disconnect | Save
