"""What SECURITY.md says of a login that is bound to no client id: whose connection it ends, and what it gets."""

import json
from typing import Any

import pytest

from bridge.credentials import mosquitto_line
from tests.e2e.peer import V311, Peer, administrator, payload_of
from tests.e2e.people import login
from tests.e2e.scenes import bring_in, resident
from tests.e2e.site import AnySite

Access = dict[str, Any]


@pytest.fixture
def access(apart_site: AnySite) -> Access:
    return apart_site.access


async def assert_hears(peer: Peer, payload: bytes) -> None:
    assert payload_of(await peer.next()) == payload


@pytest.mark.parametrize("kind", ["administrator", "application"])
async def test_who_takes_a_devices_client_id_ends_its_connection_loses_what_waited_for_it_and_reads_nothing(
    access: Access, kind: str
) -> None:
    device_id = f"taken-by-{kind}"
    topic = f"devices/default/{device_id}/commands"
    async with administrator(access) as admin:
        own = await bring_in(access, admin, device_id)
        sender = await admin.ok("create-application", {"name": f"sender-{kind}", "write": ["devices/default/#"]})
        role = {"role": "viewer"} if kind == "administrator" else {"read": ["devices/default/other/#"]}
        thief = await admin.ok(f"create-{kind}", {"name": f"thief-{kind}", **role})
        mine = "control/default/thief-administrator/response" if kind == "administrator" else "devices/default/other/x"
        stay = {"protocol": V311, "clean_session": False}
        async with login(access, sender["name"], sender["password"]) as commanding:
            async with resident(access, own, **stay) as peer:
                await peer.subscribe(topic)
            await commanding.publish(topic, b"waits for it")
            async with resident(access, own, **stay) as peer:
                await assert_hears(peer, b"waits for it")
                async with login(access, thief["name"], thief["password"], device_id, **stay) as other:
                    await peer.thrown_out()
                    await commanding.publish(topic, b"while it is away")
                    await other.subscribe(mine)
                    await other.client.unsubscribe(mine)
                    assert other.heard.empty(), "it has the session, and the broker looks who is logged in"
            async with resident(access, own, **stay) as peer:
                await commanding.publish(topic, b"back")
                await assert_hears(peer, b"back")
            await commanding.publish(topic, b"waits in vain")
            async with login(access, thief["name"], thief["password"], device_id, **stay) as other:
                await other.subscribe(mine)
                assert other.heard.empty()
            async with resident(access, own, **stay) as peer:
                await commanding.publish(topic, b"after all")
                await assert_hears(peer, b"after all")


async def test_what_a_device_left_retained_outlives_it(access: Access) -> None:
    async with administrator(access) as admin:
        own = await bring_in(access, admin, "left-behind")
        async with resident(access, own) as peer:
            await peer.publish("devices/default/left-behind/place", b"hall 2", retain=True)
        await admin.ok("delete-device", {"id": "left-behind"})
        reader = await admin.ok("create-application", {"name": "late-reader"})
        async with login(access, reader["name"], reader["password"]) as late:
            await late.subscribe("devices/default/left-behind/#")
            await assert_hears(late, b"hall 2")


async def test_a_chosen_password_is_kept_by_the_broker_in_a_hash_of_few_rounds_that_only_its_user_reads(
    apart_site: AnySite,
) -> None:
    async with administrator(apart_site.access) as admin:
        await admin.ok("create-administrator", {"name": "chooser", "role": "viewer", "password": "chosen-by-a-person"})
    async with login(apart_site.access, "chooser", "chosen-by-a-person"):
        pass
    path = apart_site.data / "operations-broker" / "dynamic-security.json"
    assert path.stat().st_mode & 0o077 == 0
    clients = json.loads(path.read_text(encoding="utf-8"))["clients"]
    chosen = next(one for one in clients if one["username"] == "chooser")
    line = chosen.get("encoded_password") or mosquitto_line(chosen)
    assert line
    assert line.split("$")[1:3] == ["7", "1000" if "encoded_password" in chosen else "101"], "as SECURITY.md says"
