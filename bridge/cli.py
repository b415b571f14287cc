"""The command line: `up`, `init` and `serve` here, the administrator's commands from ``commands``."""

import asyncio
import logging
import os
import sys
from pathlib import Path
from typing import Annotated

import structlog
import typer

from bridge import __version__, commands, display, installation, up
from bridge.brokers import find_plugin
from bridge.children import BrokersFault, choose_owner, hand_over
from bridge.installation import Installation, InstallationFault
from bridge.service import Service
from bridge.settings import BadSettings, Settings, settings_from
from bridge.speaking import DONE, NOT_REACHED, REFUSED, WRONG_USAGE, app, err, out
from bridge.store import StoreUnusable

assert commands  # imported for the commands it adds to the app

app.info.help = (
    "Devices call in with one shared bootstrap login, an administrator accepts them, and Mosquitto gets credentials of "
    "their own. `up` runs all of it; the other commands speak to a running bridge."
)
app.info.no_args_is_help = True

Data = Annotated[Path | None, typer.Option(help="The folder for keys, database and broker files.  [default: var]")]
Host = Annotated[str | None, typer.Option(help="The address at which both brokers listen.  [default: 127.0.0.1]")]
Port = Annotated[
    int | None,
    typer.Option(min=0, max=65535, help="Port of the operations broker; 0 takes a free one.  [default: 1883]"),
]
BootstrapPort = Annotated[
    int | None,
    typer.Option(min=0, max=65535, help="Port of the bootstrap broker; 0 takes a free one.  [default: 1884]"),
]
TopicPrefix = Annotated[str | None, typer.Option(help="Put all topics below this, on a broker that has others.")]
Database = Annotated[str | None, typer.Option(help="Another database than DIR/bridge/registrations.db, as a URL.")]
LogLevel = Annotated[str, typer.Option(help="debug, info, warning or error.", envvar="BOOTSTRAP_BRIDGE_LOG_LEVEL")]


def configure_logging(level: str) -> None:
    """Log to standard error: lines for people in a terminal, JSON otherwise. Raises BadSettings."""
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise BadSettings(f"log-level: there is no level {level!r}")
    shown: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if sys.stderr.isatty():
        shown.append(structlog.dev.ConsoleRenderer())
    else:
        shown += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    structlog.configure(
        processors=shown,
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def _settings(**options: object) -> Settings:
    try:
        settings = settings_from(**options)
        configure_logging(settings.log_level)
    except BadSettings as error:
        err.print(display.text(str(error)), style="red")
        raise typer.Exit(WRONG_USAGE) from None
    return settings


def _first(group: BaseException) -> BaseException:
    while isinstance(group, BaseExceptionGroup):
        group = group.exceptions[0]
    return group


def _fail(message: str, status: int) -> typer.Exit:
    err.print(display.text(message) if "\n" not in message else message, style="red", markup=False)
    return typer.Exit(status)


@app.command("up")
def up_(
    data: Data = None,
    host: Host = None,
    port: Port = None,
    bootstrap_port: BootstrapPort = None,
    topic_prefix: TopicPrefix = None,
    database: Database = None,
    log_level: LogLevel = "warning",
) -> None:
    """Run everything on one folder: both brokers and the bridge, until Ctrl-C."""
    settings = _settings(
        data=data,
        host=host,
        port=port,
        bootstrap_port=bootstrap_port,
        topic_prefix=topic_prefix,
        database=database,
        log_level=log_level,
    )
    try:
        asyncio.run(up.until_signalled(up.run(settings, _show_ready)))
    except (BrokersFault, up.Busy, InstallationFault, StoreUnusable, BaseExceptionGroup) as error:
        raise _explained(error) from error
    err.print("stopped")


def _explained(error: BaseException) -> typer.Exit | BaseException:
    """Turn a foreseen fault into words and an exit status; others stay what they are."""
    first = _first(error)
    match first:
        case BrokersFault():
            return _fail(str(first), NOT_REACHED)
        case up.Busy() | InstallationFault() | StoreUnusable():
            return _fail(str(first), REFUSED)
    return first


def _show_ready(made: Installation) -> None:
    facts, folder = made.facts, made.folder
    given = "" if folder.path == Path("var") else f" --data {folder.path}"
    bootstrap_file = "" if folder.path == Path("var") else f" --bootstrap-file {folder.for_devices}"
    out.print(
        f"bootstrap-bridge {__version__} is ready: operations broker {facts.host}:{facts.port}, "
        f"bootstrap broker {facts.bootstrap_host}:{facts.bootstrap_port}",
        style="bold green",
        highlight=False,
    )
    out.print(f"Logins are in {folder.access}. Try, in another terminal:", highlight=False)
    for line in (
        f"bootstrap-bridge register sim-001 sim-002 sim-003{given}",
        f"device-sim run --count 3{bootstrap_file}",
        f"bootstrap-bridge list{given}",
        f"bootstrap-bridge accept-all{given}",
    ):
        display.hint(out, line)
    sys.stdout.flush()


@app.command()
def init(
    data: Data = None,
    host: Host = None,
    port: Port = None,
    bootstrap_port: BootstrapPort = None,
    bootstrap_host: Annotated[
        str | None, typer.Option(help="The bootstrap broker's address, if it is another one.")
    ] = None,
    topic_prefix: TopicPrefix = None,
    plugin: Annotated[
        Path | None, typer.Option(help="Where the broker finds mosquitto_dynamic_security.so.  [default: looked for]")
    ] = None,
) -> None:
    """Make keys, accounts and both brokers' files, for brokers that run on their own. Keeps what is there."""
    settings = _settings(
        data=data,
        host=host,
        port=port,
        bootstrap_port=bootstrap_port,
        bootstrap_host=bootstrap_host,
        topic_prefix=topic_prefix,
        plugin=plugin,
    )
    found = settings.plugin or find_plugin()
    if found is None:
        raise _fail("name Mosquitto's plugin with --plugin: mosquitto_dynamic_security.so was not found", NOT_REACHED)
    os.umask(0o077)
    try:
        made = installation.make(
            settings.data,
            host=settings.host,
            bootstrap_host=settings.bootstrap_host or settings.host,
            port=settings.port or None,
            bootstrap_port=settings.bootstrap_port or None,
            topic_prefix=settings.topic_prefix,
        )
        owner = choose_owner(settings.data)
        files = installation.write_configurations(made, found, extra=owner.lines)
        hand_over(owner, settings.data, (made.folder.operations, made.folder.bootstrap))
        made.write_access()
    except InstallationFault as error:
        raise _fail(str(error), REFUSED) from error
    if owner.warning is not None:
        err.print(display.text(owner.warning), style="yellow")
    out.print(f"The installation is in {settings.data}. Start, each on its own:", highlight=False)
    given = f" --data {settings.data}"
    for line in (
        f"mosquitto -c {files.operations}",
        f"mosquitto -c {files.bootstrap}",
        f"bootstrap-bridge serve{given}",
    ):
        display.hint(out, line)


@app.command()
def serve(
    data: Data = None,
    host: Host = None,
    port: Port = None,
    bootstrap_host: Annotated[
        str | None, typer.Option(help="The bootstrap broker's address, if it is another one.")
    ] = None,
    bootstrap_port: BootstrapPort = None,
    database: Database = None,
    log_level: LogLevel = "info",
) -> None:
    """Run the bridge alone, between two brokers that run on their own, until SIGTERM."""
    settings = _settings(
        data=data,
        host=host,
        port=port,
        bootstrap_host=bootstrap_host,
        bootstrap_port=bootstrap_port,
        database=database,
        log_level=log_level,
    )
    os.umask(0o077)
    try:
        made = installation.load(settings.data)
        changed = {
            name: value
            for name in ("host", "port", "bootstrap_host", "bootstrap_port")
            if (value := getattr(settings, name)) is not None
        }
        made = Installation(made.folder, made.keys, made.facts.model_copy(update=changed))
        lock = up.take_lock(made.folder.bridge / "lock", up.LOCK_PATIENCE)
    except (InstallationFault, up.Busy) as error:
        raise _fail(str(error), REFUSED) from error
    except OSError as error:
        raise _fail(f"{error.filename} cannot be used: {error.strerror}", REFUSED) from error
    try:
        asyncio.run(up.until_signalled(Service(made, settings.database).run()))
    except (StoreUnusable, BaseExceptionGroup) as error:
        raise _explained(error) from error
    finally:
        os.close(lock)


@app.command()
def version() -> None:
    """Print the version."""
    out.print(__version__, highlight=False)
    raise typer.Exit(DONE)


def main() -> None:
    """Run the command line."""
    app()
