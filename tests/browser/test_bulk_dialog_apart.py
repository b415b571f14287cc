"""Uploads that are too large, not the person's own or left alone; stops, breaks, and what is left behind: nothing."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.browser.bulk_dialog import CUT_OFF, BulkDialog, asked, filled, ticket_of, upload
from tests.browser.station import Console, Person, somebody
from tests.e2e.site import ApartSite, running

MEBIBYTE = 1_048_576


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApartSite]:
    """An installation of this module's own, whose processes can be stopped alone."""
    with running(ApartSite(tmp_path_factory.mktemp("bulk") / "data")) as chosen:
        assert isinstance(chosen, ApartSite)
        yield chosen


@pytest.fixture(scope="module")
def served(apart: ApartSite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """A console that takes 16 MiB and keeps files in a folder of its own."""
    folder = tmp_path_factory.mktemp("served")
    (folder / "kept").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(folder / "kept"))
        console = Console.start(apart, folder, "--upload-limit", "16")
    try:
        yield console
        # Neither a name nor a word of any file of these tests is left, in the folder or the log.
        assert list((folder / "kept").iterdir()) == []
        assert "s3cret" not in console.process.output
        assert ".csv" not in console.process.output
    finally:
        console.stop()


def wide(path: Path, prefix: str, rows: int) -> Path:
    """Write rows of some 250 bytes, so that 7,600 of them fill a part: these make two."""
    body = "".join(f'{prefix}{n};"{"pump; " * 40}"\r\n' for n in range(rows))
    return filled(path, f"ID;NAME\r\n{body}".encode())


def held(console: Console) -> list[str]:
    """Return the files without a name that the console has open."""
    found = [str(path.readlink()) for path in Path(f"/proc/{console.process.process.pid}/fd").iterdir()]
    return [one for one in found if one.endswith("(deleted)")]


async def owner(person: Person, apart: ApartSite) -> BulkDialog:
    await person.log_in("admin", apart.password_of("admin"))
    return await BulkDialog.opened(person.page)


async def test_a_file_that_is_too_large_is_told_before_it_is_sent(
    browser: Browser, served: Console, apart: ApartSite, tmp_path: Path
) -> None:
    async with somebody(browser, served) as person:
        dialog = await owner(person, apart)
        await expect(dialog.dialog).to_contain_text("Up to 16 MB")
        sent: list[str] = []
        person.page.on("request", lambda request: sent.append(request.url))
        await dialog.choose(filled(tmp_path / "large.csv", bytes(16 * MEBIBYTE + 1)))
        await expect(dialog.dialog.get_by_role("alert")).to_contain_text("larger than the 16 MB")
        assert not [url for url in sent if url.endswith("/upload")]


async def test_a_file_that_lies_about_its_size_is_refused_unread_or_cut_off(
    browser: Browser, served: Console, apart: ApartSite, tmp_path: Path
) -> None:
    async with somebody(browser, served) as person:
        dialog = await owner(person, apart)
        small = filled(tmp_path / "small.csv", b"ID\r\nbulk-l1\r\n")
        ticket = await ticket_of(dialog, small)
        answer = await upload(person, served, ticket, [], content_length=str(16 * MEBIBYTE + 1))
        assert (answer.status, answer.sent) == (413, 0)

        async def pieces_of(count: int) -> int:
            piece = bytes(65_536)
            chunk = b"%x\r\n%s\r\n" % (len(piece), piece)
            answer = await upload(person, served, ticket, (chunk for _ in range(count)), transfer_encoding="chunked")
            assert answer.status in {413, CUT_OFF}
            return answer.sent

        assert await pieces_of(4_000) < 40 * MEBIBYTE  # of 250; what is on its way in sockets is more than the limit
        await expect(dialog.chip).to_be_hidden()
        assert held(served) == []


async def test_a_ticket_counts_once_and_for_its_own_session_alone(
    browser: Browser, served: Console, apart: ApartSite, tmp_path: Path
) -> None:
    body, length = b"ID\r\nbulk-t1\r\n", {"content_length": "13"}
    small = filled(tmp_path / "small.csv", body)
    async with somebody(browser, served) as person, somebody(browser, served) as other:
        dialog, others = await owner(person, apart), await owner(other, apart)
        ticket = await ticket_of(dialog, small)
        assert (await upload(None, served, ticket, [body], **length)).status in {303, 401, 403}
        assert (await upload(other, served, ticket, [body], **length)).status == 403
        assert (await upload(person, served, "", [body], **length)).status == 403
        assert (await upload(person, served, ticket, [body], origin="http://elsewhere", **length)).status == 403
        assert others.page.url.startswith(served.url)

        # A wrong one ends the right one too, so that nobody tries one after the other.
        assert (await upload(person, served, ticket, [body], **length)).status == 403
        ticket = await ticket_of(dialog, small)
        assert (await upload(person, served, ticket, [body], **length)).status == 204
        await dialog.heading("The file has been checked")
        assert (await upload(person, served, ticket, [body], **length)).status == 403
        await expect(others.chip).to_have_count(0)
        nothing = await other.page.request.get(f"{served.url}/upload/failed")
        assert nothing.status == 404
        await dialog.button("Choose another file").click()


async def test_work_goes_on_while_the_person_looks_elsewhere_and_ends_with_the_session(
    browser: Browser, served: Console, apart: ApartSite, tmp_path: Path
) -> None:
    """A frozen bridge keeps the work in its middle for as long as the test looks."""
    bridge = apart.processes["serve"].process
    async with somebody(browser, served) as person:
        dialog = await owner(person, apart)
        again = await person.context.new_page()
        person.hear(again)
        await again.goto(f"{served.url}/")
        elsewhere = BulkDialog(again)
        await dialog.choose(wide(tmp_path / "wide.csv", "bulk-w", 8_500))
        await dialog.heading("The file has been checked")
        bridge.send_signal(signal.SIGSTOP)
        try:
            await dialog.button("Register 8,500 devices").click()
            await expect(dialog.dialog.get_by_role("progressbar")).to_be_visible()
            await dialog.close()
            await expect(dialog.chip).to_contain_text("Bulk registration: 0 %")
            await elsewhere.chip.click()
            await expect(elsewhere.dialog).to_contain_text("0 of 8,500 lines")
        finally:
            bridge.send_signal(signal.SIGCONT)
        await elsewhere.heading("Registration finished")
        await elsewhere.counts(8_500, 0, 0)
        await expect(dialog.chip).to_contain_text("Bulk registration: done")
        assert len(held(served)) == 2  # what failed; the file itself is gone

        await person.page.get_by_role("button", name="Log out").click()
        await person.page.wait_for_selector("#username")
        await expect(again.locator("#username")).to_be_visible()
        assert held(served) == []


async def test_who_stops_goes_on_where_it_was_through_a_broker_that_is_away(
    browser: Browser, served: Console, apart: ApartSite, tmp_path: Path
) -> None:
    bridge = apart.processes["serve"].process
    async with somebody(browser, served) as person:
        dialog = await owner(person, apart)
        await dialog.choose(wide(tmp_path / "stopped.csv", "bulk-s", 8_500))
        await dialog.heading("The file has been checked")
        bridge.send_signal(signal.SIGSTOP)
        await dialog.button("Register 8,500 devices").click()
        await dialog.button("Stop").click()
        await expect(dialog.dialog).to_contain_text("once the part that is on its way is answered")
        bridge.send_signal(signal.SIGCONT)
        await dialog.heading("Stopped")
        await expect(dialog.dialog).to_contain_text("of 8,500 lines are done")

        apart.processes["operations"].stop()
        await dialog.button("Continue").click()
        await expect(dialog.dialog.get_by_role("alert")).to_contain_text("The connection is lost")
        apart.start_broker("operations")
        await dialog.heading("Registration finished")
        await expect(dialog.dialog.locator(".bulk-counts .bad")).to_have_count(0)
        await expect(dialog.dialog).to_contain_text("8,500 lines were processed.")
        assert asked(apart, "list", "--search", "bulk-s8499")["registrations"][0]["id"] == "bulk-s8499"
