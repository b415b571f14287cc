"""Tells health whether the database keeps what it is given, and that there is one at all."""

import asyncio
import math
from contextlib import suppress
from pathlib import Path

import structlog

from bridge.backoff import Backoff
from bridge.folder import write_private
from bridge.health import DATABASE, Health
from bridge.sessions import STABLE
from bridge.store import Store, StoreFault

log = structlog.get_logger("service")


async def watch_database(store: Store, health: Health) -> None:
    """Tell ``health`` when the database fails, and when it keeps again what it is given, which is tried."""
    failed = asyncio.Event()

    def noticed(fault: StoreFault) -> None:
        if health.part(DATABASE).serves:
            log.error("database fails", reason=str(fault))
        health.fails(DATABASE, str(fault))
        failed.set()

    store.noticed = noticed
    pauses = Backoff()
    served_since = -math.inf
    now = asyncio.get_running_loop().time
    while True:
        await failed.wait()
        if now() - served_since > STABLE:
            pauses.reset()
        while failed.is_set():
            await pauses.wait()
            failed.clear()
            with suppress(StoreFault):  # noticed
                async with store.write() as transaction:
                    await transaction.prove()
        served_since = now()
        health.serves(DATABASE)
        log.info("database serves")


def note_made(marker: Path) -> None:
    """Note that the installation has a database from now on, so that a lost one is not taken for a first start."""
    try:
        write_private(
            marker,
            "This installation has a database of registrations. If it is lost, the bridge does not start until it was\n"
            "restored from a backup. Remove this file only to begin anew with an empty one.\n",
        )
    except OSError as error:
        log.warning("not noted that there is a database", file=str(marker), reason=str(error))
