"""The dialog "Register devices" as somebody at the page uses it."""

import base64
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Locator, Page, expect

JSQR: Final = Path(__file__).parent.parent.parent / "build" / "axe" / "node_modules" / "jsqr" / "dist" / "jsQR.js"


class Form:
    """The dialog on a page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.dialog = page.get_by_role("dialog", name="Register devices")
        self.message = self.dialog.locator(".sheet-message")
        self.result = self.dialog.get_by_role("region", name="Registered devices")

    @classmethod
    async def opened(cls, page: Page) -> "Form":
        """Open it by the button and its menu."""
        await page.get_by_role("button", name="Register device", exact=True).click()
        await page.get_by_role("group", name="Single registration").get_by_role("menuitem", name="General").click()
        return await cls.shown(page)

    @classmethod
    async def shown(cls, page: Page) -> "Form":
        """Wait until it is open."""
        form = cls(page)
        await expect(form.dialog).to_be_visible()
        return form

    def row(self, number: int) -> Locator:
        return self.dialog.get_by_role("group", name=f"Device {number}", exact=True)

    def id(self, number: int) -> Locator:
        return self.row(number).get_by_label("Device ID", exact=True)

    async def fill(self, number: int, device_id: str, **fields: str) -> None:
        """Type into the fields of a row: Name, Type, Group."""
        await self.id(number).fill(device_id)
        for label, value in fields.items():
            await self.row(number).get_by_label(label, exact=True).fill(value)

    async def token(self, number: int, token: str, *, auto: bool = False) -> None:
        row = self.row(number)
        await row.get_by_role("button", name="Security token").click()
        await row.get_by_label("Security token").fill(token)
        if auto:
            await row.get_by_label("Accept automatically").check()

    async def add(self) -> None:
        await self.dialog.get_by_role("button", name="Add new device").click()

    async def next(self) -> None:
        await self.dialog.get_by_role("button", name="Next").click()

    async def paste(self, number: int, text: str) -> None:
        """Paste into the field of the id, as the browser tells the page of it."""
        await self.id(number).evaluate(
            """(field, text) => {
                const carried = new DataTransfer();
                carried.setData("text/plain", text);
                const how = {clipboardData: carried, bubbles: true, cancelable: true};
                field.dispatchEvent(new ClipboardEvent("paste", how));
            }""",
            text,
        )

    async def ids(self) -> list[str]:
        """Return the ids in the form, from top to bottom."""
        fields = self.dialog.get_by_label("Device ID", exact=True)
        return [await field.input_value() for field in await fields.all()]


async def kept_by_browser(page: Page) -> str:
    """Return all that the page keeps in the browser, and its markup."""
    return str(
        await page.evaluate(
            "() => JSON.stringify([{...sessionStorage}, {...localStorage}, document.cookie, location.href])"
            " + document.documentElement.outerHTML"
        )
    )


async def code_in(label: Locator) -> str:
    """Read the QR code of a label as a phone would: from what is seen of it, by jsQR."""
    assert JSQR.exists(), "jsQR is not there: make axe"
    picture = base64.b64encode(await label.locator(".code").screenshot(scale="css")).decode()
    page = label.page
    await page.evaluate(f"(() => {{ const module = {{exports: {{}}}}, exports = module.exports; {_wrapped()} }})()")
    found: Any = await page.evaluate(
        """async (picture) => {
            const image = new Image();
            image.src = "data:image/png;base64," + picture;
            await image.decode();
            const canvas = document.createElement("canvas");
            [canvas.width, canvas.height] = [image.width, image.height];
            const context = canvas.getContext("2d");
            context.drawImage(image, 0, 0);
            const {data, width, height} = context.getImageData(0, 0, image.width, image.height);
            return window.jsQR(data, width, height)?.data ?? null;
        }""",
        picture,
    )
    assert isinstance(found, str), "no code is read there"
    return found


def _wrapped() -> str:
    return f"{JSQR.read_text(encoding='utf-8')}; window.jsQR = module.exports.default ?? module.exports;"
