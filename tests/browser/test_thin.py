"""The way from the login to an accepted device, in a browser."""

from playwright.async_api import expect

from tests.browser.station import Person
from tests.e2e.peer import administrator, private_id, stranger
from tests.e2e.site import AnySite


async def test_a_registered_device_that_called_is_accepted_on_the_page(admin: Person, site: AnySite) -> None:
    """What happens elsewhere is shown without a reload; the token is typed and sent."""
    async with administrator(site.access) as other:
        await other.ok("register", {"id": "thin-1", "name": "Pump <b>one</b>"})
        await admin.open("/?search=thin-1")
        row = await admin.row("thin-1")
        await expect(row).to_contain_text("Pump <b>one</b>")
        await expect(row).to_contain_text("Waiting for connection")
        async with stranger(site.access, private_id()) as device:
            await device.publish("bootstrap/thin-1/request/" + device.client.identifier, b'{"securityToken":"s3cret"}')
            await expect(row).to_contain_text("Pending acceptance")
        await row.get_by_label("Security token").fill("s3cret")
        await row.get_by_role("button", name="Accept").click()
        await expect(row).to_contain_text("Accepted")


async def test_a_wrong_password_is_told_and_lets_nobody_in(person: Person) -> None:
    await person.open("/")
    await person.page.fill("#username", "admin")
    await person.page.fill("#password", "not this one")
    await person.page.click("button[type=submit]")
    await expect(person.page.get_by_role("alert")).to_contain_text("does not take this user name and password")
    assert await person.context.cookies() == []
