"""The frame round every page: who is logged in, the navigator, the notice when broker or bridge are away.

A page is a function that builds its content for a session; ``page`` puts the frame round it and keeps strangers out.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import RedirectResponse, Response
from nicegui import Client, ui

from bridge.console import bulk_upload, plain
from bridge.console.live import while_open
from bridge.console.sessions import Session, Sessions, State
from bridge.console.tabs import Tabs
from bridge.console.texts import text


@dataclass(frozen=True, slots=True)
class Entry:
    """A page in the navigator: path, section of its texts, icon, and the command without which it is not shown."""

    path: str
    section: str
    icon: str
    needs: str
    menu: str = "devices_menu"


NAVIGATOR: Final = (
    Entry("/overview", "overview", "insights", "stats"),
    Entry("/", "registrations", "how_to_reg", "list"),
    Entry("/unregistered", "unregistered", "help_center", "list-unregistered"),
    Entry("/devices", "devices", "devices", "list-devices"),
    Entry("/groups", "groups", "account_tree", "list-groups"),
    Entry("/audit", "audit", "history", "audit", "settings_menu"),
    Entry("/options", "options", "tune", "list-options", "settings_menu"),
    Entry("/administrators", "administrators", "admin_panel_settings", "list-administrators", "settings_menu"),
    Entry("/applications", "applications", "apps", "list-applications", "settings_menu"),
    Entry("/tenants", "tenants", "domain", "list-tenants", "settings_menu"),
)

Builder = Callable[..., Awaitable[None]]
_pages: dict[str, Builder] = {}


def page(path: str) -> Callable[[Builder], Builder]:
    """Take a function ``build(session, request)`` for the page at ``path`` of the navigator."""

    def take(build: Builder) -> Builder:
        _pages[path] = build
        return build

    return take


def serve_pages(sessions: Sessions, tabs: Tabs, cookie_name: str) -> None:
    """Register all pages with NiceGUI."""
    for entry in NAVIGATOR:
        if entry.path in _pages:
            _serve(entry, _pages[entry.path], sessions, tabs, cookie_name)


def _serve(entry: Entry, build: Builder, sessions: Sessions, tabs: Tabs, cookie_name: str) -> None:
    async def built(request: Request, client: Client) -> Response | None:
        session = sessions.get(request.cookies.get(cookie_name))
        if session is None:
            target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            return RedirectResponse(f"/login?next={quote(target, safe='')}", 303)
        if not tabs.admit(client, session):
            client.delete()
            return plain.notice("crowded", 429)
        session.touch()
        client.title = text("shell.window", page=text(f"{entry.section}.title"))
        _frame(entry, session, client)
        content = ui.element("div").classes("page").props('id="content" tabindex="-1"')  # inside Quasar's <main>
        ui.skip_link(text("shell.skip"), target=content).props('href="#content"')
        with content:
            if session.may(entry.needs):
                await build(session, request)
            else:
                ui.label(text("shell.not_permitted", role=text(f"shell.role_{session.role}")))
        return None

    built.__annotations__ = {"request": Request, "client": Client, "return": Any}
    ui.page(entry.path, language="en-US", dark=None, reconnect_timeout=60.0, response_timeout=20.0)(built)


def _frame(entry: Entry, session: Session, client: Client) -> None:
    ui.colors(primary="#1d4ed8", secondary="#334155", positive="#15803d", negative="#b91c1c", warning="#b45309")
    # The style sheets, in the order in which a later one may say more than those before it.
    ui.add_head_html(
        '<link rel="stylesheet" href="/static/console.css"><link rel="stylesheet" href="/static/overview.css">'
        '<link rel="stylesheet" href="/static/windows.css"><link rel="stylesheet" href="/static/registering.css">'
        '<link rel="stylesheet" href="/static/registrations.css"><link rel="stylesheet" href="/static/options.css">'
        '<link rel="stylesheet" href="/static/bulk.css">'
    )
    ui.add_head_html('<script src="/static/console.js" defer></script>')
    with ui.header().classes("bar"):
        drawer_button = ui.button(icon="menu").props(f'flat round color=white aria-label="{text("shell.menu")}"')
        ui.label(text("shell.title")).classes("brand")
        ui.space()
        bulk_upload.board(session)
        shown = text(
            "shell.signed_in", name=session.name, tenant=session.tenant, role=text(f"shell.role_{session.role}")
        )
        ui.label(shown).classes("who")
        dark = ui.dark_mode(None)
        ui.button(icon="dark_mode", on_click=lambda: _switch(dark)).props(
            f'flat round color=white aria-label="{text("shell.dark")}"'
        )
        with ui.element("form").props('method="post" action="/logout"'):
            ui.button(text("shell.log_out"), icon="logout").props("flat color=white type=submit no-caps").classes("out")
    # Whether it is open the browser decides. NiceGUI's own way is to ask for it, and a browser that is slow is a fault.
    shape = "show-if-above bordered breakpoint=900 width=230"
    with ui.left_drawer(value=False).props(shape).classes("drawer") as drawer:
        drawer_button.on_click(lambda: drawer.run_method("toggle"))
        with ui.element("nav").props(f'aria-label="{text("shell.navigator")}"'):
            menu = ""
            for one in NAVIGATOR:
                if not session.may(one.needs) or one.path not in _pages:
                    continue
                if one.menu != menu:
                    menu = one.menu
                    ui.html(text(f"shell.{menu}"), sanitize=False, tag="h2").classes("menu-title")
                link = ui.element("a").props(f'href="{one.path}"').classes("entry")
                if one is entry:
                    link.props('aria-current="page"')
                with link:
                    ui.icon(one.icon).props('aria-hidden="true"')
                    ui.label(text(f"{one.section}.nav"))
    banner = ui.element("div").classes("banner").props('role="alert"')
    with banner:
        ui.icon("cloud_off").props('aria-hidden="true"')
        words = ui.label("")
    leaving = ui.element("div").classes("banner").props('role="alert"')
    with leaving:
        ui.icon("schedule").props('aria-hidden="true"')
        ui.label(text("shell.leaving"))
        ui.button(text("shell.stay"), on_click=session.touch).props("flat no-caps")

    def show() -> None:
        if session.state is State.ENDED:
            end = session.end.value if session.end else "expired"
            client.open(f"/login?why={end}&next={quote(client.request.url.path, safe='')}")
            return
        leaving.set_visibility(session.leaving)
        banner.set_visibility(session.state is not State.ONLINE)
        words.set_text(
            ""
            if session.state is State.ONLINE
            else text("shell.bridge_away" if session.state is State.BRIDGE_AWAY else "shell.broker_away")
        )

    show()
    while_open(client, session.watch(show))
    ui.on("person-active", session.touch)
    ui.on_exception(lambda: ui.notify(text("shell.fault"), type="negative", position="top"))


def _switch(dark: ui.dark_mode) -> None:
    ui.run_javascript("bootstrapBridge.switchTheme()")
