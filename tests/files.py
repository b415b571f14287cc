"""Bulk files sent through the one door, and what tests look at of what comes of them."""

from typing import Any

import sqlalchemy as sa

from bridge import schema
from bridge.records import Change
from bridge.registration import Registration, Status
from tests.making import pending
from tests.world import World

ROOT, NORA, RITA, VERA = "management/root", "north/nora", "default/rita", "default/vera"
CREDENTIALS = "Tr0ub4dor&3-secret"
FULL = "ID;CREDENTIALS;NAME;PATH\n"


async def told(
    world: World, text: str, *, who: str = "default/admin", command: str = "bulk-register"
) -> dict[str, Any]:
    """Send a file that is understood; return the result."""
    return await world.done(command, text.encode(), who=who)


def numbers(result: dict[str, Any]) -> tuple[int, int, int, int]:
    """All, created, failed, successful."""
    of = (result[f"numberOf{what}"] for what in ("All", "Created", "Failed", "Successful"))
    every, created, failed, successful = of
    return every, created, failed, successful


def failures(result: dict[str, Any]) -> list[tuple[str | None, str, int]]:
    return [(one.get("deviceId"), one["code"], one["line"]) for one in result["failedCreationList"]]


async def tables(world: World, *but: str) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables, without those that every request writes."""
    found = {}
    async with world.store.read() as connection:
        for table in schema.metadata.sorted_tables:
            if table.name not in {"audit", "requests", *but}:
                rows = await connection.execute(sa.select(table))
                found[table.name] = sorted((tuple(row) for row in rows), key=repr)
    return found


async def brought(world: World, state: str) -> None:
    """Bring pump-7 to a state."""
    match state:
        case "waiting":
            await world.done("register", {"id": "pump-7", "name": "Old"})
        case "pending":
            await world.done("register", {"id": "pump-7", "name": "Old"})
            await world.call("pump-7")
        case "blocked":
            await brought(world, "waiting")
            found = await found_of(world)
            async with world.store.write() as transaction:
                await transaction.save([Change(found, pending(status=Status.BLOCKED, reason="X", name="Old"))])
        case "accepted":
            await brought(world, "pending")
            await world.done("accept", {"id": "pump-7"})
        case "installed":
            await brought(world, "accepted")
            await world.installer.drain()
        case "device":
            await brought(world, "installed")
            async with world.store.write() as transaction:
                await transaction.save([Change(await found_in(transaction), None)])
        case "foreign":
            await world.done("register", {"id": "pump-7"}, who=NORA)
        case "foreign device":
            await told(world, "ID;CREDENTIALS\npump-7;north-password\n", who=NORA)
            await world.done("delete", {"id": "pump-7"}, who=NORA)
            assert await world.registration("pump-7") is None


async def found_of(world: World) -> Registration:
    found = await world.registration("pump-7")
    assert found is not None
    return found


async def found_in(transaction: Any) -> Registration:
    (found,) = (await transaction.registrations(["pump-7"])).values()
    assert isinstance(found, Registration)
    return found


def tallied(entry: dict[str, Any]) -> dict[str, Any]:
    """Return the numbers of an audit entry, without the name of its file."""
    assert len(entry["details"]["bulk"]) == 16
    return {key: value for key, value in entry["details"].items() if key != "bulk"}
