"""What `up`, `init` and `serve` do once their options are understood; imported only when one of them runs."""

import asyncio
import os
import sys
from dataclasses import replace
from pathlib import Path

import structlog
import typer

from bridge import (
    __version__,
    authority,
    certificates,
    configurations,
    display,
    encryption,
    file_modes,
    installation,
    up,
)
from bridge.brokers import find_plugin
from bridge.children import BrokersFault, choose_owner, hand_over, installed_mosquitto
from bridge.clock import clock
from bridge.folder import Folder
from bridge.httpd import address_of
from bridge.installation import Installation, InstallationFault
from bridge.locks import Busy, changed_alone, lock_bridge, lock_folder
from bridge.reloading import Changes, Hangup
from bridge.settings import BadSettings, Settings
from bridge.speaking import NOT_REACHED, REFUSED, WRONG_USAGE, err, out
from bridge.stopping import HUNG, Ending, end_at_once, until_signalled
from bridge.store import StoreUnusable
from bridge.trust import TrustFault, client_context

log = structlog.get_logger("bridge")


def _first(group: BaseException) -> BaseException:
    while isinstance(group, BaseExceptionGroup):
        group = group.exceptions[0]
    return group


def _fail(message: str, status: int) -> typer.Exit:
    err.print(display.text(message) if "\n" not in message else message, style="red", markup=False)
    return typer.Exit(status)


def run_up(settings: Settings) -> None:
    """Run brokers and bridge until a signal. Raises typer.Exit with the status."""
    ending, hangup = Ending(), Hangup()
    hangup.listen()
    try:
        asyncio.run(until_signalled(up.run(settings, _show_ready, ending, hangup), ending))
    except (BadSettings, BrokersFault, Busy, InstallationFault, StoreUnusable, OSError, BaseExceptionGroup) as error:
        raise _explained(error) from error
    err.print("stopped")
    _end(ending)


def _end(ending: Ending) -> None:
    """End with the status that says so if a stage of the shutdown hung, without waiting for what hangs."""
    if ending.hung:
        err.print(f"the shutdown hung at: {', '.join(ending.hung)}", style="red")
        end_at_once(HUNG)


def _explained(error: BaseException) -> typer.Exit | BaseException:
    """Turn a foreseen fault into words and an exit status; others stay what they are."""
    first = _first(error)
    match first:
        case BadSettings():
            return _fail(str(first), WRONG_USAGE)
        case BrokersFault():
            return _fail(str(first), NOT_REACHED)
        case Busy() | InstallationFault() | StoreUnusable() | TrustFault():
            return _fail(str(first), REFUSED)
        case OSError(filename=str() | Path()):
            return _fail(f"{first.filename} cannot be used: {first.strerror}", REFUSED)
    return first


def _show_ready(made: Installation, shown_at: str | None, console_at: str | None) -> None:
    facts, folder = made.facts, made.folder
    given = "" if folder.path == Path("var") else f" --data {folder.path}"
    bootstrap_file = "" if folder.path == Path("var") else f" --bootstrap-file {folder.for_devices}"
    out.print(
        f"bootstrap-bridge {__version__} is ready: operations broker {facts.host}:{facts.port}, "
        f"bootstrap broker {facts.bootstrap_host}:{facts.bootstrap_port}",
        style="bold green",
        highlight=False,
    )
    if shown_at is not None:
        out.print(f"Health and figures: {shown_at}/healthz, /readyz, /metrics", highlight=False)
    if console_at is not None:
        out.print(f"The console: open {console_at} in a browser", highlight=False)
    if facts.tls.on:
        out.print(f"Both speak TLS alone; who connects trusts {folder.authority}", highlight=False)
    out.print(f"Logins are in {folder.access}. Try, in another terminal:", highlight=False)
    for line in (
        f"bootstrap-bridge register sim-001 sim-002 sim-003{given}",
        f"device-sim run --count 3{bootstrap_file}",
        f"bootstrap-bridge list{given}",
        f"bootstrap-bridge accept-all{given}",
    ):
        display.hint(out, line)
    sys.stdout.flush()


def run_init(settings: Settings) -> None:
    """Make an installation for brokers that run on their own. Raises typer.Exit with the status."""
    found = settings.plugin or find_plugin(settings.mosquitto or installed_mosquitto())
    if found is None:
        raise _fail("name Mosquitto's plugin with --plugin: mosquitto_dynamic_security.so was not found", NOT_REACHED)
    os.umask(0o077)
    try:
        installation.make_folder(settings.data)
        installation.refuse_beside(settings.data)
        lock = lock_folder(settings.data)
        installation.make_folder(settings.data / "bridge")
        kept = installation.load(settings.data).facts if Folder(settings.data).facts.exists() else None
        wishes = encryption.wishes(settings, kept)
        with changed_alone(settings.data):
            made = installation.make(
                settings.data,
                permit=authority.permit if wishes["tls"] is not None else encryption.refuse_clear,
                host=settings.host,
                bootstrap_host=settings.bootstrap_host or settings.host,
                port=settings.port or None,
                listen=settings.listen,
                bootstrap_port=settings.bootstrap_port or None,
                topic_prefix=settings.topic_prefix,
                **wishes,
            )
        if made.facts.port == made.facts.bootstrap_port and made.facts.host == made.facts.bootstrap_host:
            raise _fail(f"both brokers cannot listen at port {made.facts.port}: give one of them another", REFUSED)
        owner = choose_owner(settings.data)
        renewals = authority.keep(made, clock())
        files = configurations.write_configurations(made, found, extra=owner.lines)
        hand_over(owner, settings.data, (made.folder.operations, made.folder.bootstrap))
        made.write_access()
        lock.release()
    except (BadSettings, InstallationFault, Busy, OSError) as error:
        raise _explained(error) from error
    if owner.warning is not None:
        err.print(display.text(owner.warning), style="yellow")
    for fault in made.mended:
        err.print(display.text(fault), style="yellow")
    _tell_renewals(made, renewals)
    out.print(f"The installation is in {settings.data}. Start, each on its own:", highlight=False)
    given = f" --data {settings.data}"
    for line in (
        f"mosquitto -c {files.operations}",
        f"mosquitto -c {files.bootstrap}",
        f"bootstrap-bridge serve{given}",
    ):
        display.hint(out, line)


def _tell_renewals(made: Installation, renewals: list[authority.Renewal]) -> None:
    for one in renewals:
        whose = one.broker if one.broker == authority.CONSOLE else f"{one.broker} broker"
        words = f"The certificate of the {whose} is new ({one.reason}); it ends on {one.ends_on}"
        out.print(display.text(words), highlight=False)
    if made.facts.tls.on:
        out.print(display.text(f"Who connects trusts {made.folder.authority}"), highlight=False)


def run_renew(settings: Settings, *, next_authority: bool, switch_authority: bool, console: bool = False) -> None:
    """Renew the certificates of brokers that run on their own. Raises typer.Exit with the status."""
    os.umask(0o077)
    try:
        installation.load(settings.data)
        lock = lock_folder(settings.data)
        with changed_alone(settings.data):
            made = installation.load(settings.data)  # as it is now that nobody else changes it
            if not made.facts.tls.on:
                raise _fail(f"the brokers of {settings.data} speak no TLS: bootstrap-bridge init --tls", REFUSED)
            facts = installation.preview(made.facts, encryption.wishes(settings, made.facts))
            if facts != made.facts:
                authority.permit(facts)
                made = replace(made, facts=facts)  # nothing else of the installation: its brokers may be running
                made.write_facts()
            if next_authority:
                authority.prepare_next(made, clock())
            if switch_authority:
                authority.switch(made)
            if console:
                made.folder.console.mkdir(mode=0o700, exist_ok=True)
            renewals = authority.keep(made, clock())
            hand_over(choose_owner(settings.data), settings.data, (made.folder.operations, made.folder.bootstrap))
        lock.release()
    except (BadSettings, InstallationFault, Busy, OSError) as error:
        raise _explained(error) from error
    _tell_renewals(made, renewals)
    if next_authority:
        words = "It holds the authority to come, too: give it to all who connect, then --switch-authority"
        out.print(words, highlight=False)
    if not renewals:
        ends = min(_ends(path) for path in made.folder.server_files.values() if path.exists())
        words = f"There is nothing to renew now: the certificates are valid until {ends}."
        out.print(words, style="bold green", highlight=False)
        return
    out.print("Let the brokers read them, each in its own way:", highlight=False)
    display.hint(out, "kill -HUP PID    (systemd: systemctl reload mosquitto bootstrap-bridge-gate)")


def _ends(path: Path) -> str:
    return certificates.read(path.read_text(encoding="utf-8")).ends_on


def run_serve(settings: Settings) -> None:
    """Run the bridge alone until a signal. Raises typer.Exit with the status."""
    os.umask(0o077)
    hangup = Hangup()
    hangup.listen()
    try:
        installation.load(settings.data)
        lock = lock_bridge(settings.data)
        for opening in file_modes.close(settings.data, settings.files_group):
            log.warning("open to others", found=opening)
        made = installation.load(settings.data)  # as it is now that nobody changes it without telling us
        changed = {
            name: value
            for name in ("host", "port", "bootstrap_host", "bootstrap_port")
            if (value := getattr(settings, name)) is not None
        }
        facts = made.facts.model_copy(update=changed)
        made = Installation(made.folder, made.keys, facts, trusted=settings.tls_ca)
        if made.authority is not None:
            client_context(made.authority)  # one that cannot be used is told now, and not at each connection
    except (InstallationFault, TrustFault, Busy, OSError) as error:
        raise _explained(error) from error
    clear = [one for one in (facts.host, facts.bootstrap_host) if not encryption.is_loopback(one)]
    if clear and made.authority is None:
        log.warning("without TLS", hosts=sorted(set(clear)), do="bootstrap-bridge init --tls, or serve --tls-ca")
    ending = Ending()
    try:
        listening = up.metrics_socket(settings)
        if listening is not None:
            log.info("shown", address=address_of(listening))
        changes = Changes(made, hangup, settings.files_group)
        service = up.service_for(changes, settings, listening, ending)
        asyncio.run(until_signalled(service.run(), ending))
    except (BrokersFault, StoreUnusable, Busy, OSError, BaseExceptionGroup) as error:
        raise _explained(error) from error
    finally:
        lock.release()
    _end(ending)
