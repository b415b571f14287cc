"""What `console` does once its options are understood; imported only when it runs, since NiceGUI takes its time."""

import asyncio
import json
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from bridge import display
from bridge.console import foreign_logs, server
from bridge.console.place import LOOPBACK, Serving
from bridge.console.session import Broker
from bridge.speaking import NOT_REACHED, WRONG_USAGE, err, out
from bridge.stopping import Ending, until_signalled


def broker_of(data: Path, host: str | None, port: int | None, tls_ca: Path | None, topic_prefix: str | None) -> Broker:
    """Find the operations broker in what was given, else in bootstrap.json, which holds no administrator."""
    known: Mapping[str, Any] = {}
    path = data / "bootstrap.json"
    if host is None or port is None:
        try:
            known = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            if host is None:
                words = f"there is no {path}, which `bootstrap-bridge up` writes: name its folder with --data, or give "
                raise typer.Exit(_fail(f"{words}--host and --port")) from None
        except (OSError, ValueError) as error:
            raise typer.Exit(_fail(f"{path} cannot be read: {error}")) from None
    authority = tls_ca or (data / known["tls"]["caFile"] if known.get("tls") else None)
    prefix = topic_prefix if topic_prefix is not None else known.get("topicPrefix", "")
    return Broker(host or known.get("host", "127.0.0.1"), port or known.get("port", 1883), prefix, authority)


def certificate_of(
    data: Path, own: bool, certificate: Path | None, key: Path | None
) -> tuple[Path, Path] | tuple[None, None]:
    """Return certificate and key as they were given, or those that ``up`` keeps for us. Raises typer.Exit."""
    if (certificate is None) is not (key is None):
        raise typer.Exit(_fail("--tls-certificate and --tls-key go together"))
    if own and certificate is not None:
        raise typer.Exit(_fail("--tls takes a certificate that was made here, --tls-certificate another: give one"))
    if not own:
        return (None, None) if certificate is None or key is None else (certificate, key)
    both = data / "console" / "server.pem"
    if not both.exists():
        words = f"there is no {both}: make it with bootstrap-bridge renew-certificates --console, for brokers with TLS"
        raise typer.Exit(_fail(words))
    return both, both


def _fail(message: str, status: int = WRONG_USAGE) -> int:
    err.print(display.text(message), style="red")
    return status


def run_console(serving: Serving, broker: Broker, *, plain_on_the_network: bool) -> None:
    """Serve until a signal. Raises typer.Exit with the status."""
    foreign_logs.take_over()
    if serving.listen not in LOOPBACK and not serving.secure and not plain_on_the_network:
        raise typer.Exit(
            _fail(
                f"{serving.listen} can be reached by other machines, and passwords would travel in clear: give "
                "--tls, or --tls-certificate and --tls-key, or, behind a proxy that speaks TLS, "
                "--plain-on-the-network and --console-url"
            )
        )
    ending = Ending()
    try:
        asyncio.run(until_signalled(server.run(serving, broker, _tell_ready), ending))
    except ssl.SSLError as error:
        words = f"{serving.certificate} and {serving.key} cannot be used: {error.reason or error}"
        raise typer.Exit(_fail(words.replace("_", " "))) from None
    except OSError as error:
        raise typer.Exit(_fail(f"the console cannot listen at {serving.address}: {error}", NOT_REACHED)) from None
    err.print("stopped")


def _tell_ready(serving: Serving) -> None:
    out.print(f"ready: open {serving.address} in a browser", highlight=False)
