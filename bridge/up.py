"""`up`: both brokers as children and the bridge in one process, on one folder. For a laptop, a demo, a small site."""

import asyncio
import os
import resource
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from bridge import authority, encryption, file_modes, installation
from bridge.broker import Login
from bridge.brokers import find_plugin
from bridge.children import (
    BrokersFault,
    Child,
    Owner,
    choose_owner,
    find_mosquitto,
    free_port,
    hand_over,
    port_fault,
    wait_for_port,
)
from bridge.clock import clock
from bridge.configurations import write_configurations
from bridge.console_child import ConsoleChild, child_for
from bridge.gate_room import keep_room, lets_in
from bridge.health import STARTING
from bridge.httpd import address_of, bind
from bridge.installation import (
    DEFAULT_BOOTSTRAP_PORT,
    DEFAULT_HOST,
    DEFAULT_PORT,
    Installation,
    InstallationFault,
)
from bridge.locks import Lock, changed_alone, lock_bridge, lock_folder
from bridge.notifying import Notifier
from bridge.reloading import Changes, Hangup
from bridge.service import Service
from bridge.settings import Settings
from bridge.stopping import BROKERS, Ending
from bridge.trust import client_context

READY_PATIENCE: Final = 30.0
SPARE_FILES: Final = 100
"""Open files that a broker needs beside its connections."""

log = structlog.get_logger("up")


def raise_file_limit() -> int:
    """Allow as many open files as the system lets us, and return that number."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def _port(wish: int | None, kept: int | None, default: int, host: str, option: str, *, other: int | None = None) -> int:
    port = wish if wish is not None else default if kept is None else kept
    if port == 0:
        return free_port(host, but=other)
    if fault := port_fault(host, port, option):
        raise BrokersFault(fault)
    return port


def prepare(settings: Settings, hangup: Hangup) -> tuple[Changes, list[Child], tuple[Lock, Lock], Owner]:
    """Make the folder, take its locks, look who may reach it, settle ports and write the brokers' files.

    Raises BadSettings, BrokersFault, Busy, InstallationFault, OSError.
    """
    program = settings.mosquitto or find_mosquitto()
    plugin = settings.plugin or find_plugin(program)
    if plugin is None or not plugin.exists():
        raise BrokersFault(
            "Mosquitto's dynamic security plugin is not there (mosquitto_dynamic_security.so): it comes with "
            "Debian's mosquitto; elsewhere name it with BOOTSTRAP_BRIDGE_PLUGIN=/path/to/it"
        )
    os.umask(0o077)
    files = raise_file_limit()
    installation.make_folder(settings.data)
    installation.refuse_beside(settings.data)
    lock = lock_folder(settings.data)
    installation.make_folder(settings.data / "bridge")
    locks = (lock, lock_bridge(settings.data))  # before anything is changed: a bridge by `serve` may be at work
    for opening in file_modes.close(settings.data, settings.files_group):
        log.warning("open to others", found=opening)
    kept = installation.load(settings.data).facts if (settings.data / "bridge" / "keys.json").exists() else None
    host = settings.host or (DEFAULT_HOST if kept is None else kept.host)
    bootstrap_host = settings.bootstrap_host or settings.host or (host if kept is None else kept.bootstrap_host)
    listen = settings.listen or (None if kept is None else kept.listen)
    port = _port(settings.port, None if kept is None else kept.port, DEFAULT_PORT, listen or host, "--port")
    bootstrap_port = _port(
        settings.bootstrap_port,
        None if kept is None else kept.bootstrap_port,
        DEFAULT_BOOTSTRAP_PORT,
        listen or bootstrap_host,
        "--bootstrap-port",
        other=port,
    )
    if (listen or host, port) == (listen or bootstrap_host, bootstrap_port):
        raise BrokersFault(f"both brokers cannot listen at port {port}: give one of them another, or 0 for a free one")
    wishes = encryption.wishes(settings, kept)
    with changed_alone(settings.data):
        made = installation.make(
            settings.data,
            host=host,
            bootstrap_host=bootstrap_host,
            port=port,
            bootstrap_port=bootstrap_port,
            listen=settings.listen,
            topic_prefix=settings.topic_prefix,
            permit=authority.permit if wishes["tls"] is not None else encryption.refuse_clear,
            **wishes,
        )
    # Others' certificates need not hold this machine's own names.
    inside = made.facts.listen in encryption.EVERYWHERE and not made.facts.tls.is_given
    changes = Changes(replace(made, by_loopback=inside), hangup, settings.files_group)
    owner = choose_owner(settings.data)
    for fault in made.mended:
        log.warning("put right", file=fault)
    if owner.warning is not None:
        log.warning("brokers as root", reason=owner.warning)
    if settings.console and made.facts.tls.on:
        installation.make_folder(made.folder.console)
    begin_certificates(made)
    configurations = write_configurations(
        made, plugin, max_connections=min(20_000, files - SPARE_FILES), extra=owner.lines
    )
    hand_over(owner, settings.data, (made.folder.operations, made.folder.bootstrap))

    def mend(write: Callable[[Installation], list[str]], broker: str, folder: Path) -> None:
        for fault in write(changes.made):
            log.warning("put right", file=fault)
        keep_certificates(made, (broker,))
        hand_over(owner, settings.data, (folder,))

    def write_passwords(made: Installation) -> None:
        mend(lambda _: installation.write_passwords(made), "bootstrap", made.folder.bootstrap)

    files_of = (
        partial(mend, installation.write_accounts_file, "operations", made.folder.operations),
        partial(mend, installation.write_gate_files, "bootstrap", made.folder.bootstrap),
    )

    children = [
        Child("operations", program, configurations.operations, owner, lock.descriptor, files_of[0]),
        Child("bootstrap", program, configurations.bootstrap, owner, lock.descriptor, files_of[1]),
    ]
    changes.write_passwords = write_passwords

    def reload_brokers() -> None:
        for child in children:
            child.reload()

    changes.reload_brokers = reload_brokers
    return changes, children, locks, owner


def note_renewals(renewals: list[authority.Renewal]) -> None:
    """Log which certificates are new."""
    for one in renewals:
        log.info("certificate renewed", broker=one.broker, reason=one.reason, ends=one.ends_on)


def begin_certificates(made: Installation) -> None:
    """Make what is lacking and renew what is to be renewed; where the disk is full, what is there serves until it ends.

    Raises InstallationFault, OSError.
    """
    try:
        note_renewals(authority.keep(made, clock()))
    except OSError as error:
        if not all(path.exists() for path in (made.folder.authority, *made.folder.server_files.values())):
            raise
        log.warning("certificate not renewed", reason=str(error))


def keep_certificates(made: Installation, brokers: tuple[str, ...] = authority.BROKERS) -> list[str]:
    """Renew what is to be renewed and return whose; where that cannot be done, what is there goes on."""
    try:
        renewals = authority.keep(made, clock(), brokers)
    except (InstallationFault, OSError) as error:
        log.warning("certificate not renewed", reason=str(error))
        return []
    note_renewals(renewals)
    return [one.broker for one in renewals]


async def renew(
    made: Installation, children: list[Child], owner: Owner, every: float, console: ConsoleChild | None = None
) -> None:
    """Look at the certificates each ``every`` seconds; a broker whose is new shows it to who connects from then on.

    The console looks at its file by itself.
    """
    while made.facts.tls.on:
        await asyncio.sleep(every)
        renewed = await asyncio.to_thread(keep_certificates, made)
        for child in children:
            if child.name in renewed:
                hand_over(owner, made.folder.path, (made.folder.server_files[child.name].parent,))
                child.reload()
        if console is not None:
            console.hand_over_files()


def gate_login(made: Installation) -> Login:
    """Return the bridge's login at the bootstrap broker, as it is now."""
    host, port = made.doors["bootstrap"]
    own = made.facts.gate
    return Login(host, port, own.username, own.password, authority=made.authority)


def metrics_socket(settings: Settings) -> socket.socket | None:
    """Take the port at which health and figures are shown, if there shall be one. Raises BrokersFault."""
    if settings.metrics_port is None:
        return None
    host, port = settings.metrics_listen, settings.metrics_port
    if port and (fault := port_fault(host, port, "--metrics-port")):
        raise BrokersFault(fault)
    try:
        return bind(host, port)
    except OSError as error:
        raise BrokersFault(f"port {port} of {host} cannot be used: {error.strerror} (--metrics-listen)") from error


def service_for(changes: Changes, settings: Settings, listening: socket.socket | None, ending: Ending) -> Service:
    """Return the service of an installation as the settings want it."""
    return Service(
        changes,
        settings.database,
        rates=settings.rates,
        keepalive=settings.keepalive,
        reconcile_every=settings.reconcile_every,
        reconnect_within=settings.reconnect_within,
        certificates_every=settings.certificates_every,
        listening=listening,
        ending=ending,
        notifier=Notifier(),
    )


async def run(
    settings: Settings,
    when_ready: Callable[[Installation, str | None, str | None], None],
    ending: Ending,
    hangup: Hangup,
) -> None:
    """Run brokers and bridge until cancelled. Raises BrokersFault, Busy, InstallationFault, StoreUnusable."""
    changes, children, locks, owner = prepare(settings, hangup)
    console = child_for(settings, changes.made, locks[0].descriptor)
    programs: list[Child | ConsoleChild] = [*children, *([console] if console else [])]
    listening = metrics_socket(settings)
    shown_at = None if listening is None else address_of(listening)
    made = changes.made
    trusted = None if made.authority is None else client_context(made.authority)
    try:
        async with _stopped_at_the_end(programs, ending), asyncio.TaskGroup() as tasks:
            for child in children:
                await child.start()
                tasks.create_task(child.watch(), name=f"watch the {child.name} broker")
            for child in children:
                await wait_for_port(*made.doors[child.name], child, trusted)
            if console is not None:
                tasks.create_task(console.run(), name="run the console")
            tasks.create_task(
                renew(made, children, owner, settings.certificates_every, console), name="renew certificates"
            )
            tasks.create_task(keep_room(children[1], lambda: lets_in(gate_login(changes.made))), name="keep room")
            service = service_for(changes, settings, listening, ending)
            serving = tasks.create_task(service.run(), name="serve")
            tasks.create_task(_say_when_ready(service, changes, when_ready, shown_at, console), name="say when ready")
            await _ended(serving)
    finally:
        for lock in locks:
            lock.release()


async def _ended(serving: asyncio.Task[None]) -> None:
    """Wait for the service; being cancelled, first let it end in good order while the brokers still run.

    Where a broker was given up, the group has cancelled the service as well as us. A second time would break off its
    end: the database would be closed while sessions go on.
    """
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        if not serving.cancelling():
            serving.cancel()
        await asyncio.wait({serving})
        raise


async def _say_when_ready(
    service: Service,
    changes: Changes,
    when_ready: Callable[[Installation, str | None, str | None], None],
    shown_at: str | None,
    console: ConsoleChild | None = None,
) -> None:
    while not service.ready.is_set():
        try:
            async with asyncio.timeout(READY_PATIENCE):
                await service.ready.wait()
        except TimeoutError:
            missing = service.health.missing
            away = "; ".join(f"{part.name}: {part.reason}" for part in missing)
            if any(part.reason != STARTING for part in missing):
                raise BrokersFault(
                    f"the bridge does not serve after {READY_PATIENCE:.0f} s ({away}); what is above tells more"
                ) from None
            # Nothing has failed: very many accounts are being compared with the broker's.
            log.warning("starting takes long", away=away)
    made = changes.made
    made.write_access(gone=service.gone)
    when_ready(made, shown_at, await console.wait_until_ready() if console else None)


@asynccontextmanager
async def _stopped_at_the_end(children: Sequence[Child | ConsoleChild], ending: Ending) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await ending.go(BROKERS, asyncio.gather(*(child.stop() for child in children)))
