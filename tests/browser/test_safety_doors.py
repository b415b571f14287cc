"""Who gets in, who does not, and what strangers see: by requests that no browser would send."""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.browser.forging import SOCKET, Seen, asking, cookie_of, query_of
from tests.browser.station import Console, Person, serving, somebody
from tests.e2e.faulty import Line
from tests.e2e.peer import administrator, private_id, stranger
from tests.e2e.site import BIN, AnySite, run

INSIDE = (
    *("/", "/overview", "/devices", "/options?x=y", "/label?id=a", "/upload", "/nowhere", "/docs", "/openapi.json"),
    *("/_nicegui/3.18.0/static/nicegui.js", "/_nicegui/auto/x", "/.nicegui/storage-general.json", "/static"),
)


@pytest.fixture(scope="module")
def console(site: AnySite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """A console of this file's own: who types wrong passwords has to wait, and so would the tests of other files."""
    with serving(site, tmp_path_factory.mktemp("doors")) as served:
        yield served


@pytest.mark.parametrize("path", INSIDE)
async def test_strangers_are_led_to_the_login_whatever_they_ask_for(console: Console, path: str) -> None:
    async with asking(console) as stranger:
        page = await stranger.get(path)
        assert (page.status_code, page.headers["location"].split("?")[0]) == (303, "/login")
        by_script = await stranger.get(path, headers={"sec-fetch-mode": "cors"})
        assert (by_script.status_code, by_script.text) == (401, "log in first\n")
        assert (await stranger.post(path, content=b"x")).status_code == 401


async def test_what_strangers_see_tells_nothing_of_what_is_behind_it(console: Console) -> None:
    async with asking(console) as stranger:
        seen = [await stranger.get(path) for path in ("/login", "/static/console.js", "/static/none.js", "/nowhere")]
        seen.append(await stranger.post("/login", data={"username": "a", "password": "b"}, headers={"origin": "null"}))
    for answer in seen:
        names = {name.lower() for name in answer.headers}
        assert not names & {"server", "x-powered-by", "set-cookie", "access-control-allow-origin", "x-nicegui-content"}
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]
        for word in ("nicegui", "uvicorn", "fastapi", "starlette", "python", "traceback"):
            assert word not in answer.text.lower()


async def test_a_false_login_is_refused_and_nothing_of_it_comes_back_as_markup(console: Console) -> None:
    hostile = '"><script>alert(1)</script>'
    async with asking(console) as stranger:
        for form in (
            {"username": hostile, "password": "x"},
            {"username": "admin", "password": "x", "tenant": "+"},
            {"username": "admin", "password": "x", "tenant": "#", "next": hostile},
            {"username": "admin", "password": ""},
            {"username": "admin", "password": "x" * 5_000},
            {"username": "admin\0", "password": "x"},
            {"username": "bridge-control", "password": "x"},
            {"username": "../../etc", "password": "x", "next": "https://evil.example"},
        ):
            answer = await stranger.post("/login", data=form)
            assert (answer.status_code, "does not accept this user name" in answer.text) == (403, True)
            assert "<script>alert" not in answer.text
            assert 'name="next" value="/"' in answer.text or "&lt;script" in answer.text
        files = {"username": ("a", b"x"), "password": (None, b"y")}
        assert (await stranger.post("/login", files=files)).status_code == 400
        assert (await stranger.post("/login", data={"username": "x" * 70_000})).status_code == 413


@pytest.mark.parametrize(
    "target", ["//evil.example", "/\\evil.example", "https://evil.example", "/\t/evil.example", "x"]
)
async def test_no_login_leads_to_another_site(console: Console, site: AnySite, target: str) -> None:
    async with asking(console) as somebody_:
        login = {"username": "admin", "password": site.password_of("admin"), "next": target}
        answer = await somebody_.post("/login", data=login)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")


async def test_the_cookie_is_for_us_alone_and_new_with_each_login(console: Console, site: AnySite) -> None:
    login = {"username": "admin", "password": site.password_of("admin")}
    async with asking(console) as one:
        first = (await one.post("/login", data=login)).headers["set-cookie"]
        assert {"HttpOnly", "Path=/", "SameSite=lax"} <= set(first.split("; "))
        assert not any(word in first.lower() for word in ("domain", "expires", "max-age"))
        before = one.cookies[f"console-{console.port}"]
        assert len(before) >= 43, "256 bits"
        await one.post("/login", data=login)
        assert one.cookies[f"console-{console.port}"] != before
    async with asking(console, f"console-{console.port}={before}") as thief:
        assert (await thief.get("/")).status_code == 303, "the former one of this browser is no good any more"
    for strange in ("", "x", '"', before[:-1]):
        async with asking(console, f"console-{console.port}={strange}") as nobody:
            assert (await nobody.get("/")).status_code == 303


async def test_where_there_is_no_page_that_is_said_and_no_more(admin: Person, console: Console) -> None:
    page = await admin.open("/nowhere/<b>")
    await expect(page.get_by_role("heading")).to_have_text("There is no such page")
    await page.get_by_role("link").click()
    await page.wait_for_selector("#content")
    async with asking(console, await cookie_of(admin)) as same:
        nothing = await same.get("/_nicegui/client/x/upload/1")
        missing = await same.get("/_nicegui/3.18.0/components/none.js")
        assert (nothing.status_code, missing.status_code) == (404, 404)
        assert (await same.post("/nowhere", content=b"x")).status_code in {404, 405}
        polling = query_of(Seen("x", "y"), transport="polling")
        assert (await same.get(f"{SOCKET}?{polling}")).status_code == 404


async def test_a_page_that_fails_tells_no_cause(browser: Browser, site: AnySite, tmp_path: Path) -> None:
    """The traceback is in the log; the browser is told that it was not the person's doing."""
    broken = tmp_path / "broken.py"
    broken.write_text(
        "import sys\n"
        "from bridge import cli\n"
        "from bridge.console import pages, shell\n"
        "usual = pages.load\n"
        "async def build(session, request):\n"
        "    raise ValueError('what was wrong')\n"
        "def load():\n"
        "    usual()\n"
        "    shell._pages['/overview'] = build\n"
        "pages.load = load\n"
        "cli.main()\n"
    )
    console = Console.start(site, tmp_path, program=[str(BIN / "python"), str(broken)])
    try:
        async with somebody(browser, console) as person:
            page = await person.log_in("admin", site.password_of("admin"))
            answer = await page.goto(f"{console.url}/overview")
            assert answer is not None
            assert answer.status == 500
            await expect(page.get_by_role("heading")).to_have_text("Something went wrong")
            assert "what was wrong" not in await page.content()
            assert "ValueError: what was wrong" in console.process.output
    finally:
        console.stop()


@pytest.fixture
def line(site: AnySite) -> Line:
    return Line(site.access["port"])


async def test_who_guesses_passwords_has_to_wait_and_does_not_reach_the_broker(
    browser: Browser, site: AnySite, line: Line, tmp_path: Path
) -> None:
    console = Console.start(site, tmp_path, "--host", "127.0.0.1", "--port", str(line.port))
    try:
        async with asking(console) as guesser:
            tries = [guesser.post("/login", data={"username": "admin", "password": f"x{n}"}) for n in range(30)]
            answers = await asyncio.gather(*tries)
        codes = [one.status_code for one in answers]
        assert (codes.count(403), codes.count(429)) == (5, 25)
        assert line.accepted == 5
        held = next(one for one in answers if one.status_code == 429)
        assert 1 <= int(held.headers["retry-after"]) <= 5
        assert "Too many attempts. Try again in" in held.text
        assert "login held back" in console.process.output
    finally:
        console.stop()
        line.end()


async def test_what_is_no_http_is_refused_and_who_says_nothing_is_not_waited_for(console: Console) -> None:
    async def sent(data: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", console.port)
        writer.write(data)
        answer = b""
        with contextlib.suppress(ConnectionResetError):  # it was ended with some of it unread
            while piece := await reader.read(65_536):
                answer += piece
        writer.close()
        return answer

    host = f"Host: 127.0.0.1:{console.port}\r\n".encode()
    assert (await sent(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")).startswith(b"HTTP/1.1 400")
    assert (await sent(b"GET / HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 400")
    assert (await sent(b"GET / HTTP/1.1\r\n" + host + host + b"\r\n")).startswith(b"HTTP/1.1 400")
    long = b"X-Long: " + b"x" * 20_000 + b"\r\n"
    assert (await sent(b"GET /login HTTP/1.1\r\n" + host + long + b"\r\n")).startswith(b"HTTP/1.1 431")
    assert not (await sent(b"GET /login HTTP/1.1\r\n" + host + 50 * long + b"\r\n")).startswith(b"HTTP/1.1 200")
    smuggled = b"POST /login HTTP/1.1\r\n" + host + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    assert not (await sent(smuggled)).startswith(b"HTTP/1.1 200")
    # One that says nothing and one that says it slowly are ended, each after ten seconds.
    began = asyncio.get_running_loop().time()
    assert list(await asyncio.gather(sent(b""), sent(b"GET / HTTP/1.1\r\n" + host))) == [b"", b""]
    assert asyncio.get_running_loop().time() - began < 25


async def test_other_machines_are_served_without_tls_only_where_that_is_said(site: AnySite) -> None:
    words = [str(BIN / "bootstrap-bridge"), "console", "--data", str(site.data), "--console-port", "0"]
    done = await asyncio.to_thread(run, *words, "--console-listen", "0.0.0.0")
    assert (done.returncode, "passwords would travel in clear" in done.stderr) == (2, True)
    for given, told in (
        (("--tls-certificate", "x.pem"), "go together"),
        (("--tls",), "renew-certificates --console"),
        (("--console-url", "nowhere"), "no address such as"),
        (("--console-name", "a b"), "neither a host name nor an address"),
        (("--tls-certificate", str(site.data / "none.pem"), "--tls-key", str(site.data / "none.pem")), "No such file"),
    ):
        done = await asyncio.to_thread(run, *words, *given)
        assert (done.returncode != 0, told in done.stderr) == (True, True), done.stderr
        assert "Traceback" not in done.stderr


async def test_nothing_secret_is_in_a_log_or_left_in_a_file(browser: Browser, site: AnySite, tmp_path: Path) -> None:
    """A console that was used, and used wrongly, leaves behind neither passwords nor cookies nor tokens."""
    within = tmp_path / "within"
    within.mkdir()
    console = Console.start(site, tmp_path, "--log-level", "debug", within=within)
    password, token = site.password_of("admin"), "safety-token-secret"
    received: list[str] = []
    try:
        async with somebody(browser, console) as person, administrator(site.access) as other:
            await other.ok("register", {"id": "safety-logged"})
            async with stranger(site.access, private_id()) as device:
                await device.publish(
                    f"bootstrap/safety-logged/request/{device.client.identifier}", b'{"securityToken":"y"}'
                )
                await other.until("safety-logged", "lastSeen")
            person.page.on("websocket", lambda one: one.on("framereceived", lambda data: received.append(str(data))))
            page = await person.log_in("admin", password, "/?search=safety-logged")
            cookie = (await cookie_of(person)).partition("=")[2]
            assert await page.evaluate("document.cookie") == ""
            row = await person.row("safety-logged")
            await row.get_by_label("Security token").fill(token)
            await row.get_by_role("button", name="Accept", exact=True).click()
            await other.until("safety-logged", "failedAttempts")
            await expect(row.get_by_role("cell", name="1", exact=True).first).to_be_visible()
            received.append(await page.content())
            async with asking(console, await cookie_of(person)) as same:
                received.append((await same.get("/")).text)
        async with asking(console) as guesser:
            await guesser.post("/login", data={"username": "safety-name-secret", "password": "safety-word-secret"})
    finally:
        console.stop()
    seen = "".join(received)
    assert "safety-logged" in seen
    assert [secret for secret in (password, cookie, token) if secret in seen] == []
    typed = (password, cookie, token, "safety-name-secret", "safety-word-secret")
    assert [secret for secret in typed if secret in console.process.output] == []
    assert "logged in" in console.process.output
    assert "a library says" not in console.process.output
    assert list(within.iterdir()) == []
