"""How a command of the command line finds broker and login, speaks as an administrator and ends."""

import asyncio
import functools
import inspect
import json
import os
import shlex
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from bridge import admin, display
from bridge.admin import Access, Admin, NoAnswer, RefusedByBridge, result_of
from bridge.advice import next_step
from bridge.backoff import Backoff
from bridge.broker import BrokerError, Disconnected, LoginRefused, SubscriptionRefused, Unreachable
from bridge.menu import PROGRAM, Menu
from bridge.names import DEFAULT, MANAGEMENT
from bridge.roles import OF_MANAGEMENT

DONE, REFUSED, WRONG_USAGE, NOT_REACHED = 0, 1, 2, 3

_WIDE: Final = 1_000
"""Columns where nobody's terminal tells them: tables in a pipe or a file are not folded."""

out = Console(soft_wrap=not sys.stdout.isatty(), width=None if sys.stdout.isatty() else _WIDE)
err = Console(stderr=True, soft_wrap=not sys.stderr.isatty(), width=None if sys.stderr.isatty() else _WIDE)
app = typer.Typer(cls=Menu, pretty_exceptions_show_locals=False)  # they hold passwords; Typer 0.15 shows them
Work = Callable[[Admin], Awaitable[int]]

CONNECTION: Final = "Connection"
"""The help panel of the options that find broker and login."""
MANAGEMENT_PANEL: Final = "Management"
"""The help panel of what only an installation with several tenants needs."""

Data = Annotated[
    Path,
    typer.Option(
        envvar="BOOTSTRAP_BRIDGE_DATA",
        help="The folder of `up`, whose access.json tells broker and login.",
        rich_help_panel=CONNECTION,
    ),
]
Host = Annotated[
    str | None,
    typer.Option(envvar="BOOTSTRAP_BRIDGE_HOST", help="The operations broker's address.", rich_help_panel=CONNECTION),
]
Port = Annotated[
    int | None,
    typer.Option(
        envvar="BOOTSTRAP_BRIDGE_PORT",
        help="The operations broker's port.",
        min=1,
        max=65535,
        rich_help_panel=CONNECTION,
    ),
]
TlsCa = Annotated[
    Path | None,
    typer.Option(
        envvar="BOOTSTRAP_BRIDGE_TLS_CA",
        help="Reach the broker by TLS and trust the authority in this file; else as access.json says.",
        rich_help_panel=CONNECTION,
    ),
]
Tenant = Annotated[
    str | None,
    typer.Option(
        "--tenant",
        envvar="BOOTSTRAP_BRIDGE_TENANT",
        help="The tenant whose administrator speaks.",
        rich_help_panel=MANAGEMENT_PANEL,
    ),
]
User = Annotated[
    str | None,
    typer.Option(envvar="BOOTSTRAP_BRIDGE_USERNAME", help="The administrator who speaks.", rich_help_panel=CONNECTION),
]
PasswordFile = Annotated[
    Path | None,
    typer.Option(
        envvar="BOOTSTRAP_BRIDGE_PASSWORD_FILE",
        help="A file with the password of --user; else BOOTSTRAP_BRIDGE_PASSWORD, else access.json.",
        rich_help_panel=CONNECTION,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as it came, a line each.")]
OwnFolder = Annotated[
    Path,
    typer.Option(envvar="BOOTSTRAP_BRIDGE_DATA", help="The folder of the installation, made by `up` or `init`."),
]
"""For commands that work in the folder itself, and ask no broker for it."""
OwnJson = Annotated[bool, typer.Option("--json", help="Print what was found or done as JSON.")]


_CONNECTION: Final[dict[str, tuple[Any, Any]]] = {
    "as_json": (AsJson, False),
    "data": (Data, Path("var")),
    "host": (Host, None),
    "port": (Port, None),
    "user": (User, None),
    "password_file": (PasswordFile, None),
    "tls_ca": (TlsCa, None),
    "tenant": (Tenant, None),
}


OF_CONNECTION: Final = tuple(_CONNECTION)
"""What every administrator's command takes: the names of its parameters."""


class Usage(Exception):
    """The command cannot be carried out as it was given; the sentence says what is missing."""


class GivenUp(Exception):
    """The person at the terminal did not want it after all, or ended the input; the sentence says what follows."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """How to reach the bridge, and how to show what it says.

    ``command`` is what was typed, ``given`` the options by which the bridge was found, for commands to try next.
    """

    access: Access
    as_json: bool
    command: str = ""
    given: str = ""

    def run(self, work: Work) -> int:
        """Connect, do ``work`` and return the exit status."""

        async def connected() -> int:
            async with admin.connect(self.access) as connection:
                return await work(connection)

        return ended(connected, self.command)

    def follow(self, work: Work) -> int:
        """Do ``work``, which goes on for ever, until a person interrupts it, through breaks of the connection."""

        async def interrupted() -> int:
            task = asyncio.ensure_future(self._again_and_again(work))
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(number, task.cancel)
            try:
                return await task
            except asyncio.CancelledError:
                return DONE

        return ended(interrupted, self.command)

    async def _again_and_again(self, work: Work) -> int:
        """Connect anew whenever the connection ends; only the first one must come about. Raises BrokerError."""
        backoff = Backoff()
        has_begun = False
        while True:
            try:
                async with admin.connect(self.access) as connection:
                    if has_begun:
                        err.print("connected again", style="green")
                    has_begun = True
                    backoff.reset()
                    return await work(connection)
            except (Disconnected, Unreachable) as error:
                if not has_begun:
                    raise
                words = f"the connection to the broker has ended ({error}); trying again until Ctrl-C"
                if not isinstance(error, Unreachable):  # told once, not at each attempt
                    err.print(display.text(words), style="yellow")
                await backoff.wait()

    def hint(self, words: str, console: Console | None = None) -> None:
        """Show a command to try next, with what finds the same bridge."""
        display.hint(console or out, f"{PROGRAM} {words}{self.given}")

    async def ask(self, connection: Admin, command: str, payload: Mapping[str, Any] | bytes) -> dict[str, Any]:
        """Send a request; with --json print its answer. Raises RefusedByBridge."""
        answer = await connection.answer(command, payload)
        if self.as_json:
            sys.stdout.write(display.json_line(answer))
            sys.stdout.flush()
        return result_of(answer)


def ended(work: Callable[[], Awaitable[int]], command: str = "") -> int:
    """Run ``work`` of ``command`` and turn what stops it into words and an exit status."""

    async def run() -> int:
        return await work()

    try:
        return asyncio.run(run())
    except RefusedByBridge as error:
        err.print(display.text(f"{error.code}: {error.message}"), style="red")
        if error.details.get("claims"):
            err.print(display.claims_table(error.details["claims"]))
        if advice := next_step(command, error.code, PROGRAM):
            err.print(display.text(advice))
        return REFUSED
    except GivenUp as error:
        err.print(display.text(str(error)), style="yellow")
        return REFUSED
    except LoginRefused as error:
        err.print(display.text(f"{error}; check the user name and password"), style="red")
        return NOT_REACHED
    except SubscriptionRefused:
        err.print("the login is right, but its administrator is of another tenant: name it with --tenant", style="red")
        return NOT_REACHED
    except Disconnected as error:
        err.print(display.text(f"the connection to the broker has ended ({error}): is it still running?"), style="red")
        return NOT_REACHED
    except (BrokerError, NoAnswer) as error:
        err.print(display.text(str(error)), style="red")
        return NOT_REACHED
    except KeyboardInterrupt:
        return 130


def command(name: str, *, lasting: bool = False) -> Callable[[Callable[..., Work]], Callable[..., None]]:
    """Make a command of the command line of a function that takes a Speaker and its own options.

    The options that find broker and login are added here. What the function returns is done on the connection; if it
    is ``lasting``, until it is interrupted, on a new connection where one ends.
    """

    def decorate(function: Callable[..., Work]) -> Callable[..., None]:
        own = list(inspect.signature(function).parameters.values())[1:]

        @functools.wraps(function)
        def run(
            *,
            data: Path,
            host: str | None,
            port: int | None,
            tenant: str | None,
            user: str | None,
            password_file: Path | None,
            tls_ca: Path | None,
            as_json: bool,
            **options: Any,
        ) -> None:
            given = {"--data": data, "--host": host, "--port": port, "--user": user, "--tenant": tenant}
            given["--password-file"] = password_file
            given["--tls-ca"] = tls_ca
            try:
                if name in OF_MANAGEMENT or any(options.get(option) for option in _FOR_OTHERS):
                    tenant = tenant or (MANAGEMENT if user is None else None)
                access = access_of(data, host, port, tenant, user, password_file, tls_ca)
                speaking = Speaker(access, as_json, name, _as_given(given))
                do = speaking.follow if lasting else speaking.run
                status = do(function(speaking, **options))
            except Usage as error:
                err.print(display.text(str(error)), style="red")
                status = WRONG_USAGE
            raise typer.Exit(status)

        keyword = inspect.Parameter.KEYWORD_ONLY
        added = [
            inspect.Parameter(option, keyword, default=default, annotation=annotation)
            for option, (annotation, default) in _CONNECTION.items()
        ]
        run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [parameter.replace(kind=keyword) for parameter in own] + added
        )
        app.command(name)(run)
        return run

    return decorate


_FOR_OTHERS: Final = ("for_tenant", "of_tenant")
"""Options that name another tenant: it is management that speaks, unless somebody is named."""


def _as_given(given: Mapping[str, object]) -> str:
    """Return the options of the connection as they have to be typed again: not those of variables and defaults."""
    known = {"--data": os.environ.get("BOOTSTRAP_BRIDGE_DATA", "var")}
    for option in ("--host", "--port", "--tenant", "--password-file", "--tls-ca"):
        known[option] = os.environ.get("BOOTSTRAP_BRIDGE_" + option[2:].upper().replace("-", "_"), "")
    known["--user"] = os.environ.get("BOOTSTRAP_BRIDGE_USERNAME", "")
    typed = {option: str(value) for option, value in given.items() if value is not None}
    return "".join(f" {option} {shlex.quote(value)}" for option, value in typed.items() if value != known[option])


def access_of(
    data: Path,
    host: str | None,
    port: int | None,
    tenant: str | None,
    user: str | None,
    password_file: Path | None,
    tls_ca: Path | None = None,
) -> Access:
    """Find broker and login in what was given, else in the variables, else in access.json. Raises Usage."""
    path = data / "access.json"
    known: dict[str, Any] = {}
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        known = {}
    except (OSError, ValueError) as error:
        raise Usage(f"{path} cannot be read: {error}") from None
    password = os.environ.get("BOOTSTRAP_BRIDGE_PASSWORD")
    if password_file is not None:
        try:
            password = password_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise Usage(f"{password_file} cannot be read: {error.strerror}") from None
        if not password:
            raise Usage(f"{password_file} is empty: it has to hold the administrator's password")
    for one in known.get("administrators", ()):
        if user in (None, one["username"]) and one["tenant"] == (
            tenant or (DEFAULT if user is None else one["tenant"])
        ):
            user, tenant = one["username"], one["tenant"]
            password = password or one["password"]
            break
    if user is None or password is None:
        raise Usage(
            f"there is no {path}, which `bootstrap-bridge up` writes: name its folder with --data, or give "
            "--host, --port, --tenant, --user and --password-file"
            if not known
            else f"{path} has no login for {user or 'an administrator'} of {tenant or DEFAULT}: give --password-file"
        )
    return Access(
        host or known.get("host", "127.0.0.1"),
        port or known.get("port", 1883),
        tenant or DEFAULT,
        user,
        password,
        known.get("topicPrefix", ""),
        # A relative name in access.json is that of a file beside it.
        tls_ca or (data / known["tls"]["caFile"] if known.get("tls") else None),
    )
