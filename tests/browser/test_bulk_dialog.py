"""Bulk registration on the page: a file is chosen or dropped, checked, registered; failed lines come back."""

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.browser.bulk_dialog import BulkDialog, asked, content_of, filled
from tests.browser.judging import findings
from tests.browser.station import Console, Person, somebody
from tests.e2e.peer import administrator
from tests.e2e.site import AnySite

HOSTILE = "<script>alert(1)</script>"


def table(path: Path, header: str, rows: list[str]) -> Path:
    return filled(path, "\r\n".join([header, *rows, ""]).encode("utf-8" if "מ" in "".join(rows) else "cp1252"))


async def test_a_file_is_checked_registered_and_its_failed_lines_come_back(
    admin: Person, site: AnySite, tmp_path: Path
) -> None:
    """Nothing is registered before the person says so; who corrects the failed lines registers these alone."""
    rows = [f"bulk-a{n};Süd/Halle {n % 3}" for n in range(60)]
    rows[3], rows[7] = f"{HOSTILE};Süd", "bulk a7;Süd"
    await admin.open("/?search=bulk-a3")
    dialog = await BulkDialog.opened(admin.page)
    await dialog.choose(table(tmp_path / f"{HOSTILE.replace('/', '')}.csv", "ID;PATH", rows))
    await dialog.heading("The file is checked")
    await dialog.counts(58, 0, 2)
    await expect(dialog.failed(5)).to_contain_text(HOSTILE)
    await expect(dialog.failed(5)).to_contain_text("INVALID_ID")
    await expect(dialog.failed(9)).to_contain_text("the character U+0020 is not permitted")
    assert asked(site, "list", "--search", "bulk-a")["registrations"] == []

    await dialog.button("Register 58 devices").click()
    await dialog.heading("The file is registered")
    await dialog.counts(58, 0, 2)
    assert asked(site, "get", "bulk-a0")["group"] == "Süd/Halle 0"
    async with admin.page.expect_download() as downloading:
        await dialog.dialog.get_by_role("link", name="Download these lines as CSV").click()
    download = await downloading.value
    assert download.suggested_filename.startswith("failed-")
    text = content_of(await download.path()).decode("cp1252")
    assert text == f"ID;PATH\r\n{rows[3]}\r\n{rows[7]}\r\n"

    await dialog.button("Choose another file").click()
    await dialog.drop("corrected.csv", text.replace(" a7", "-a7").replace(HOSTILE, "bulk-a3"))
    await dialog.heading("The file is checked")
    await dialog.counts(2, 0, 0)
    await dialog.button("Register 2 devices").click()
    await dialog.heading("The file is registered")
    assert len(asked(site, "list", "--search", "bulk-a")["registrations"]) == 60
    await dialog.foot.get_by_role("button", name="Close").click()
    await expect(dialog.dialog).to_be_hidden()
    await expect(dialog.chip).to_be_hidden()
    await admin.row("bulk-a3")  # the page shows them without a reload


async def test_a_file_with_credentials_renews_those_of_devices_there(admin: Person, tmp_path: Path) -> None:
    path = tmp_path / "full.csv"
    dialog = await BulkDialog.opened(admin.page)
    for credentials, counts in (("first-s3cret", (2, 0, 0)), ("other-s3cret", (0, 2, 0))):
        await dialog.choose(table(path, "ID;CREDENTIALS", [f"bulk-f{n};{credentials}-{n}" for n in range(2)]))
        await dialog.heading("The file is checked")
        await dialog.counts(*counts)
        if counts[1]:
            await expect(dialog.dialog).to_contain_text("2 devices would get a new password")
        await dialog.button("Register 2 devices").click()
        await dialog.heading("The file is registered")
        if counts[1]:
            await expect(dialog.dialog).to_contain_text("2 devices got a new password")
        await dialog.button("Choose another file").click()
    assert "s3cret" not in await admin.page.content()
    assert "s3cret" not in admin.console.process.output


async def test_failed_lines_come_in_pages(admin: Person, tmp_path: Path) -> None:
    dialog = await BulkDialog.opened(admin.page)
    await dialog.choose(table(tmp_path / "bad.csv", "ID", [f"bulk p{n}" for n in range(2_120)]))
    await dialog.heading("The file is checked")
    await dialog.counts(0, 0, 2_120)
    await expect(dialog.dialog).to_contain_text("No line of this file can be registered")
    await expect(dialog.foot.get_by_role("button", name="Register")).to_have_count(0)
    pages = dialog.dialog.locator(".bulk-pages")
    await expect(pages).to_contain_text("1\u201350 of 2,120 · 2,070 more")
    await expect(dialog.button("Previous lines")).to_be_disabled()
    await dialog.button("Next lines").click()
    await expect(pages).to_contain_text("51\u2013100 of 2,120 · 2,020 more")
    await expect(dialog.failed(53)).to_contain_text("bulk p51")
    await dialog.button("Previous lines").click()
    await expect(pages).to_contain_text("1\u201350 of 2,120")
    await dialog.button("Choose another file").click()
    await expect(dialog.button("Select a CSV file")).to_be_visible()


async def test_what_is_no_bulk_file_is_told_in_words(admin: Person, tmp_path: Path) -> None:
    dialog = await BulkDialog.opened(admin.page)
    alert = dialog.dialog.get_by_role("alert")
    for content, words in ((b"NAME\r\npump\r\n", "no column ID"), (b"", "is empty"), (b"PK\x03\x04", "a workbook")):
        await dialog.choose(filled(tmp_path / "no.csv", content))
        await dialog.heading("The file cannot be used")
        await expect(alert).to_contain_text(words)
        await dialog.button("Choose another file").click()
    await dialog.drop("two.csv", "ID\r\n", files=2)
    await expect(alert).to_have_text("Choose one file at a time.")


async def test_templates_are_downloaded(admin: Person) -> None:
    dialog = await BulkDialog.opened(admin.page)
    for kind, name, content in (
        ("Simple", "bulk-simple.csv", "ID;PATH\r\n"),
        ("Full", "bulk-full.csv", "ID;CREDENTIALS;TYPE;NAME;ICCID;IDTYPE;PATH;SHELL;AUTH_TYPE\r\n"),
    ):
        async with admin.page.expect_download() as downloading:
            await dialog.button(f"Download template: {kind} registration").click()
        download = await downloading.value
        assert download.suggested_filename == name
        assert content_of(await download.path()).decode() == content


async def test_all_of_it_goes_by_keyboard(admin: Person, tmp_path: Path) -> None:
    page = admin.page
    await page.get_by_role("button", name="Register device", exact=True).focus()
    dialog = await BulkDialog.opened(page)
    await expect(dialog.button("Select a CSV file")).to_be_focused()
    async with page.expect_file_chooser() as choosing:
        await page.keyboard.press("Enter")
    await (await choosing.value).set_files(table(tmp_path / "keys.csv", "ID", ["bulk-k1"]))
    checked = dialog.dialog.get_by_role("heading", name="The file is checked")
    await expect(checked).to_be_focused()
    for _ in range(2):
        await page.keyboard.press("Tab")
    await expect(dialog.button("Register 1 device")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(dialog.dialog.get_by_role("heading", name="The file is registered")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(dialog.dialog).to_be_hidden()


@pytest.mark.long
async def test_a_screen_reader_and_a_phone_are_served_in_light_and_dark(
    browser: Browser, console: Console, site: AnySite, tmp_path: Path
) -> None:
    path = table(tmp_path / "judged.csv", "ID", ["bulk-j1", "x" * 255, "bulk j2", "מ" * 255])
    for options in ({"viewport": {"width": 390, "height": 800}, "color_scheme": "dark"}, {"color_scheme": "light"}):
        async with somebody(browser, console, **options) as person:
            page = await person.log_in("admin", site.password_of("admin"))
            dialog = await BulkDialog.opened(page)
            assert await findings(page) == []
            await dialog.choose(path)
            await dialog.heading("The file is checked")
            assert await findings(page) == []
            wide = "() => document.querySelector('.bulk-dialog').scrollWidth <= innerWidth"
            assert await page.evaluate(wide)
            await dialog.close()
            assert await findings(page) == []


async def test_who_may_not_register_has_no_dialog(person: Person, site: AnySite) -> None:
    async with administrator(site.access) as other:
        made = await other.ok("create-administrator", {"name": "bulk-viewer", "role": "viewer"})
    await person.log_in("bulk-viewer", made["password"])
    await expect(person.page.get_by_role("button", name="Register device", exact=True)).to_have_count(0)
    await expect(person.page.locator(".bulk-dialog")).to_have_count(0)
