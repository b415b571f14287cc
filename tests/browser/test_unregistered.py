"""Unregistered callers: they appear by themselves, and are registered with one click."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from tests.browser.forms import Form
from tests.browser.judging import findings
from tests.browser.station import Console, Person, serving, somebody
from tests.e2e.peer import administrator, device
from tests.e2e.site import AnySite, UpSite, running

HOSTILE = "caller-<script>alert(1)<b>"
LONG = "caller-" + "long" * 62


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AnySite]:
    """An installation of this file's own: a tenant is shown strangers only while it is the one tenant there is."""
    with running(UpSite(tmp_path_factory.mktemp("unregistered") / "data")) as chosen:
        yield chosen


@pytest.fixture(scope="module")
def console(site: AnySite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    with serving(site, tmp_path_factory.mktemp("unregistered-console")) as served:
        yield served


async def call(site: AnySite, device_id: str, times: int = 1, **members: Any) -> None:
    async with device(site.access, device_id) as caller:
        for _ in range(times):
            await caller.ask(members)


async def test_a_caller_appears_and_is_registered_with_a_click(admin: Person, site: AnySite) -> None:
    page = await admin.open("/unregistered")
    await expect(page.get_by_role("heading", name="Unregistered callers", level=1)).to_be_visible()
    await call(site, "caller-1", 2)
    await call(site, HOSTILE, securityToken="t")
    row = await admin.row("caller-1")
    await expect(row.get_by_role("cell").nth(2)).to_have_text("2")
    await expect(row).to_contain_text("Just now")
    await expect(row).to_contain_text("Not sent")
    hostile = page.get_by_role("row").filter(has_text=HOSTILE)
    await expect(hostile.get_by_role("cell", name="Sent", exact=True)).to_be_visible()
    # Calls are counted while one looks, and the row stays where it is.
    before = await page.locator("tbody tr").evaluate_all("rows => rows.map((row) => row.dataset.id)")
    await call(site, "caller-1")
    await expect(row.get_by_role("cell").nth(2)).to_have_text("3")
    assert await page.locator("tbody tr").evaluate_all("rows => rows.map((row) => row.dataset.id)") == before

    await row.get_by_role("button", name="Register caller-1").click()
    form = await Form.shown(page)
    await expect(form.id(1)).to_have_value("caller-1")
    await form.fill(1, "caller-1", Name="Known")
    await form.next()
    await expect(form.result.get_by_role("link", name="Go to Device registration")).to_be_visible()
    await form.dialog.get_by_role("button", name="Close").last.click()
    await expect(row).to_have_count(0)
    async with administrator(site.access) as other:
        assert (await other.get("caller-1"))["name"] == "Known"
        # One that somebody else registers goes, too.
        await call(site, "caller-2")
        gone = await admin.row("caller-2")
        await other.ok("register", {"id": "caller-2"})
        await expect(gone).to_have_count(0)


async def test_several_are_chosen_and_registered_at_once(admin: Person, site: AnySite) -> None:
    for id_ in ("caller-a", "caller-b", "caller-c"):
        await call(site, id_)
    page = await admin.open("/unregistered")
    await page.get_by_role("checkbox", name="Choose caller-a").check()
    await page.get_by_role("checkbox", name="Choose caller-b").check()
    await page.get_by_role("button", name="Register 2 chosen devices").click()
    form = await Form.shown(page)
    assert sorted(await form.ids()) == ["caller-a", "caller-b"]
    await form.next()
    await expect(form.result).to_contain_text("2 devices are registered")


async def test_one_is_searched_for_among_all(admin: Person, site: AnySite) -> None:
    """Also among those that are not shown."""
    await call(site, "caller-Sought")
    async with device(site.access, "caller-many") as caller:
        for number in range(105):
            await caller.peer.publish(f"bootstrap/caller-many-{number}/request/{caller.client_id}", b"{}")
        await caller.ask()
    page = await admin.open("/unregistered")
    rows = page.locator("tbody tr")
    await expect(rows).to_have_count(100)
    await page.get_by_role("button", name="Show more").click()
    await expect(rows.nth(104)).to_be_visible()
    await page.get_by_label("Search by ID").fill("SOUGHT")
    await expect(rows).to_have_count(1)
    await expect(rows).to_contain_text("caller-Sought")
    await page.get_by_label("Search by ID").fill("nobody <b>")
    await expect(page.get_by_role("heading", name="No caller matches")).to_be_visible()
    await expect(page.get_by_text("No unregistered caller has “nobody <b>” in its ID.").last).to_be_visible()
    await page.get_by_label("Search by ID").fill("")
    await expect(rows).to_have_count(100)


@pytest.mark.parametrize("width", [390, pytest.param(1280, marks=pytest.mark.long)])
async def test_everybody_can_use_the_page(width: int, browser: Browser, console: Console, site: AnySite) -> None:
    await call(site, LONG)
    async with somebody(browser, console, viewport={"width": width, "height": 800}, color_scheme="dark") as person:
        page = await person.log_in("admin", site.password_of("admin"), "/unregistered")
        await person.row(LONG)
        assert await findings(page) == []
        root = "document.documentElement"
        assert await page.evaluate(f"{root}.scrollWidth - {root}.clientWidth") <= 0


async def test_who_may_only_look_is_not_offered_to_register(person: Person, site: AnySite) -> None:
    await call(site, "caller-seen")
    async with administrator(site.access) as other:
        made = await other.ok("create-administrator", {"name": "caller-viewer", "role": "viewer"})
    page = await person.log_in("caller-viewer", made["password"], "/unregistered")
    await person.row("caller-seen")
    await expect(page.get_by_role("button", name=re.compile("^Register"))).to_have_count(0)
    await expect(page.get_by_role("checkbox")).to_have_count(0)
