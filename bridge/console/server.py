"""Serves the console over HTTP: login, log-out, static files, and NiceGUI behind the guard, until cancelled."""

import asyncio
import math
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from importlib import resources
from typing import Annotated, Any

import structlog
from fastapi import FastAPI, Form, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from nicegui import app as nicegui_app
from nicegui import client as nicegui_client
from nicegui import ui

from bridge.admin import NoAnswer
from bridge.broker import BrokerError, LoginRefused, SubscriptionRefused
from bridge.certificates import BadCertificate, read
from bridge.console import bulk_upload, listening, pages, plain, sessions, shell
from bridge.console.entrance import Entrance
from bridge.console.guard import Guard
from bridge.console.headers import NONCE
from bridge.console.labelling import serve_labels
from bridge.console.place import LOOPBACK, Serving
from bridge.console.session import Broker
from bridge.console.sessions import Limits, Sessions, TooMany, TooOften
from bridge.console.tabs import Tabs
from bridge.console.texts import counted, text
from bridge.httpd import bind

log = structlog.get_logger("console")

Answering = Callable[..., HTMLResponse]


def _add_login(app: FastAPI, serving: Serving, people: Sessions) -> None:
    cookie_rules: dict[str, Any] = {"httponly": True, "secure": serving.secure, "samesite": "lax", "path": "/"}

    @app.get("/login")
    async def login_form(request: Request, next: str = "/", why: str = "") -> Response:  # noqa: A002 - in the address
        if not why and people.get(request.cookies.get(serving.cookie)) is not None:
            return RedirectResponse(plain.local(next), 303)
        words = text(f"login.{why}") if why in {end.value for end in sessions.End} else ""
        return plain.login(words, target=plain.local(next))

    @app.post("/login")
    async def log_in(
        request: Request,
        username: Annotated[str, Form()] = "",
        password: Annotated[str, Form()] = "",
        tenant: Annotated[str, Form()] = "",
        next: Annotated[str, Form()] = "/",  # noqa: A002 - the name in the form
    ) -> Response:
        target, address = plain.local(next), request.client.host if request.client is not None else ""

        def again(words: str, status: int, *, with_tenant: bool = bool(tenant), **more: Any) -> Response:
            return plain.login(words, target=target, name=username, with_tenant=with_tenant, status=status, **more)

        try:
            cookie, _ = await people.log_in(username, password, tenant.strip() or None, address)
        except LoginRefused:
            return again(text("login.wrong"), 403)
        except SubscriptionRefused:
            return again(text("login.other_tenant"), 403, with_tenant=True)
        except TooOften as error:
            seconds = math.ceil(error.seconds)
            return again(_wait_words(seconds), 429, headers={"retry-after": str(seconds)})
        except TooMany:
            return again(text("login.too_many"), 503)
        except NoAnswer:
            return again(text("login.no_answer"), 503)
        except BrokerError as error:
            return again(text("login.unreachable", reason=str(error)), 503)
        people.log_out(request.cookies.get(serving.cookie))  # whoever was logged in at this browser before
        answer = RedirectResponse(target, 303)
        answer.set_cookie(serving.cookie, cookie, **cookie_rules)
        return answer

    @app.post("/logout")
    async def log_out(request: Request) -> Response:
        people.log_out(request.cookies.get(serving.cookie))
        answer = RedirectResponse("/login?why=logged_out", 303)
        answer.delete_cookie(serving.cookie, **cookie_rules)
        return answer


def _wait_words(seconds: int) -> str:
    if seconds < 100:
        return text("login.too_often", time=counted("login.seconds", seconds))
    return text("login.too_often", time=counted("login.minutes", math.ceil(seconds / 60)))


def _add_notices(app: FastAPI) -> None:
    """Tell in plain words where there is no page, or none can be made; the cause stands in the log alone."""

    async def missing(request: Request, error: Exception) -> Response:
        return plain.notice("missing", 404)

    async def failed(request: Request, error: Exception) -> Response:
        return plain.notice("failed", 500)

    async def unclear(request: Request, error: Exception) -> Response:
        return plain.notice("unclear", 400)

    for one in (app, nicegui_app):
        one.add_exception_handler(404, missing)
        one.add_exception_handler(Exception, failed)
        one.add_exception_handler(RequestValidationError, unclear)


def _mark_scripts() -> None:
    """Have NiceGUI's template put the nonce into its scripts: in its source, so that what is filled in gets none."""
    loader: Any = nicegui_client.templates.env.loader
    get_source = loader.get_source
    mark = "<script nonce=\"{{ request.scope['" + NONCE + "'] }}\""

    def marked(environment: Any, name: str) -> Any:
        source, *rest = get_source(environment, name)
        return source.replace("<script", mark), *rest

    loader.get_source = marked


def application(serving: Serving, people: Sessions) -> Guard:
    """Return the ASGI application."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.mount("/static", StaticFiles(packages=[("bridge.console", "static")]), name="static")
    _add_login(app, serving, people)
    tabs = Tabs()
    bulk_upload.serve(app, people, serving.cookie, serving.upload)
    pages.load()
    shell.serve_pages(people, tabs, serving.cookie)
    serve_labels(app, people, serving)
    _mark_scripts()
    with resources.as_file(resources.files("bridge.console").joinpath("static/favicon.svg")) as favicon:
        ui.run_with(
            app,
            title=text("shell.title"),
            favicon=favicon,
            tailwind=False,
            show_welcome_message=False,
            language="en-US",
            dark=None,
            reconnect_timeout=12.5,  # by which sockets are asked each 10 s whether they are there, and have 5 s
        )
    _add_notices(app)
    tabs.install()
    entrance = Entrance(app, people, serving.cookie)
    return Guard(
        entrance, secure=serving.secure, hosts=serving.hosts(_certified(serving)), largest={"upload": serving.upload}
    )


def _certified(serving: Serving) -> tuple[str, ...]:
    if serving.certificate is None:
        return ()
    with suppress(BadCertificate):  # it serves, but says for whom in a way that we cannot read
        return read(serving.certificate.read_text(encoding="utf-8")).names
    return ()


async def run(wanted: Serving, broker: Broker, when_ready: Callable[[Serving], None]) -> None:
    """Serve until cancelled. Raises OSError where the port cannot be taken, or the certificate not be used."""
    context: ssl.SSLContext | None = None
    following: asyncio.Task[None] | None = None
    if wanted.certificate is not None and wanted.key is not None:
        shown = listening.Certificate(wanted.certificate, wanted.key)
        context = shown.context()
        following = asyncio.create_task(shown.follow(context), name="follow the certificate")
    listener = bind(wanted.listen, wanted.port)
    serving = replace(wanted, port=listener.getsockname()[1])
    limits = Limits(serving.idle, serving.longest, serving.most)
    async with sessions.opened(broker, limits) as people:
        config = listening.config_of(application(serving, people), context, serving.proxies)
        server = listening.Server(config, lambda: when_ready(serving))
        serve = asyncio.create_task(server.serve([listener]), name="serve HTTP")
        try:
            await asyncio.shield(serve)
        finally:
            if following is not None:
                following.cancel()
            server.should_exit = True
            await asyncio.wait({serve})


__all__ = ["LOOPBACK", "Broker", "Serving", "application", "run"]
