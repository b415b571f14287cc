"""`python -m tests.faults_in_flight FORM FOLDER`: each function of the bridge fails once while secrets are under way.

What the bridge logs of it, as in production, is on standard error, with what a fault that nobody caught would print; on
standard output is what it must not hold. A program of its own, since it turns the log and the profiler to its purpose.
"""

import asyncio
import json
import sys
import traceback
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import bridge.store
from bridge.logs import configure_logging
from bridge.store import Store
from tests.canaries import Canaries, steps
from tests.world import World

SPARED = {"passed"}
"""Functions that are called from everywhere and hold nothing."""


class Injected(RuntimeError):
    """A fault on purpose."""


class Faults:
    """Fails each function of the bridge at its first call."""

    def __init__(self) -> None:
        self.failed: set[CodeType] = set()

    def arm(self) -> None:
        """Be ready for the next function; Python takes a profiler away that raises."""
        sys.setprofile(self._look)

    def _look(self, frame: FrameType, event: str, argument: Any) -> None:
        code = frame.f_code
        ours = event == "call" and "/bridge/" in code.co_filename
        if ours and code not in self.failed and code.co_name not in SPARED:
            self.failed.add(code)
            raise Injected(f"in {code.co_qualname}")


async def perform(world: World, canaries: Canaries, run: str, faults: Faults) -> None:
    """Do all steps, each again until nothing new fails in it, so that what lies behind a fault has its turn."""
    for step in steps(world, canaries, run):
        before = -1
        while len(faults.failed) > before:
            before = len(faults.failed)
            faults.arm()
            try:
                await step()
            except Exception:  # noqa: BLE001 - whatever it is, it is what is looked at
                sys.setprofile(None)
                traceback.print_exc()
            finally:
                sys.setprofile(None)


async def main(form: str, folder: Path) -> None:
    configure_logging("debug", form)
    bridge.store._PRAGMAS = (*bridge.store._PRAGMAS, "synchronous=OFF")  # type: ignore[misc,assignment] # nothing here need last
    canaries, faults = Canaries(), Faults()
    store = await Store.open(f"sqlite+aiosqlite:///{folder / 'registrations.db'}")
    world = await World.on(store)
    await perform(world, canaries, "once", faults)
    # Then the database refuses what is written, one table after the other, with all that the statement holds.
    for table in ("registrations", "accounts", "devices", "requests", "audit", "unregistered"):
        for act in ("INSERT", "UPDATE"):
            refuse = f"CREATE TRIGGER refuse_{act} BEFORE {act} ON {table} BEGIN SELECT RAISE(ABORT, 'refused'); END"
            async with store._writer.begin() as connection:
                await connection.exec_driver_sql(refuse)
        await perform(world, canaries, f"no-{table}", faults)
        async with store._writer.begin() as connection:
            for act in ("INSERT", "UPDATE"):
                await connection.exec_driver_sql(f"DROP TRIGGER refuse_{act}")
    await store.close()
    print(json.dumps({"failed": len(faults.failed), "canaries": canaries.known}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])), debug=True)
