"""Accepting devices at their rows: with and without token, by keyboard, and all that can be said no to."""

import contextlib
from collections.abc import AsyncIterator, Iterable
from typing import Any

from playwright.async_api import Locator, expect

from tests.browser.station import Person
from tests.e2e.peer import Administrator, Device, administrator, device
from tests.e2e.scenes import accepted, setting
from tests.e2e.site import AnySite


@contextlib.asynccontextmanager
async def called(
    site: AnySite, device_id: str, payloads: Iterable[dict[str, Any]] = ({},), **registration: Any
) -> AsyncIterator[tuple[Administrator, list[Device]]]:
    """Register a device in whose name a caller calls with each of these payloads; all stay and listen."""
    async with contextlib.AsyncExitStack() as stack:
        other = await stack.enter_async_context(administrator(site.access))
        await other.ok("register", {"id": device_id, **registration})
        callers = []
        for payload in payloads:
            caller = await stack.enter_async_context(device(site.access, device_id))
            await caller.ask(payload)
            callers.append(caller)
        yield other, callers


def notice(row: Locator) -> Locator:
    return row.get_by_role("status").first


async def test_a_device_without_token_is_accepted_with_one_click(admin: Person, site: AnySite) -> None:
    """Under OPTIONAL the field is there for each, and may stay empty; the credentials leave at once."""
    async with called(site, "accept-plain") as (_, [caller]):
        row = await admin.row("accept-plain")
        await expect(row.get_by_label("Security token")).to_be_visible()
        await row.get_by_role("button", name="Accept").click()
        await expect(row.locator(".status")).to_have_text("Accepted")
        await expect(row.get_by_label("Security token")).to_have_count(0)
        assert (await accepted(caller))["deviceId"] == "accept-plain"
        await expect(row).to_contain_text("Login sent, waiting for the device to use it")


async def test_wrong_tokens_are_told_at_the_row_until_it_is_blocked_and_registered_again(
    admin: Person, site: AnySite
) -> None:
    """How many are left stands there and stays; what was typed stays to be corrected."""
    async with called(site, "accept-wrong", [{"securityToken": "right"}]) as (other, _), setting(
        other, {"security-token.max-attempts": 2}
    ):
        row = await admin.row("accept-wrong")
        field = row.get_by_label("Security token")
        await field.fill("left")
        await field.press("Enter")
        await expect(notice(row)).to_contain_text("The security token is not the one that the device accept-wrong showed")
        await expect(notice(row)).to_contain_text("1 more wrong token blocks it")
        await expect(field).to_have_value("left")
        await expect(field).to_be_focused()
        await expect(field).to_have_attribute("aria-invalid", "true")
        await other.ok("register", {"id": "accept-wrong-other"})
        await admin.row("accept-wrong-other")
        await expect(notice(row)).to_contain_text("1 more wrong token blocks it")
        await field.press("Enter")
        await expect(row.locator(".status")).to_have_text("Blocked")
        await expect(notice(row)).to_contain_text("too many wrong security tokens".capitalize())
