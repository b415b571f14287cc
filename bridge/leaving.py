"""The stages of the shutdown that concern the sessions, in their order: rest, bring out, say offline, leave."""

import asyncio
from typing import Any, Protocol

from bridge.sessions import Hands
from bridge.stopping import DRAIN, FAREWELL, LEAVE, REST, Ending


class Resting(Protocol):
    """A session that takes messages."""

    hands: Hands


class Settling(Protocol):
    """A session with something to bring out."""

    async def settle(self) -> None:
        """Return once all is brought out."""


class Gate(Resting, Settling, Protocol):
    """The session that takes calls."""


class Speaker(Resting, Settling, Protocol):
    """The session that says how the bridge is."""

    async def farewell(self) -> None:
        """Say offline, and nothing after it."""


async def leave(
    ending: Ending, gate: Gate, control: Speaker, info: Resting, accounts: Settling, working: "asyncio.Task[Any]"
) -> None:
    """Go through the stages; ``working`` is what holds the sessions, which is cancelled in the end."""

    async def bring_out() -> None:
        # Accounts first, since their credentials follow; devices are heard until then, which accounts may wait for.
        await accounts.settle()
        await asyncio.gather(gate.settle(), control.settle())
        await info.hands.rest()

    await ending.go(REST, asyncio.gather(gate.hands.rest(), control.hands.rest()))
    await ending.go(DRAIN, bring_out())
    await ending.go(FAREWELL, control.farewell())
    working.cancel()
    await ending.go(LEAVE, asyncio.wait({working}))
    if working.done() and not working.cancelled():
        working.exception()  # whoever waits for it is told, or nobody is left to be told
