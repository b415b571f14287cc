"""console: the web page."""

from pathlib import Path
from typing import Annotated

import typer

from bridge import display
from bridge.logs import configure_logging
from bridge.settings import BadSettings
from bridge.speaking import WRONG_USAGE, TlsCa, app, err

DEFAULT_CONSOLE_PORT = 8080


@app.command("console")
def console(
    data: Annotated[
        Path,
        typer.Option(
            envvar="BOOTSTRAP_BRIDGE_DATA",
            help="The folder of `up`, whose bootstrap.json tells where the broker is.",
            readable=False,  # its names need not be listed, only entered
        ),
    ] = Path("var"),
    host: Annotated[
        str | None, typer.Option(envvar="BOOTSTRAP_BRIDGE_HOST", help="The operations broker's address.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(envvar="BOOTSTRAP_BRIDGE_PORT", help="The operations broker's port.", min=1, max=65535)
    ] = None,
    tls_ca: TlsCa = None,
    topic_prefix: Annotated[
        str | None, typer.Option(help="What all topics begin with, if not as in bootstrap.json.")
    ] = None,
    console_port: Annotated[
        int,
        typer.Option(
            envvar="BOOTSTRAP_BRIDGE_CONSOLE_PORT",
            help="The port at which browsers reach the page; 0 takes a free one.",
            min=0,
            max=65535,
        ),
    ] = DEFAULT_CONSOLE_PORT,
    console_listen: Annotated[
        str,
        typer.Option(envvar="BOOTSTRAP_BRIDGE_CONSOLE_LISTEN", help="The address at which browsers reach the page."),
    ] = "127.0.0.1",
    console_name: Annotated[
        list[str] | None, typer.Option(help="A further name by which browsers reach the page; may be repeated.")
    ] = None,
    console_url: Annotated[
        str,
        typer.Option(
            envvar="BOOTSTRAP_BRIDGE_CONSOLE_URL",
            help="The address that people open, and that stands on labels, as https://console.example.com; needed "
            "behind a proxy.",
        ),
    ] = "",
    behind_proxy: Annotated[
        list[str] | None,
        typer.Option(help="The address of a proxy whose X-Forwarded-For is believed; may be repeated."),
    ] = None,
    tls: Annotated[
        bool, typer.Option("--tls", help="Speak TLS, by a certificate of the installation's own authority.")
    ] = False,
    tls_certificate: Annotated[
        Path | None, typer.Option(help="Speak TLS by this certificate, in PEM, with --tls-key.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(help="The key of --tls-certificate, without a passphrase.")] = None,
    plain_on_the_network: Annotated[
        bool,
        typer.Option(
            "--plain-on-the-network", help="Serve other machines without TLS, as behind a proxy that speaks it."
        ),
    ] = False,
    idle: Annotated[
        float, typer.Option(help="Minutes without use after which a person is logged out.", min=0.1, max=1_440)
    ] = 30,
    upload_limit: Annotated[
        int, typer.Option(help="MiB of a bulk file that the page takes at most.", min=1, max=16_384)
    ] = 256,
    longest: Annotated[
        float, typer.Option(help="Hours after which a person is logged out in any case.", min=0.01, max=168)
    ] = 12,
    most_sessions: Annotated[int, typer.Option(help="People who are logged in at a time.", min=1, max=1_000)] = 50,
    log_level: Annotated[
        str, typer.Option(help="debug, info, warning or error.", envvar="BOOTSTRAP_BRIDGE_LOG_LEVEL")
    ] = "info",
    log_format: Annotated[
        str, typer.Option(help="auto, json or text; auto is text in a terminal, else json.")
    ] = "auto",
) -> None:
    """Serve the web page for administrators, until SIGTERM. People log in with their own accounts of the broker."""
    from bridge.console import serving
    from bridge.console.place import BadAddress, Serving, plain_host, plain_url

    try:
        configure_logging(log_level, log_format)
        certificate, key = serving.certificate_of(data, tls, tls_certificate, tls_key)
        where = Serving(
            console_listen,
            console_port,
            certificate,
            key,
            tuple(plain_host(name) for name in console_name or ()),
            plain_url(console_url) if console_url else "",
            tuple(behind_proxy or ()),
            idle=idle * 60.0,
            longest=longest * 3_600.0,
            most=most_sessions,
            upload=upload_limit * 1_048_576,
        )
    except (BadSettings, BadAddress) as error:
        err.print(display.text(str(error)), style="red")
        raise typer.Exit(WRONG_USAGE) from None
    broker = serving.broker_of(data, host, port, tls_ca, topic_prefix)
    serving.run_console(where, broker, plain_on_the_network=plain_on_the_network)
