"""What ``init`` decides once, as ``installation.json`` holds it. It decides nothing, and reads no file."""

from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from bridge.bootstrap_logins import EarlierLogin

_CAMEL: Final = ConfigDict(frozen=True, strict=True, extra="forbid", hide_input_in_errors=True)


class ServiceLogin(BaseModel):
    """A login of the bridge itself, bound to its client id."""

    model_config = _CAMEL

    username: str
    password: str = Field(repr=False)
    client_id: str = Field(repr=False)


class FirstAdministrator(BaseModel):
    """An administrator that every installation begins with; the password is derived from the seed."""

    model_config = _CAMEL

    tenant: str
    username: str
    seed: str = Field(repr=False)
    key_id: str

    @property
    def seed_bytes(self) -> bytes:
        """The seed as the derivation takes it."""
        return bytes.fromhex(self.seed)


class Tls(BaseModel):
    """Whether both brokers speak TLS alone, and by which certificates.

    ``names`` are those by which they are reached besides their hosts. ``certificate``, ``key`` and ``authority`` are
    files of others', which are taken over and never renewed here; without them the installation is its own authority.
    ``beside`` is the authority of an operations broker of others, which is trusted besides.
    """

    model_config = _CAMEL

    on: bool = False
    names: list[str] = []
    certificate: str | None = None
    key: str | None = None
    authority: str | None = None
    beside: str | None = None

    @property
    def is_given(self) -> bool:
        """Whether the certificates are others'."""
        return self.certificate is not None


class Facts(BaseModel):
    """What ``init`` decided once, kept in ``bridge/installation.json``."""

    model_config = _CAMEL

    version: int
    topic_prefix: str
    host: str
    port: int
    listen: str | None = None  # where both brokers listen, if that is not where they are reached
    bootstrap_host: str
    bootstrap_port: int
    tls: Tls = Tls()  # folders made before there was TLS go on without
    plain_on_the_network: bool = False  # somebody said in plain words that passwords may travel in clear
    bootstrap_username: str
    bootstrap_password: str = Field(repr=False)
    gate: ServiceLogin
    control: ServiceLogin
    info: ServiceLogin
    accounts: ServiceLogin
    administrators: list[FirstAdministrator]
    earlier_logins: list[EarlierLogin] = Field(default_factory=list)  # bootstrap logins that are on their way out
