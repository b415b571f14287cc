"""What one tenant's administrators see and change of another's: nothing, and management all."""

import json

from bridge.records import Change
from tests.world import World

NORA, ROOT = "north/nora", "management/root"


async def test_another_tenants_device_is_not_found_and_stays_as_it_is(world: World) -> None:
    await world.done("register", {"id": "pump-7"}, who=NORA)
    await world.call("pump-7")
    before = await world.registration("pump-7")
    for command in ("get", "accept", "delete"):
        answer = await world.answer(command, {"id": "pump-7"})
        assert answer["error"]["code"] == "NOT_FOUND"
        assert "north" not in json.dumps(answer)
    listed = await world.done("delete", {"ids": ["pump-7"]})
    assert [one["code"] for one in listed["failed"]] == ["NOT_FOUND"]
    listed = await world.done("accept", {"devices": [{"id": "pump-7"}]})
    assert [one["code"] for one in listed["failed"]] == ["NOT_FOUND"]
    assert (await world.done("accept-all"))["acceptedCount"] == 0
    assert await world.registration("pump-7") == before


async def test_another_tenants_id_is_taken_and_nobody_says_by_whom(world: World) -> None:
    await world.done("register", {"id": "registered"})
    await world.accepted("device")
    await world.installer.drain()
    async with world.store.write() as transaction:
        (found,) = (await transaction.registrations(["device"])).values()
        await transaction.save([Change(found, None)])
    for device_id, code in (("device", "ALREADY_EXISTS"), ("registered", "ALREADY_REGISTERED")):
        answer = await world.answer("register", {"id": device_id}, who=NORA)
        assert answer["error"]["code"] == code
        assert "default" not in json.dumps(answer)


async def test_lists_and_counts_are_a_tenants_own_and_management_sees_all(world: World) -> None:
    await world.done("register", {"id": "a"})
    await world.done("register", {"id": "b"}, who=NORA)
    for who, ids in (("default/admin", ["a"]), (NORA, ["b"]), (ROOT, ["a", "b"])):
        page = await world.done("list", who=who)
        assert [one["id"] for one in page["registrations"]] == ids
        assert page["counts"]["WAITING_FOR_CONNECTION"] == len(ids)
        assert (await world.done("stats", who=who))["counts"]["WAITING_FOR_CONNECTION"] == len(ids)
    page = await world.done("list", {"tenant": "north"}, who=ROOT)
    assert [one["id"] for one in page["registrations"]] == ["b"]
    assert page["counts"]["WAITING_FOR_CONNECTION"] == 2, "of all that the caller may see, whatever the filter"


async def test_management_registers_and_decides_for_every_tenant(world: World) -> None:
    (created,) = (await world.done("register", {"id": "pump-7", "tenant": "north"}, who=ROOT))["created"]
    assert (created["tenant"], created["owner"]) == ("north", "management/root")
    await world.call("pump-7")
    assert (await world.done("accept", {"id": "pump-7"}, who=ROOT))["status"] == "ACCEPTED"
    assert (await world.done("get", {"id": "pump-7"}, who=NORA))["status"] == "ACCEPTED"
    assert await world.done("delete", {"id": "pump-7"}, who=ROOT) == {"deleted": ["pump-7"], "failed": []}


async def test_the_audit_of_anothers_device_shows_not_even_a_file_that_both_stand_in(world: World) -> None:
    await world.done("bulk-register", b"ID;PATH;TENANT\na;;default\nb;;north\n", who=ROOT)
    assert len((await world.done("audit", {"id": "b"}, who=NORA))["entries"]) == 1
    assert (await world.done("audit", {"id": "a"}, who=NORA))["entries"] == []
