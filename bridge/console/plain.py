"""The pages that are plain HTML: the login, and what is told instead of a page. No script runs in them but our own."""

import html
from collections.abc import Mapping
from importlib import resources

from fastapi.responses import HTMLResponse

from bridge.console.texts import text


def _filled(template: str, values: Mapping[str, str], status: int, headers: Mapping[str, str] | None) -> HTMLResponse:
    page = resources.files("bridge.console").joinpath(f"static/{template}").read_text(encoding="utf-8")
    # All at once, so that what somebody typed is never taken for a place to fill in.
    parts = page.split("{{")
    filled = [parts[0]]
    for part in parts[1:]:
        name, _, rest = part.partition("}}")
        filled += [html.escape(values[name], quote=True), rest]
    return HTMLResponse("".join(filled), status, headers={"cache-control": "no-store", **(headers or {})})


def login(
    words: str = "",
    *,
    target: str = "/",
    name: str = "",
    with_tenant: bool = False,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """Return the login form; ``words`` say why it is shown again, ``target`` is the page to go to afterwards."""
    values = {
        key: text(f"login.{key}") for key in ("title", "intro", "name", "password", "tenant", "tenant_hint", "submit")
    }
    values |= {"brand": text("shell.title"), "message": words, "next": target, "value": name}
    values["tenant_open"] = "open" if with_tenant else ""
    return _filled("login.html", values, status, headers)


def notice(kind: str, status: int) -> HTMLResponse:
    """Return the page that tells of ``kind``, one of the texts in the section ``notice``, and nothing of its cause."""
    values = {"title": text(f"notice.{kind}_title"), "words": text(f"notice.{kind}"), "back": text("notice.back")}
    values["brand"] = text("shell.title")
    return _filled("notice.html", values, status, None)


def local(target: str) -> str:
    """Return ``target`` if it is a page of ours, else the first page: no login leads to another site."""
    is_ours = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable()
    return target if is_ours and len(target) <= 4_096 else "/"
