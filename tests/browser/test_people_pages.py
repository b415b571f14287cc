"""Administrators, applications and tenants in a browser: made with a password that is shown once, and deleted."""

import aiomqtt
import pytest
from playwright.async_api import Page, expect

from tests.browser.station import Person, owner_at
from tests.e2e.peer import administrator, connected
from tests.e2e.site import AnySite


async def shown_password(page: Page) -> str:
    field = page.get_by_role("dialog").get_by_label("Password")
    await expect(field).to_be_focused()
    return await field.input_value()


async def forgets(page: Page, password: str) -> None:
    """Check that nothing on the page has the password any more."""
    await page.get_by_role("dialog").get_by_role("button", name="I have it").click()
    await expect(page.get_by_role("dialog")).to_be_hidden()
    assert password not in await page.content()
    assert password not in str(await page.evaluate("[...document.querySelectorAll('input')].map((one) => one.value)"))


async def test_an_administrator_is_made_logs_in_and_is_deleted(person: Person, site: AnySite) -> None:
    page = await owner_at(person, site, "/administrators")
    await page.get_by_role("button", name="New administrator").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("User name").fill("people-anna")
    await dialog.get_by_label("Viewer").check()
    await expect(dialog).to_contain_text("change nothing")
    await dialog.get_by_role("button", name="Create").click()
    password = await shown_password(page)
    assert password not in await (await page.request.get(page.url)).text()
    async with connected(site.access["port"], "people-anna", password) as peer:
        row = page.locator('tr[data-name="people-anna"]')
        await forgets(page, password)
        await expect(row).to_contain_text("Viewer")
        await row.get_by_role("button", name="Delete people-anna").click()
        await dialog.get_by_role("button", name="Delete", exact=True).click()
        await expect(row).to_have_count(0)
        await peer.thrown_out()


async def test_a_name_that_is_taken_is_told_and_a_chosen_password_is_not_shown(person: Person, site: AnySite) -> None:
    """What was typed stays where the bridge says no."""
    page = await owner_at(person, site, "/administrators")
    await page.get_by_role("button", name="New administrator").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("User name").fill("admin")
    await dialog.get_by_label("Choose one").check()
    await dialog.get_by_label("The chosen password").fill("chosen for bert")
    await dialog.get_by_role("button", name="Create").click()
    await expect(dialog.get_by_role("alert")).to_contain_text("the name admin is taken")
    await expect(dialog.get_by_label("The chosen password")).to_have_value("chosen for bert")
    await dialog.get_by_label("User name").fill("people-bert")
    await dialog.get_by_role("button", name="Create").click()
    await expect(dialog).to_be_hidden()
    await expect(page.locator('tr[data-name="people-bert"]')).to_contain_text("Registrar")
    async with connected(site.access["port"], "people-bert", "chosen for bert"):
        assert "chosen for bert" not in await page.content()


async def test_the_last_owner_stays(person: Person, site: AnySite) -> None:
    """Who would delete the own login is warned, and the bridge keeps the last owner."""
    page = await owner_at(person, site, "/administrators")
    await page.get_by_role("button", name="Delete admin", exact=True).click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("This is your own login")
    await dialog.get_by_role("button", name="Delete", exact=True).click()
    await expect(dialog.get_by_role("alert")).to_contain_text("is the last owner of default")


async def test_an_application_is_made_with_its_topics_and_deleted(person: Person, site: AnySite) -> None:
    page = await owner_at(person, site, "/applications")
    await page.get_by_role("button", name="New application").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("User name").fill("people-app")
    await expect(dialog.get_by_label("Reads")).to_have_value("devices/default/#")
    await dialog.get_by_label("Writes").fill("devices/other/+/command")
    await dialog.get_by_role("button", name="Create").click()
    await expect(dialog.get_by_role("alert")).to_contain_text("not 'devices/other/+/command'")
    await dialog.get_by_label("Writes").fill("devices/default/+/command\n\ndevices/default/+/more")
    await dialog.get_by_role("button", name="Create").click()
    password = await shown_password(page)
    async with connected(site.access["port"], "people-app", password) as peer:
        await forgets(page, password)
        assert await peer.subscribe("devices/default/#") == [1]
        row = page.locator('tr[data-name="people-app"]')
        await expect(row).to_contain_text("devices/default/+/more")
        await row.get_by_role("button", name="Delete people-app").click()
        await dialog.get_by_role("button", name="Delete", exact=True).click()
        await expect(row).to_have_count(0)
        await peer.thrown_out()
    with pytest.raises(aiomqtt.MqttError):
        async with connected(site.access["port"], "people-app", password):
            pass


async def test_a_tenant_is_made_with_its_first_owner(person: Person, site: AnySite) -> None:
    """Where the owner cannot be made the tenant stays, and only the owner is asked for again."""
    page = await person.log_in("root", site.password_of("root"), "/tenants")
    await page.get_by_role("button", name="New tenant").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Tenant", exact=True).fill("people-works")
    await dialog.get_by_label("Name", exact=True).fill("The <i>works</i>")
    await dialog.get_by_label("User name").fill("admin")
    await dialog.get_by_role("button", name="Create").click()
    await expect(dialog.get_by_role("alert")).to_contain_text("has been created, but its first administrator has not")
    await dialog.get_by_label("User name").fill("people-owner")
    await dialog.get_by_role("button", name="Create").click()
    password = await shown_password(page)
    await forgets(page, password)
    row = page.locator('tr[data-name="people-works"]')
    await expect(row).to_contain_text("The <i>works</i>")
    await expect(row).to_contain_text("people-owner")
    access = {**site.access, "administrators": [{"tenant": "people-works", "username": "people-owner"}]}
    access["administrators"][0]["password"] = password
    async with administrator(access, "people-works") as owner:
        assert (await owner.ok("list-administrators"))["administrators"] == [
            {"name": "people-owner", "tenant": "people-works", "role": "owner"}
        ]
