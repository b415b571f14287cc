"""The page of options: what is in force is shown, what is set holds, and what the bridge does not take is told."""

import asyncio
from typing import Any

from playwright.async_api import Browser, Locator, expect

from tests.browser.owners import owning
from tests.browser.station import PATIENCE, Console, Person, somebody
from tests.e2e.peer import Administrator, administrator
from tests.e2e.scenes import setting
from tests.e2e.site import AnySite

CATEGORY = "device-registration"
POLICY = "security-token.policy"
ATTEMPTS = "security-token.max-attempts"
WINDOW = "redelivery.window"


def form(person: Person, key: str, category: str = CATEGORY) -> Locator:
    return person.page.locator(f'form[data-option="{category}/{key}"]')


async def value_of(admin: Administrator, key: str, category: str = CATEGORY) -> Any:
    return (await admin.ok("get-option", {"category": category, "key": key}))["value"]


async def test_the_policy_is_chosen_with_each_word_explained_and_holds_at_once(
    browser: Browser, console: Console, site: AnySite
) -> None:
    async with owning(browser, console, site, "opt", "/options") as (_, boss, person):
        policy = form(person, POLICY)
        await expect(policy.get_by_role("radio", name="OPTIONAL")).to_be_checked()
        await expect(policy).to_contain_text("Each device must show a token")
        await policy.get_by_role("radio", name="IGNORED").check()
        await expect(policy).to_contain_text("Not saved yet")
        await policy.get_by_role("button", name="Save").click()
        await expect(policy.get_by_role("status")).to_have_text("Saved.")
        assert await value_of(boss, POLICY) == "IGNORED"
        await person.page.reload()
        await expect(policy.get_by_role("radio", name="IGNORED")).to_be_checked()
        await expect(policy).to_contain_text("Management may demand more")


async def test_times_are_said_in_words_and_numbers_out_of_range_before_they_are_sent(
    browser: Browser, console: Console, site: AnySite
) -> None:
    async with owning(browser, console, site, "opt", "/options") as (_, boss, person):
        window = form(person, WINDOW)
        field = window.get_by_label("Time in seconds")
        await expect(window).to_contain_text("That is 1 day. From 60 to 604,800. Default: 86,400 seconds (1 day).")
        await field.fill("59")
        await expect(window).to_contain_text("This is not a whole number in the range.")
        await expect(window.get_by_role("button", name="Save")).to_have_attribute("aria-disabled", "true")
        await field.press("Enter")
        await field.fill("93784")
        await expect(window).to_contain_text("That is 1 day 2 hours 3 minutes 4 seconds.")
        await field.press("Enter")
        await expect(window.get_by_role("status")).to_have_text("Saved.")
        assert await value_of(boss, WINDOW) == 93_784
        await window.get_by_role("button", name="Fill in the default").click()
        await window.get_by_role("button", name="Save").click()
        await expect(window.get_by_role("button", name="Fill in the default")).to_have_count(0)
        async with asyncio.timeout(PATIENCE / 1000):
            while await value_of(boss, WINDOW) != 86_400:
                pass  # the bridge was asked before what the page sent had come to it
        await expect(form(person, "registration.ttl")).to_contain_text("Registrations wait forever.")


async def test_what_the_bridge_does_not_take_is_told_at_the_option_and_stays_typed(
    browser: Browser, console: Console, site: AnySite
) -> None:
    async with owning(browser, console, site, "opt", "/options") as (_, boss, person):
        topics = form(person, "topics", "devices")
        field = topics.get_by_label("Topic filters, one per line")
        await field.fill("plant/{tenant}/{id}/#\n\ncontrol/{tenant}/{id}")
        await topics.get_by_role("button", name="Save").click()
        await expect(topics.get_by_role("alert")).to_contain_text("control/{tenant}/{id}")
        await expect(field).to_have_value("plant/{tenant}/{id}/#\n\ncontrol/{tenant}/{id}")
        await field.fill(" plant/{tenant}/{id}/# ")
        await topics.get_by_role("button", name="Save").click()
        await expect(topics.get_by_role("status")).to_have_text("Saved.")
        await expect(topics.locator("[role=alert]")).to_be_hidden()
        await expect(topics).not_to_contain_text("In force is")
        assert await value_of(boss, "topics", "devices") == ["plant/{tenant}/{id}/#"]


async def test_what_only_management_sets_is_shown_to_others_and_can_be_set_by_it(
    browser: Browser, console: Console, site: AnySite, person: Person
) -> None:
    async with owning(browser, console, site, "opt", "/options") as (root, _, owner):
        retry = form(owner, "retry-after")
        await expect(retry).to_contain_text("is set by management")
        await expect(retry.get_by_role("textbox")).to_have_count(0)
        await expect(retry.get_by_role("button")).to_have_count(0)
        await person.log_in("root", site.password_of("root"), "/options")
        async with setting(root, {"retry-after": 30}):
            await form(person, "retry-after").get_by_label("Time in seconds").fill("45")
            await form(person, "retry-after").get_by_role("button", name="Save").click()
            await expect(form(person, "retry-after").get_by_role("status")).to_have_text("Saved.")
            await owner.page.reload()
            await expect(retry).to_contain_text("45 seconds")


async def test_who_may_not_read_options_is_told_so(browser: Browser, console: Console, site: AnySite) -> None:
    async with administrator(site.access) as other, somebody(browser, console) as registrar:
        made = await other.ok("create-administrator", {"name": "opt-registrar", "role": "registrar"})
        await registrar.log_in("opt-registrar", made["password"], "/options")
        await expect(registrar.page.locator("#content")).to_contain_text("Your role, registrar")
        await expect(registrar.page.get_by_role("link", name="Options")).to_have_count(0)
