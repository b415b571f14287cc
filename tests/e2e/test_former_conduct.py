"""Attacks by behaviour of administrators that are taken away, as the table has them."""

import asyncio
import contextlib
import json
import secrets
from typing import Any

import aiomqtt
import pytest

from tests.e2e import packets
from tests.e2e.conducting import fresh, pipelined
from tests.e2e.peer import Administrator, administrator, connected
from tests.e2e.people import appointed, person
from tests.e2e.rude import PUBACK, LastWill, die, rude
from tests.e2e.scenes import assert_refused, is_error
from tests.e2e.site import AnySite, ApartSite, running
from tests.hostile import Attack
from tests.hostile.carrying import carries_out

Access = dict[str, Any]


@pytest.fixture
def access(up_site: AnySite) -> Access:
    """One installation: what brokers and bridge do does not hang on how they were started."""
    return up_site.access


# Administrators taken away.


async def flooding(access: Access, name: str, password: str, requests: int) -> int:
    """Send registrations without waiting until all are sent or the broker ends it; return how many it took."""
    async with rude(access["port"], fresh("mole"), name, password) as peer:
        await peer.send(
            b"".join(
                packets.publish(
                    f"control/default/{name}/request/register",
                    json.dumps({"id": f"{name}-{number}"}).encode(),
                    mid=number,
                    version=5,
                )
                for number in range(1, requests + 1)
            )
        )
        taken = 0
        while (found := await peer.packet())[0]:
            taken += found[0] == PUBACK
            if taken == requests:
                assert await peer.ended()
                break
        return taken


async def registered_by(admin: Administrator, name: str) -> int:
    counts = (await admin.ok("list", {"search": f"{name}-", "limit": 1000}))["registrations"]
    return len(counts)


MANY = 150


async def taken_away(access: Access, admin: Administrator, name: str, *more: tuple[str, dict[str, Any]]) -> list[Any]:
    """Let a registrar flood, take it away in the middle of it and do ``more`` at once; nothing is done afterwards."""
    made = await admin.ok("create-administrator", {"name": name, "role": "registrar"})
    mole = asyncio.create_task(flooding(access, name, made["password"], MANY), name="mole")
    async with asyncio.timeout(60):
        while not await registered_by(admin, name):
            pass
    search = {"search": f"{name}-", "limit": 1000}
    deleted, listed, *answers = await pipelined(
        admin, ("delete-administrator", {"name": name}), ("list", search), *more
    )
    assert deleted["ok"], deleted
    done = len(listed["result"]["registrations"])
    await mole
    # He and others take turns, so that his last one has had its turn when so many of ours have.
    await pipelined(admin, *[("get", {"id": "nobody"})] * MANY)
    assert 0 < done < MANY, "it was taken away in the middle"
    assert await registered_by(admin, name) == done
    return answers


@carries_out("revoked-in-flight")
async def test_what_was_under_way_when_somebody_was_taken_away_is_not_done(access: Access, attack: Attack) -> None:
    async with administrator(access) as admin:
        name = fresh("mole")
        await taken_away(access, admin, name)
        entries = (await admin.ok("audit", {"limit": 1000}))["entries"]
        refused = [one for one in entries if one["actor"] == f"default/{name}" and one["outcome"] == "NOT_PERMITTED"]
        assert refused, "it was refused, and that stands in the audit"


@carries_out("revoked-name-given-again")
async def test_a_name_given_again_at_once_does_nothing_of_the_former_holders(access: Access, attack: Attack) -> None:
    async with administrator(access) as admin:
        name = fresh("mole")
        again = ("create-administrator", {"name": name, "role": "owner"})
        (made,) = await taken_away(access, admin, name, again)
        assert made["ok"], made
        async with person(access, "default", name, made["result"]["password"]) as owner:
            await owner.ok("register", {"id": fresh("new")})
        await admin.ok("delete-administrator", {"name": name})


@carries_out("revoked-session")
async def test_a_session_left_behind_tells_another_login_nothing(access: Access, attack: Attack) -> None:
    async with administrator(access) as admin, administrator(access, "management") as root:
        name, tenant = fresh("mole"), fresh("abroad")
        made = await admin.ok("create-administrator", {"name": name, "role": "owner"})
        async with rude(access["port"], "mole-left", name, made["password"], expiry=600) as mole:
            for topic in ("events/default/#", f"control/default/{name}/response", "bridge/state"):
                await mole.subscribe(topic)
        await admin.ok("register", {"id": fresh("queued")})
        await admin.ok("delete-administrator", {"name": name})
        await admin.ok("register", {"id": fresh("queued")})
        again = await admin.ok("create-administrator", {"name": name, "role": "owner"})
        async with person(access, "default", name, again["password"]) as owner:
            await owner.ok("register", {"id": fresh("queued")})
        await assert_refused(access["port"], name, made["password"], "mole-left")
        await root.ok("create-tenant", {"id": tenant})
        other = {"name": fresh("viewer"), "role": "viewer", "tenant": tenant}
        password = (await root.ok("create-administrator", other))["password"]
        async with rude(access["port"], "mole-left", other["name"], password, clean=False, expiry=600) as mole:
            assert mole.session_present
            await mole.send(packets.subscribe(f"events/{tenant}/#", version=5))
            heard = []
            while (found := await mole.packet())[0] != 0x90:
                assert found[0], "the connection stays"
                heard.append(found[1])
            assert not [one for one in heard if b"bridge/state" not in one], heard
        await admin.ok("delete-administrator", {"name": name})


@carries_out("revoked-memory")
async def test_answers_to_the_former_holder_are_forgotten(access: Access, attack: Attack) -> None:
    async with administrator(access) as admin:
        name = fresh("mole")
        request = {"name": fresh("app"), "requestId": "told-once"}
        async with appointed(access, admin, name, "owner") as mole:
            told = (await mole.answer("create-application", request))["result"]["password"]
            assert (await mole.answer("create-application", request))["result"]["password"] == told
        await admin.ok("delete-administrator", {"name": name})
        async with appointed(access, admin, name, "owner") as owner:
            answer = await owner.answer("create-application", request)
            assert is_error(answer, "ALREADY_EXISTS")
            assert told not in json.dumps(answer)
        await admin.ok("delete-administrator", {"name": name})


def command_as_will(name: str, command: str, payload: dict[str, Any], delay: int) -> LastWill:
    return LastWill(f"control/default/{name}/request/{command}", json.dumps(payload).encode(), delay=delay)


async def until_there(admin: Administrator, device_id: str) -> None:
    async with asyncio.timeout(60):
        while not (await admin.answer("get", {"id": device_id}))["ok"]:
            pass


@carries_out("revoked-will")
async def test_wills_of_somebody_taken_away_are_not_published(access: Access, attack: Attack) -> None:
    async with administrator(access) as admin:
        mole, stays = fresh("mole"), fresh("stays")
        logins = {
            name: (await admin.ok("create-administrator", {"name": name, "role": "registrar"}))["password"]
            for name in (mole, stays)
        }
        live = command_as_will(mole, "register", {"id": f"{mole}-live"}, 0)
        async with rude(access["port"], "mole-live", mole, logins[mole], will=live) as session:
            for name, password in logins.items():  # the second is due after the first, and tells when that would be
                will = command_as_will(name, "register", {"id": f"{name}-late"}, 2)
                await die(access["port"], f"{name}-late", name, password, will)
            await admin.ok("delete-administrator", {"name": mole})
            assert await session.ended()
        await until_there(admin, f"{stays}-late")
        for device_id in (f"{mole}-live", f"{mole}-late"):
            assert await admin.code("get", {"id": device_id}) == "NOT_FOUND"


@carries_out("revoked-will-lower-role")
async def test_a_will_of_an_owner_made_a_viewer_is_not_published(access: Access, attack: Attack) -> None:
    async with administrator(access) as admin:
        mole, stays, evil = fresh("mole"), fresh("stays"), fresh("evil")
        password = (await admin.ok("create-administrator", {"name": mole, "role": "owner"}))["password"]
        will = command_as_will(mole, "create-administrator", {"name": evil, "role": "owner"}, 2)
        await die(access["port"], mole, mole, password, will)
        other = (await admin.ok("create-administrator", {"name": stays, "role": "registrar"}))["password"]
        await admin.ok("delete-administrator", {"name": mole})
        async with appointed(access, admin, mole, "viewer"):
            await die(access["port"], stays, stays, other, command_as_will(stays, "register", {"id": stays}, 2))
            await until_there(admin, stays)
        assert evil not in await administrators(admin)
        await admin.ok("delete-administrator", {"name": mole})


async def administrators(admin: Administrator) -> set[str]:
    return {one["name"] for one in (await admin.ok("list-administrators", {"limit": 1000}))["administrators"]}


@carries_out("revoked-will-same-role")
async def test_a_will_outlives_a_name_but_no_restart_of_the_broker(tmp_path: Any, attack: Attack) -> None:
    with running(ApartSite(tmp_path / "data")) as site:
        assert isinstance(site, ApartSite)
        access = site.access
        for number, restarted in enumerate((False, True)):
            async with administrator(access) as admin:
                password = (await admin.ok("create-administrator", {"name": "mole", "role": "owner"}))["password"]
                evil = {"name": f"evil-{number}", "role": "owner"}
                will = command_as_will("mole", "create-administrator", evil, 3)
                await die(access["port"], "mole", "mole", password, will)
                await admin.ok("delete-administrator", {"name": "mole"})
                await gone(access, "mole", password)
            if restarted:
                site.processes["operations"].stop()
                site.start_broker("operations")
            async with administrator(access) as admin:
                await answered(admin)
                stays = f"stays-{number}"
                other = (await admin.ok("create-administrator", {"name": stays, "role": "registrar"}))["password"]
                async with appointed(access, admin, "mole", "owner"):
                    await die(access["port"], stays, stays, other, command_as_will(stays, "register", {"id": stays}, 3))
                    await until_there(admin, stays)
                assert (evil["name"] in await administrators(admin)) is not restarted
                await admin.ok("delete-administrator", {"name": "mole"})


async def gone(access: Access, name: str, password: str) -> None:
    """Try to log in until the broker refuses it."""
    with contextlib.suppress(aiomqtt.MqttError):
        while True:
            async with connected(access["port"], name, password, fresh("gone")):
                pass


async def answered(admin: Administrator) -> None:
    """Ask until the bridge, whose broker was started again, answers."""
    async with asyncio.timeout(60):
        while True:
            await admin.peer.publish(f"control/default/{admin.name}/request/stats", b"{}", qos=0)
            with contextlib.suppress(TimeoutError):
                await admin.peer.next(1)
                break
    mark = secrets.token_hex(4)
    answer = await admin.answer("stats", {"requestId": mark})
    while answer.get("requestId") != mark:  # those to what was asked before
        answer = await admin.peer.next_json()
