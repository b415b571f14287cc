"""What happened, and who called without being expected: seen by those whom it concerns."""

import base64
from typing import Any

import pytest

from tests.files import CREDENTIALS
from tests.world import PRIVATE, World

ROOT, NORA, VERA = "management/root", "north/nora", "default/vera"


async def entries(world: World, payload: dict[str, Any] | None = None, *, who: str = VERA) -> list[tuple[Any, ...]]:
    found = (await world.done("audit", payload, who=who))["entries"]
    return [(one["actor"], one["action"], one.get("id"), one["outcome"]) for one in found]


async def test_the_audit_tells_newest_first_who_did_what_to_what(world: World) -> None:
    await world.done("register", {"id": "a"})
    world.clock.turn(60)
    await world.refused("accept", {"id": "a"}, who="default/rita")
    assert await entries(world) == [
        ("default/rita", "accept", "a", "INVALID_STATE"),
        ("default/admin", "register", "a", "ok"),
    ]
    first = (await world.done("audit", who=VERA))["entries"][-1]
    assert first == {
        "at": "2026-01-01T00:00:00.000Z",
        "actor": "default/admin",
        "action": "register",
        "id": "a",
        "outcome": "ok",
        "details": {},
    }
    assert len(await entries(world, {"since": "2026-01-01T00:00:30Z"})) == 1
    assert await entries(world, {"id": "b"}) == []


async def test_each_tenant_reads_what_concerns_it_and_management_reads_all(world: World) -> None:
    await world.done("register", {"id": "a"})
    await world.done("register", {"id": "b"}, who=NORA)
    await world.done("register", {"id": "c", "tenant": "north"}, who=ROOT)
    await world.refused("delete", {"id": "a"}, who=NORA)
    assert [one[2] for one in await entries(world)] == ["a"]
    assert await entries(world, who=NORA) == [
        (NORA, "delete", "a", "NOT_FOUND"),
        (ROOT, "register", "c", "ok"),
        (NORA, "register", "b", "ok"),
    ]
    assert len(await entries(world, who=ROOT)) == 4
    assert await entries(world, {"id": "b"}) == []


async def test_a_files_entry_is_found_by_each_device_that_it_wrote(world: World) -> None:
    await world.done("bulk-register", b"ID;PATH\ns1;\ns2;\n")
    await world.done("bulk-register", f"ID;CREDENTIALS\nf1;{CREDENTIALS}\n".encode())
    for device_id in ("s1", "s2", "f1"):
        assert await entries(world, {"id": device_id}) == [("default/admin", "bulk-register", None, "ok")]
        assert await entries(world, {"id": device_id}, who=NORA) == []
    assert len(await entries(world)) == 2
    await world.done("delete", {"id": "f1"})
    assert len(await entries(world, {"id": "f1"})) == 2, "the device keeps the name of the file"


async def test_the_audit_is_turned_page_by_page(world: World) -> None:
    for number in range(5):
        await world.done("register", {"id": f"p{number}"})
    seen, cursor = [], None
    for _ in range(9):
        page = await world.done("audit", {"limit": 2, **({"cursor": cursor} if cursor else {})})
        seen += [one["id"] for one in page["entries"]]
        if (cursor := page["next"]) is None:
            break
    assert seen == ["p4", "p3", "p2", "p1", "p0"]


@pytest.mark.parametrize("forged", ["x", base64.urlsafe_b64encode(b'["a"]').decode(), "W10"])
@pytest.mark.parametrize("command", ["audit", "list-unregistered"])
async def test_a_cursor_that_no_page_ended_with_is_refused(world: World, command: str, forged: str) -> None:
    assert await world.refused(command, {"cursor": forged}, who=ROOT) == "MALFORMED_REQUEST"


async def test_reading_is_not_audited(world: World) -> None:
    for command in ("list", "audit", "stats", "list-devices", "list-groups"):
        await world.done(command)
    await world.done("bulk-validate", b"ID;PATH\na;\n")
    assert await entries(world) == []


# Who called without being expected.


async def called(world: World) -> None:
    await world.call("a")
    world.clock.turn(1)
    await world.call("b", b'{"securityToken":"s"}')
    world.clock.turn(1)
    await world.call("a", client_id=PRIVATE)


async def test_callers_without_registration_are_listed_newest_first(world: World) -> None:
    await called(world)
    assert await world.done("list-unregistered", who=ROOT) == {
        "devices": [
            {
                "id": "a",
                "calls": 2,
                "firstSeen": "2026-01-01T00:00:00.000Z",
                "lastSeen": "2026-01-01T00:00:02.000Z",
                "tokenSent": False,
            },
            {
                "id": "b",
                "calls": 1,
                "firstSeen": "2026-01-01T00:00:01.000Z",
                "lastSeen": "2026-01-01T00:00:01.000Z",
                "tokenSent": True,
            },
        ],
        "next": None,
    }
    page = await world.done("list-unregistered", {"limit": 1}, who=ROOT)
    page = await world.done("list-unregistered", {"limit": 1, "cursor": page["next"]}, who=ROOT)
    assert ([one["id"] for one in page["devices"]], page["next"]) == (["b"], None)


async def test_with_several_tenants_only_management_sees_them(world: World) -> None:
    await called(world)
    assert await world.refused("list-unregistered") == "NOT_PERMITTED"
    world.rulebook.follow({}, frozenset({"management", "default"}), world.rulebook.roles)
    assert len((await world.done("list-unregistered", who=VERA))["devices"]) == 2


@pytest.mark.parametrize(
    ("command", "payload"),
    [
        ("register", {"id": "a"}),
        ("bulk-register", b"ID;PATH\na;\n"),
        ("bulk-register", b"ID;CREDENTIALS\na;12345678\n"),
    ],
)
async def test_who_is_registered_is_no_longer_unexpected(world: World, command: str, payload: Any) -> None:
    await called(world)
    await world.done(command, payload)
    assert [one["id"] for one in (await world.done("list-unregistered", who=ROOT))["devices"]] == ["b"]
