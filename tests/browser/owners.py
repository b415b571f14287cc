"""Owners of tenants that are each a test's own: for what holds for a whole tenant, as options and accept-all."""

import contextlib
import secrets
from collections.abc import AsyncIterator
from typing import Any

from playwright.async_api import Browser

from tests.browser.station import Console, Person, somebody
from tests.e2e.peer import Administrator, administrator
from tests.e2e.people import new_tenant
from tests.e2e.site import AnySite


@contextlib.asynccontextmanager
async def owning(
    browser: Browser, console: Console, site: AnySite, prefix: str, path: str = "/", **options: Any
) -> AsyncIterator[tuple[Administrator, Administrator, Person]]:
    """Make a tenant with two owners; yield management, one owner on MQTT, and the other at the page ``path``.

    ``options`` are Playwright's for a context.
    """
    async with contextlib.AsyncExitStack() as stack:
        root = await stack.enter_async_context(administrator(site.access, "management"))
        tenant = f"{prefix}{secrets.token_hex(3)}"
        boss = await stack.enter_async_context(new_tenant(site.access, root, tenant))
        made = await boss.ok("create-administrator", {"name": f"{tenant}-owner", "role": "owner"})
        person = await stack.enter_async_context(somebody(browser, console, **options))
        await person.open(path)
        await person.page.fill("#username", made["name"])
        await person.page.fill("#password", made["password"])
        await person.page.locator("summary").click()
        await person.page.fill("#tenant", tenant)
        await person.page.click("button[type=submit]")
        await person.page.wait_for_selector("#content")
        yield root, boss, person
