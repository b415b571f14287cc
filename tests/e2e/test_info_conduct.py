"""Attacks by behaviour with what a device says of itself, as the table has them."""

import asyncio
import contextlib
import json
from typing import Any

import aiomqtt
import pytest

from tests.e2e import packets
from tests.e2e.conducting import login_of, named
from tests.e2e.peer import Administrator, Peer, administrator, device
from tests.e2e.rude import rude
from tests.e2e.scenes import accepted, bring_in, resident
from tests.e2e.site import AnySite
from tests.hostile import Attack
from tests.hostile.carrying import carries_out

Access = dict[str, Any]
Credentials = dict[str, Any]


@pytest.fixture
def access(up_site: AnySite) -> Access:
    """One installation: what brokers and bridge do does not hang on how they were started."""
    return up_site.access


# What a device says of itself.


@carries_out("info-names-another")
async def test_a_device_cannot_say_who_it_is(access: Access, attack: Attack) -> None:
    async with administrator(access) as admin:
        own = await bring_in(access, admin, "self-1")
        await bring_in(access, admin, "self-2")
        before = await admin.ok("get-device", {"id": "self-1"}), await admin.ok("get-device", {"id": "self-2"})
        said = {"id": "self-2", "tenant": "management", "group": "G", "owner": "management/root", "name": "said"}
        async with resident(access, own) as peer:
            await peer.publish("devices/default/self-1/info", json.dumps(said))
        after = await named(admin, "self-1", "said")
        changed = {"name", "lastInfoTime"}
        assert {key for key in after if after[key] != before[0].get(key)} == changed
        assert await admin.ok("get-device", {"id": "self-2"}) == before[1]


BOMBS = [
    *(b"\xff", b"{", b"[]", b"5", b"null", b'"x"', b"\0", b'{"a":' * 5_000, b"[" * 20_000, b'{"a":1e999}'),
    *(b'{"name":5,"type":[]}', b'{"\\ud800":1}', b'{"n":' + b"9" * 10_000 + b"}", b"x" * 1_000_000),
    *(b'{"pad":"' + b"x" * 20_000 + b'"}', b'{"a":' * 40 + b"1" + b"}" * 40, b'{"a":1,"a":2}'),
]


@carries_out("info-bombs")
async def test_bombs_leave_the_entry_and_others_alone(access: Access, attack: Attack) -> None:
    async with administrator(access) as admin:
        own = await bring_in(access, admin, "bomb-1")
        async with resident(access, own) as peer:
            await peer.publish("devices/default/bomb-1/info", b'{"name":"before","keep":1}')
            for payload in BOMBS:
                await peer.publish("devices/default/bomb-1/info", payload)
            await peer.publish("devices/default/bomb-1/info", b'{"name":"after"}')
        found = await named(admin, "bomb-1", "after")
        assert (found["id"], found["properties"]["keep"], "pad" in found["properties"]) == ("bomb-1", 1, False)
        await bring_in(access, admin, "bomb-2")


@carries_out("info-merged-too-large")
async def test_many_small_merges_do_not_make_large_properties(access: Access, attack: Attack) -> None:
    async with administrator(access) as admin:
        own = await bring_in(access, admin, "grow-1")
        async with resident(access, own) as peer:
            for number in range(100):
                await peer.publish("devices/default/grow-1/info", json.dumps({f"p{number}": "x" * 500}))
            await peer.publish("devices/default/grow-1/info", b'{"name":"grown","p0":null,"last":1}')
        found = await named(admin, "grow-1", "grown")
        assert 4_000 < len(json.dumps(found["properties"])) <= 8_192
        assert found["properties"]["last"] == 1
        assert "p0" not in found["properties"]


@carries_out("info-flood")
async def test_a_flood_of_info_holds_nobody_up(access: Access, attack: Attack) -> None:
    async with administrator(access) as admin:
        own = await bring_in(access, admin, "loud-1")
        async with rude(access["port"], *login_of(own)) as peer:
            for number in range(3_000):
                await peer.send(
                    packets.publish("devices/default/loud-1/info", b'{"name":"%d"}' % number, qos=0, version=5)
                )
            await bring_in(access, admin, "loud-2")
            await peer.send(packets.publish("devices/default/loud-1/info", b'{"name":"end"}', version=5))
            await peer.packet()
        await named(admin, "loud-1", "end")


@carries_out("info-of-former-life")
async def test_no_word_of_the_former_life_confirms_the_new_one(access: Access, attack: Attack) -> None:
    async with administrator(access) as admin, device(access, "wait-1") as caller:
        old = await bring_in(access, admin, "wait-1")
        async with rude(access["port"], *login_of(old)) as peer:
            flood = b"".join(
                packets.publish("devices/default/wait-1/info", b'{"name":"%d"}' % number, mid=number, version=5)
                for number in range(1, 800)
            )
            sending = asyncio.create_task(peer.send(flood), name="flood")
            await admin.ok("delete-device", {"id": "wait-1"})
            await admin.ok("register", {"id": "wait-1"})
            await caller.ask()
            await admin.ok("accept", {"id": "wait-1"})
            new = await accepted(caller)
            await sending
            assert await peer.ended()
        await bring_in(access, admin, "wait-2")
        assert "confirmedTime" not in await admin.get("wait-1")
        with contextlib.suppress(aiomqtt.MqttError):
            async with resident(access, old):
                raise AssertionError("the old password works")
        async with resident(access, new) as again:
            await confirmed_by(again, admin)


async def confirmed_by(peer: Peer, admin: Administrator) -> None:
    """Say a word as the device, which confirms it."""
    await peer.publish("devices/default/wait-1/info", b'{"name":"new"}')
    await admin.until("wait-1", "confirmedTime")
