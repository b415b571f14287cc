"""Sockets speak for their own session's pages, by its person's rights, and no longer than it lasts."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import InvalidStatus

from tests.browser.forging import asking, cookie_of, listener, opening, query_of, seen, socket
from tests.browser.station import Console, Person, somebody
from tests.e2e.peer import Administrator, administrator, private_id, stranger
from tests.e2e.site import AnySite

MOST_SOCKETS: Final = 40
MOST_PAGES: Final = 30
"""What the console lets one session have; not taken from it, since importing it would load NiceGUI here."""


@pytest_asyncio.fixture(loop_scope="session")
async def other(site: AnySite) -> AsyncIterator[Administrator]:
    """The owner of `default` with a bare client, to see what came of it."""
    async with administrator(site.access) as one:
        yield one


@pytest_asyncio.fixture(loop_scope="session")
async def viewer(browser: Browser, console: Console, other: Administrator) -> AsyncIterator[Person]:
    """Somebody who may only look."""
    name = f"safety-viewer-{secrets.token_hex(3)}"
    password = (await other.ok("create-administrator", {"name": name, "role": "viewer"}))["password"]
    async with somebody(browser, console) as person:
        await person.log_in(name, password)
        yield person


async def called(site: AnySite, other: Administrator, device_id: str) -> None:
    """Register a device that calls, so that it waits to be accepted."""
    await other.ok("register", {"id": device_id})
    async with stranger(site.access, private_id()) as device:
        await device.publish(f"bootstrap/{device_id}/request/{device.client.identifier}", b"{}")
        await other.until(device_id, "lastSeen")


async def test_a_stranger_opens_no_socket(console: Console, admin: Person) -> None:
    query = query_of(await seen(admin.page))
    for cookie in ("", f"console-{console.port}=guessed"):
        with pytest.raises(InvalidStatus) as caught:
            await opening(console, query, cookie, console.url)
        assert caught.value.response.status_code == 403


@pytest.mark.parametrize("origin", ["https://evil.example", "null", None])
async def test_no_other_sites_page_opens_a_socket_in_somebodys_name(
    console: Console, admin: Person, origin: str | None
) -> None:
    query, cookie = query_of(await seen(admin.page)), await cookie_of(admin)
    with pytest.raises(InvalidStatus) as caught:
        await opening(console, query, cookie, origin)
    assert caught.value.response.status_code == 403


async def test_nobody_opens_a_socket_for_somebody_elses_page(console: Console, admin: Person, viewer: Person) -> None:
    async with socket(console, query_of(await seen(admin.page)), await cookie_of(viewer)) as forger:
        assert forger.heard[-1].startswith("44"), "refused, in the words by which our own pages load themselves anew"
    assert "42[" not in "".join(forger.heard)


async def test_nobody_does_anything_on_somebody_elses_page(
    console: Console, site: AnySite, admin: Person, viewer: Person, other: Administrator
) -> None:
    """A viewer knows all ids of the owner's open page; what it does there is not done."""
    await called(site, other, "safety-forged")
    await admin.open("/?search=safety-forged")
    await admin.row("safety-forged")
    theirs, where = await seen(admin.page), await listener(admin.page, "act", "registrations")
    own, cookie = query_of(await seen(viewer.page)), await cookie_of(viewer)
    message = {"client_id": theirs.page, "next_message_id": 0, "message": "x", "request_id": "x"}
    message |= {"tab_id": theirs.tab, "document_id": "x", "implicit_handshake": "false"}
    async with socket(console, own, cookie) as forger:
        assert forger.heard[-1].startswith("40"), "for its own page it may"
        await forger.event(theirs.page, where, {"what": "accept", "id": "safety-forged"})
        await forger.hung_up()
    for name in ("ack", "log", "javascript_response", "handshake"):
        async with socket(console, own, cookie) as forger:
            await forger.say(name, message)
            await forger.hung_up()
    assert (await other.get("safety-forged"))["status"] == "PENDING_ACCEPTANCE"
    row = await admin.row("safety-forged")
    await row.get_by_role("button", name="Accept", exact=True).click()
    await expect(row).to_contain_text("Accepted")


async def test_who_may_only_look_changes_nothing_by_hand(site: AnySite, viewer: Person, other: Administrator) -> None:
    """The page shows a viewer no button; an event as if there were one is sent, and the broker's grants hold."""
    await called(site, other, "safety-looked-at")
    page = await viewer.open("/?search=safety-looked-at")
    row = await viewer.row("safety-looked-at")
    await expect(row.get_by_role("button", name="Accept", exact=True)).to_have_count(0)
    where = await listener(page, "act", "registrations")
    await page.evaluate(
        """([where, args]) => window.socket.emit("event", {
          client_id: window.clientId, ...where, args: [JSON.stringify(args)],
        })""",
        [where, {"what": "accept", "id": "safety-looked-at"}],
    )
    await expect(page.get_by_text("your role does not have the command accept").first).to_be_visible()
    assert (await other.get("safety-looked-at"))["status"] == "PENDING_ACCEPTANCE"


MALFORMED: tuple[list[Any], ...] = (
    *([], [None], ["x"], [1], [{}], [{"client_id": None}], [{"client_id": []}], [{}, {}]),
    *([{"client_id": "own"}], [{"client_id": "own", "id": "1"}], [{"client_id": "own", "id": 1, "listener_id": {}}]),
    [{"client_id": "own", "id": 1, "listener_id": "x", "args": {}}],
    [{"client_id": "own", "id": 1, "listener_id": "x", "args": [{}]}],
)


async def test_what_is_no_message_of_ours_ends_that_socket_alone(console: Console, admin: Person) -> None:
    one, cookie = await seen(admin.page), await cookie_of(admin)
    before = len(console.process.output)
    for name, each in (("event", 1), ("ack", 4), ("log", 5), ("handshake", 3)):
        for said in MALFORMED[::each]:
            async with socket(console, query_of(one), cookie) as forger:
                await forger.say(name, *json.loads(json.dumps(said).replace('"own"', json.dumps(one.page))))
                await forger.hung_up()
    assert "Traceback" not in console.process.output[before:]
    await admin.page.get_by_role("searchbox").fill("safety-nothing")  # the page itself goes on as before
    await admin.page.wait_for_url("**search=safety-nothing**")


UNLIKELY = (
    *({"tab_id": ""}, {"tab_id": "x" * 101}, {"document_id": ""}, {"old_tab_id": "x" * 101}, {"client_id": "../x"}),
    *({"next_message_id": "x"}, {"next_message_id": "-1"}, {"next_message_id": "²"}),
)


async def test_a_socket_that_says_of_itself_what_no_page_says_is_refused(console: Console, admin: Person) -> None:
    one, cookie = await seen(admin.page), await cookie_of(admin)
    before = len(console.process.output)
    for query in ("EIO=4&transport=websocket", *(query_of(one, **words) for words in UNLIKELY)):
        async with socket(console, query, cookie) as forger:
            assert forger.heard[-1].startswith("44")
    assert "Traceback" not in console.process.output[before:]


@pytest.mark.parametrize("too_much", [b"x", "4" + "x" * 1_000_001], ids=["bytes", "long"])
async def test_a_socket_takes_text_of_a_bounded_length_alone(
    console: Console, admin: Person, too_much: str | bytes
) -> None:
    async with socket(console, query_of(await seen(admin.page)), await cookie_of(admin)) as forger:
        await forger.socket.send(too_much)
        await forger.socket.wait_closed()


async def test_sockets_of_one_session_are_bounded_and_others_are_served_meanwhile(
    console: Console, viewer: Person, admin: Person
) -> None:
    query, cookie = query_of(await seen(viewer.page)), await cookie_of(viewer)
    tried = [opening(console, query, cookie, console.url) for _ in range(MOST_SOCKETS + 5)]
    opened = await asyncio.gather(*tried, return_exceptions=True)
    refused = [one for one in opened if isinstance(one, InvalidStatus)]
    assert len(refused) == 6, "its own page has one already"
    await admin.open("/overview")
    await asyncio.gather(*(one.close() for one in opened if isinstance(one, ClientConnection)))


async def test_pages_of_one_session_are_bounded(console: Console, viewer: Person) -> None:
    """Pages that nobody looks at make room; the one that somebody looks at stays."""
    async with asking(console, await cookie_of(viewer)) as same:
        for _ in range(MOST_PAGES + 5):
            assert (await same.get("/audit")).status_code == 200
    await viewer.page.get_by_role("searchbox").fill("safety-still-here")
    await viewer.page.wait_for_url("**search=safety-still-here**")
