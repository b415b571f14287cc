"""Serves the console over HTTP: login, log-out, static files, and NiceGUI behind the guard, until cancelled."""

import asyncio
import html
import socket
import ssl
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Annotated, Final

import structlog
import uvicorn
from fastapi import FastAPI, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from nicegui import ui

from bridge.admin import NoAnswer
from bridge.broker import BrokerError, LoginRefused, SubscriptionRefused
from bridge.console import bulk_upload, guard, pages, sessions, shell
from bridge.console.sessions import Broker, Sessions, TooMany
from bridge.console.texts import text
from bridge.httpd import bind

LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})

log = structlog.get_logger("console")


@dataclass(frozen=True, slots=True)
class Serving:
    """Where and how to serve. ``certificate`` and ``key`` are PEM files; ``idle`` is in seconds."""

    listen: str
    port: int
    certificate: Path | None = None
    key: Path | None = None
    names: Collection[str] = ()
    idle: float = 1_800.0
    most: int = 50
    upload: int = 268_435_456

    @property
    def secure(self) -> bool:
        """Whether browsers reach us by TLS, so that the cookie can be bound to it."""
        return self.certificate is not None

    @property
    def cookie(self) -> str:
        """The cookie's name: with TLS one that no other site of this name can set."""
        return "__Host-console" if self.secure else f"console-{self.port}"

    @property
    def address(self) -> str:
        """The address to open in a browser."""
        host = f"[{self.listen}]" if ":" in self.listen else self.listen
        return f"{'https' if self.secure else 'http'}://{host}:{self.port}/"


def _login_page(serving: Serving, words: str, next_: str, name: str, with_tenant: bool, status: int) -> HTMLResponse:
    template = resources.files("bridge.console").joinpath("static/login.html").read_text(encoding="utf-8")
    values = {
        key: text(f"login.{key}") for key in ("title", "intro", "name", "password", "tenant", "tenant_hint", "submit")
    }
    values |= {"brand": text("shell.title"), "message": words, "next": next_, "value": name}
    page = template
    for key, value in values.items():
        page = page.replace("{{" + key + "}}", html.escape(value, quote=True))
    page = page.replace("{{tenant_open}}", "open" if with_tenant else "")
    return HTMLResponse(page, status, headers={"cache-control": "no-store"})


def _local(target: str) -> str:
    """Return ``target`` if it is a page of ours, else the first page: no login leads to another site."""
    return target if target.startswith("/") and not target.startswith(("//", "/\\")) else "/"


def application(serving: Serving, people: Sessions) -> guard.Guard:
    """Return the ASGI application."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.mount("/static", StaticFiles(packages=[("bridge.console", "static")]), name="static")

    @app.get("/login")
    async def login_form(next: str = "/", why: str = "") -> Response:  # noqa: A002 - the name in the address
        words = text(f"login.{why}") if why in {end.value for end in sessions.End} else ""
        return _login_page(serving, words, _local(next), "", False, 200)

    @app.post("/login")
    async def log_in(
        username: Annotated[str, Form()] = "",
        password: Annotated[str, Form()] = "",
        tenant: Annotated[str, Form()] = "",
        next: Annotated[str, Form()] = "/",  # noqa: A002 - the name in the form
    ) -> Response:
        target = _local(next)
        try:
            cookie, _ = await people.log_in(username, password, tenant.strip() or None)
        except LoginRefused:
            return _login_page(serving, text("login.wrong"), target, username, bool(tenant), 403)
        except SubscriptionRefused:
            return _login_page(serving, text("login.other_tenant"), target, username, True, 403)
        except TooMany:
            return _login_page(serving, text("login.too_many"), target, username, bool(tenant), 503)
        except NoAnswer:
            return _login_page(serving, text("login.no_answer"), target, username, bool(tenant), 503)
        except BrokerError as error:
            return _login_page(
                serving, text("login.unreachable", reason=str(error)), target, username, bool(tenant), 503
            )
        answer = RedirectResponse(target, 303)
        answer.set_cookie(serving.cookie, cookie, httponly=True, secure=serving.secure, samesite="lax", path="/")
        return answer

    @app.post("/logout")
    async def log_out(request: Request) -> Response:
        people.log_out(request.cookies.get(serving.cookie))
        answer = RedirectResponse("/login?why=logged_out", 303)
        answer.delete_cookie(serving.cookie, httponly=True, secure=serving.secure, samesite="lax", path="/")
        return answer

    bulk_upload.serve(app, people, serving.cookie, serving.upload)
    pages.load()
    shell.serve_pages(people, serving.cookie)
    ui.run_with(app, title=text("shell.title"), tailwind=False, show_welcome_message=False, language="en-US", dark=None)
    hosts = {f"{name}:{serving.port}" for name in ("127.0.0.1", "localhost", "[::1]", *serving.names)}
    hosts |= set(serving.names)
    return guard.Guard(app, secure=serving.secure, hosts=hosts, largest={"upload": serving.upload})


class _Server(uvicorn.Server):
    """One that leaves signals to who runs it, and says when it serves."""

    def __init__(self, config: uvicorn.Config, when_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._when_started = when_started

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none: they cancel the task that runs this."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and tell."""
        await super().startup(sockets)
        self._when_started()


async def run(wanted: Serving, broker: Broker, when_ready: Callable[[Serving], None]) -> None:
    """Serve until cancelled. Raises OSError where the port cannot be taken."""
    listening = bind(wanted.listen, wanted.port)
    serving = replace(wanted, port=listening.getsockname()[1])
    async with sessions.opened(broker, idle=serving.idle, most=serving.most) as people:
        config = uvicorn.Config(
            application(serving, people),
            log_config=None,
            access_log=False,
            server_header=False,
            ssl_certfile=serving.certificate,
            ssl_keyfile=serving.key,
            ssl_version=ssl.PROTOCOL_TLS_SERVER,
            timeout_graceful_shutdown=2,
            ws_max_size=1_048_576,
        )
        server = _Server(config, lambda: when_ready(serving))
        serve = asyncio.create_task(server.serve([listening]), name="serve HTTP")
        try:
            await asyncio.shield(serve)
        finally:
            server.should_exit = True
            await asyncio.wait({serve})
