"""`init --beside` at the terminal: shows what would be changed, asks, does it, and says what comes next."""

import sys
from dataclasses import replace
from pathlib import Path

import typer

from bridge import beside, display, encryption, installation
from bridge.beside import Plan
from bridge.beside_files import Wishes
from bridge.beside_fit import BesideFault
from bridge.brokers import find_plugin
from bridge.children import installed_mosquitto
from bridge.dynsec_file import AccountsFileFault
from bridge.facts import Facts
from bridge.folder import Folder
from bridge.installation import Installation, InstallationFault
from bridge.locks import Busy, lock_folder
from bridge.mosquitto_conf import ConfigurationFault
from bridge.settings import BadSettings, Settings
from bridge.speaking import NOT_REACHED, REFUSED, WRONG_USAGE, err, out

_STYLES = {"+": "green", "-": "red", "@": "cyan"}


def run_init_beside(settings: Settings, configuration: Path, *, yes: bool, administrator_prefix: str | None) -> None:
    """Put the bridge beside a Mosquitto that runs already. Raises typer.Exit with the status."""
    plugin = settings.plugin or find_plugin(settings.mosquitto or installed_mosquitto())
    if plugin is None:
        raise _fail("name Mosquitto's plugin with --plugin: mosquitto_dynamic_security.so was not found", NOT_REACHED)
    wishes = Wishes(
        configuration,
        settings.data,
        plugin,
        settings.host,
        settings.listen,
        settings.port or None,
        settings.bootstrap_host,
        settings.bootstrap_port or None,
        settings.topic_prefix,
        administrator_prefix,
    )
    try:
        wishes = replace(wishes, **encryption.wishes_beside(settings, _kept(settings.data)))
        planned = beside.plan(wishes)
        _show(planned)
        if not planned.changes:
            out.print("There is nothing to change.", style="bold green")
            return
        _ask(yes=yes)
        installation.make_folder(settings.data)
        lock = lock_folder(settings.data)
        made, backups = beside.carry_out(planned)
        lock.release()
    except BadSettings as error:
        raise _fail(str(error), WRONG_USAGE) from error
    except (BesideFault, ConfigurationFault, AccountsFileFault, InstallationFault, Busy) as error:
        raise _fail(str(error), REFUSED) from error
    _show_next(planned, made, backups)


def _kept(data: Path) -> Facts | None:
    return installation.load(data).facts if Folder(data).facts.exists() else None


def _fail(message: str, status: int) -> typer.Exit:
    err.print(display.text(message), style="red")
    return typer.Exit(status)


def _say(title: str, lines: tuple[str, ...], style: str = "") -> None:
    if lines:
        out.print(title, style="bold", highlight=False)
        for line in lines:
            out.print(display.text(f"  - {line}"), style=style, highlight=False)


def _show(planned: Plan) -> None:
    for edit in planned.edits:
        for line in edit.diff.splitlines():
            out.print(display.text(line), style=_STYLES.get(line[:1], ""), highlight=False)
    if planned.is_merged:
        added = tuple(f"the account {name}" for name in sorted(planned.added_accounts))
        _say(f"Added to {planned.merged}:", added or ("denials alone",))
    _say("New files:", tuple(str(path) for path in planned.created))
    _say("Changed in the installation:", planned.changed_facts)
    if planned.changes:
        names = tuple(f"{name}, owner of the tenant {tenant}" for tenant, name in planned.administrators)
        _say("The first administrators:", names)
        _say("What others lose:", planned.losses, "yellow")
    _say("To be known:", planned.notes)
    _say("Left as it is, since it is for all of this broker's clients, but worth a thought:", planned.advice)
    sys.stdout.flush()


def _ask(*, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise _fail(
            "Nothing was changed: there is nobody to ask. Run it again with --yes to do what is shown above", REFUSED
        )
    if not typer.confirm("Do this?", default=False):
        raise _fail("Nothing was changed", REFUSED)


def _show_next(planned: Plan, made: Installation, backups: list[Path]) -> None:
    facts, folder = made.facts, made.folder
    _say("Kept, as they were before:", tuple(str(path) for path in backups))
    out.print(f"The installation is in {folder.path}. Next:", style="bold green", highlight=False)
    out.print("1. Restart your broker, which reads its plugins only then:", highlight=False)
    by_hand = f"mosquitto -c {planned.configuration.path}"
    display.hint(out, f"systemctl restart mosquitto    (or end it and start it by hand: {by_hand})")
    out.print("2. Start the bootstrap broker:", highlight=False)
    display.hint(out, f"mosquitto -c {folder.bootstrap / 'mosquitto.conf'}")
    out.print("3. Start the bridge:", highlight=False)
    display.hint(out, f"bootstrap-bridge serve --data {folder.path}")
    out.print("4. See whether all is well:", highlight=False)
    display.hint(out, f"bootstrap-bridge doctor --data {folder.path}")
    at = facts.listen or facts.bootstrap_host
    out.print(
        display.text(
            f"The bootstrap broker listens at {at}:{facts.bootstrap_port}; to let devices reach it from elsewhere, run "
            "this again with --listen 0.0.0.0, or an address of this machine, and --tls-ca for TLS"
            if at in {"127.0.0.1", "::1", "localhost"}
            else f"Open only port {facts.bootstrap_port}, the bootstrap broker's, to strangers"
        ),
        highlight=False,
    )
