"""Accepting all pending devices at once: warned before, and told afterwards what needs a person."""

import contextlib
from typing import Any

from playwright.async_api import Browser, expect

from tests.browser.owners import owning
from tests.browser.station import Console
from tests.e2e.peer import Administrator, device
from tests.e2e.scenes import accepted
from tests.e2e.site import AnySite


async def calling(
    stack: contextlib.AsyncExitStack, site: AnySite, boss: Administrator, prefix: str, **shown: list[dict[str, Any]]
) -> dict[str, Any]:
    """Register devices, and let callers call in their names with what each shows."""
    callers = {}
    for name, payloads in shown.items():
        await boss.ok("register", {"id": f"{prefix}-{name}"})
        for payload in payloads:
            callers[name] = await stack.enter_async_context(device(site.access, f"{prefix}-{name}"))
            await callers[name].ask(payload)
    return callers


async def test_those_that_need_nothing_are_accepted_and_the_others_are_listed_with_reasons(
    browser: Browser, console: Console, site: AnySite
) -> None:
    """Source: the source document, 'Limited usage of "Accept all" feature'."""
    async with contextlib.AsyncExitStack() as stack:
        _, boss, person = await stack.enter_async_context(owning(browser, console, site, "acall"))
        token = [{"securityToken": "on the label"}]
        callers = await calling(stack, site, boss, "all", plain=[{}], token=token, two=[{}, {}], waits=[])
        page = person.page
        await page.get_by_role("button", name="Accept all").click()
        window = page.get_by_role("dialog")
        await expect(window.get_by_role("status")).to_have_text("3 devices are pending acceptance.")
        await expect(window).to_contain_text("Anyone may call in a device's name.")
        await window.get_by_role("button", name="Accept all").click()
        await expect(window.get_by_role("heading", name="1 device was accepted.")).to_be_visible()
        await expect(window).to_contain_text("2 devices could not be accepted automatically")
        reasons = window.locator("tbody tr")
        await expect(reasons.filter(has_text="all-token")).to_contain_text("give the one on its label.")
        await expect(reasons.filter(has_text="all-two")).to_contain_text("2 callers claim to be this device")
        assert (await accepted(callers["plain"]))["deviceId"] == "all-plain"
        await expect(window.get_by_role("button", name="Close").last).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(window).to_have_count(0)
        await expect(page.get_by_role("button", name="Accept all")).to_be_focused()
        await expect((await person.row("all-plain")).locator(".status")).to_have_text("Accepted")
        await expect((await person.row("all-token")).locator(".status")).to_have_text("Pending acceptance")
        found = await boss.get("all-token")
        assert (found["failedAttempts"], found["status"]) == (0, "PENDING_ACCEPTANCE")


async def test_where_none_could_be_accepted_the_words_say_so(browser: Browser, console: Console, site: AnySite) -> None:
    """One device that uses a token: told in the singular, not as "0 devices" and "they"."""
    async with contextlib.AsyncExitStack() as stack:
        _, boss, person = await stack.enter_async_context(owning(browser, console, site, "acnone1"))
        await calling(stack, site, boss, "one", token=[{"securityToken": "on the label"}])
        await person.page.get_by_role("button", name="Accept all").click()
        window = person.page.get_by_role("dialog")
        await window.get_by_role("button", name="Accept all").click()
        await expect(window.get_by_role("heading", name="No device was accepted.")).to_be_visible()
        await expect(window).to_contain_text("1 device could not be accepted automatically")
        await expect(window).to_contain_text("It stays in the table as pending acceptance.")


async def test_where_nothing_is_pending_nothing_can_be_accepted(
    browser: Browser, console: Console, site: AnySite
) -> None:
    async with owning(browser, console, site, "acnone") as (_, boss, person):
        await boss.ok("register", {"id": "all-none"})
        await person.page.get_by_role("button", name="Accept all").click()
        window = person.page.get_by_role("dialog")
        await expect(window.get_by_role("status")).to_have_text("No device is pending acceptance now.")
        await expect(window.get_by_role("button", name="Accept all")).to_have_count(0)
        await person.page.keyboard.press("Escape")
        await expect(window).to_have_count(0)


async def test_under_ignored_all_are_accepted(browser: Browser, console: Console, site: AnySite) -> None:
    async with contextlib.AsyncExitStack() as stack:
        _, boss, person = await stack.enter_async_context(owning(browser, console, site, "acign"))
        policy = {"category": "device-registration", "key": "security-token.policy", "value": "IGNORED"}
        await boss.ok("set-option", policy)
        await calling(stack, site, boss, "ign", plain=[{}], token=[{"securityToken": "nobody asks"}])
        await person.page.get_by_role("button", name="Accept all").click()
        window = person.page.get_by_role("dialog")
        await window.get_by_role("button", name="Accept all").click()
        await expect(window.get_by_role("heading", name="2 devices were accepted.")).to_be_visible()
        await expect(window.locator("tbody tr")).to_have_count(0)
