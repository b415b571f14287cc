"""The page ``/label``: labels for devices, to be printed. Plain HTML, so that what is seen is what the printer gets."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Final
from urllib.parse import quote

import structlog
from fastapi import FastAPI, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from bridge.admin import RefusedByBridge
from bridge.console.labels import MOST, Label, devices_in, devices_of, label_of, sheet
from bridge.console.links import Prefill
from bridge.console.place import Serving
from bridge.console.sessions import Away, Ended, Session, Sessions
from bridge.console.texts import text

AT_ONCE: Final = 10
"""Names that are asked for at a time."""

log = structlog.get_logger("console")


def serve_labels(app: FastAPI, people: Sessions, serving: Serving) -> None:
    """Serve the page."""

    def session_of(request: Request) -> Session | None:
        return people.get(request.cookies.get(serving.cookie))

    def base(request: Request) -> str:
        # What people open where that was told; else what this browser opened: the guard lets through no Host but ours.
        return serving.url or f"{serving.scheme}://{request.headers['host']}"

    @app.get("/label")
    async def asked(request: Request) -> Response:
        if (session := session_of(request)) is None:
            return RedirectResponse(f"/login?next={quote(f'/label?{request.url.query}', safe='')}", 303)
        return await _page(session, devices_in(request.query_params.multi_items()), base(request))

    @app.post("/label")
    async def sent(request: Request, devices: Annotated[str, Form()] = "") -> Response:
        if (session := session_of(request)) is None:
            return RedirectResponse("/login?next=%2Flabel", 303)
        return await _page(session, devices_of(devices), base(request))


async def _page(session: Session, devices: Sequence[Prefill], base: str) -> Response:
    session.touch()
    faults = [text("label.wrong", id=device.id[:300], reason=device.fault) for device in devices if device.fault]
    right = [device for device in devices if not device.fault]
    if len(right) > MOST:
        faults.append(text("label.too_many", most=MOST, number=f"{len(right):,}"))
        right = right[:MOST]
    try:
        right = await _named(session, right)
    except Ended:
        return RedirectResponse("/login?why=ended&next=%2Flabel", 303)
    except (Away, RefusedByBridge) as error:
        log.info("labels without names", reason=str(error))
        faults.append(text("label.no_names", reason=str(error)))
    # One at a time in another thread: pages of others are answered in between.
    made: list[Label] = [await asyncio.to_thread(label_of, base, device) for device in right]
    return HTMLResponse(sheet(made, base, faults), headers={"cache-control": "no-store"})


async def _named(session: Session, devices: Sequence[Prefill]) -> list[Prefill]:
    """Fill in the names that the bridge knows. Raises Away, Ended."""
    found: list[Prefill] = []
    for start in range(0, len(devices), AT_ONCE):
        asked = (_with_name(session, device) for device in devices[start : start + AT_ONCE])
        found += await asyncio.gather(*asked)
    return found


async def _with_name(session: Session, device: Prefill) -> Prefill:
    if device.name:
        return device
    for command in ("get", "get-device"):
        known = await _known(session, command, device.id)
        if known.get("name"):
            return replace(device, name=known["name"])
    return device


async def _known(session: Session, command: str, device_id: str) -> dict[str, Any]:
    """Return what the bridge knows of a device, which is nothing of one that is to be registered."""
    try:
        return await session.request(command, {"id": device_id})
    except RefusedByBridge as error:
        if error.code != "NOT_FOUND":
            raise
        return {}
