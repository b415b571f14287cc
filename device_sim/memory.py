"""What one device remembers over a restart: how it calls, and the credentials once they have come."""

from dataclasses import dataclass, field
from enum import StrEnum


class Call(StrEnum):
    """The two calls of the contract, section 3."""

    PRIVATE = "private"
    PLAIN = "plain"


class Form(StrEnum):
    """The two forms of a request; the answer comes in the form of the request."""

    JSON = "json"
    LINE = "line"


@dataclass(frozen=True, slots=True)
class Approach:
    """How a device calls. It stays the same until credentials have come, also over a restart.

    ``client_id`` is the MQTT client id of the call, ``token`` the security token it sends (None: none), ``private_key``
    the 32 raw bytes of an X25519 key that answers are sealed to (None: unsealed answers).
    """

    client_id: str = field(repr=False)
    call: Call = Call.PRIVATE
    form: Form = Form.JSON
    token: str | None = field(default=None, repr=False)
    private_key: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a device was given to log in on the operations broker."""

    tenant: str
    username: str
    password: str = field(repr=False)
    client_id: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Memory:
    """All that a device keeps; ``credentials`` is None until they have come."""

    device_id: str
    approach: Approach
    credentials: Credentials | None = None
