"""The address on a label opens the filled-in form; labels carry it as a code that phones read."""

from pathlib import Path
from urllib.parse import urlencode

from playwright.async_api import Browser, expect

from tests.browser.forms import Form, code_in
from tests.browser.judging import findings
from tests.browser.station import Console, Person, somebody
from tests.e2e.peer import administrator
from tests.e2e.site import AnySite


async def test_a_link_opens_the_filled_in_form_after_the_login(person: Person, site: AnySite) -> None:
    """It registers nothing by itself; loading the page again does not open it a second time."""
    device = {"register": "link-1", "name": "Pump & <b>one</b>", "type": "c8y_Pump", "group": "Link/Hall"}
    page = await person.log_in("admin", site.password_of("admin"), f"/?{urlencode(device)}")
    form = await Form.shown(page)
    await expect(form.id(1)).to_have_value("link-1")
    for label, value in {"Name": device["name"], "Type": "c8y_Pump", "Group": "Link/Hall"}.items():
        await expect(form.row(1).get_by_label(label, exact=True)).to_have_value(value)
    await expect(page).to_have_url(f"{person.console.url}/")
    async with administrator(site.access) as other:
        assert await other.code("get", {"id": "link-1"}) == "NOT_FOUND"
        await form.next()
        await expect(form.result).to_contain_text("The device is registered")
        found = await other.get("link-1")
        assert (found["name"], found["type"], found["group"]) == (device["name"], "c8y_Pump", "Link/Hall")
    await page.reload()
    await expect(page.get_by_role("heading", name="Device registration")).to_be_visible()
    await expect(form.dialog).to_be_hidden()


async def test_a_link_with_a_wrong_id_shows_the_form_with_what_is_wrong(admin: Person) -> None:
    page = await admin.open("/?" + urlencode({"register": "link/2", "name": "kept"}))
    form = await Form.shown(page)
    await expect(form.id(1)).to_have_value("link/2")
    await expect(form.row(1)).to_contain_text("A device ID cannot contain “/”.")
    await expect(form.row(1).get_by_label("Name")).to_have_value("kept")
    page = await admin.open("/?register=")
    await expect(form.id(2)).to_have_value("")


async def test_a_link_to_a_device_that_is_registered_says_so(admin: Person, site: AnySite) -> None:
    async with administrator(site.access) as other:
        await other.ok("register", {"id": "link-3"})
    form = await Form.shown(await admin.open("/?register=link-3"))
    await expect(form.row(1)).to_contain_text(
        "This device is registered already; its status is “Waiting for connection”."
    )


async def test_who_may_only_look_is_told_that_a_link_does_nothing(person: Person, site: AnySite) -> None:
    async with administrator(site.access) as other:
        made = await other.ok("create-administrator", {"name": "link-viewer", "role": "viewer"})
    page = await person.log_in("link-viewer", made["password"], "/?register=link-4")
    await expect(page.get_by_text("may look at registrations, but not make new ones")).to_be_visible()
    await expect(page.get_by_role("button", name="Register device")).to_have_count(0)
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_the_code_on_a_label_is_read_and_leads_to_the_form(admin: Person, site: AnySite) -> None:
    """What a camera sees of the label is the link to this console, with the name that the bridge knows."""
    async with administrator(site.access) as other:
        await other.ok("register", {"id": "link-5", "name": "Pump <i>five</i>"})
    page = await admin.open("/label?id=link-5&id=link-6&name=&name=Six&id=not/right&id=link-%E6%97%A5%E6%9C%AC")
    labels = page.locator(".label")
    await expect(labels).to_have_count(3)
    await expect(page.get_by_role("alert")).to_contain_text("not/right is left out")
    await expect(labels.nth(0)).to_contain_text("Pump <i>five</i>")
    await expect(labels.nth(0)).to_contain_text("link-5")
    await expect(labels.nth(1)).to_contain_text("Six")
    links = [await code_in(label) for label in await labels.all()]
    assert links == [
        f"{admin.console.url}/?register=link-5&name=Pump+%3Ci%3Efive%3C%2Fi%3E",
        f"{admin.console.url}/?register=link-6&name=Six",
        f"{admin.console.url}/?register=link-%E6%97%A5%E6%9C%AC",
    ]
    assert await findings(page) == []
    for link, id_ in zip(links[1:], ("link-6", "link-日本"), strict=True):
        await page.goto(link)
        form = await Form.shown(page)
        await expect(form.id(await form.dialog.locator(".device").count())).to_have_value(id_)


async def test_labels_of_devices_that_were_just_registered_are_a_click_away(admin: Person) -> None:
    """In a window of their own, from which further ones can be made; on paper there is nothing but labels."""
    form = await Form.opened(admin.page)
    await form.paste(1, "link-7\tPump seven\nlink-8")
    await form.next()
    await expect(form.result).to_contain_text("2 devices are registered")
    async with admin.context.expect_page() as opening:
        await form.dialog.get_by_role("button", name="Print labels").click()
    page = await opening.value
    admin.hear(page)
    await expect(page.locator(".label")).to_have_count(2)
    await expect(page.locator(".label").first).to_contain_text("Pump seven")
    await page.get_by_text("Choose devices").click()
    await page.get_by_role("textbox").fill("link-7\nlink-9 Pump nine\nlink 10")
    await page.get_by_role("button", name="Show labels").click()
    await expect(page.locator(".label .id")).to_have_text(["link-7", "link-9", "link"])
    width = "(label) => label.getBoundingClientRect().width"
    medium = await page.locator(".label .code").first.evaluate(width)
    await page.get_by_label("Size").select_option("Large")
    assert await page.locator(".label .code").first.evaluate(width) > 1.4 * medium
    await page.emulate_media(media="print")
    await expect(page.get_by_role("heading", name="Device labels")).to_be_hidden()
    await expect(page.locator(".label").first).to_be_visible()


async def test_the_address_in_codes_is_the_one_that_was_given(browser: Browser, site: AnySite, tmp_path: Path) -> None:
    """As where people reach the console by a proxy; by that name it answers, too."""
    console = Console.start(site, tmp_path, "--console-url", "https://console.example.org/")
    try:
        async with somebody(browser, console) as person:
            page = await person.open("/label?id=link-12")
            await page.fill("#username", "admin")
            await page.fill("#password", site.password_of("admin"))
            await page.click("button[type=submit]")
            await expect(page.get_by_text("The codes lead to https://console.example.org.")).to_be_visible()
            assert await code_in(page.locator(".label")) == "https://console.example.org/?register=link-12"
            answer = await person.context.request.get(
                f"{console.url}/login", headers={"Host": "console.example.org"}, max_redirects=0
            )
            assert answer.status == 200
    finally:
        console.stop()


async def test_labels_are_for_who_is_logged_in(person: Person, site: AnySite) -> None:
    page = await person.open("/label?id=link-11&name=Eleven")
    await expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    await page.fill("#username", "admin")
    await page.fill("#password", site.password_of("admin"))
    await page.click("button[type=submit]")
    await expect(page.locator(".label")).to_contain_text("Eleven")
