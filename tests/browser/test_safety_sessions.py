"""How long somebody is logged in, what ends it, and that people see and do nothing of each other's."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.browser.forging import asking, cookie_of, query_of, seen, socket
from tests.browser.station import Console, Person, at_login, somebody
from tests.e2e.faulty import Line
from tests.e2e.peer import Administrator, administrator, connected, private_id, stranger
from tests.e2e.site import AnySite, UpSite, free_ports, running, wait_until

HOSTILE = "<script>window.owned = 1</script><img src=x onerror='window.owned = 2'>{{window.owned = 3}}\u202e\u0007"
PAGES = (
    "/",
    "/overview",
    "/unregistered",
    "/devices",
    "/groups",
    "/audit",
    "/options",
    "/administrators",
    "/applications",
)


@pytest.fixture(scope="module")
def lined(site: AnySite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Console, Line]]:
    """A console that reaches the broker by a line on which connections are counted."""
    line = Line(site.access["port"])
    folder = tmp_path_factory.mktemp("lined")
    served = Console.start(site, folder, "--host", "127.0.0.1", "--port", str(line.port), "--most-sessions", "12")
    try:
        yield served, line
    finally:
        served.stop()
        line.end()


@pytest_asyncio.fixture(loop_scope="session")
async def other(site: AnySite) -> AsyncIterator[Administrator]:
    async with administrator(site.access) as one:
        yield one


async def made(other: Administrator, name: str, role: str = "owner", **more: str) -> str:
    return str((await other.ok("create-administrator", {"name": name, "role": role, **more}))["password"])


async def test_logging_out_ends_the_connection_at_the_broker_and_all_pages(
    browser: Browser, lined: tuple[Console, Line], site: AnySite
) -> None:
    console, line = lined
    async with somebody(browser, console) as person:
        first = await person.log_in("admin", site.password_of("admin"))
        second = await person.context.new_page()
        person.hear(second)
        await second.goto(f"{console.url}/audit")
        await second.wait_for_selector("#content")
        assert line.open == 1, "one connection for both"
        cookie, query = await cookie_of(person), query_of(await seen(second))
        async with socket(console, query, cookie) as kept:
            await first.get_by_role("button", name="Log out").click()
            await at_login(first, "You are logged out.")
            await at_login(second, "You are logged out.")
            await kept.hung_up()
        await asyncio.to_thread(wait_until, lambda: line.open == 0, "the connection at the broker is closed")
        assert await person.context.cookies() == []
        async with asking(console, cookie) as thief:
            assert (await thief.get("/")).status_code == 303
        await first.go_back()
        await first.wait_for_url("**/login**")


async def test_who_is_deleted_or_has_another_password_is_out_at_once(
    browser: Browser, console: Console, other: Administrator
) -> None:
    password = await made(other, "safety-leaving", "viewer")
    async with somebody(browser, console) as person:
        page = await person.log_in("safety-leaving", password)
        await other.ok("delete-administrator", {"name": "safety-leaving"})
        await made(other, "safety-leaving", "viewer")
        await at_login(page, "You were logged out, because the broker no longer takes your login.")
        await person.page.fill("#username", "safety-leaving")
        await person.page.fill("#password", password)
        await person.page.click("button[type=submit]")
        await expect(page.get_by_role("alert")).to_contain_text("does not accept this user name and password")


async def test_a_person_has_so_many_sessions_and_all_have_so_many(
    lined: tuple[Console, Line], site: AnySite, other: Administrator
) -> None:
    console, _ = lined
    login = {"username": "admin", "password": site.password_of("admin")}
    async with asking(console) as one:
        cookies = []
        for _ in range(11):
            one.cookies.clear()
            answer = await one.post("/login", data=login)
            assert answer.status_code == 303
            cookies.append(answer.headers["set-cookie"].split(";")[0])
    alive = []
    for cookie in cookies:
        async with asking(console, cookie) as same:
            alive.append((await same.get("/audit")).status_code == 200)
    assert alive == [False] + [True] * 10, "the one that was not used for longest is over"
    for number in range(3):
        password = await made(other, f"safety-crowd-{number}", "viewer")
        async with asking(console) as one:
            answer = await one.post("/login", data={"username": f"safety-crowd-{number}", "password": password})
            assert answer.status_code == (503 if number == 2 else 303)
    for cookie in cookies:
        async with asking(console, cookie) as same:
            assert (await same.post("/logout")).status_code == 303


async def test_names_that_are_scripts_are_names_on_every_page(
    admin: Person, site: AnySite, other: Administrator
) -> None:
    """Names, types, groups, properties, callers, searches, and what devices say of themselves."""
    names = {"name": HOSTILE.replace("\u0007", ""), "type": "<b>type</b>", "group": "<i>group</i>/{{1+1}}"}
    await other.ok("register", {"id": "safety-<b>markup", **names, "properties": {"<u>key": "<s>value"}})
    await other.ok("create-group", {"path": "<img src=x onerror=alert(1)>"})
    device_id = "safety-<svg onload=window.owned=4>"
    async with stranger(site.access, private_id()) as device:
        await device.publish(f"bootstrap/{device_id}/request/{device.client.identifier}", b"{}")
    asked: list[str] = []
    admin.page.on("dialog", lambda dialog: asked.append(dialog.message))
    for path in (
        *PAGES,
        "/?search=%3Cimg+src%3Dx+onerror%3Dalert(1)%3E",
        "/?register=%3Cscript%3Ealert(1)%3C%2Fscript%3E",
    ):
        page = await admin.open(path)
        await page.wait_for_selector("#content")
        assert await page.evaluate("window.owned") is None
    page = await admin.open("/?search=safety-%3Cb%3Emarkup")
    await expect(await admin.row("safety-<b>markup")).to_contain_text("<script>window.owned = 1</script>")
    for path in (
        "/label?id=safety-%3Cb%3Emarkup&name=%3Cscript%3Ewindow.owned=5%3C/script%3E",
        "/login?why=%3Cscript%3E",
    ):
        page = await admin.open(path)
        assert await page.evaluate("window.owned") is None
    assert (asked, await admin.page.locator("main b, main i, main svg[onload]").count()) == ([], 0)


async def test_what_got_into_a_page_as_markup_would_run_nothing(
    browser: Browser, console: Console, site: AnySite
) -> None:
    """The policy stands behind all that: a script, a handler and an address of somebody else's are not run."""
    async with somebody(browser, console) as person:
        page = await person.log_in("admin", site.password_of("admin"))
        found = await page.evaluate(
            """async () => {
              const seen = [];
              document.addEventListener("securitypolicyviolation", (one) => seen.push(one.effectiveDirective));
              const box = document.querySelector("#content");
              box.insertAdjacentHTML("beforeend", "<img src='x' onerror='window.owned = 1'>");
              const script = document.createElement("script");
              script.textContent = "window.owned = 2";
              box.append(script);
              const frame = document.createElement("iframe");
              frame.src = "https://evil.example/";
              box.append(frame);
              await fetch("https://evil.example/").catch(() => {});
              const base = document.createElement("base");
              base.href = "https://evil.example/";
              document.head.append(base);
              await new Promise((done) => setTimeout(done, 500));
              return [window.owned ?? null, [...new Set(seen)].sort()];
            }"""
        )
        assert found == [None, ["base-uri", "connect-src", "frame-src", "script-src-attr", "script-src-elem"]]
        person.faults.clear()  # of all that the browser has told, too


@pytest.fixture(scope="module")
def tenants(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpSite]:
    """An installation by TLS of this file's own, since a further tenant changes what all pages show."""
    with running(UpSite(tmp_path_factory.mktemp("tenants") / "data")) as chosen:
        assert isinstance(chosen, UpSite)
        yield chosen


async def test_two_people_of_two_tenants_see_nothing_of_each_other_at_the_same_time(
    browser: Browser, tenants: UpSite, tmp_path: Path
) -> None:
    async with administrator(tenants.access, "management") as root:
        await root.ok("create-tenant", {"id": "safety-b"})
        password = await made(root, "safety-bob", tenant="safety-b")
    console = Console.start(tenants, tmp_path)
    try:
        async with (
            somebody(browser, console) as ann,
            somebody(browser, console) as bob,
            administrator(tenants.access) as other,
            connected(tenants.access["port"], "safety-bob", password) as peer,
        ):
            await peer.subscribe("control/safety-b/safety-bob/response")
            others = Administrator(peer, "safety-b", "safety-bob")
            await ann.log_in("admin", tenants.password_of("admin"))
            await bob.open("/")
            await bob.page.fill("#username", "safety-bob")
            await bob.page.fill("#password", password)
            await bob.page.click("button[type=submit]")
            await expect(bob.page.get_by_role("alert")).to_contain_text("belongs to another tenant: enter it below")
            await bob.page.fill("#password", password)
            await bob.page.fill("#tenant", "safety-b")
            await bob.page.click("button[type=submit]")
            await bob.page.wait_for_selector("#content")
            for number in range(3):
                await other.ok("register", {"id": f"safety-of-ann-{number}"})
                await others.ok("register", {"id": f"safety-of-bob-{number}"})
            await ann.row("safety-of-ann-2")
            await bob.row("safety-of-bob-2")
            for person, foreign in ((ann, "safety-of-bob"), (bob, "safety-of-ann")):
                await expect(person.page.locator("#content")).not_to_contain_text(foreign)
                for path in ("/audit", "/unregistered", "/administrators", f"/?search={foreign}"):
                    await person.open(path)
                    await person.page.wait_for_selector("#content")
                    await expect(person.page.locator("#content tr", has_text=foreign)).to_have_count(0)
            await bob.page.get_by_role("button", name="Log out").click()
            await bob.page.wait_for_url("**/login?**")
            await ann.open("/audit")
            await ann.page.wait_for_selector("#content")
    finally:
        console.stop()


async def test_by_tls_of_the_installations_own_authority_the_cookie_is_bound_to_it(
    browser: Browser, tmp_path: Path
) -> None:
    site = UpSite(tmp_path / "data")
    port, bootstrap_port = free_ports(2)
    done = site.cli("init", "--tls", "--port", str(port), "--bootstrap-port", str(bootstrap_port))
    assert done.returncode == 0, done.stderr
    made_one = site.cli("renew-certificates", "--console")
    assert "The certificate of the console is new" in made_one.stdout
    try:
        site.start("--port", str(port), "--bootstrap-port", str(bootstrap_port))
        console = Console.start(site, tmp_path, "--tls")
        try:
            trusting = ssl.create_default_context(cafile=site.data / "ca.pem")
            async with asking(console, verify=trusting) as stranger_:
                answer = await stranger_.get("/login")
                assert answer.headers["strict-transport-security"] == "max-age=31536000"
            async with somebody(browser, console, ignore_https_errors=True) as person:
                await person.log_in("admin", site.password_of("admin"))
                (cookie,) = await person.context.cookies()
                assert (cookie.get("name"), cookie.get("secure"), cookie.get("httpOnly")) == (
                    "__Host-console",
                    True,
                    True,
                )
                await person.page.get_by_role("button", name="Log out").click()
                await at_login(person.page, "You are logged out.")
                assert await person.context.cookies() == []
        finally:
            console.stop()
    finally:
        site.stop()
