"""`up`: both brokers as children and the bridge in one process, on one folder. For a laptop, a demo, a small site."""

import asyncio
import fcntl
import os
import resource
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from bridge import installation
from bridge.brokers import find_plugin
from bridge.children import (
    BrokersFault,
    Child,
    choose_owner,
    find_mosquitto,
    free_port,
    hand_over,
    port_fault,
    wait_for_port,
)
from bridge.configurations import write_configurations
from bridge.installation import DEFAULT_BOOTSTRAP_PORT, DEFAULT_HOST, DEFAULT_PORT, Installation
from bridge.service import Service
from bridge.settings import Settings

LOCK_PATIENCE: Final = 5.0
"""Seconds for which the brokers of an `up` that was killed may still be ending."""
READY_PATIENCE: Final = 30.0
SPARE_FILES: Final = 100
"""Open files that a broker needs beside its connections."""

log = structlog.get_logger("up")


class Busy(Exception):
    """Somebody else works in the folder."""


def take_lock(path: Path, patience: float) -> int:
    """Lock a folder by the file ``path`` and return the descriptor. Raises Busy.

    Children inherit the descriptor, so the lock is free only when they have ended too.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 64, 0).decode(errors="replace").strip()
            if time.monotonic() < deadline and not _is_running(holder):
                time.sleep(0.05)
                continue
            os.close(descriptor)
            raise Busy(
                f"the folder {path.parent} is in use by another bridge (process {holder or 'unknown'}): "
                "end that one first, or choose another folder with --data"
            ) from None
        os.truncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        os.lseek(descriptor, 0, os.SEEK_SET)
        return descriptor


def _is_running(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True


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


def prepare(settings: Settings) -> tuple[Installation, list[Child], int]:
    """Make the folder, take its lock, settle ports and write the brokers' files.

    Raises BrokersFault, Busy, InstallationFault.
    """
    program = settings.mosquitto or find_mosquitto()
    plugin = settings.plugin or find_plugin()
    if plugin is None or not plugin.exists():
        raise BrokersFault(
            "Mosquitto's dynamic security plugin is not there (mosquitto_dynamic_security.so): it comes with "
            "Debian's mosquitto; elsewhere name it with BOOTSTRAP_BRIDGE_PLUGIN=/path/to/it"
        )
    os.umask(0o077)
    files = raise_file_limit()
    installation.make_folder(settings.data)
    installation.refuse_beside(settings.data)
    lock = take_lock(settings.data / "lock", LOCK_PATIENCE)
    kept = installation.load(settings.data).facts if (settings.data / "bridge" / "keys.json").exists() else None
    host = settings.host or (DEFAULT_HOST if kept is None else kept.host)
    bootstrap_host = settings.bootstrap_host or settings.host or (host if kept is None else kept.bootstrap_host)
    port = _port(settings.port, None if kept is None else kept.port, DEFAULT_PORT, host, "--port")
    bootstrap_port = _port(
        settings.bootstrap_port,
        None if kept is None else kept.bootstrap_port,
        DEFAULT_BOOTSTRAP_PORT,
        bootstrap_host,
        "--bootstrap-port",
        other=port,
    )
    if (host, port) == (bootstrap_host, bootstrap_port):
        raise BrokersFault(f"both brokers cannot listen at port {port}: give one of them another, or 0 for a free one")
    made = installation.make(
        settings.data,
        host=host,
        bootstrap_host=bootstrap_host,
        port=port,
        bootstrap_port=bootstrap_port,
        topic_prefix=settings.topic_prefix,
    )
    owner = choose_owner(settings.data)
    for fault in made.mended:
        log.warning("put right", file=fault)
    if owner.warning is not None:
        log.warning("brokers as root", reason=owner.warning)
    configurations = write_configurations(
        made, plugin, max_connections=min(20_000, files - SPARE_FILES), extra=owner.lines
    )
    hand_over(owner, settings.data, (made.folder.operations, made.folder.bootstrap))

    def mend(write: Callable[[Installation], list[str]], folder: Path) -> None:
        for fault in write(made):
            log.warning("put right", file=fault)
        hand_over(owner, settings.data, (folder,))

    files_of = (
        partial(mend, installation.write_accounts_file, made.folder.operations),
        partial(mend, installation.write_gate_files, made.folder.bootstrap),
    )

    children = [
        Child("operations", program, configurations.operations, owner, lock, files_of[0]),
        Child("bootstrap", program, configurations.bootstrap, owner, lock, files_of[1]),
    ]
    return made, children, lock


async def run(settings: Settings, when_ready: Callable[[Installation], None]) -> None:
    """Run brokers and bridge until cancelled. Raises BrokersFault, Busy, InstallationFault, StoreUnusable."""
    made, children, lock = prepare(settings)
    facts = made.facts
    try:
        async with _stopped_at_the_end(children), asyncio.TaskGroup() as tasks:
            for child in children:
                await child.start()
                tasks.create_task(child.watch(), name=f"watch the {child.name} broker")
            await wait_for_port(facts.host, facts.port, children[0])
            await wait_for_port(facts.bootstrap_host, facts.bootstrap_port, children[1])
            service = Service(
                made, settings.database, keepalive=settings.keepalive, reconcile_every=settings.reconcile_every
            )
            serving = tasks.create_task(service.run(), name="serve")
            tasks.create_task(_say_when_ready(service, made, when_ready), name="say when ready")
            await _ended(serving)
    finally:
        os.close(lock)


async def _ended(serving: asyncio.Task[None]) -> None:
    """Wait for the service; being cancelled, first let it end in good order while the brokers still run."""
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving
        raise


async def _say_when_ready(service: Service, made: Installation, when_ready: Callable[[Installation], None]) -> None:
    try:
        async with asyncio.timeout(READY_PATIENCE):
            await service.ready.wait()
    except TimeoutError:
        raise BrokersFault(
            f"the bridge could not log in to its brokers within {READY_PATIENCE:.0f} s; what is above tells why"
        ) from None
    made.write_access(gone=service.gone)
    when_ready(made)


@asynccontextmanager
async def _stopped_at_the_end(children: list[Child]) -> AsyncIterator[None]:
    try:
        yield
    finally:
        for child in children:
            await child.stop()


async def until_signalled(work: Awaitable[None]) -> None:
    """Run ``work`` until SIGTERM or SIGINT, which cancel it; a second signal ends the process at once."""
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(work)
    signalled = False

    def stop() -> None:
        nonlocal signalled
        if signalled:
            os._exit(130)
        signalled = True
        task.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        await task
    except asyncio.CancelledError:
        if not signalled:
            raise
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
