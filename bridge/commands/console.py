"""console: the web page."""

from pathlib import Path
from typing import Annotated

import typer

from bridge import display
from bridge.speaking import WRONG_USAGE, TlsCa, app, err

DEFAULT_CONSOLE_PORT = 8080


@app.command("console")
def console(
    data: Annotated[
        Path,
        typer.Option(
            envvar="BOOTSTRAP_BRIDGE_DATA", help="The folder of `up`, whose bootstrap.json tells where the broker is."
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
        int, typer.Option(help="The port at which browsers reach the page; 0 takes a free one.", min=0, max=65535)
    ] = DEFAULT_CONSOLE_PORT,
    console_listen: Annotated[str, typer.Option(help="The address at which browsers reach the page.")] = "127.0.0.1",
    console_name: Annotated[
        list[str] | None, typer.Option(help="A further name by which browsers reach the page; may be repeated.")
    ] = None,
    tls_certificate: Annotated[
        Path | None, typer.Option(help="The page's certificate, in PEM, with --tls-key.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(help="The key of --tls-certificate, without a passphrase.")] = None,
    plain_on_the_network: Annotated[
        bool,
        typer.Option(
            "--plain-on-the-network", help="Serve other machines without TLS, as behind a proxy that speaks it."
        ),
    ] = False,
    idle: Annotated[
        int, typer.Option(help="Minutes without use after which a person is logged out.", min=1, max=1_440)
    ] = 30,
    upload_limit: Annotated[
        int, typer.Option(help="MiB of a bulk file that the page takes at most.", min=1, max=16_384)
    ] = 256,
) -> None:
    """Serve the web page for administrators, until SIGTERM. People log in with their own accounts of the broker."""
    try:
        from bridge.console import serving
        from bridge.console.server import Serving
    except ModuleNotFoundError as error:
        err.print(display.text(f"the console needs {error.name}: pip install 'bootstrap-bridge[console]'"), style="red")
        raise typer.Exit(WRONG_USAGE) from None
    broker = serving.broker_of(data, host, port, tls_ca, topic_prefix)
    where = Serving(
        console_listen,
        console_port,
        tls_certificate,
        tls_key,
        tuple(console_name or ()),
        idle=idle * 60.0,
        upload=upload_limit * 1_048_576,
    )
    serving.run_console(where, broker, plain_on_the_network=plain_on_the_network)
