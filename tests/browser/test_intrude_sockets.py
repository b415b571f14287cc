"""What somebody with a login tries by hand beyond what pages do: it is ended, and leaves nothing behind."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from tests.browser.forging import asking, cookie_of, listener, opening, query_of, seen, socket
from tests.browser.station import Console, Person, somebody
from tests.e2e.faulty import Line
from tests.e2e.peer import Administrator, administrator
from tests.e2e.site import BIN, AnySite

MOST_ASKED = 200
"""What the console keeps of one session; not taken from it, since importing it would load NiceGUI here."""
SOON = 60.0
"""Seconds after which something that is ended within five has not been, on however slow a machine."""


@pytest_asyncio.fixture(loop_scope="session")
async def other(site: AnySite) -> AsyncIterator[Administrator]:
    async with administrator(site.access) as one:
        yield one


async def pretending_to_be_there(socket: ClientConnection) -> None:
    """Answer as pages do when the other side asks whether they are there. Raises ConnectionClosed."""
    while True:
        if await socket.recv() == "2":
            await socket.send("3")


async def test_no_socket_outlives_its_session_also_one_that_is_no_pages(console: Console, other: Administrator) -> None:
    """By logging in and out somebody could else hold as many as there are files to be open."""
    name = f"intrude-{secrets.token_hex(3)}"
    password = (await other.ok("create-administrator", {"name": name, "role": "viewer"}))["password"]
    async with asking(console) as intruder:
        answer = await intruder.post("/login", data={"username": name, "password": password})
        cookie = answer.headers["set-cookie"].split(";")[0]
        async with opening(console, "EIO=4&transport=websocket", cookie, console.url) as kept:
            assert str(await kept.recv()).startswith("0")
            assert (await intruder.post("/logout")).status_code == 303
            async with asyncio.timeout(SOON):
                with pytest.raises(ConnectionClosed):
                    await pretending_to_be_there(kept)


async def test_an_event_that_is_no_json_or_for_no_listener_is_no_fault_of_ours(console: Console, admin: Person) -> None:
    one, cookie = await seen(admin.page), await cookie_of(admin)
    where = await listener(admin.page, "ask", "registrations")
    before = len(console.process.output)
    for wrong in ({"args": ["[[["]}, {"args": ["NaN"]}, {"listener_id": "none", "args": ["1"]}):
        async with socket(console, query_of(one), cookie) as forger:
            await forger.say("event", {"client_id": one.page, **where, **wrong})
            await forger.hung_up()
    assert "Traceback" not in console.process.output[before:]


ODD: tuple[Any, ...] = (
    *(None, 3, "x", [{}], {}),
    *({"what": "delete", "ids": 3}, {"what": {}}, {"ids": 3}, {"ids": [[]]}),
)


@pytest.mark.parametrize(
    ("path", "tag", "event"),
    [("/", "registrations", "remove"), ("/", "confirm_delete", "act"), ("/overview", "range_choice", "choose")],
)
async def test_what_no_page_says_is_no_fault_of_ours(
    console: Console, admin: Person, path: str, tag: str, event: str
) -> None:
    page = await admin.open(path)
    await page.wait_for_selector("#content")
    one, cookie, where = await seen(page), await cookie_of(admin), await listener(page, event, tag)
    before = len(console.process.output)
    async with socket(console, query_of(one), cookie) as forger:
        for odd in ODD:
            await forger.event(one.page, where, odd)
        await forger.say("event", {"client_id": one.page, **where, "args": ["["]})
        await forger.hung_up()  # by when all before it has been taken
    assert "Traceback" not in console.process.output[before:]


async def test_what_a_page_says_of_itself_is_one_plain_line_of_the_log(console: Console, admin: Person) -> None:
    one, cookie = await seen(admin.page), await cookie_of(admin)
    before = len(console.process.output)
    async with socket(console, query_of(one), cookie) as forger:
        said = "intruder\u009b2J\u202e\u2028\nforged"
        await forger.say("log", {"client_id": one.page, "level": "info", "message": said})
        await forger.say("event", {"client_id": one.page})
        await forger.hung_up()
    assert "intruder�2J���forged" in console.process.output[before:]


async def test_what_waits_for_an_answer_of_one_person_has_an_end(
    browser: Browser, site: AnySite, tmp_path: Path, other: Administrator
) -> None:
    line = Line(site.access["port"])
    console = Console.start(site, tmp_path, "--host", "127.0.0.1", "--port", str(line.port))
    try:
        async with somebody(browser, console) as person:
            page = await person.log_in("admin", site.password_of("admin"))
            one, cookie, where = await seen(page), await cookie_of(person), await listener(page, "ask", "registrations")
            line.hold()
            async with socket(console, query_of(one), cookie) as forger:
                with suppress(ConnectionClosed):
                    for turn in range(2 * MOST_ASKED):
                        await forger.event(one.page, where, {"turn": turn})
                async with asyncio.timeout(SOON):
                    await forger.hung_up()
            assert "socket refused" in console.process.output
            line.resume()
            await other.ok("register", {"id": "intrude-afterwards"})
            await page.goto(f"{console.url}/?search=intrude-afterwards")  # what was asked by others is done meanwhile
            await person.row("intrude-afterwards")
    finally:
        console.stop()
        line.end()


HASTY = """
from nicegui import page
from bridge import cli
page.page.resolve_reconnect_timeout = lambda self: 0.1
cli.main()
"""


async def test_who_logs_out_leaves_no_fault_in_the_log(browser: Browser, site: AnySite, tmp_path: Path) -> None:
    """NiceGUI waits whether a browser comes back, and then deletes its page, which went with the session."""
    hasty = tmp_path / "hasty.py"
    hasty.write_text(HASTY)
    console = Console.start(site, tmp_path, program=[str(BIN / "python"), str(hasty)])
    try:
        async with somebody(browser, console) as person:
            page = await person.log_in("admin", site.password_of("admin"))
            await page.get_by_role("button", name="Log out").click()
            await page.wait_for_url("**/login?**")
            await page.wait_for_timeout(2_000)  # many times as long as NiceGUI waits here
        assert "Traceback" not in console.process.output
    finally:
        console.stop()


async def test_a_number_longer_than_pages_can_hold_breaks_none(admin: Person, other: Administrator) -> None:
    await other.ok("register", {"id": "intrude-number", "properties": {"odometer": 10**30, "level": -(2**70)}})
    page = await admin.open("/?show=intrude-number")
    await expect(page.get_by_text("1e+30")).to_be_visible()
    await admin.open("/?search=intrude-number")
    await admin.row("intrude-number")


async def test_what_is_no_device_gets_no_answer_that_is_kept(console: Console, admin: Person) -> None:
    """What became of a device stands on the page; of one that cannot be there is nothing to say."""
    one, cookie = await seen(admin.page), await cookie_of(admin)
    where = await listener(admin.page, "act", "registrations")
    async with socket(console, query_of(one), cookie) as forger:
        for made_up in ("x" * 300, "a/b", "\u0000"):
            await forger.event(one.page, where, {"what": "accept", "id": made_up})
        await forger.event(one.page, where, {"what": "accept", "id": "intrude-nobody"})
        while "intrude-nobody" not in forger.heard[-1]:
            await forger.next()
    told = "".join(forger.heard)
    assert not [made_up for made_up in ("x" * 300, "a/b", "u0000") if made_up in told]
