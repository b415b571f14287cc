"""All settings of the bridge in one frozen object: options first, then ``BOOTSTRAP_BRIDGE_*``, then defaults."""

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from bridge.limits import Rates

RECONCILE_EVERY: Final = 900.0
"""Seconds between two comparisons of the operations broker's accounts with the database."""

RECONNECT_WITHIN: Final = 10.0
"""Seconds after which the bridge has tried to reach a broker again, at the latest."""

CERTIFICATES_EVERY: Final = 3_600.0
"""Seconds between two looks at the brokers' certificates: when they end, and whether they are to be made anew."""

Port = Annotated[int, Field(ge=0, le=65_535)]
Rate = Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)]
"""Calls a second; 0 is no limit."""


class BadSettings(Exception):
    """A setting that cannot be used; the sentence names it."""


class Settings(BaseSettings):
    """What ``up``, ``init`` and ``serve`` take; ports and prefix left out are those that ``init`` kept."""

    model_config = SettingsConfigDict(
        env_prefix="BOOTSTRAP_BRIDGE_", frozen=True, extra="ignore", hide_input_in_errors=True
    )

    data: Path = Path("var")
    host: str | None = None
    port: Port | None = None
    listen: str | None = None
    tls: bool | None = None
    tls_name: str | None = None
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    tls_ca: Path | None = None
    plain_on_the_network: bool | None = None
    certificates_every: Annotated[float, Field(ge=1, le=604_800)] = CERTIFICATES_EVERY
    bootstrap_port: Port | None = None
    bootstrap_host: str | None = None
    topic_prefix: Annotated[str, Field(pattern=r"^([^/+#$][^+#]*[^/+#]|[^/+#$])?$")] | None = None
    database: Annotated[str | None, Field(repr=False)] = None  # its URL may hold a password
    mosquitto: Path | None = None
    plugin: Path | None = None
    files_group: str | None = None
    metrics_port: Port | None = None
    metrics_listen: str = "127.0.0.1"
    console: bool = False
    console_port: Port = 8080
    console_listen: str = "127.0.0.1"
    console_name: str | None = None
    console_url: str | None = None
    log_level: str = "info"
    keepalive: Annotated[int, Field(ge=5, le=600)] = 15
    reconnect_within: Annotated[float, Field(ge=0.1, le=600)] = RECONNECT_WITHIN
    reconcile_every: Annotated[float, Field(ge=1, le=604_800)] = RECONCILE_EVERY
    log_format: Literal["auto", "json", "text"] = "auto"
    calls_per_device: Rate = Rates.device
    calls_per_connection: Rate = Rates.connection
    calls_overall: Rate = Rates.overall

    @property
    def rates(self) -> Rates:
        """How many calls are looked at."""
        return Rates(self.calls_per_device, self.calls_per_connection, self.calls_overall)


def settings_from(**options: object) -> Settings:
    """Build the settings from options that are not None, the environment and the defaults. Raises BadSettings."""
    try:
        return Settings(**{name: value for name, value in options.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        raise BadSettings(f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}") from None
