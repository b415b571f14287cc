"""The dialog "Bulk device registration" as somebody at the page uses it, and uploads as somebody without a browser."""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import Locator, Page, Request, Route, expect

from tests.browser.station import Console, Person
from tests.e2e.site import AnySite


class BulkDialog:
    """The dialog on a page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.dialog = page.get_by_role("dialog", name="Bulk device registration")
        self.chip = page.locator(".bulk-chip")
        self.foot = self.dialog.locator(".bulk-foot")

    @classmethod
    async def opened(cls, page: Page) -> "BulkDialog":
        """Open it by the button and its menu."""
        await page.get_by_role("button", name="Register device", exact=True).click()
        await page.get_by_role("group", name="Bulk registration").get_by_role("menuitem", name="General").click()
        found = cls(page)
        await expect(found.dialog).to_be_visible()
        await expect(page.locator(".q-menu")).to_have_count(0)  # it fades out, and until then minds the focus
        return found

    async def choose(self, path: Path) -> None:
        """Select a file by the plus button."""
        async with self.page.expect_file_chooser() as choosing:
            await self.button("Select a CSV file").click()
        await (await choosing.value).set_files(path)

    async def drop(self, name: str, content: str, *, files: int = 1) -> None:
        """Drop files onto the dialog, as the browser tells the page of it."""
        await self.dialog.locator(".bulk-drop").evaluate(
            """(area, [name, content, files]) => {
                const carried = new DataTransfer();
                for (let n = 0; n < files; n++) carried.items.add(new File([content], name, {type: "text/csv"}));
                for (const kind of ["dragenter", "dragover", "drop"])
                    area.dispatchEvent(new DragEvent(kind, {dataTransfer: carried, bubbles: true, cancelable: true}));
            }""",
            [name, content, files],
        )

    def button(self, name: str) -> Locator:
        return self.dialog.get_by_role("button", name=name, exact=True)

    async def heading(self, words: str) -> None:
        """Wait for what the dialog says of the file as a whole."""
        await expect(self.dialog.get_by_role("heading", name=words, exact=True)).to_be_visible(timeout=60_000)

    async def counts(self, *expected: int) -> None:
        """Wait for the three numbers of a verdict or result."""
        await expect(self.dialog.locator(".bulk-counts dd")).to_have_text([f"{number:,}" for number in expected])

    def failed(self, line: int) -> Locator:
        """Return the row of a failed line."""
        number = self.page.locator(f'td[data-label="Line"]:text-is("{line:,}")')
        return self.dialog.locator("tbody tr").filter(has=number)

    async def close(self) -> None:
        await self.dialog.locator(".bulk-close").click()
        await expect(self.dialog).to_be_hidden()


def asked(site: AnySite, *words: str) -> dict[str, Any]:
    """Ask the bridge by the command line, which tells its answers from those that the page gets."""
    result: dict[str, Any] = json.loads(site.cli(*words, "--json").stdout.splitlines()[0])["result"]
    return result


def content_of(path: str | Path) -> bytes:
    return Path(path).read_bytes()


def filled(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


async def ticket_of(dialog: BulkDialog, path: Path) -> str:
    """Choose a file and keep the page from sending it; return the ticket that it had."""
    caught: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def catch(route: Route, request: Request) -> None:
        caught.set_result((await request.all_headers())["x-upload-ticket"])
        await route.abort()

    await dialog.page.route("**/upload", catch, times=1)
    await dialog.choose(path)
    return await asyncio.wait_for(caught, 30)


@dataclass
class Answer:
    """What came back of a request, and how much of the body went out before it."""

    status: int
    text: str
    sent: int


CUT_OFF = 0
"""For a status: who goes on sending when a connection is closed may be told by a reset, which overtakes the answer."""


async def upload(person: Person | None, console: Console, ticket: str, body: Any, **headers: str) -> Answer:
    """Send an upload by a bare connection: ``body`` yields pieces, of which no more is sent once there is an answer."""
    cookies = "" if person is None else "; ".join(f"{one['name']}={one['value']}" for one in await cookies_of(person))
    given = {
        "host": f"127.0.0.1:{console.port}",
        "origin": console.url,
        "cookie": cookies,
        "x-upload-ticket": ticket,
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    reader, writer = await asyncio.open_connection("127.0.0.1", console.port)
    try:
        head = "".join(f"{name}: {value}\r\n" for name, value in given.items() if value)
        writer.write(f"POST /upload HTTP/1.1\r\n{head}\r\n".encode())
        answering = asyncio.create_task(reader.readuntil(b"\r\n\r\n"))
        sent = 0
        for piece in body:
            if answering.done():
                break
            try:
                writer.write(piece)
                await writer.drain()
            except ConnectionError:
                break
            sent += len(piece)
            await asyncio.sleep(0)
        try:
            answer = (await asyncio.wait_for(answering, 30)).decode()
        except ConnectionResetError:
            return Answer(CUT_OFF, "", sent)
        try:
            text = (await reader.read(10_000)).decode() if " 204 " not in answer.splitlines()[0] else ""
        except ConnectionError:
            text = ""
        return Answer(int(answer.split()[1]), text, sent)
    finally:
        writer.close()


async def cookies_of(person: Person) -> list[Any]:
    return list(await person.context.cookies())
