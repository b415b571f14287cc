"""Watches the clock of the machine while the bridge serves, and brings times back that a clock ahead has left."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

import structlog

from bridge import future_times
from bridge.clock import clock
from bridge.store import Store, StoreFault
from bridge.timekeeping import GRACE, Timekeeper

MINDING: Final = 2.0
"""Seconds between two looks whether the clock was set."""

log = structlog.get_logger("clock")


async def timekeeper(store: Store) -> Timekeeper:
    """Begin to keep the time, with what the entries tell of the clock before."""
    try:
        async with store.read() as connection:
            newest = await future_times.newest(connection)
            settled = await future_times.newest(connection, until=clock() - round(GRACE * 1000))
    except StoreFault as error:
        log.warning("clock not compared with the entries", reason=str(error))
        return Timekeeper(clock, time.monotonic)
    return Timekeeper(clock, time.monotonic, newest, settled)


async def mind_clock(store: Store, keeper: Timekeeper, now: Callable[[], int]) -> None:
    """Bring times back that lie in the future, at the start and whenever the clock was set back."""
    while True:
        latest = keeper.latest()
        if latest is not None:
            try:
                async with store.read() as connection:
                    ahead = await future_times.tables_ahead(connection, latest)
                if ahead:
                    async with store.write() as transaction:
                        number = await future_times.bring_back(transaction.connection, latest, now())
                    log.warning("times brought back", rows=number, tables=ahead)
                keeper.looked_through()
            except StoreFault as error:
                log.warning("times not looked through", reason=str(error))
        await asyncio.sleep(MINDING)
