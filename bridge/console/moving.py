"""Devices on their way to another group, some at a time: the contract changes one device in a request."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, Final

from bridge.admin import RefusedByBridge
from bridge.console.listing import LARGEST, Asks

AT_ONCE: Final = 8
"""Requests that wait for their answers together: the bridge takes them as one batch, others still come in between."""
FAILURES_SHOWN: Final = 100


@dataclass(slots=True)
class Move:
    """Moves devices to the group ``target``, None for none; ``told`` is called after each part of them."""

    ask: Asks
    target: str | None
    told: Callable[[], None] = lambda: None
    moved: list[str] = field(default_factory=list)
    failed: list[dict[str, Any]] = field(default_factory=list)
    failed_count: int = 0
    stopped: bool = False

    def stop(self) -> None:
        """Leave the rest where it is."""
        self.stopped = True

    @property
    def done(self) -> int:
        """How many were dealt with."""
        return len(self.moved) + self.failed_count

    async def those(self, ids: list[str]) -> None:
        """Move these devices. Raises as ``ask``, but a refusal is kept and goes on with the others."""
        for start in range(0, len(ids), AT_ONCE):
            if self.stopped:
                return
            await asyncio.gather(*(self._move(device_id) for device_id in ids[start : start + AT_ONCE]))
            self.told()

    async def all_of(self, group: str) -> None:
        """Move all devices that are in ``group`` or below it, but those that are where they shall be."""
        async for devices in self._pages(group):
            await self.those([one["id"] for one in devices if one["group"] != self.target])

    async def _pages(self, group: str) -> AsyncIterator[list[dict[str, Any]]]:
        cursor: str | None = None
        while not self.stopped:
            asked: dict[str, Any] = {"group": group, "sort": "id", "limit": LARGEST}
            result = await self.ask("list-devices", asked if cursor is None else {**asked, "cursor": cursor})
            yield result["devices"]
            cursor = result["next"]
            if cursor is None:
                return

    async def _move(self, device_id: str) -> None:
        try:
            await self.ask("update-device", {"id": device_id, "group": self.target})
        except RefusedByBridge as error:
            self.failed_count += 1
            if len(self.failed) < FAILURES_SHOWN:
                self.failed.append({"id": device_id, "message": error.message})
        else:
            self.moved.append(device_id)
