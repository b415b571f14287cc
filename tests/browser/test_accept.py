"""Accepting devices at their rows: with and without token, by keyboard, and all that can be said no to."""

import contextlib
import secrets
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest_asyncio
from playwright.async_api import Browser, Locator, expect

from tests.browser.station import Console, Person, somebody
from tests.e2e.hpke import Key
from tests.e2e.peer import Administrator, Device, administrator, device
from tests.e2e.people import new_tenant
from tests.e2e.scenes import accepted, setting
from tests.e2e.site import AnySite

POLICY = "security-token.policy"
HERE = "/?search=acc-"
"""The page with the devices of these tests alone, however many there are."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def desk(browser: Browser, console: Console, site: AnySite) -> AsyncIterator[Person]:
    """The owner of the tenant `default` at a page that all these tests use: each has devices of its own."""
    async with somebody(browser, console) as one:
        await one.log_in("admin", site.password_of("admin"), HERE)
        yield one


@pytest_asyncio.fixture(loop_scope="session")
async def admin(desk: Person) -> Person:
    if not desk.page.url.endswith(HERE):
        await desk.open(HERE)
    return desk


@pytest_asyncio.fixture(loop_scope="session")
async def visitor(desk: Person) -> AsyncIterator[Person]:
    """The same person, who opens the page under another policy and leaves it afterwards."""
    yield desk
    await desk.page.goto("about:blank")


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
    return row.locator(".notice").first


def button(row: Locator, name: str = "Accept") -> Locator:
    return row.get_by_role("button", name=name, exact=True)


async def test_a_device_without_token_is_accepted_with_one_click(admin: Person, site: AnySite) -> None:
    """Under OPTIONAL the field is there for each, and may stay empty; the credentials leave at once."""
    async with called(site, "acc-plain") as (_, [caller]):
        row = await admin.row("acc-plain")
        await expect(row.get_by_label("Security token")).to_be_visible()
        await button(row).click()
        await expect(row.locator(".status")).to_have_text("Accepted")
        await expect(row.get_by_label("Security token")).to_have_count(0)
        assert (await accepted(caller))["deviceId"] == "acc-plain"


async def test_a_token_for_a_device_that_showed_none_is_ignored_under_optional(admin: Person, site: AnySite) -> None:
    """Source: the source document, "Registration without using a security token"."""
    async with called(site, "acc-needless"):
        row = await admin.row("acc-needless")
        await row.get_by_label("Security token").fill("not asked for")
        await row.get_by_label("Security token").press("Enter")
        await expect(row.locator(".status")).to_have_text("Accepted")


async def test_a_missing_token_is_asked_for_and_costs_nothing(admin: Person, site: AnySite) -> None:
    async with called(site, "acc-missing", [{"securityToken": "on the label"}]) as (other, _):
        row = await admin.row("acc-missing")
        await button(row).click()
        await expect(notice(row)).to_have_text("acc-missing showed a security token: give the one on its label.")
        await expect(row.get_by_label("Security token")).to_be_focused()
        await expect(row.get_by_label("Security token")).to_have_attribute("aria-invalid", "true")
        assert (await other.get("acc-missing"))["failedAttempts"] == 0


async def test_wrong_tokens_are_told_at_the_row_until_it_is_blocked(admin: Person, site: AnySite) -> None:
    """How many are left stands there and stays over refreshes; what was typed stays to be corrected."""
    shown = [{"securityToken": "right"}]
    async with called(site, "acc-wrong", shown) as (other, _), setting(other, {"security-token.max-attempts": 2}):
        row = await admin.row("acc-wrong")
        field = row.get_by_label("Security token")
        await field.fill("left")
        await field.press("Enter")
        await expect(notice(row)).to_contain_text("is not the one that the device acc-wrong showed")
        await expect(notice(row)).to_contain_text("1 more wrong token blocks it.")
        await expect(notice(row)).to_have_attribute("role", "status")
        await expect(field).to_have_value("left")
        await expect(field).to_be_focused()
        await other.ok("register", {"id": "acc-wrong-other"})
        await admin.row("acc-wrong-other")
        await expect(notice(row)).to_contain_text("1 more wrong token blocks it.")
        await field.press("Enter")
        await expect(row.locator(".status")).to_contain_text("Blocked")
        await expect(notice(row)).to_contain_text("Too many wrong security tokens")
        await expect(button(row, "Delete and register again")).to_be_visible()


async def test_a_blocked_device_is_registered_again_in_one_go(admin: Person, site: AnySite) -> None:
    """All that was said about it is kept; the token, which the bridge cannot know, may be given anew."""
    said = {"name": "Pump <7>", "type": "pump", "group": "acc hall/west", "properties": {"made": {"in": 2026}}}
    async with called(site, "acc-again", [{"securityToken": "right"}], **said) as (other, [caller]):
        async with setting(other, {"security-token.max-attempts": 1}):
            row = await admin.row("acc-again")
            await row.get_by_label("Security token").fill("wrong")
            await button(row).click()
            await button(row, "Delete and register again").click()
            window = admin.page.get_by_role("dialog", name="Register acc-again again?")
            await expect(window).to_contain_text("too many wrong security tokens")
            await window.get_by_label("Security token (optional)").fill("right and long enough")
            await window.get_by_label("Accept automatically").check()
            await button(window, "Delete and register again").click()
            await expect(row.locator(".status")).to_contain_text("Waiting for connection")
            await expect(notice(row)).to_contain_text("Registered again.")
        found = await other.get("acc-again")
        assert {key: found[key] for key in said} == said
        assert (found["failedAttempts"], found["calls"], found["autoAccept"]) == (0, 0, True)
        await caller.call({"securityToken": "right and long enough"})
        assert (await accepted(caller))["deviceId"] == "acc-again"
        await expect(row.locator(".status")).to_have_text("Accepted")
        await expect(row.locator(".notice")).to_be_empty()


async def test_nothing_is_deleted_if_the_token_for_registering_again_is_none(admin: Person, site: AnySite) -> None:
    async with called(site, "acc-too-long") as (other, _), setting(other, {POLICY: "REQUIRED"}):
        row = await admin.row("acc-too-long")
        await button(row).click()
        await button(row, "Delete and register again").click()
        window = admin.page.get_by_role("dialog", name="Register acc-too-long again?")
        await window.get_by_label("Security token (optional)").fill("x" * 257)
        await button(window, "Delete and register again").click()
        await expect(notice(row)).to_have_text("A security token has at most 256 characters. Nothing was deleted.")
        assert (await other.get("acc-too-long"))["status"] == "BLOCKED"
        await button(row, "Delete and register again").click()
        await expect(window.get_by_label("Security token (optional)")).to_have_value("x" * 257)
        await admin.page.keyboard.press("Escape")
        await expect(window).to_have_count(0)


async def test_under_ignored_there_is_no_field_and_any_device_is_accepted(visitor: Person, site: AnySite) -> None:
    """Source: the source document, "Ignored security token policy"."""
    shown = [{"securityToken": "nobody asks"}]
    async with called(site, "acc-ignored", shown) as (other, _), setting(other, {POLICY: "IGNORED"}):
        await visitor.open(HERE)
        row = await visitor.row("acc-ignored")
        await expect(row.get_by_label("Security token")).to_have_count(0)
        await button(row).click()
        await expect(row.locator(".status")).to_have_text("Accepted")


async def test_a_policy_that_has_changed_since_brings_the_field_when_a_token_is_needed(
    visitor: Person, site: AnySite
) -> None:
    async with called(site, "acc-changed", [{"securityToken": "needed"}]) as (other, _):
        async with setting(other, {POLICY: "IGNORED"}):
            await visitor.open(HERE)
            row = await visitor.row("acc-changed")
            await expect(row.get_by_label("Security token")).to_have_count(0)
        await button(row).click()
        await row.get_by_label("Security token").fill("needed")
        await row.get_by_label("Security token").press("Enter")
        await expect(row.locator(".status")).to_have_text("Accepted")


async def test_under_required_the_field_is_there_and_tokens_are_compared(visitor: Person, site: AnySite) -> None:
    """Source: the source document, "Required security token policy"."""
    shown = [{"securityToken": "shown"}]
    async with called(site, "acc-required", shown) as (other, _), setting(other, {POLICY: "REQUIRED"}):
        await visitor.open(HERE)
        row = await visitor.row("acc-required")
        await row.get_by_label("Security token").fill("shown")
        await button(row).click()
        await expect(row.locator(".status")).to_have_text("Accepted")


async def test_of_two_callers_the_one_that_is_recognised_is_accepted(admin: Person, site: AnySite) -> None:
    """They stand side by side with what each showed; the fingerprint of the key is the device's own."""
    key = Key()
    async with called(site, "acc-two", [{}, {"publicKey": key.public}]) as (other, callers):
        row = await admin.row("acc-two")
        await expect(button(row, "Compare 2 callers")).to_be_visible()
        await button(row).click()
        window = admin.page.get_by_role("dialog", name="Which one is acc-two?")
        await expect(window.locator(".notice")).to_contain_text("2 callers claim to be this device")
        claims = (await other.get("acc-two"))["claims"]
        for claim in claims:
            await expect(window.get_by_role("radio", name=claim["fingerprint"])).to_be_visible()
        right = next(claim for claim in claims if claim["keySent"])
        await expect(window).to_contain_text(key.fingerprint)
        await expect(window).to_contain_text("sent no key")
        await window.get_by_role("radio", name=right["fingerprint"]).check()
        await button(window, "Accept this caller").click()
        await expect(row.locator(".status")).to_have_text("Accepted")
        await expect(window).to_have_count(0)
        assert "sealed" in await accepted(callers[1])


async def test_of_callers_with_the_same_token_only_those_stand_to_be_chosen(admin: Person, site: AnySite) -> None:
    """The token that was typed at the row is the one for the choice too."""
    shown = [{"securityToken": "same"}, {"securityToken": "same"}, {}]
    async with called(site, "acc-same", shown) as (_, callers):
        row = await admin.row("acc-same")
        await row.get_by_label("Security token").fill("same")
        await row.get_by_label("Security token").press("Enter")
        window = admin.page.get_by_role("dialog", name="Which one is acc-same?")
        await expect(window.get_by_role("radio")).to_have_count(2)
        await expect(window).to_contain_text("1 other caller did not send this security token.")
        await window.get_by_role("radio").first.check()
        await expect(window.get_by_label("Security token", exact=True)).to_have_value("same")
        await button(window, "Accept this caller").click()
        await expect(row.locator(".status")).to_have_text("Accepted")
        assert (await accepted(callers[0]))["deviceId"] == "acc-same"


async def test_more_callers_than_are_kept_are_explained_and_the_token_tells_the_right_one(
    admin: Person, site: AnySite
) -> None:
    """The token is remembered, the next call that carries it is accepted."""
    async with called(site, "acc-crowd", [{}] * 5) as (_, callers):
        row = await admin.row("acc-crowd")
        await expect(row).to_contain_text("More callers than can be kept claim to be this device.")
        await row.get_by_label("Security token").fill("of the real one")
        await row.get_by_label("Security token").press("Enter")
        window = admin.page.get_by_role("dialog", name="Which one is acc-crowd?")
        await expect(window.locator(".notice")).to_contain_text("it is remembered now, accept again after")
        await expect(window).to_contain_text("delete the registration and register again, with a security token")
        await admin.page.keyboard.press("Escape")
        await expect(window).to_have_count(0)
        await callers[4].ask({"securityToken": "of the real one"})
        await button(row).click()
        await expect(row.locator(".status")).to_have_text("Accepted")
        assert (await accepted(callers[4]))["deviceId"] == "acc-crowd"


async def test_what_was_accepted_or_deleted_elsewhere_meanwhile_is_told_or_simply_shown(
    admin: Person, site: AnySite
) -> None:
    """A refusal goes when it is no longer true."""
    async with called(site, "acc-late", [{"securityToken": "right"}]) as (other, _):
        row = await admin.row("acc-late")
        await button(row).click()
        await expect(notice(row)).to_contain_text("showed a security token")
        await other.ok("accept", {"id": "acc-late", "securityToken": "right"})
        await expect(row.locator(".status")).to_have_text("Accepted")
        await expect(row.locator(".notice")).to_be_empty()


async def test_what_is_typed_stays_while_events_come_in(admin: Person, site: AnySite) -> None:
    async with called(site, "acc-typing", [{"securityToken": "typed slowly"}]) as (other, _):
        row = await admin.row("acc-typing")
        field = row.get_by_label("Security token")
        await field.press_sequentially("typed ")
        await other.ok("register", {"devices": [{"id": f"acc-typing-{number}"} for number in range(3)]})
        async with device(site.access, "acc-typing-0") as second:
            await second.ask()
            await expect((await admin.row("acc-typing-0")).locator(".status")).to_have_text("Pending acceptance")
        await expect(field).to_be_focused()
        await admin.page.keyboard.type("slowly")
        await admin.page.keyboard.press("Enter")
        await expect(row.locator(".status")).to_have_text("Accepted")


async def test_the_whole_way_goes_by_keyboard_from_one_device_to_the_next(admin: Person, site: AnySite) -> None:
    """Enter accepts, and the field of the next device has the focus; a conflict is chosen with the arrow keys."""
    page = admin.page
    async with called(site, "acc-key-1"), called(site, "acc-key-2", [{}, {}]) as (other, _):
        await page.goto(f"{admin.console.url}/?search=acc-key")
        first, second = await admin.row("acc-key-1"), await admin.row("acc-key-2")
        await first.get_by_label("Security token").focus()
        await page.keyboard.press("Enter")
        await expect(first.locator(".status")).to_have_text("Accepted")
        await expect(second.get_by_label("Security token")).to_be_focused()
        await page.keyboard.press("Tab")
        await expect(button(second)).to_be_focused()
        await page.keyboard.press("Enter")
        window = page.get_by_role("dialog", name="Which one is acc-key-2?")
        await expect(window).to_be_visible()
        chosen = window.get_by_role("radio").last
        await window.get_by_role("radio").first.focus()
        await page.keyboard.press("ArrowDown")
        await expect(chosen).to_be_checked()
        await page.keyboard.press("Enter")
        await expect(second.locator(".status")).to_have_text("Accepted")
        assert (await other.get("acc-key-2"))["status"] == "ACCEPTED"


async def test_a_viewer_sees_all_and_can_do_nothing(browser: Browser, console: Console, site: AnySite) -> None:
    async with called(site, "acc-seen") as (other, _), somebody(browser, console) as viewer:
        made = await other.ok("create-administrator", {"name": "acc-viewer", "role": "viewer"})
        await viewer.log_in("acc-viewer", made["password"], HERE)
        row = await viewer.row("acc-seen")
        await expect(row.locator(".status")).to_have_text("Pending acceptance")
        await expect(button(row)).to_have_count(0)
        await expect(viewer.page.get_by_role("button", name="Accept all")).to_have_count(0)
        assert (await other.get("acc-seen"))["status"] == "PENDING_ACCEPTANCE"


async def test_management_gives_a_blocked_device_back_to_its_tenant_but_not_its_group(
    browser: Browser, console: Console, site: AnySite
) -> None:
    tenant = f"acc{secrets.token_hex(3)}"
    async with contextlib.AsyncExitStack() as stack:
        root = await stack.enter_async_context(administrator(site.access, "management"))
        boss = await stack.enter_async_context(new_tenant(site.access, root, tenant))
        await boss.ok("set-option", {"category": "device-registration", "key": POLICY, "value": "REQUIRED"})
        await boss.ok("register", {"devices": [{"id": "acc-sub-1"}, {"id": "acc-sub-2", "group": "Halls"}]})
        for number in (1, 2):
            caller = await stack.enter_async_context(device(site.access, f"acc-sub-{number}"))
            await caller.ask()
        person = await stack.enter_async_context(somebody(browser, console))
        await person.log_in("root", site.password_of("root"), HERE)
        for number in (1, 2):
            row = await person.row(f"acc-sub-{number}")
            await button(row, "Delete and register again").click()
            await button(person.page.get_by_role("dialog"), "Delete and register again").click()
            if number == 1:
                await expect(row.locator(".status")).to_contain_text("Waiting for connection")
                assert (await boss.get("acc-sub-1"))["tenant"] == tenant
            else:
                await expect(notice(row)).to_contain_text(f"Its group, Halls, is of the tenant {tenant}")
                assert (await boss.get("acc-sub-2"))["status"] == "BLOCKED"
