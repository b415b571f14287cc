"""Registering where there are several tenants, and while broker or bridge are away: an installation of its own."""

from collections.abc import Iterator

import pytest
from playwright.async_api import Browser, expect

from tests.browser.forms import Form
from tests.browser.station import Console, somebody
from tests.e2e.peer import administrator, device
from tests.e2e.site import ApartSite, running

TENANTS = {"plant-1": "Plant <i>one</i>", "plant-2": ""}


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApartSite]:
    """An installation with further tenants, whose brokers can be stopped alone."""
    with running(ApartSite(tmp_path_factory.mktemp("apart") / "data")) as chosen:
        assert isinstance(chosen, ApartSite)
        yield chosen


@pytest.fixture(scope="module")
def desk(apart: ApartSite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    served = Console.start(apart, tmp_path_factory.mktemp("desk"))
    try:
        yield served
    finally:
        served.stop()


async def test_what_is_typed_outlives_an_absence_of_the_broker(
    browser: Browser, apart: ApartSite, desk: Console
) -> None:
    async with somebody(browser, desk) as person:
        page = await person.log_in("admin", apart.password_of("admin"))
        form = await Form.opened(page)
        await form.fill(1, "apart-1", Name="Kept")
        await form.token(1, "kept-token-of-good-length")
        apart.processes["operations"].stop()
        try:
            notice = form.dialog.get_by_role("alert")
            await expect(notice).to_contain_text("The broker cannot be reached. What you typed is kept")
            await form.next()
            await expect(form.message).to_contain_text("Press Next to try again: no device is registered twice.")
            await expect(form.row(1).get_by_label("Security token")).to_have_value("kept-token-of-good-length")
        finally:
            apart.start_broker("operations")
        await expect(notice).to_be_hidden()
        await form.next()
        await expect(form.result).to_contain_text("The device is registered")
        async with administrator(apart.access) as other:
            assert (await other.get("apart-1"))["name"] == "Kept"


async def test_management_registers_for_a_tenant_or_into_a_group(
    browser: Browser, apart: ApartSite, desk: Console
) -> None:
    """One excludes the other at the row; the pages of others know nothing of tenants."""
    async with administrator(apart.access, "management") as root:
        for id_, name in TENANTS.items():
            await root.ok("create-tenant", {"id": id_, "name": name} if name else {"id": id_})
        await root.ok("create-group", {"path": "Apart/Own"})
        async with somebody(browser, desk) as person:
            form = await Form.opened(await person.log_in("root", apart.password_of("root")))
            await form.fill(1, "apart-2")
            tenant = form.row(1).get_by_label("Tenant")
            group = form.row(1).get_by_label("Group")
            await expect(tenant.locator("option")).to_have_text(
                ["management (your own)", "default", "Plant <i>one</i> (plant-1)", "plant-2"]
            )
            await group.fill("Apart/Own")
            await expect(tenant).to_be_disabled()
            await group.fill("")
            await tenant.select_option("plant-1")
            await expect(group).to_be_disabled()
            await form.add()
            await form.fill(2, "apart-3")  # the tenant is the one of the row before
            await form.row(2).get_by_label("Tenant").select_option("")
            await form.fill(2, "apart-3", Group="Apart/Own")
            await form.next()
            await expect(form.result).to_contain_text("2 devices are registered")
            first, second = await root.get("apart-2"), await root.get("apart-3")
            assert (first["tenant"], first.get("group")) == ("plant-1", None)
            assert (second["tenant"], second.get("group")) == ("management", "Apart/Own")
    async with somebody(browser, desk) as person:
        form = await Form.opened(await person.log_in("admin", apart.password_of("admin")))
        await expect(form.row(1).get_by_label("Tenant")).to_have_count(0)


async def test_only_management_sees_unregistered_callers_where_there_are_several_tenants(
    browser: Browser, apart: ApartSite, desk: Console
) -> None:
    async with administrator(apart.access, "management") as root:
        for id_ in TENANTS:
            await root.answer("create-tenant", {"id": id_})  # or it is there already
    async with device(apart.access, "apart-caller") as caller:
        await caller.ask()
    async with somebody(browser, desk) as person:
        page = await person.log_in("root", apart.password_of("root"), "/unregistered")
        await (await person.row("apart-caller")).get_by_role("button", name="Register apart-caller").click()
        await expect((await Form.shown(page)).row(1).get_by_label("Tenant")).to_be_visible()
    async with somebody(browser, desk) as person:
        page = await person.log_in("admin", apart.password_of("admin"), "/unregistered")
        await expect(page.get_by_role("heading", name="Only management sees these")).to_be_visible()
        await expect(page.get_by_text("apart-caller")).to_have_count(0)
