"""The groups of the inventory as a tree: made, emptied by moving their devices, and deleted."""

from collections.abc import Mapping
from typing import Any

from fastapi import Request
from nicegui.element import Element

from bridge.console.acting import answer_acts, word
from bridge.console.inventory import MOST_GROUPS, TREE_PACE, concerns_devices, path_of
from bridge.console.listing import Listing
from bridge.console.live import Live
from bridge.console.moving import Move
from bridge.console.sessions import Session
from bridge.console.shell import page
from bridge.console.texts import section


class Groups(Element, component="../components/groups.js"):
    """The tree, and beside it the group that was chosen."""

    def __init__(self, session: Session, first: str) -> None:
        super().__init__()
        self._props["texts"] = section("groups")
        self._props["first"] = first
        self._props["management"] = session.of_management
        commands = {"create": "create-group", "delete": "delete-group", "update": "update-device"}
        self._props["may"] = {name: session.may(command) for name, command in commands.items()}
        self._props["groups"] = []

    def show(self, groups: list[dict[str, Any]], more: bool) -> None:
        """Show these groups."""
        self._props["groups"] = groups
        self._props["more"] = more
        self._props["loaded"] = True
        self.update()

    def show_move(self, move: Move | None, of: int) -> None:
        """Show how far a move came, or that there is none."""
        self._props["moving"] = None if move is None else {"done": move.done, "of": of}
        self.update()


@page("/groups")
async def groups(session: Session, request: Request) -> None:
    """Build the page."""
    tree = Groups(session, request.query_params.get("group", ""))
    listing = Listing(session.request, "list-groups", "groups", MOST_GROUPS)
    moves: list[Move] = []

    async def load() -> None:
        tree.show(*await listing.load())

    async def create(values: Mapping[str, Any]) -> Mapping[str, Any]:
        made = await session.request("create-group", {"path": word(values, "path")})
        await live.now()
        return {"path": made["path"]}

    async def delete(values: Mapping[str, Any]) -> None:
        await session.request("delete-group", {"path": word(values, "path")})
        await live.now()

    async def move(values: Mapping[str, Any]) -> Mapping[str, Any]:
        source, of = word(values, "from"), _devices_in(await listing.load(), word(values, "from"))
        moving = Move(session.request, path_of(word(values, "group")), lambda: tree.show_move(moving, of))
        moves.append(moving)
        try:
            tree.show_move(moving, of)
            await moving.all_of(source)
        finally:
            moves.remove(moving)
            tree.show_move(None, of)
            live.refresh()
        counts = {"moved": len(moving.moved), "failedCount": moving.failed_count, "stopped": moving.stopped}
        return {**counts, "failed": moving.failed}

    def stop() -> None:
        for moving in moves:
            moving.stop()

    answer_acts(tree, {"create": create, "delete": delete, "move": move})
    tree.on("stop", stop)
    live = Live(session, load, concerns_devices, TREE_PACE)
    await live.now()


def _devices_in(listed: tuple[list[dict[str, Any]], bool], path: str) -> int:
    return sum(one["devices"] for one in listed[0] if f"{one['path']}/".startswith(f"{path}/"))
