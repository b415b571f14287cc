"""Ways to break the bridge on purpose, so that it can be seen that the soak finds out. Applied in a fork, by name."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import Any, Final

from bridge.accounts.dynsec import Dynsec
from bridge.broker import Incoming
from bridge.control import Control, Handled
from bridge.intake import Intake
from bridge.registration import Registration
from bridge.store import Store
from bridge.transaction import Transaction

LATE: Final = 0.4
"""Seconds by which a commit comes late."""


def commit_late() -> None:
    """Answer registrations first, commit them a moment later: what is killed in between was promised and is lost."""
    before, handle = Store.write, Control.handle
    late = ContextVar("late", default=False)

    async def handle_late(control: Control, message: Incoming) -> Handled:
        late.set(message.topic.endswith(("/register", "/delete")))
        return await handle(control, message)

    @asynccontextmanager
    async def write(store: Store) -> AsyncIterator[Transaction]:
        if not late.get():
            async with before(store) as transaction:
                yield transaction
            return
        await store._turn.acquire()
        connection = await store._writer.connect()
        try:
            await connection.begin()
            yield Transaction(connection)
        except BaseException:
            await connection.close()
            store._turn.release()
            raise
        tasks.add(asyncio.get_running_loop().create_task(finish(store, connection), name="commit late"))

    async def finish(store: Store, connection: Any) -> None:
        await asyncio.sleep(LATE)
        await connection.commit()
        await connection.close()
        store._turn.release()

    tasks: set[asyncio.Task[None]] = set()
    setattr(Control, "handle", handle_late)  # noqa: B010 - as a plain assignment the types would not have it
    setattr(Store, "write", write)  # noqa: B010 - as above


def skip_removals() -> None:
    """Forget accounts that are to go, without taking them out of the broker."""

    async def remove(dynsec: Dynsec, usernames: Sequence[str]) -> None:
        """Do nothing."""

    setattr(Dynsec, "remove", remove)  # noqa: B010 - as above


def draw_passwords() -> None:
    """Send passwords that are drawn anew each time, instead of the account's own."""
    before = Intake.credentials_for

    def credentials_for(intake: Intake, registration: Registration, *others: Any) -> Any:
        return before(intake, replace(registration, seed=secrets.token_bytes(16)), *others)

    setattr(Intake, "credentials_for", credentials_for)  # noqa: B010 - as above


BREAKS: Final[dict[str, Callable[[], None]]] = {
    "commit-late": commit_late,
    "skip-removals": skip_removals,
    "draw-passwords": draw_passwords,
}
