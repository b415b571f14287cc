"""The words of a plan: who is asked what, and who is killed when. Data only; ``plan`` draws them from a seed."""

from dataclasses import dataclass
from enum import StrEnum

from bridge.arrows import Arrow

STRICT = "strict"
"""The tenant that requires a security token of each device."""
TOLD = "told"
"""As the value of a registration: the device's token is told with it."""


class Operation(StrEnum):
    """What a step does."""

    REGISTER = "register"
    REGISTER_SEVERAL = "register several"
    PREAUTHORISE = "register with autoAccept"
    BULK_SIMPLE = "bulk-register, simple"
    BULK_FULL = "bulk-register, full"
    ACCEPT = "accept"
    ACCEPT_SEVERAL = "accept several"
    ACCEPT_WRONG_TOKEN = "accept with a wrong token"
    ACCEPT_ALL = "accept-all"
    DELETE = "delete"
    DELETE_SEVERAL = "delete several"
    DELETE_DEVICE = "delete-device"
    BEGIN_ANEW = "delete, reset the device, register"
    REGISTER_AGAIN = "delete, register"
    CALL_WRONG_TOKEN = "a stranger calls with a wrong token"
    CALL_WITHOUT_TOKEN = "a stranger calls without a token"
    POWER_CYCLE = "device off and on"
    CREATE_ADMINISTRATOR = "create-administrator"
    DELETE_ADMINISTRATOR = "delete-administrator"
    CREATE_APPLICATION = "create-application"
    DELETE_APPLICATION = "delete-application"
    CREATE_TENANT = "create-tenant"
    SET_OPTION = "set-option"


class Victim(StrEnum):
    """A process that is killed."""

    BRIDGE = "bridge"
    OPERATIONS = "operations"
    BOOTSTRAP = "bootstrap"


@dataclass(frozen=True, slots=True)
class Machine:
    """A device of the fleet. ``token`` is on its label; ``from_file``: it gets its credentials from a bulk file."""

    id: str
    tenant: str
    token: str | None
    plain: bool
    line: bool
    sealed: bool
    from_file: bool


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that somebody does.

    ``devices`` are numbers of machines, ``name`` is a person's, a program's, a tenant's or an option's, ``value`` what
    is given besides. ``insists``: who asks repeats until he is answered, else he asks once and then looks what became
    of it. ``asks_again``: once answered, he asks the same again and must hear the same.
    """

    operation: Operation
    devices: tuple[int, ...] = ()
    name: str = ""
    value: str = ""
    insists: bool = True
    asks_again: bool = False


@dataclass(frozen=True, slots=True)
class Kill:
    """Who is killed, how many milliseconds after which step was begun, and how many after the restart once more.

    With an ``arrow`` the bridge ends itself where it passes that one for the ``passes``-th time, and is killed only if
    it does not get there; ``again_at`` is the same for the second kill.
    """

    victims: frozenset[Victim]
    after_step: int
    delay: int
    arrow: Arrow | None = None
    passes: int = 1
    again_after: int | None = None
    again_at: Arrow | None = None

    @property
    def kills(self) -> int:
        """How many kills this is."""
        return 1 if self.again_after is None else 2


@dataclass(frozen=True, slots=True)
class Round:
    """Steps, and the kill in the middle of them."""

    number: int
    steps: tuple[Step, ...]
    kill: Kill
