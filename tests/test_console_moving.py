"""Devices on their way to another group."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from bridge.admin import RefusedByBridge
from bridge.console.moving import AT_ONCE, FAILURES_SHOWN, Move


class Inventory:
    """A bridge that knows groups of devices; ``stuck`` cannot be moved. Pages hold ``fits`` devices."""

    def __init__(self, groups: Mapping[str, str | None], stuck: frozenset[str] = frozenset(), fits: int = 3) -> None:
        self.groups = dict(groups)
        self.stuck = stuck
        self.fits = fits
        self.waiting = 0
        self.most_waiting = 0

    async def request(self, command: str, payload: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._list(payload) if command == "list-devices" else await self._update(payload)

    def _list(self, payload: Mapping[str, Any]) -> Mapping[str, Any]:
        assert payload["sort"] == "id"
        inside = [
            {"id": one, "group": group}
            for one, group in sorted(self.groups.items())
            if group is not None and f"{group}/".startswith(f"{payload['group']}/") and one > payload.get("cursor", "")
        ]
        page = inside[: self.fits]
        return {"devices": page, "next": page[-1]["id"] if len(page) < len(inside) else None}

    async def _update(self, payload: Mapping[str, Any]) -> Mapping[str, Any]:
        self.waiting += 1
        self.most_waiting = max(self.most_waiting, self.waiting)
        await asyncio.sleep(0)
        self.waiting -= 1
        if payload["id"] in self.stuck:
            raise RefusedByBridge("NOT_FOUND", f"there is no device {payload['id']}", {})
        self.groups[payload["id"]] = payload["group"]
        return {}


async def test_devices_are_moved_and_who_cannot_be_is_told() -> None:
    bridge = Inventory({"a": "Old", "b": "Old", "c": None}, stuck=frozenset({"b"}))
    move = Move(bridge.request, "New")
    await move.those(["a", "b", "c"])
    assert bridge.groups == {"a": "New", "b": "Old", "c": "New"}
    assert sorted(move.moved) == ["a", "c"]
    assert move.failed == [{"id": "b", "message": "there is no device b"}]
    assert move.done == 3


async def test_a_group_is_emptied_with_what_is_below_it() -> None:
    bridge = Inventory({f"d{one}": ["Old", "Old/In", "Older", None][one % 4] for one in range(40)})
    await Move(bridge.request, None).all_of("Old")
    assert set(bridge.groups.values()) == {None, "Older"}


async def test_devices_are_moved_further_down_in_their_own_group_once() -> None:
    bridge = Inventory({f"d{one}": ["Old", "Old/In"][one % 2] for one in range(20)})
    move = Move(bridge.request, "Old/In")
    await move.all_of("Old")
    assert set(bridge.groups.values()) == {"Old/In"}
    assert len(move.moved) == 10


async def test_only_so_many_requests_wait_at_a_time_and_progress_is_told() -> None:
    bridge = Inventory({f"d{one:03}": "Old" for one in range(5 * AT_ONCE)}, fits=1_000)
    told: list[int] = []
    move = Move(bridge.request, "New", lambda: told.append(move.done))
    await move.all_of("Old")
    assert bridge.most_waiting == AT_ONCE
    assert told == [AT_ONCE * part for part in range(1, 6)]


async def test_what_is_stopped_leaves_the_rest() -> None:
    bridge = Inventory({f"d{one:03}": "Old" for one in range(5 * AT_ONCE)}, fits=1_000)
    move = Move(bridge.request, "New", lambda: move.stop())
    await move.all_of("Old")
    assert len(move.moved) == AT_ONCE
    assert list(bridge.groups.values()).count("Old") == 4 * AT_ONCE


async def test_a_thousand_failures_are_counted_and_the_first_are_kept() -> None:
    ids = [f"d{one:04}" for one in range(1_000)]
    move = Move(Inventory({}, stuck=frozenset(ids)).request, "New")
    await move.those(ids)
    assert (move.failed_count, len(move.failed)) == (1_000, FAILURES_SHOWN)


async def test_a_bridge_that_is_away_ends_the_move() -> None:
    class Gone(Exception):
        pass

    async def request(command: str, payload: Mapping[str, Any]) -> Mapping[str, Any]:
        raise Gone

    with pytest.raises(Gone):
        await Move(request, "New").those(["a"])
