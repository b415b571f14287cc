"""Register device: several at once, what is wrong with each, and that nothing typed is lost."""

import re
from typing import Any

import pytest
from playwright.async_api import Browser, Page, WebSocketRoute, expect

from bridge import names
from tests.browser.forms import Form, kept_by_browser
from tests.browser.judging import findings
from tests.browser.station import Console, Person, somebody
from tests.e2e.peer import administrator, device
from tests.e2e.scenes import accepted
from tests.e2e.site import AnySite

TOKEN = "register-token-of-good-length"


async def test_several_devices_are_registered_at_once_and_a_failed_one_stays(admin: Person, site: AnySite) -> None:
    """The reason stands at its row; corrected, it is registered too; the table shows all without a reload."""
    async with administrator(site.access) as other:
        await other.ok("register", {"id": "register-some-taken"})
        form = await Form.opened(await admin.open("/?search=register-some-"))
        await expect(form.id(1)).to_be_focused()
        await form.fill(1, "register-some-1", Name="Pump <b>one</b>", Type="c8y_Pump", Group="Register/North")
        await form.add()
        await expect(form.id(2)).to_be_focused()
        await form.fill(2, "register-some-taken")
        await form.add()
        await form.fill(3, " register-some-3 ")
        await form.add()  # one that nothing is typed into
        await form.next()

        await expect(form.result).to_contain_text("2 devices are registered")
        await expect(form.result).to_contain_text("Pump <b>one</b>")
        await expect(form.message).to_contain_text("One device was not registered")
        assert await form.ids() == ["register-some-taken"]
        await expect(form.row(1)).to_contain_text("registered already; its status is “Waiting for connection”.")
        await expect(form.id(1)).to_be_focused()

        await form.fill(1, "register-some-2")
        await form.next()
        await expect(form.result).to_contain_text("3 devices are registered")
        await form.dialog.get_by_role("button", name="Close").last.click()
        await expect(form.dialog).to_be_hidden()
        for id_ in ("register-some-1", "register-some-2", "register-some-3"):
            await expect(await admin.row(id_)).to_contain_text("Waiting for connection")
        found = await other.get("register-some-1")
        assert (found["name"], found["type"], found["group"]) == ("Pump <b>one</b>", "c8y_Pump", "Register/North")
        # Who adds a device is likely to mean another one of the same group and type.
        again = await other.get("register-some-3")
        assert (again["type"], again["group"], again.get("name")) == ("c8y_Pump", "Register/North", None)


async def test_what_is_wrong_is_said_while_it_is_typed_and_nothing_is_sent(admin: Person, site: AnySite) -> None:
    form = await Form.opened(admin.page)
    await form.next()
    await expect(form.row(1)).to_contain_text("Enter the device's ID.")
    for typed, reason in {
        "register 4": "no spaces",
        "register/4": "cannot contain “/”",
        "register\u200b4": "invisible character (U+200B)",
        "..": "cannot be device IDs",
        "r" * 256: "This has 256 characters",
        "register-e\u0301": "Letters with accents",
    }.items():
        await form.id(1).fill(typed)
        await expect(form.row(1)).to_contain_text(reason)
        await expect(form.id(1)).to_have_attribute("aria-invalid", "true")
    await form.fill(1, "register-4", Group="North//Hall")
    await expect(form.row(1)).to_contain_text("A group name is missing")
    await form.fill(1, "register-4", Group="North/Hall")
    await form.add()
    await form.fill(2, "register-4")
    await expect(form.row(2)).to_contain_text("Device 1 has the same ID.")
    await form.token(1, "", auto=True)
    await form.next()
    await expect(form.row(1)).to_contain_text("Enter the token that the device will show.")
    await expect(form.message).to_contain_text("2 devices have something to correct. Nothing was registered yet.")
    async with administrator(site.access) as other:
        assert await other.code("get", {"id": "register-4"}) == "NOT_FOUND"


async def test_the_page_knows_the_rules_for_names_as_the_bridge_does(admin: Person) -> None:
    """The same ids, group paths and tokens are right or wrong while they are typed and when they are sent."""
    characters = [
        *map(chr, range(0x2100)),
        *"\u2190日本\ue000\ufdd0\ufdef\ufeff\ufffd\ufffe\U0001f600\U0001fffe\U0010ffff",
    ]
    ids = ["", ".", "..", "...", "a" * 255, "a" * 256, "\U0001f600" * 255, "\U0001f600" * 256, "e\u0301", "\u00e9"]
    # No surrogates: what comes from there is no text that could be sent.
    ids += [f"a{character}" for character in characters]
    faults = await admin.page.evaluate(
        """async (ids) => {
            const {idFault} = await import("/static/device_names.js");
            return ids.map((id) => idFault(id) !== null);
        }""",
        ids,
    )
    assert [id_ for id_, wrong in zip(ids, faults, strict=True) if wrong != bool(names.device_id_fault(id_))] == []
    paths = [
        "A",
        "A/B",
        "/A",
        "A/",
        "A//B",
        "a" * 255,
        "a" * 256,
        "/".join(["a" * 255] * 16),
        "/".join(["a" * 255] * 17),
    ]
    paths += [f"a{character}" for character in characters[:0x180]]
    faults = await admin.page.evaluate(
        """async (paths) => {
            const {groupFault} = await import("/static/device_names.js");
            return paths.map((path) => groupFault(path) !== null);
        }""",
        paths,
    )
    assert [
        path for path, wrong in zip(paths, faults, strict=True) if wrong != bool(names.group_path_fault(path))
    ] == []


async def test_pasted_lines_become_rows(admin: Person) -> None:
    """One a line; columns of a spreadsheet become id, name, type and group."""
    form = await Form.opened(admin.page)
    await form.paste(1, "register-a\r\n\n  register-b\tPump b\tc8y_Pump\tRegister/South\nregister c\n")
    assert await form.ids() == ["register-a", "register-b", "register c"]
    await expect(form.row(2).get_by_label("Name")).to_have_value("Pump b")
    await expect(form.row(2).get_by_label("Group")).to_have_value("Register/South")
    await expect(form.row(3)).to_contain_text("no spaces")
    await expect(form.message).to_have_text("3 devices were pasted.")
    await form.paste(1, "register-d\nregister-e")
    assert await form.ids() == ["register-a", "register-d", "register-e", "register-b", "register c"]
    await form.row(5).get_by_role("button", name="Remove device 5").click()
    await form.paste(4, "\n".join(f"register-many-{number}" for number in range(300)))
    await expect(form.message).to_contain_text("Only the first 196 devices were taken")
    await expect(form.dialog.locator(".device")).to_have_count(200)


async def test_a_device_that_was_authorised_before_is_accepted_by_its_token(admin: Person, site: AnySite) -> None:
    """The token is sent to the bridge and kept nowhere: not in the page, not in what the browser keeps."""
    form = await Form.opened(await admin.open("/?search=register-auto"))
    await form.fill(1, "register-auto")
    await form.token(1, "short", auto=True)
    await expect(form.row(1)).to_contain_text("This token is short.")
    await form.row(1).get_by_label("Security token").fill(TOKEN)
    await expect(form.row(1)).not_to_contain_text("This token is short.")
    assert TOKEN not in await kept_by_browser(admin.page)
    await form.next()
    await expect(form.result).to_contain_text("The device is registered")
    assert TOKEN not in await kept_by_browser(admin.page)
    async with device(site.access, "register-auto") as caller:
        await caller.call({"securityToken": TOKEN})
        await accepted(caller)
    await expect(await admin.row("register-auto")).to_contain_text("Accepted")


async def test_all_of_it_goes_by_keyboard(admin: Person, site: AnySite) -> None:
    """The menu by arrows, Escape gives the focus back, Enter in a field goes on."""
    page = admin.page
    button = page.get_by_role("button", name="Register device", exact=True)
    await button.focus()
    await page.keyboard.press("Enter")
    menu = page.get_by_role("menu")
    await expect(menu.get_by_role("menuitem").first).to_be_focused()
    await page.keyboard.press("ArrowUp")
    await expect(menu.get_by_role("menuitem").last).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(menu).to_be_hidden()
    await expect(button).to_be_focused()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    form = await Form.shown(page)
    await expect(form.id(1)).to_be_focused()
    await page.keyboard.type("register-keys")
    await page.keyboard.press("Escape")
    await expect(form.message).to_contain_text("Throw away what you typed?")
    await expect(form.dialog.get_by_role("button", name="Go on")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(form.id(1)).to_be_focused()
    await expect(form.id(1)).to_have_value("register-keys")
    await page.keyboard.press("Enter")
    await expect(form.result.get_by_role("heading")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(form.dialog).to_be_hidden()
    async with administrator(site.access) as other:
        assert (await other.get("register-keys"))["status"] == "WAITING_FOR_CONNECTION"


async def test_what_was_typed_is_there_again_after_the_page_was_loaded_anew(admin: Person) -> None:
    """As after a new login: all but security tokens. Thrown away, it is gone for good."""
    form = await Form.opened(admin.page)
    await form.fill(1, "register-draft", Name="Draft")
    await form.token(1, TOKEN, auto=True)
    assert TOKEN not in await kept_by_browser(admin.page)
    await admin.page.reload()
    form = await Form.shown(admin.page)
    await expect(form.dialog).to_contain_text("What you typed before is back. Security tokens are not kept")
    await expect(form.id(1)).to_have_value("register-draft")
    await expect(form.row(1).get_by_label("Name")).to_have_value("Draft")
    await expect(form.row(1).get_by_label("Accept automatically")).to_be_checked()
    await expect(form.row(1).get_by_label("Security token")).to_have_value("")
    await form.dialog.get_by_role("button", name="Cancel").click()
    await form.dialog.get_by_role("button", name="Throw away").click()
    await admin.page.reload()
    await expect(admin.page.get_by_role("button", name="Register device", exact=True)).to_be_visible()
    await expect(form.dialog).to_be_hidden()
    assert "register-draft" not in await kept_by_browser(admin.page)


async def test_an_answer_that_was_lost_does_no_harm(admin: Person, site: AnySite) -> None:
    """The bridge registered the device, the page did not hear of it: the same again is answered as the first time."""

    def between(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()
        lost: list[str] = []

        def to_page(message: str | bytes) -> None:
            if isinstance(message, str) and "created" in message and not lost:
                message, number = re.subn(r'\{\\"created.*?\]\}', r'{\\"away\\": \\"no answer.\\"}', message)
                assert number == 1
                lost.append(message)
            socket.send(message)

        server.on_message(to_page)

    await admin.page.route_web_socket(re.compile("_nicegui_ws"), between)
    await admin.page.reload()
    form = await Form.opened(admin.page)
    await form.fill(1, "register-lost")
    await form.next()
    await expect(form.message).to_have_text("no answer.")
    await expect(form.id(1)).to_have_value("register-lost")
    async with administrator(site.access) as other:
        await other.get("register-lost")
    await form.next()
    await expect(form.result).to_contain_text("The device is registered")


async def test_groups_that_there_are_are_suggested(admin: Person, site: AnySite) -> None:
    async with administrator(site.access) as other:
        await other.ok("create-group", {"path": "Register/Suggested <i>"})
    form = await Form.opened(admin.page)
    await expect(form.dialog.locator("#register-groups option[value='Register/Suggested <i>']")).to_be_attached()


@pytest.mark.parametrize(("width", "theme"), [(390, "dark"), pytest.param(1280, "light", marks=pytest.mark.long)])
async def test_everybody_can_use_the_dialog(
    width: int, theme: Any, browser: Browser, console: Console, site: AnySite
) -> None:
    """On a desk and on a phone, with faults shown and with the result."""
    async with somebody(browser, console, viewport={"width": width, "height": 800}, color_scheme=theme) as person:
        form = await Form.opened(await person.log_in("admin", site.password_of("admin")))
        await form.fill(1, f"register-{width}", Name="n" * 200)
        await form.token(1, "short", auto=True)
        await form.add()
        await form.fill(2, "not right")
        await form.next()
        await no_fault(form.page)
        await form.row(2).get_by_role("button", name="Remove device 2").click()
        await form.next()
        await expect(form.result).to_contain_text("The device is registered")
        await no_fault(form.page)


async def no_fault(page: Page) -> None:
    """Axe finds nothing grave, and nothing is wider than the screen."""
    assert await findings(page) == []
    wide = await page.evaluate(
        "document.querySelector('dialog').scrollWidth - document.querySelector('dialog').clientWidth"
    )
    assert wide <= 0
