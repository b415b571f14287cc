"""Bulk files through the one door: over whatever is there, in parts, for several tenants, sent again."""

import json

import pytest
import sqlalchemy as sa

from bridge import schema
from bridge.decisions import BulkEvent
from tests.files import CREDENTIALS, FULL, NORA, RITA, ROOT, brought, failures, numbers, tables, tallied, told
from tests.world import World

# Simple files.


@pytest.mark.parametrize(
    ("state", "who", "outcome", "status"),
    [
        ("nothing", "default/admin", "created", "WAITING_FOR_CONNECTION"),
        ("nothing", RITA, "created", "WAITING_FOR_CONNECTION"),
        ("waiting", RITA, "updated", "WAITING_FOR_CONNECTION"),
        ("pending", RITA, "updated", "PENDING_ACCEPTANCE"),
        ("blocked", "default/admin", "INVALID_STATE", "BLOCKED"),
        ("accepted", "default/admin", "updated", "ACCEPTED"),
        ("accepted", RITA, "NOT_PERMITTED", "ACCEPTED"),
        ("installed", "default/admin", "updated", "ACCEPTED"),
        ("installed", RITA, "NOT_PERMITTED", "ACCEPTED"),
        ("device", "default/admin", "updated", None),
        ("device", RITA, "NOT_PERMITTED", None),
        ("foreign", "default/admin", "ALREADY_REGISTERED", "WAITING_FOR_CONNECTION"),
        ("foreign device", "default/admin", "ALREADY_EXISTS", None),
    ],
)
async def test_a_simple_line_over_what_is_there(
    world: World, state: str, who: str, outcome: str, status: str | None
) -> None:
    await brought(world, state)
    before = await tables(world)
    result = await told(world, "ID;PATH;NAME;TYPE\npump-7;A/B;New;t\n", who=who)
    found = await world.registration("pump-7")
    assert (None if found is None else found.status) == status
    if outcome.isupper():
        assert numbers(result) == (1, 0, 1, 0)
        assert failures(result) == [("pump-7", outcome, 2)]
        assert "north" not in json.dumps(result)
        assert await tables(world) == before
        return
    assert numbers(result) == (1, int(outcome == "created"), 0, 1)
    await world.installer.drain()
    device = await world.device("pump-7")
    subject = device if device is not None else found
    assert subject is not None
    assert (subject.name, subject.type, subject.group) == ("New", "t", "A/B")
    groups = (await world.done("list-groups"))["groups"]
    assert [group["path"] for group in groups] == ["A", "A/B"]


@pytest.mark.parametrize("state", ["accepted", "installed", "device"])
async def test_a_simple_line_that_changes_nothing_needs_no_right(world: World, state: str) -> None:
    await brought(world, state)
    before = await tables(world)
    assert numbers(await told(world, "ID;PATH;NAME\npump-7;;Old\n", who=RITA)) == (1, 0, 0, 1)
    assert await tables(world) == before


async def test_a_token_with_autoaccept_in_a_file_accepts_the_matching_call_at_once(world: World) -> None:
    await told(world, "ID;PATH;TOKEN;AUTOACCEPT\na;;s3cret;true\nb;;s3cret;\nc;;;true\n")
    for device_id in "ab":
        await world.call(device_id, b'{"securityToken":"wrong"}')
        await world.call(device_id, b'{"securityToken":"s3cret"}')
    assert (await world.done("get", {"id": "a"}))["status"] == "ACCEPTED"
    assert (await world.done("get", {"id": "b"}))["status"] == "PENDING_ACCEPTANCE"
    assert await world.refused("get", {"id": "c"}) == "NOT_FOUND"
    assert (await world.done("accept", {"id": "b"}))["status"] == "ACCEPTED", "the token of the file counts as given"


async def test_autoaccept_is_taken_back_without_naming_the_token_again(world: World) -> None:
    await told(world, "ID;PATH;TOKEN;AUTOACCEPT\na;;s3cret;true\nb;;s3cret;true\n")
    await told(world, "ID;PATH;TOKEN;AUTOACCEPT\na;;;false\nb;;;\n")
    for device_id in "ab":
        await world.call(device_id, b'{"securityToken":"s3cret"}')
    assert (await world.done("get", {"id": "a"}))["status"] == "PENDING_ACCEPTANCE"
    assert (await world.done("get", {"id": "b"}))["status"] == "ACCEPTED"


# Full files.


@pytest.mark.parametrize(
    ("state", "who", "outcome"),
    [
        ("nothing", RITA, "created"),
        ("waiting", RITA, "created"),
        ("pending", RITA, "created"),
        ("blocked", RITA, "created"),
        ("accepted", "default/admin", "updated"),
        ("accepted", RITA, "NOT_PERMITTED"),
        ("installed", "default/admin", "updated"),
        ("installed", RITA, "NOT_PERMITTED"),
        ("device", "default/admin", "updated"),
        ("device", RITA, "NOT_PERMITTED"),
        ("foreign", "default/admin", "ALREADY_REGISTERED"),
        ("foreign device", "default/admin", "ALREADY_EXISTS"),
    ],
)
async def test_a_full_line_over_what_is_there(world: World, state: str, who: str, outcome: str) -> None:
    await brought(world, state)
    before = await tables(world)
    result = await told(world, f"{FULL}pump-7;{CREDENTIALS};New;A/B\n", who=who)
    if outcome.isupper():
        assert failures(result) == [("pump-7", outcome, 2)]
        assert "north" not in json.dumps(result)
        assert await tables(world) == before
        return
    assert numbers(result) == (1, int(outcome == "created"), 0, 1)
    updated = [{"bulkNewDeviceStatus": "CREDENTIAL_UPDATED", "deviceId": "pump-7"}]
    assert result["credentialUpdatedList"] == (updated if outcome == "updated" else [])
    device = await world.device("pump-7")
    assert device is not None
    assert (device.name, device.group) == ("New", "A/B")
    world.pushed.clear()
    await world.installer.drain()
    assert world.accounts.there["default/device_pump-7"].password == CREDENTIALS
    assert world.pushed == []
    shown = await world.done("get", {"id": "pump-7"})
    assert (shown["status"], "confirmedTime" in shown, "installedTime" in shown) == ("ACCEPTED", True, True)


async def test_all_columns_of_a_full_line_come_into_the_entry(world: World) -> None:
    header = "ID;CREDENTIALS;TYPE;NAME;ICCID;IDTYPE;PATH;SHELL;AUTH_TYPE;site.hall;rack\n"
    await told(world, f"{header}pump-7;{CREDENTIALS};t;Pump;8949;imei;A;1;BASIC;7;r1\n")
    assert await world.done("get-device", {"id": "pump-7"}) == {
        "id": "pump-7", "tenant": "default", "owner": "default/admin", "name": "Pump", "type": "t", "group": "A",
        "iccid": "8949", "idType": "imei", "shell": True, "authType": "BASIC",
        "creationTime": "2026-01-01T00:00:00.000Z", "properties": {"site": {"hall": "7"}, "rack": "r1"},
    }  # fmt: skip


async def test_a_full_line_with_another_password_closes_the_session_and_with_the_same_one_does_not(
    world: World,
) -> None:
    await told(world, f"{FULL}pump-7;{CREDENTIALS};;\n")
    await world.installer.drain()
    world.script.clear()
    assert (await told(world, f"{FULL}pump-7;{CREDENTIALS};New;\n"))["credentialUpdatedList"] == []
    await world.installer.drain()
    assert world.script == []
    assert len((await told(world, f"{FULL}pump-7;another-password;New;\n"))["credentialUpdatedList"]) == 1
    await world.installer.drain()
    assert [step.split()[0] for step in world.script] == ["renew", "clear", "heard", "renew", "push"]
    assert world.pushed == []
    assert world.accounts.there["default/device_pump-7"].password == "another-password"


async def test_a_stored_password_that_cannot_be_decrypted_is_replaced_by_the_files(world: World) -> None:
    await told(world, f"{FULL}pump-7;{CREDENTIALS};;\n")
    async with world.store.write() as transaction:
        await transaction.connection.execute(
            sa.update(schema.accounts).where(schema.accounts.c.kind == "device").values(secret=b"damaged")
        )
    result = await told(world, f"{FULL}pump-7;{CREDENTIALS};;\n")
    assert (numbers(result), len(result["credentialUpdatedList"])) == ((1, 0, 0, 1), 1)
    await world.installer.drain()
    assert world.accounts.there["default/device_pump-7"].password == CREDENTIALS


async def test_properties_that_would_grow_too_large_fail_their_line_alone(world: World) -> None:
    half = "x" * 5_000
    for state in ("registered", "device"):
        await world.done("register", {"id": state, "properties": {"a": half}})
    await told(world, f"ID;CREDENTIALS\ndevice;{CREDENTIALS}\n")
    result = await told(world, f"ID;CREDENTIALS;b\ndevice;{CREDENTIALS};{half}\nregistered;{CREDENTIALS};{half}\n")
    assert failures(result) == [("device", "LIMIT_REACHED", 2), ("registered", "LIMIT_REACHED", 3)]


# Tenants.


async def test_management_names_a_tenant_in_each_line(world: World) -> None:
    text = "ID;PATH;TENANT\na;;north\nb;;default\nc;;south\nd;G;north\ne;;\n"
    handled = await world.ask("bulk-register", text.encode(), who=ROOT)
    result = json.loads(handled.payload)["result"]
    assert numbers(result) == (5, 2, 3, 2)
    assert failures(result) == [("c", "UNKNOWN_TENANT", 4), ("d", "TENANT_AND_GROUP", 5), ("e", "UNKNOWN_TENANT", 6)]
    assert (await world.done("get", {"id": "a"}, who=NORA))["owner"] == ROOT
    events = {event.tenant: event.numbers for event in handled.events if isinstance(event, BulkEvent)}
    one = {"numberOfAll": 1, "numberOfCreated": 1, "numberOfFailed": 0, "numberOfSuccessful": 1}
    assert (events, len(handled.events)) == ({"north": one, "default": one}, 2)
    for who, tenant in ((NORA, "north"), ("default/admin", "default")):
        (entry,) = [one for one in (await world.done("audit", who=who))["entries"] if one["action"] == "bulk-register"]
        assert (entry["actor"], tallied(entry)) == (ROOT, {**one, "complete": True}), tenant


async def test_a_file_of_management_without_the_column_tenant_is_refused_as_a_whole(world: World) -> None:
    assert await world.refused("bulk-register", b"ID;PATH\na;\n", who=ROOT) == "BULK_FILE_INVALID"


async def test_from_others_the_column_tenant_is_ignored(world: World) -> None:
    assert numbers(await told(world, "ID;PATH;TENANT\na;A;south\n")) == (1, 1, 0, 1)
    assert (await world.done("get", {"id": "a"}))["tenant"] == "default"


async def test_a_registrar_repeats_his_own_file_and_tries_out_no_password_that_came_after_it(world: World) -> None:
    own, guesses = f"{FULL}pump-7;{CREDENTIALS};;\n", f"{FULL}pump-7;guess-no-1;;\npump-7;owners-word;;\n"
    await told(world, own, who=RITA)
    assert numbers(await told(world, own, who=RITA)) == (1, 0, 0, 1)
    assert numbers(await told(world, own + f"pump-7;{CREDENTIALS};;\n", who=RITA)) == (2, 0, 0, 2)
    await told(world, f"{FULL}pump-7;owners-word;;\n")
    for command in ("bulk-register", "bulk-validate"):
        result = await told(world, guesses, who=RITA, command=command)
        assert failures(result) == [("pump-7", "NOT_PERMITTED", 2), ("pump-7", "NOT_PERMITTED", 3)]
    assert numbers(await told(world, f"{FULL}pump-7;owners-word;;\n")) == (1, 0, 0, 1)
