"""The command line: `up`, `init` and `serve` here, the administrator's commands from ``commands``."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from bridge import __version__, commands, display
from bridge.logs import configure_logging
from bridge.settings import BadSettings, Settings, settings_from
from bridge.speaking import DONE, REFUSED, WRONG_USAGE, app, err, out
from bridge.undumped import refuse_dumps

assert commands  # imported for the commands it adds to the app
__all__ = ["app", "main"]

app.info.help = (
    "Devices call in with one shared bootstrap login, an administrator accepts them, and Mosquitto gets credentials of "
    "their own. `up` runs all of it; the commands from Registration on speak to a running bridge."
)
app.info.no_args_is_help = True

Tls = Annotated[
    bool | None,
    typer.Option(
        "--tls/--no-tls",
        help="Both brokers speak TLS alone, by certificates of an authority of its own.  [default: as before]",
        show_default=False,
    ),
]
TlsName = Annotated[
    list[str] | None, typer.Option(help="A further name or address of the brokers for --tls; may be repeated.")
]
TlsCertificate = Annotated[
    Path | None,
    typer.Option(help="With --tls-key and --tls-ca: take this certificate, in PEM, instead of making one."),
]
TlsKey = Annotated[Path | None, typer.Option(help="The key of --tls-certificate, without a passphrase.")]
TlsCa = Annotated[Path | None, typer.Option(help="The authority that signed --tls-certificate, for all who connect.")]
PlainOnTheNetwork = Annotated[
    bool | None,
    typer.Option(
        "--plain-on-the-network",
        help="Let brokers listen without TLS where other machines reach them; passwords travel in clear.",
        show_default=False,
    ),
]
Data = Annotated[Path | None, typer.Option(help="The folder for keys, database and broker files.  [default: var]")]
Host = Annotated[str | None, typer.Option(help="The address at which both brokers listen.  [default: 127.0.0.1]")]
Listen = Annotated[
    str | None, typer.Option(help="The address at which the brokers listen, if it is another one, as 0.0.0.0.")
]
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
MetricsPort = Annotated[
    int | None,
    typer.Option(
        min=0, max=65535, help="Serve /healthz, /readyz and /metrics at this port; 0 takes a free one.  [default: none]"
    ),
]
MetricsListen = Annotated[str | None, typer.Option(help="The address of that port.  [default: 127.0.0.1]")]
Console = Annotated[
    bool | None, typer.Option("--console", help="Serve the web page for administrators too.", show_default=False)
]
ConsolePort = Annotated[
    int | None,
    typer.Option(min=0, max=65535, help="With --console: the port for browsers; 0 takes a free one.  [default: 8080]"),
]
ConsoleListen = Annotated[
    str | None, typer.Option(help="With --console: the address for browsers.  [default: 127.0.0.1]")
]
ConsoleName = Annotated[
    list[str] | None,
    typer.Option(help="With --console: a further name by which browsers reach the page; may be repeated."),
]
ConsoleUrl = Annotated[
    str | None,
    typer.Option(help="With --console: the address that people open, if it is another one, as of a proxy."),
]
LogFormat = Annotated[
    str | None, typer.Option(help="auto, json or text; auto is text in a terminal, else json.  [default: auto]")
]
CallsPerDevice = Annotated[
    float | None,
    typer.Option(
        min=0, help="Calls a second of one caller for one device that are looked at; 0: no limit.  [default: 20]"
    ),
]
CallsPerConnection = Annotated[
    float | None,
    typer.Option(min=0, help="Calls a second of one connection that are looked at; 0: no limit.  [default: 100]"),
]
CallsOverall = Annotated[
    float | None, typer.Option(min=0, help="Calls a second that are looked at; 0: no limit.  [default: 2000]")
]
LogLevel = Annotated[str, typer.Option(help="debug, info, warning or error.", envvar="BOOTSTRAP_BRIDGE_LOG_LEVEL")]


def _joined(names: list[str] | None) -> str | None:
    """Return names as the variable has them; an empty list is none."""
    return ",".join(names) if names else None


def _settings(**options: object) -> Settings:
    try:
        settings = settings_from(**options)
        configure_logging(settings.log_level, settings.log_format)
    except BadSettings as error:
        err.print(display.text(str(error)), style="red")
        raise typer.Exit(WRONG_USAGE) from None
    return settings


@app.command("up")
def up_(
    data: Data = None,
    host: Host = None,
    listen: Listen = None,
    port: Port = None,
    bootstrap_port: BootstrapPort = None,
    tls: Tls = None,
    tls_name: TlsName = None,
    tls_certificate: TlsCertificate = None,
    tls_key: TlsKey = None,
    tls_ca: TlsCa = None,
    plain_on_the_network: PlainOnTheNetwork = None,
    topic_prefix: TopicPrefix = None,
    database: Database = None,
    metrics_port: MetricsPort = None,
    metrics_listen: MetricsListen = None,
    console: Console = None,
    console_port: ConsolePort = None,
    console_listen: ConsoleListen = None,
    console_name: ConsoleName = None,
    console_url: ConsoleUrl = None,
    calls_per_device: CallsPerDevice = None,
    calls_per_connection: CallsPerConnection = None,
    calls_overall: CallsOverall = None,
    log_level: LogLevel = "warning",
    log_format: LogFormat = None,
) -> None:
    """Run everything on one folder: both brokers and the bridge, until Ctrl-C."""
    settings = _settings(
        data=data,
        host=host,
        listen=listen,
        port=port,
        bootstrap_port=bootstrap_port,
        tls=tls,
        tls_name=_joined(tls_name),
        tls_certificate=tls_certificate,
        tls_key=tls_key,
        tls_ca=tls_ca,
        plain_on_the_network=plain_on_the_network,
        topic_prefix=topic_prefix,
        database=database,
        metrics_port=metrics_port,
        metrics_listen=metrics_listen,
        console=console,
        console_port=console_port,
        console_listen=console_listen,
        console_name=_joined(console_name),
        console_url=console_url,
        calls_per_device=calls_per_device,
        calls_per_connection=calls_per_connection,
        calls_overall=calls_overall,
        log_level=log_level,
        log_format=log_format,
    )
    from bridge.running import run_up

    run_up(settings)


@app.command()
def init(
    data: Data = None,
    host: Annotated[
        str | None, typer.Option(help="The address by which the brokers are reached.  [default: 127.0.0.1]")
    ] = None,
    listen: Listen = None,
    port: Port = None,
    bootstrap_port: BootstrapPort = None,
    bootstrap_host: Annotated[
        str | None, typer.Option(help="The bootstrap broker's address, if it is another one.")
    ] = None,
    tls: Tls = None,
    tls_name: TlsName = None,
    tls_certificate: TlsCertificate = None,
    tls_key: TlsKey = None,
    tls_ca: TlsCa = None,
    plain_on_the_network: PlainOnTheNetwork = None,
    topic_prefix: TopicPrefix = None,
    plugin: Annotated[
        Path | None, typer.Option(help="Where the broker finds mosquitto_dynamic_security.so.  [default: looked for]")
    ] = None,
    beside: Annotated[
        Path | None,
        typer.Option(
            metavar="MOSQUITTO.CONF",
            help="Take the broker of this configuration for the operations broker; shows what it changes, and asks.",
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="With --beside: do not ask.")] = False,
    administrator_prefix: Annotated[
        str | None,
        typer.Option(help="With --beside: begin the first administrators' names with this.  [default: if needed]"),
    ] = None,
) -> None:
    """Make keys, accounts and both brokers' files, for brokers that run on their own. Keeps what is there."""
    settings = _settings(
        data=data,
        host=host,
        listen=listen,
        port=port,
        bootstrap_port=bootstrap_port,
        bootstrap_host=bootstrap_host,
        tls=tls,
        tls_name=_joined(tls_name),
        tls_certificate=tls_certificate,
        tls_key=tls_key,
        tls_ca=tls_ca,
        plain_on_the_network=plain_on_the_network,
        topic_prefix=topic_prefix,
        plugin=plugin,
    )
    if beside is not None:
        from bridge.consenting import run_init_beside

        run_init_beside(settings, beside, yes=yes, administrator_prefix=administrator_prefix)
        return
    from bridge.running import run_init

    run_init(settings)


@app.command()
def serve(
    data: Data = None,
    host: Annotated[str | None, typer.Option(help="The operations broker's address, if it is another one.")] = None,
    port: Port = None,
    bootstrap_host: Annotated[
        str | None, typer.Option(help="The bootstrap broker's address, if it is another one.")
    ] = None,
    bootstrap_port: BootstrapPort = None,
    tls_ca: Annotated[
        Path | None,
        typer.Option(help="Reach both brokers by TLS and trust this authority.  [default: DIR/ca.pem if there is TLS]"),
    ] = None,
    database: Database = None,
    metrics_port: MetricsPort = None,
    metrics_listen: MetricsListen = None,
    calls_per_device: CallsPerDevice = None,
    calls_per_connection: CallsPerConnection = None,
    calls_overall: CallsOverall = None,
    log_level: LogLevel = "info",
    log_format: LogFormat = None,
) -> None:
    """Run the bridge alone, between two brokers that run on their own, until SIGTERM."""
    settings = _settings(
        data=data,
        host=host,
        port=port,
        bootstrap_host=bootstrap_host,
        bootstrap_port=bootstrap_port,
        tls_ca=tls_ca,
        database=database,
        metrics_port=metrics_port,
        metrics_listen=metrics_listen,
        calls_per_device=calls_per_device,
        calls_per_connection=calls_per_connection,
        calls_overall=calls_overall,
        log_level=log_level,
        log_format=log_format,
    )
    from bridge.running import run_serve

    run_serve(settings)


@app.command("renew-certificates")
def renew_certificates(
    data: Data = None,
    tls_name: TlsName = None,
    next_authority: Annotated[
        bool, typer.Option("--next-authority", help="Make the authority to come, for all to trust before it signs.")
    ] = False,
    switch_authority: Annotated[
        bool,
        typer.Option("--switch-authority", help="Let the authority to come sign; who has not been given it is out."),
    ] = False,
    console: Annotated[
        bool, typer.Option("--console", help="Make one for the console, too, and renew it from then on.")
    ] = False,
    log_level: LogLevel = "warning",
) -> None:
    """Renew certificates that end within 31 days, for brokers that run on their own; `up` does so by itself."""
    settings = _settings(data=data, tls_name=_joined(tls_name), log_level=log_level)
    from bridge.running import run_renew

    run_renew(settings, next_authority=next_authority, switch_authority=switch_authority, console=console)


@app.command()
def version() -> None:
    """Print the version."""
    out.print(__version__, highlight=False)
    raise typer.Exit(DONE)


def main() -> None:
    """Run the command line. Output that cannot be written, as on a full disk, ends it in words."""
    refuse_dumps()  # before any file is read: each command has a login, `up` and `serve` the master keys
    try:
        app()
    except OSError as error:
        err.print(display.text(f"the output cannot be written: {error.strerror}"), style="red")
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is left in the buffer would fail again at the end
        sys.exit(REFUSED)
