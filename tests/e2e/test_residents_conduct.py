"""Attacks by behaviour with a device's or an application's login, as the table has them."""

import contextlib
import secrets
from typing import Any

import pytest

from tests.e2e import packets
from tests.e2e.conducting import login_of, named
from tests.e2e.peer import Administrator, administrator, payload_of
from tests.e2e.people import NOT_AUTHORIZED, hears_only, login, reason_of
from tests.e2e.rude import LastWill, die, rude
from tests.e2e.scenes import assert_refused, bring_in, resident, watching
from tests.e2e.site import AnySite
from tests.hostile import Attack
from tests.hostile.carrying import carries_out

Access = dict[str, Any]
Credentials = dict[str, Any]


@pytest.fixture
def access(up_site: AnySite) -> Access:
    """One installation: what brokers and bridge do does not hang on how they were started."""
    return up_site.access


async def new_life(access: Access, admin: Administrator, device_id: str) -> Credentials:
    """Delete a device and bring it in again, up to its credentials, which it does not use yet."""
    await admin.ok("delete-device", {"id": device_id})
    return await bring_in(access, admin, device_id, confirm=False)


async def make_application(admin: Administrator, **filters: list[str]) -> tuple[str, str]:
    """Make an application and return its login."""
    name = f"conduct-{secrets.token_hex(4)}"
    made = await admin.ok("create-application", {"name": name, **filters})
    return name, made["password"]


# Messages left behind.


@carries_out("retained-info")
async def test_retained_info_confirms_no_later_life(access: Access, attack: Attack) -> None:
    async with administrator(access) as admin:
        old = await bring_in(access, admin, "keep-1")
        async with resident(access, old) as peer:
            await peer.publish("devices/default/keep-1/info", b'{"name":"kept"}', retain=True)
        await named(admin, "keep-1", "kept")
        new = await new_life(access, admin, "keep-1")
        await bring_in(access, admin, "keep-2")
        assert "confirmedTime" not in await admin.get("keep-1")
        async with resident(access, new) as peer:
            await peer.publish("devices/default/keep-1/info", b"", retain=True)
        assert (await admin.until("keep-1", "confirmedTime"))["status"] == "ACCEPTED"


@carries_out("retained-in-own-tree")
async def test_what_was_retained_below_an_id_stays_until_it_is_taken_away(access: Access, attack: Attack) -> None:
    topic = "devices/default/tree-1/commands"
    async with administrator(access) as admin:
        old = await bring_in(access, admin, "tree-1")
        async with resident(access, old) as peer:
            await peer.publish(topic, b"planted", retain=True)
        new = await new_life(access, admin, "tree-1")
        async with resident(access, new) as peer:
            await peer.subscribe("devices/default/tree-1/#")
            assert payload_of(await peer.next()) == b"planted"
        application = await make_application(admin, write=["devices/default/+/commands"])
        async with login(access, *application) as peer:
            await peer.publish(topic, b"", retain=True)
        async with resident(access, new) as peer:
            await peer.subscribe("devices/default/tree-1/#")
            await hears_only(peer, "devices/default/tree-1/mark")


# Last wills.


@carries_out("device-will-elsewhere")
async def test_a_devices_will_reaches_only_where_it_may_publish(access: Access, attack: Attack) -> None:
    async with (
        administrator(access) as admin,
        watching(access, "default", "bridge/state") as watcher,
        contextlib.AsyncExitStack() as stack,
    ):
        own = await bring_in(access, admin, "wills-1")
        victim = await bring_in(access, admin, "wills-2", confirm=False)
        await watcher.peer.next()
        other = await stack.enter_async_context(resident(access, victim))
        await other.subscribe("devices/default/wills-2/#")
        for delay in (0, 1):
            for topic in (
                *("devices/default/wills-2/info", "devices/default/wills-2/commands", "bridge/state"),
                *("control/default/admin/request/list", "events/default/registrations/wills-2"),
            ):
                for retain in (False, True):
                    await die(access["port"], *login_of(own), LastWill(topic, b"{}", retain, delay))
            last = LastWill("devices/default/wills-1/info", b'{"name":"last %d"}' % delay, delay=delay)
            await die(access["port"], *login_of(own), last)
            await named(admin, "wills-1", f"last {delay}")
        assert (await admin.answer("list"))["command"] == "list", "nobody was answered before"
        assert "confirmedTime" not in await admin.get("wills-2")
        assert watcher.peer.heard.empty()
        await hears_only(other, "devices/default/wills-2/mark")


@carries_out("device-will-next-life")
async def test_a_delayed_will_of_the_former_life_says_nothing_of_the_new_one(access: Access, attack: Attack) -> None:
    async with administrator(access) as admin:
        old, other = [await bring_in(access, admin, name) for name in ("ghost-1", "ghost-2")]
        for credentials in (old, other):  # the second is due after the first, and tells when that would have come
            topic = f"devices/default/{credentials['clientId']}/info"
            await die(access["port"], *login_of(credentials), LastWill(topic, b'{"name":"haunting"}', delay=2))
        new = await new_life(access, admin, "ghost-1")
        await named(admin, "ghost-2", "haunting")
        assert "confirmedTime" not in await admin.get("ghost-1")
        assert (await admin.ok("get-device", {"id": "ghost-1"}))["name"] != "haunting"
        async with resident(access, new) as peer:
            await peer.publish("devices/default/ghost-1/info", b'{"name":"living"}')
        await named(admin, "ghost-1", "living")


@carries_out("application-will")
async def test_an_application_speaks_for_no_device(access: Access, attack: Attack) -> None:
    topic, allowed = "devices/default/speak-1/info", "devices/default/speak-1/commands"
    async with administrator(access) as admin:
        own = await bring_in(access, admin, "speak-1", confirm=False)
        user, password = await make_application(admin, write=["devices/default/#"], read=[])
        async with login(access, user, password) as peer, resident(access, own) as victim:
            await victim.subscribe("devices/default/speak-1/#")
            for retain in (False, True):
                await peer.publish(topic, b'{"name":"forged"}', retain=retain)
            assert await reason_of(peer, topic, b'{"name":"forged"}') == NOT_AUTHORIZED
            for delay in (0, 1):
                await die(access["port"], f"app-{delay}", user, password, LastWill(topic, b"{}", True, delay))
                await die(access["port"], f"app-{delay}", user, password, LastWill(allowed, b"{}", False, delay))
                assert str((await victim.next()).topic) == allowed, "the will where it may write came first"
            assert "confirmedTime" not in await admin.get("speak-1")
            await victim.publish(topic, b'{"name":"own"}')
        assert (await named(admin, "speak-1", "own"))["id"] == "speak-1"


# Sessions taken and left.


@carries_out("device-takes-client-id")
async def test_a_device_takes_nobodys_client_id(access: Access, attack: Attack) -> None:
    async with administrator(access) as admin:
        own, other = [await bring_in(access, admin, name) for name in ("thief-1", "thief-2")]
        async with resident(access, other) as victim:
            for name in ("thief-2", "admin", "bridge-control", "default/device_thief-2", "THIEF-1", "thief-1 "):
                await assert_refused(access["port"], own["username"], own["password"], name)
            await victim.subscribe("devices/default/thief-2/#")
            await hears_only(victim, "devices/default/thief-2/mark")
        async with resident(access, own) as peer:
            await peer.publish("devices/default/thief-1/info", b"{}")


@carries_out("device-session-next-life")
async def test_no_session_outlives_its_life(access: Access, attack: Attack) -> None:
    topic = "devices/default/heir-1/commands"
    async with administrator(access) as admin:
        old = await bring_in(access, admin, "heir-1")
        user, password = await make_application(admin, write=["devices/default/+/commands"])
        async with rude(access["port"], *login_of(old), expiry=600) as peer:
            await peer.subscribe("devices/default/heir-1/#")
        async with login(access, user, password) as application:
            await application.publish(topic, b"for the old life")
            new = await new_life(access, admin, "heir-1")
            await application.publish(topic, b"for nobody")
        async with rude(access["port"], *login_of(new), clean=False, expiry=600) as peer:
            assert not peer.session_present
        async with resident(access, new) as heir:
            await heir.subscribe("devices/default/heir-1/#")
            await hears_only(heir, "devices/default/heir-1/mark")


@carries_out("application-takes-client-id")
async def test_who_takes_a_devices_session_hears_nothing_of_it(access: Access, attack: Attack) -> None:
    topic = "devices/default/taken-1/commands"
    async with administrator(access) as admin:
        own = await bring_in(access, admin, "taken-1")
        writer = await make_application(admin, write=["devices/default/+/commands"], read=[])
        user, password = await make_application(admin, read=["devices/default/+/status"])
        async with rude(access["port"], *login_of(own), expiry=600) as victim:
            await victim.subscribe(topic)
            async with rude(access["port"], "taken-1", user, password):
                assert await victim.ended(), "thrown out"
        async with rude(access["port"], *login_of(own), expiry=600) as victim:
            await victim.subscribe(topic)
        async with login(access, *writer) as application:
            await application.publish(topic, b"secret")
        async with rude(access["port"], "taken-1", user, password, clean=False, expiry=600) as thief:
            assert thief.session_present
            await thief.send(packets.subscribe("devices/default/+/status", version=5))
            assert (await thief.packet())[0] == 0x90, "nothing came before the answer to what it does now"
        async with resident(access, own) as back:
            await back.subscribe("devices/default/taken-1/#")
            await hears_only(back, "devices/default/taken-1/mark")


async def prepared(access: Access, admin: Administrator, user: str, password: str, filters: list[str]) -> None:
    """Leave a session under a device's client id, and see what the device hears that takes it over."""
    name = f"nest-{secrets.token_hex(4)}"
    own, other = [await bring_in(access, admin, one) for one in (name, f"{name}-other")]
    async with rude(access["port"], name, user, password, expiry=600) as cuckoo:
        for topic in filters:
            await cuckoo.subscribe(topic)
    async with resident(access, other) as neighbour:
        await neighbour.publish(f"devices/default/{name}-other/status", b"secret")
    await admin.ok("register", {"id": f"{name}-event"})
    async with rude(access["port"], *login_of(own), clean=False, expiry=600) as victim:
        assert victim.session_present, "it is the session that was prepared"
        async with resident(access, other) as neighbour:
            await neighbour.publish(f"devices/default/{name}-other/status", b"secret")
        await admin.ok("delete", {"id": f"{name}-event"})
        await victim.subscribe(f"devices/default/{name}/#")
        await victim.send(packets.publish(f"devices/default/{name}/mark", b"mark", version=5))
        heard: list[bytes] = []
        while not any(b"mark" in body for body in heard):
            kind, body = await victim.packet()
            assert kind, "the connection stays"
            heard += [body] if kind & 0xF0 == 0x30 else []
        assert all(b"secret" not in body and b"event" not in body for body in heard), heard
    async with rude(access["port"], *login_of(own)):
        pass


@carries_out("application-prepares-session")
async def test_a_prepared_session_tells_a_device_nothing_more(access: Access, attack: Attack) -> None:
    async with administrator(access) as admin:
        user, password = await make_application(admin)
        await prepared(access, admin, user, password, ["devices/default/#", "devices/default/+/status"])


@carries_out("viewer-prepares-session")
async def test_a_session_prepared_by_a_viewer_tells_a_device_nothing_more(access: Access, attack: Attack) -> None:
    async with administrator(access) as admin:
        name = f"cuckoo-{secrets.token_hex(4)}"
        made = await admin.ok("create-administrator", {"name": name, "role": "viewer"})
        filters = ["events/default/#", f"control/default/{name}/response", "bridge/state"]
        await prepared(access, admin, name, made["password"], filters)


@carries_out("viewer-takes-client-id")
async def test_who_takes_a_devices_client_id_throws_it_out_and_no_more(access: Access, attack: Attack) -> None:
    async with administrator(access) as admin:
        own = await bring_in(access, admin, "target-1")
        made = await admin.ok("create-administrator", {"name": "conduct-kicker", "role": "viewer"})
        async with (
            resident(access, own) as victim,
            login(access, "conduct-kicker", made["password"], "target-1") as thief,
        ):
            await victim.thrown_out()
            assert await thief.subscribe("devices/default/target-1/#") == [NOT_AUTHORIZED]
            assert await reason_of(thief, "devices/default/target-1/info", b"{}") == NOT_AUTHORIZED
        async with resident(access, own) as victim:
            await victim.subscribe("devices/default/target-1/#")
            await hears_only(victim, "devices/default/target-1/mark")
        await admin.ok("delete-administrator", {"name": "conduct-kicker"})


@carries_out("device-shared-subscription")
async def test_nobody_shares_a_devices_messages(access: Access, attack: Attack) -> None:
    async with administrator(access) as admin, contextlib.AsyncExitStack() as stack:
        victim, thief = [
            await stack.enter_async_context(resident(access, await bring_in(access, admin, name)))
            for name in ("group-1", "group-2")
        ]
        await victim.subscribe("$share/g/devices/default/group-1/#")
        assert await victim.subscribe("devices/default/group-1/#") == [1]
        for topic in ("devices/default/group-1/#", "devices/default/#", "devices/default/+/x"):
            assert await thief.subscribe(f"$share/g/{topic}") == [NOT_AUTHORIZED]
        for number in range(6):
            await victim.publish("devices/default/group-1/x", str(number))
        heard: set[bytes] = set()
        while len(heard) < 6:
            heard.add(payload_of(await victim.next()))
        assert await thief.subscribe("devices/default/group-2/#") == [1]
        await hears_only(thief, "devices/default/group-2/mark")


# Properties of a message.


@carries_out("topic-alias-of-device")
async def test_an_alias_ends_a_devices_connection(access: Access, attack: Attack) -> None:
    async with administrator(access) as admin:
        own = await bring_in(access, admin, "nick-1")
        for topic in ("devices/default/nick-1/info", ""):
            async with rude(access["port"], *login_of(own)) as peer:
                raw = packets.publish(topic, b'{"name":"by alias"}', version=5, properties=b"\x23\x00\x01")
                await peer.send(raw)
                assert await peer.ended()
        async with resident(access, own) as device_:
            await device_.publish("devices/default/nick-1/info", b'{"name":"by topic"}')
        await named(admin, "nick-1", "by topic")
