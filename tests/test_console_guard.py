"""What the guard lets through, and what each answer tells the browser; without a socket, by messages."""

import asyncio
from collections.abc import Iterable, MutableMapping
from typing import Any

import pytest

from bridge.console.guard import (
    BURST,
    MAX_BODY,
    MAX_HEADERS,
    MAX_TARGET,
    PER_SECOND,
    SOCKETS,
    Application,
    Guard,
    Message,
)
from bridge.console.headers import NONCE, OF_PAGES, STRICT

HOST = "127.0.0.1:8080"
OURS = f"http://{HOST}"


class Page:
    """An application behind the guard that notes what came through."""

    def __init__(self, *headers: tuple[bytes, bytes]) -> None:
        self.headers = headers
        self.bodies: list[bytes] = []
        self.scopes: list[MutableMapping[str, Any]] = []
        self.gone = 0

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.gone += 1
                return
            body += message.get("body", b"")
            if not message.get("more_body", False):
                break
        self.bodies.append(body)
        await send({"type": "http.response.start", "status": 200, "headers": list(self.headers)})
        await send({"type": "http.response.body", "body": b"fine"})


class Answer:
    def __init__(self) -> None:
        self.messages: list[Message] = []

    async def __call__(self, message: Message) -> None:
        self.messages.append(message)

    @property
    def status(self) -> int:
        starts = [one["status"] for one in self.messages if one["type"] == "http.response.start"]
        assert len(starts) == 1, "each request has one answer"
        return int(starts[0])

    @property
    def text(self) -> str:
        return b"".join(one.get("body", b"") for one in self.messages).decode()

    @property
    def headers(self) -> dict[str, str]:
        pairs = [(name.decode(), value.decode()) for name, value in self.messages[0]["headers"]]
        assert len(dict(pairs)) == len(pairs), "no header is there twice"
        return dict(pairs)


def guarded(page: Application, *, secure: bool = False, patience: float = 10.0) -> Guard:
    return Guard(
        page,
        secure=secure,
        hosts={HOST, "console.example.com"},
        largest={"upload": 200_000},
        patience=patience,
        piece_patience=patience,
    )


def headers_of(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in ({"host": HOST} | headers).items() if value]


async def never_more() -> Message:
    """What a browser sends that says nothing more."""
    waiting: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
    return await waiting


async def asked(
    guard: Guard,
    method: str = "GET",
    path: str = "/",
    pieces: Iterable[bytes] = (b"",),
    query: bytes = b"",
    **headers: str,
) -> Answer:
    """Ask and return the answer; ``pieces`` are the body's."""
    parts = list(pieces)
    waiting: list[Message] = [
        {"type": "http.request", "body": part, "more_body": number < len(parts)} for number, part in enumerate(parts, 1)
    ]

    async def receive() -> Message:
        if waiting:
            return waiting.pop(0)
        return await never_more()

    answer = Answer()
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    scope = {"type": "http", "method": method, "path": path, "query_string": query, "headers": headers_of(given)}
    await guard(scope, receive, answer)
    return answer


async def test_a_page_is_asked_for_by_one_of_our_names_alone() -> None:
    guard = guarded(Page())
    for host in (HOST, "console.example.com", "Console.Example.COM"):
        assert (await asked(guard, host=host)).status == 200
    for host in ("", "evil.example", "127.0.0.1:8081", "127.0.0.1", f"{HOST}.evil.example", f"evil.example, {HOST}"):
        answer = await asked(guard, host=host)
        assert (answer.status, "--console-name" in answer.text) == (421, True)


async def test_a_change_is_taken_from_our_own_pages_alone() -> None:
    page = Page()
    guard = guarded(page)
    assert (await asked(guard, "POST", "/login", [b"a=b"], origin=OURS)).status == 200
    others = ("null", "https://evil.example", f"https://{HOST}", "http://127.0.0.1:8081", f"{OURS}.evil.example", "")
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "WHATEVER"):
        for origin in others:
            assert (await asked(guard, method, "/login", origin=origin)).status == 403
    assert page.bodies == [b"a=b"], "of what is refused nothing is heard"


async def test_behind_tls_our_pages_are_those_of_https() -> None:
    guard = guarded(Page(), secure=True)
    host = "console.example.com"
    assert (await asked(guard, "POST", host=host, origin=f"https://{host}")).status == 200
    assert (await asked(guard, "POST", host=host, origin=f"http://{host}")).status == 403


async def test_a_header_that_comes_twice_is_none_that_is_known() -> None:
    guard = guarded(Page())
    answer = Answer()
    headers = [(b"host", HOST.encode()), (b"origin", OURS.encode()), (b"origin", b"https://evil.example")]
    scope = {"type": "http", "method": "POST", "path": "/login", "query_string": b"", "headers": headers}
    await guard(scope, never_more, answer)
    assert answer.status == 403


async def test_a_body_is_read_whole_and_no_longer_than_stated() -> None:
    page = Page()
    guard = guarded(page)
    assert (await asked(guard, "POST", "/login", [b"a=", b"b"], origin=OURS)).status == 200
    assert page.bodies == [b"a=b"]
    longest = [b"x" * MAX_BODY]
    assert (await asked(guard, "POST", "/login", longest, origin=OURS, content_length=str(MAX_BODY))).status == 200
    stated = await asked(guard, "POST", "/login", [], origin=OURS, content_length=str(MAX_BODY + 1))
    lied = await asked(guard, "POST", "/login", [b"x" * MAX_BODY, b"x"], origin=OURS, content_length="10")
    assert (stated.status, lied.status) == (413, 413)
    assert "65,536 bytes" in stated.text
    assert lied.headers["connection"] == "close", "what else comes of it is not read"
    assert len(page.bodies) == 2


async def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    page = Page()
    guard = guarded(page, patience=0.05)
    never = Answer()
    scope = {"type": "http", "method": "POST", "path": "/login", "query_string": b""}
    await guard(scope | {"headers": headers_of({"origin": OURS})}, never_more, never)
    assert (never.status, page.scopes) == (408, [])


async def test_a_browser_that_leaves_in_the_middle_gets_no_answer() -> None:
    async def receive() -> Message:
        return {"type": "http.disconnect"}

    page, answer = Page(), Answer()
    scope = {"type": "http", "method": "POST", "path": "/login", "query_string": b""}
    await guarded(page)(scope | {"headers": headers_of({"origin": OURS})}, receive, answer)
    assert (answer.messages, page.scopes) == ([], [])


async def test_a_request_for_a_page_has_no_body() -> None:
    guard = guarded(Page())
    assert (await asked(guard, content_length="0")).status == 200
    assert (await asked(guard, content_length="1")).status == 400
    assert (await asked(guard, "HEAD", transfer_encoding="chunked")).status == 400


async def test_an_address_has_an_end() -> None:
    guard = guarded(Page())
    assert (await asked(guard, path="/" + "x" * (MAX_TARGET - 2), query=b"y")).status == 200
    assert (await asked(guard, path="/" + "x" * (MAX_TARGET - 1), query=b"y")).status == 414


async def test_headers_have_an_end() -> None:
    guard = guarded(Page())
    assert (await asked(guard, cookie="x" * (MAX_HEADERS - 100))).status == 200
    assert (await asked(guard, cookie="x" * MAX_HEADERS)).status == 431


async def test_an_upload_comes_in_pieces_up_to_a_limit_of_its_own() -> None:
    page = Page()
    guard = guarded(page)
    pieces = [b"x" * 100_000, b"y" * 100_000]
    assert (await asked(guard, "POST", "/upload", pieces, origin=OURS, content_length="200000")).status == 200
    assert len(page.bodies[0]) == 200_000
    stated = await asked(guard, "POST", "/upload/1", [], origin=OURS, content_length="200001")
    assert (stated.status, len(page.scopes)) == (413, 1), "before anything is read"
    lied = await asked(guard, "POST", "/upload", [*pieces, b"z"], origin=OURS, content_length="10")
    assert (lied.status, lied.text, page.gone) == (413, "at most 200,000 bytes\n", 1)


async def test_an_upload_that_does_not_go_on_is_cut_off() -> None:
    page = Page()
    first: list[Message] = [{"type": "http.request", "body": b"x", "more_body": True}]

    async def receive() -> Message:
        return first.pop() if first else await never_more()

    answer = Answer()
    scope = {"type": "http", "method": "POST", "path": "/upload", "query_string": b""}
    guard = guarded(page, patience=0.05)
    await guard(scope | {"headers": headers_of({"origin": OURS, "transfer-encoding": "chunked"})}, receive, answer)
    assert (answer.status, page.gone) == (408, 1)


async def test_what_an_application_says_of_a_request_that_was_cut_off_goes_nowhere() -> None:
    async def stubborn(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["type"] == "http.request":
            pass
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"all fine"})

    answer = await asked(guarded(stubborn), "POST", "/upload", [b"x" * 200_001], origin=OURS)
    assert (answer.status, "fine" in answer.text) == (413, False)


async def test_what_a_stranger_says_of_proxies_is_nothing() -> None:
    page = Page()
    answer = await asked(guarded(page), x_forwarded_for="1.2.3.4", x_forwarded_prefix="/evil", forwarded="for=x")
    assert answer.status == 200
    assert [name for name, _ in page.scopes[0]["headers"]] == [b"host"]


async def test_every_answer_says_what_the_browser_may_do() -> None:
    for answer in (await asked(guarded(Page())), await asked(guarded(Page()), host="evil.example")):
        assert answer.headers["content-security-policy"] == STRICT
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["cache-control"] == "no-store"
        assert "strict-transport-security" not in answer.headers
    secured = await asked(guarded(Page(), secure=True))
    assert secured.headers["strict-transport-security"] == "max-age=31536000"


async def test_a_page_has_a_nonce_of_its_own_each_time() -> None:
    page = Page((b"X-NiceGUI-Content", b"page"), (b"Content-Security-Policy", b"none"), (b"Server", b"x"))
    guard = guarded(page)
    policies = [(await asked(guard)).headers for _ in range(3)]
    nonces = [scope[NONCE] for scope in page.scopes]
    assert len(set(nonces)) == 3
    for headers, nonce in zip(policies, nonces, strict=True):
        assert headers["content-security-policy"] == OF_PAGES.format(nonce=nonce)
        assert not {"x-nicegui-content", "server"} & set(headers)
        assert "'unsafe-inline'" not in headers["content-security-policy"].split("style-src")[0]


async def test_what_may_be_kept_may_be_kept() -> None:
    answer = await asked(guarded(Page((b"Cache-Control", b"public, max-age=5"))))
    assert answer.headers["cache-control"] == "public, max-age=5"


async def on_socket(guard: Guard, path: str, *said: Message, **headers: str) -> Answer:
    waiting: list[Message] = [{"type": "websocket.connect"}, *said]

    async def receive() -> Message:
        return waiting.pop(0) if waiting else {"type": "websocket.disconnect", "code": 1005}

    answer = Answer()
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    await guard({"type": "websocket", "path": path, "query_string": b"", "headers": headers_of(given)}, receive, answer)
    return answer


class Listener:
    def __init__(self) -> None:
        self.heard: list[Message] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        while True:
            self.heard.append(await receive())
            if self.heard[-1]["type"] == "websocket.disconnect":
                return


async def test_a_socket_is_opened_by_our_own_pages_alone() -> None:
    listener = Listener()
    guard = guarded(listener)
    assert (await on_socket(guard, SOCKETS, origin=OURS)).messages == []
    heard = len(listener.heard)
    refused = [
        await on_socket(guard, SOCKETS),
        await on_socket(guard, SOCKETS, origin="null"),
        await on_socket(guard, SOCKETS, origin="https://evil.example"),
        await on_socket(guard, SOCKETS, origin="https://evil.example", host="evil.example"),
        await on_socket(guard, "/", origin=OURS),
        await on_socket(guard, "/upload", origin=OURS),
    ]
    assert [one.messages[0]["type"] for one in refused] == ["websocket.close"] * 6
    assert len(listener.heard) == heard


async def test_nothing_but_sockets_is_answered_where_they_are() -> None:
    page = Page()
    for method, origin in (("GET", ""), ("POST", OURS)):
        assert (await asked(guarded(page), method, SOCKETS + "socket.io", origin=origin)).status == 404
    assert page.scopes == []


async def test_a_socket_that_sends_no_text_is_closed() -> None:
    listener = Listener()
    await on_socket(guarded(listener), SOCKETS, {"type": "websocket.receive", "bytes": b"x"}, origin=OURS)
    assert [one["type"] for one in listener.heard] == ["websocket.connect", "websocket.disconnect"]
    assert listener.heard[-1]["code"] == 1003


async def test_a_socket_is_listened_to_no_faster_than_people_speak() -> None:
    beyond = 5
    said: list[Message] = [{"type": "websocket.receive", "text": "x"} for _ in range(BURST + beyond)]
    loop = asyncio.get_running_loop()
    began = loop.time()
    await on_socket(guarded(Listener()), SOCKETS, *said, origin=OURS)
    # What came in meanwhile has been earned in the meantime, hence not all of the five.
    assert loop.time() - began >= (beyond - 1) / PER_SECOND - 0.01


async def test_the_applications_life_is_its_own() -> None:
    told: list[str] = []

    async def app(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        told.append(scope["type"])

    await guarded(app)({"type": "lifespan"}, never_more, Answer())
    assert told == ["lifespan"]


@pytest.mark.parametrize("policy", [STRICT, OF_PAGES])
def test_no_policy_lets_in_what_is_elsewhere(policy: str) -> None:
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert (rules["default-src"], rules["base-uri"], rules["frame-ancestors"]) == ("'none'",) * 3
    assert rules["form-action"] == rules["connect-src"] == "'self'"
    assert not any(word in policy for word in ("http:", "https:", "*", "ws:"))
