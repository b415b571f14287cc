"""The table of registrations: what it shows, live; how people find, order, page, mark and delete; one in full."""

import re
from contextlib import AsyncExitStack
from typing import Any, Final

from playwright.async_api import Browser, Locator, expect

from tests.browser.station import Console, Person, somebody
from tests.e2e.hpke import Key
from tests.e2e.peer import Administrator, administrator
from tests.e2e.scenes import enter
from tests.e2e.site import AnySite

HOSTILE: Final = "<script>alert('x')</script><img src=x onerror=alert(1)>"


async def search(person: Person, words: str) -> None:
    """Search, and wait until what is found is shown."""
    await person.page.get_by_role("searchbox").fill(words)
    await expect(person.page).to_have_url(re.compile(re.escape(f"search={words}")))
    await expect(person.page.locator(".registrations")).to_have_attribute("aria-busy", "false")


def rows(person: Person) -> Locator:
    return person.page.locator("tr[data-id]")


async def shows(person: Person, *ids: str) -> None:
    """Wait until these rows are shown, in this order, and no others."""
    await expect(rows(person)).to_have_count(len(ids))
    for index, one in enumerate(ids):
        await expect(rows(person).nth(index)).to_have_attribute("data-id", one)


def chip(person: Person, words: str) -> Locator:
    return person.page.get_by_role("group", name="Status").get_by_role("button", name=words)


async def test_a_row_tells_what_is_known_and_stays_as_it_is(admin: Person, site: AnySite) -> None:
    """Name, ID, status, owner, attempts, token and callers change without a reload; a blocked row says why it is."""
    async with AsyncExitStack() as stack:
        other = await stack.enter_async_context(administrator(site.access))
        await other.ok("register", {"id": "table-row-1", "name": HOSTILE})
        row = await admin.row("table-row-1")
        await expect(row.get_by_role("cell").nth(1)).to_have_text(re.compile(re.escape(HOSTILE) + r"\s*table-row-1"))
        await expect(row).to_contain_text("Waiting for connection")
        cells = {name: row.locator(f'td[data-label="{name}"]') for name in ("Owner", "Attempts", "Token", "Callers")}
        for name, words in {"Owner": "admin", "Attempts": "0", "Token": "none", "Callers": "0"}.items():
            await expect(cells[name]).to_have_text(words)
        assert (
            await row.locator("time").first.get_attribute("datetime")
            == (await other.get("table-row-1"))["creationTime"]
        )
        await enter(stack, site.access, "table-row-1", {"securityToken": "right"})
        await expect(row).to_contain_text("Pending acceptance")
        await expect(cells["Token"]).to_have_text("sent")
        await expect(cells["Callers"]).to_have_text("1")
        assert await other.code("accept", {"id": "table-row-1", "securityToken": "wrong"}) == "TOKEN_MISMATCH"
        await expect(cells["Attempts"]).to_have_text("1")
        for _ in range(4):
            await other.answer("accept", {"id": "table-row-1", "securityToken": "wrong"})
        await expect(row).to_contain_text("Blocked")
        await expect(row).to_contain_text("Too many wrong security tokens.")
        await other.ok("delete", {"id": "table-row-1"})
        await expect(row).to_have_count(0)


async def test_a_page_keeps_what_was_typed_and_no_place_for_each_device_that_it_has_seen(
    admin: Person, site: AnySite
) -> None:
    kept = (
        """() => Object.keys(getElement(Number(document.querySelector(".registrations").id.slice(1))).drafts).sort()"""
    )
    async with AsyncExitStack() as stack:
        other = await stack.enter_async_context(administrator(site.access))
        await other.ok("register", {"devices": [{"id": f"table-draft-{n}"} for n in range(3)]})
        await enter(stack, site.access, "table-draft-1", {"securityToken": "right"})
        await search(admin, "table-draft")
        await admin.page.get_by_label("Security token of table-draft-1").fill("half a token")
        await search(admin, "table-draft-2")
        await shows(admin, "table-draft-2")
        assert await admin.page.evaluate(kept) == ["table-draft-1", "table-draft-2"]
        await search(admin, "table-draft-1")
        await expect(admin.page.get_by_label("Security token of table-draft-1")).to_have_value("half a token")
        await other.ok("delete", {"ids": [f"table-draft-{n}" for n in range(3)]})


async def test_what_is_looked_for_is_kept_in_the_address(admin: Person, site: AnySite) -> None:
    """Status, search and order outlive a reload; counts are of all; nothing found says what to do."""
    async with AsyncExitStack() as stack:
        other = await stack.enter_async_context(administrator(site.access))
        names = {"table-find-1": "Zebra", "table-find-2": "ant", "table-find-3": "Mole"}
        await other.ok("register", {"devices": [{"id": one, "name": name} for one, name in names.items()]})
        await enter(stack, site.access, "table-find-3", {})
        await search(admin, "TABLE-find")
        await shows(admin, "table-find-3", "table-find-1", "table-find-2")
        await search(admin, "zEb")
        await shows(admin, "table-find-1")
        await search(admin, "table-find")
        await chip(admin, "Waiting").click()
        await shows(admin, "table-find-1", "table-find-2")
        column = admin.page.get_by_role("columnheader", name="Name")
        await column.get_by_role("button", name="ID").click()
        await expect(column).to_have_attribute("aria-sort", "ascending")
        await column.get_by_role("button", name="ID").click()
        await expect(column).to_have_attribute("aria-sort", "descending")
        await shows(admin, "table-find-2", "table-find-1")
        await admin.page.reload()
        await shows(admin, "table-find-2", "table-find-1")
        await expect(admin.page.get_by_role("searchbox")).to_have_value("table-find")
        await expect(chip(admin, "Waiting")).to_have_attribute("aria-pressed", "true")
        await expect(column).to_have_attribute("aria-sort", "descending")
        counts = (await other.ok("list", {"limit": 1}))["counts"]
        await expect(chip(admin, "Waiting").locator(".number")).to_have_text(str(counts["WAITING_FOR_CONNECTION"]))
        await column.get_by_role("button", name="ID").click()
        await expect(column).not_to_have_attribute("aria-sort", re.compile(".*"))
        await search(admin, "table-find-nobody")
        await expect(admin.page.get_by_role("heading", name="Nothing found")).to_be_visible()
        await admin.page.get_by_role("button", name="Show all registrations").click()
        await admin.row("table-find-3")
        await expect(admin.page).to_have_url(admin.console.url + "/")


async def test_an_address_that_says_nonsense_shows_everything(admin: Person) -> None:
    await admin.open("/?status=GONE&sort=owner&tenant=" + "x" * 300)
    await expect(chip(admin, "All")).to_have_attribute("aria-pressed", "true")


async def test_many_rows_are_shown_page_by_page(admin: Person, site: AnySite) -> None:
    """Pages go forward and back, say which rows they show, and the one that became empty gives way."""
    ids = [f"table-page-{one:03}" for one in range(120)]
    async with administrator(site.access) as other:
        await other.ok("register", {"devices": [{"id": one} for one in ids]})
        await admin.open("/?search=table-page&sort=id")
        pages = admin.page.get_by_role("navigation", name="Pages")
        await shows(admin, *ids[:50])
        await expect(pages).to_contain_text("1 to 50, and more")
        await expect(pages.get_by_role("button", name="Previous")).to_be_disabled()
        await pages.get_by_role("button", name="Next").click()
        await expect(pages).to_contain_text("51 to 100, and more")
        await pages.get_by_role("button", name="Next").click()
        await expect(pages).to_contain_text("101 to 120")
        await shows(admin, *ids[100:])
        await expect(pages.get_by_role("button", name="Next")).to_be_disabled()
        await pages.get_by_role("button", name="Previous").click()
        await expect(rows(admin).first).to_have_attribute("data-id", ids[50])
        await pages.get_by_role("button", name="Next").click()
        await shows(admin, *ids[100:])
        await other.ok("delete", {"ids": ids[100:]})
        await expect(rows(admin).first).to_have_attribute("data-id", ids[50])
        await pages.get_by_role("button", name="First").click()
        await expect(pages).to_contain_text("1 to 50, and more")
        await other.ok("delete", {"ids": ids[:100]})


async def test_what_is_marked_is_deleted_after_a_question(admin: Person, site: AnySite) -> None:
    """The question names the devices; what could not be deleted is told with its reason."""
    async with administrator(site.access) as other:
        await other.ok("register", {"devices": [{"id": f"table-del-{one}"} for one in range(4)]})
        await admin.open("/?search=table-del")
        await shows(admin, *(f"table-del-{one}" for one in range(4)))
        for one in (0, 2):
            await admin.page.get_by_label(f"Select table-del-{one}").check()
        chosen = admin.page.get_by_role("group", name="Selected registrations")
        await expect(chosen).to_contain_text("2 selected")
        await chosen.get_by_role("button", name="Delete").click()
        question = admin.page.get_by_role("dialog", name="Delete 2 registrations?")
        await expect(question).to_contain_text("table-del-0")
        await admin.page.keyboard.press("Escape")
        await expect(question).to_be_hidden()
        await shows(admin, *(f"table-del-{one}" for one in range(4)))
        await chosen.get_by_role("button", name="Delete").click()
        await expect(question).to_be_visible()
        await other.ok("delete", {"id": "table-del-0"})
        await question.get_by_role("button", name="Delete").click()
        await expect(question).to_contain_text("One could not be deleted:")
        await expect(question).to_contain_text("there is no registration of table-del-0")
        await question.get_by_role("button", name="Close").last.click()
        await shows(admin, "table-del-1", "table-del-3")
        await admin.page.get_by_label("Select all on this page").check()
        await expect(chosen).to_contain_text("2 selected")
        await admin.page.get_by_label("Select table-del-1").uncheck()
        await chosen.get_by_role("button", name="Delete").click()
        await admin.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        await shows(admin, "table-del-1")


async def test_one_registration_in_full(admin: Person, site: AnySite) -> None:
    """Facts, callers with the fingerprints of their keys, and the history, live; by keyboard and by its own address."""
    key = Key()
    async with AsyncExitStack() as stack:
        other = await stack.enter_async_context(administrator(site.access))
        values = {"id": "table-full-1", "name": HOSTILE, "type": "c8y_Pump", "group": "Table/West"}
        await other.ok("register", {**values, "properties": {"serial": HOSTILE}})
        row = await admin.row("table-full-1")
        await row.get_by_role("button", name=HOSTILE).focus()
        await admin.page.keyboard.press("Enter")
        full = admin.page.get_by_role("dialog", name=HOSTILE)
        for words in ("table-full-1", "c8y_Pump", "Table/West", "default/admin", "Nobody whose call could be accepted"):
            await expect(full).to_contain_text(words)
        await expect(full.locator("pre")).to_contain_text("<script>")
        await expect(full.get_by_role("listitem").filter(has_text="Registered")).to_contain_text("done")
        await enter(stack, site.access, "table-full-1", {"publicKey": key.public, "securityToken": "right"})
        claim = (await other.get("table-full-1"))["claims"][0]
        await expect(full).to_contain_text("Pending acceptance")
        await expect(full.get_by_text(claim["fingerprint"])).to_be_visible()
        groups = await full.locator(".key span").all_text_contents()
        assert [one.strip() for one in groups] == key.fingerprint.split(" ")
        await other.code("accept", {"id": "table-full-1", "securityToken": "wrong"})
        await expect(full.get_by_role("listitem").filter(has_text="TOKEN_MISMATCH")).to_be_visible()
        await expect(admin.page).to_have_url(re.compile("show=table-full-1"))
        await admin.page.keyboard.press("Escape")
        await expect(full).to_be_hidden()
        await expect(row.get_by_role("button", name=HOSTILE)).to_be_focused()
        await admin.open("/?show=table-full-1")
        await expect(full).to_contain_text("TOKEN_MISMATCH")
        await full.get_by_role("button", name="Delete registration").click()
        await admin.page.get_by_role("dialog", name="Delete this").get_by_role("button", name="Delete").click()
        gone = admin.page.get_by_role("dialog", name="table-full-1")
        await expect(gone).to_contain_text("There is no registration of this device now")
        await expect(gone.get_by_role("listitem").filter(has_text="Deleted")).to_be_visible()


async def pend(stack: AsyncExitStack, site: AnySite, other: Administrator, device_id: str) -> None:
    await other.ok("register", {"id": device_id})
    await enter(stack, site.access, device_id, {"securityToken": "right"})


async def test_what_is_being_typed_stays_where_it_is_while_rows_come_and_go(admin: Person, site: AnySite) -> None:
    """The field keeps its words, the cursor in them and the focus, though its row is pushed down and changes."""
    async with AsyncExitStack() as stack:
        other = await stack.enter_async_context(administrator(site.access))
        await pend(stack, site, other, "table-type-b")
        await admin.open("/?search=table-type&sort=id")
        field = (await admin.row("table-type-b")).get_by_label(re.compile("Security token"))
        await field.fill("half")
        await field.evaluate("field => field.setSelectionRange(1, 3)")
        await pend(stack, site, other, "table-type-a")
        await pend(stack, site, other, "table-type-c")
        await other.code("accept", {"id": "table-type-b", "securityToken": "wrong"})
        await shows(admin, "table-type-a", "table-type-b", "table-type-c")
        await expect(rows(admin).nth(1).locator('td[data-label="Attempts"]')).to_have_text("1")
        await expect(field).to_be_focused()
        await expect(field).to_have_value("half")
        assert await field.evaluate("field => [field.selectionStart, field.selectionEnd]") == [1, 3]
        await other.ok("delete", {"ids": ["table-type-a", "table-type-c"]})
        await shows(admin, "table-type-b")
        await expect(field).to_be_focused()


async def test_rows_do_not_change_places_under_a_moving_pointer(admin: Person, site: AnySite) -> None:
    """What a hand is about to press stays there until the pointer rests; what changes in a row is shown at once."""
    async with AsyncExitStack() as stack:
        other = await stack.enter_async_context(administrator(site.access))
        await other.ok("register", {"devices": [{"id": "table-hand-1"}, {"id": "table-hand-2"}]})
        await admin.open("/?search=table-hand")
        await shows(admin, "table-hand-1", "table-hand-2")
        await admin.page.evaluate(
            """() => {
              const now = Date.now();
              window.trueNow = Date.now;
              Date.now = () => now;  // the pointer never comes to rest
              document.querySelector("tbody td").dispatchEvent(new PointerEvent("pointermove", { bubbles: true }));
            }"""
        )
        await enter(stack, site.access, "table-hand-2", {})
        await expect(rows(admin).nth(1)).to_contain_text("Pending acceptance")
        await shows(admin, "table-hand-1", "table-hand-2")
        await admin.page.evaluate("() => { Date.now = window.trueNow; }")
        await shows(admin, "table-hand-2", "table-hand-1")


async def of_role(site: AnySite, tenant: str, name: str, role: str) -> str:
    """Make an administrator, if need be with the tenant, and return the password."""
    async with administrator(site.access, "management") as root:
        await root.answer("create-tenant", {"id": tenant})
        made = await root.ok("create-administrator", {"name": name, "role": role, "tenant": tenant})
    return str(made["password"])


async def test_an_empty_list_says_what_to_do_next(person: Person, site: AnySite) -> None:
    password = await of_role(site, "table-empty", "table-owner", "owner")
    page = await person.open("/login")
    await page.get_by_text("Tenant", exact=True).first.click()
    for field, words in {"#username": "table-owner", "#password": password, "#tenant": "table-empty"}.items():
        await page.fill(field, words)
    await page.get_by_role("button", name="Log in").click()
    await expect(person.page.get_by_role("heading", name="No device is being registered")).to_be_visible()
    await expect(person.page.get_by_role("listitem").filter(has_text="Turn the device on")).to_be_visible()


async def test_a_viewer_looks_and_is_offered_nothing_else(person: Person, site: AnySite) -> None:
    password = await of_role(site, "default", "table-viewer", "viewer")
    async with AsyncExitStack() as stack:
        other = await stack.enter_async_context(administrator(site.access))
        await pend(stack, site, other, "table-view-1")
        await person.log_in("table-viewer", password, "/?search=table-view")
        row = await person.row("table-view-1")
        await expect(row).to_contain_text("Pending acceptance")
        await expect(row.get_by_role("button")).to_have_count(1)
        await expect(row.get_by_role("checkbox")).to_have_count(0)
        await row.get_by_role("button", name="table-view-1").click()
        full = person.page.get_by_role("dialog", name="table-view-1")
        await expect(full).to_contain_text("History")
        await expect(full.get_by_role("button", name="Delete")).to_have_count(0)


async def test_management_sees_tenants_where_there_are_several(
    browser: Browser, console: Console, site: AnySite
) -> None:
    """The column and the filter are there with a third tenant; the owner is named with his tenant."""
    async with administrator(site.access, "management") as root:
        await root.ok("create-tenant", {"id": "table-t"})
        await root.ok(
            "register", {"devices": [{"id": f"table-ten-{one}", "tenant": one} for one in ("default", "table-t")]}
        )
    async with somebody(browser, console) as person:
        await person.log_in("root", site.password_of("root"), "/?search=table-ten&sort=id")
        await shows(person, "table-ten-default", "table-ten-table-t")
        cell = rows(person).nth(1).locator("td[data-label=Tenant]")
        await expect(cell).to_have_text("table-t")
        await person.page.get_by_role("search").get_by_label("Tenant").select_option("table-t")
        await shows(person, "table-ten-table-t")
        await expect(person.page).to_have_url(re.compile("tenant=table-t"))
        await person.open("/?tenant=table-nowhere")
        await expect(person.page.get_by_role("alert").filter(has_text="could not be refreshed")).to_be_visible()
        await person.page.get_by_role("button", name="Show all registrations").click()
        await expect(rows(person).first).to_be_visible()


async def test_the_table_is_whole_beside_a_scroll_bar_and_gives_idle_room_to_the_names(
    browser: Browser, console: Console, site: AnySite
) -> None:
    """1265 is a window of 1280 less its scroll bar: with field, button and a long owner nothing is cut off."""
    unused = "() => document.querySelector('.registrations td.doing').offsetWidth"
    hidden = "(() => { const box = document.querySelector('.scrolling'); return box.scrollWidth - box.clientWidth; })()"
    async with AsyncExitStack() as stack:
        other = await stack.enter_async_context(administrator(site.access))
        await other.ok("register", {"devices": [{"id": f"table-fit-{part}"} for part in ("asks", "stopped", "rests")]})
        management = await stack.enter_async_context(administrator(site.access, "management"))
        await management.ok("register", {"id": "table-fit-lent", "tenant": "default"})
        size: dict[str, Any] = {"viewport": {"width": 1265, "height": 800}}
        person = await stack.enter_async_context(somebody(browser, console, **size))
        await person.log_in("admin", site.password_of("admin"), "/?search=table-fit")
        await expect(rows(person)).to_have_count(4)
        assert await person.page.evaluate(unused) < 60
        await enter(stack, site.access, "table-fit-asks", {"securityToken": "right"})
        await enter(stack, site.access, "table-fit-stopped", {"securityToken": "right"})
        for _ in range(4):
            assert await other.code("accept", {"id": "table-fit-stopped", "securityToken": "no"}) == "TOKEN_MISMATCH"
        assert await other.code("accept", {"id": "table-fit-stopped", "securityToken": "no"}) == "BLOCKED"
        await expect(await person.row("table-fit-stopped")).to_contain_text("Delete and register again")
        await expect((await person.row("table-fit-asks")).get_by_role("button", name="Accept")).to_be_visible()
        assert await person.page.evaluate(unused) > 200
        assert await person.page.evaluate(hidden) <= 0


async def test_a_page_on_a_phone_shows_the_same_and_is_no_wider(
    browser: Browser, console: Console, site: AnySite
) -> None:
    long = "table-phone-" + "x" * 243
    async with administrator(site.access) as other:
        await other.ok("register", {"devices": [{"id": long, "name": "N" * 255}, {"id": "table-phone-شלום"}]})
    phone: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
    async with somebody(browser, console, **phone) as person:
        await person.log_in("admin", site.password_of("admin"), "/?search=table-phone")
        await shows(person, long, "table-phone-شלום")
        assert await person.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        await person.page.get_by_label("Sort by").select_option("Created, newest first")
        await expect(person.page).to_have_url(re.compile("sort=-creationTime"))
        await (await person.row(long)).get_by_role("button", name="N" * 20).click()
        full = person.page.get_by_role("dialog")
        await expect(full).to_contain_text(long)
        assert await person.page.evaluate("document.querySelector('dialog').scrollWidth - innerWidth") <= 0
