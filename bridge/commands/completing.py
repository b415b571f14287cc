"""What the shell's completion offers: known values, and names from the bridge, silently and within 2 s."""

import asyncio
import os
import re
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Final

import typer

from bridge import admin
from bridge.admin import Admin, NoAnswer, RefusedByBridge
from bridge.broker import BrokerError
from bridge.options import OPTIONS
from bridge.registration import Status
from bridge.speaking import Usage, access_of

PATIENCE: Final = 2.0
"""Seconds after which a person who pressed TAB would rather type."""
MOST: Final = 100
"""Names that are offered at once."""

Ask = Callable[[Admin], Coroutine[Any, Any, Sequence[str]]]


def _asked(context: typer.Context, ask: Ask) -> list[str]:
    """Return what the bridge answers, or nothing: a completion says nothing of faults."""
    found = {name: context.params.get(name) for name in ("host", "port", "tenant", "user", "password_file", "tls_ca")}

    async def work() -> Sequence[str]:
        access = access_of(context.params.get("data") or Path("var"), **found)
        async with asyncio.timeout(PATIENCE), admin.connect(access) as connection:
            return await ask(connection)

    try:
        return list(asyncio.run(work()))
    except (Usage, BrokerError, NoAnswer, RefusedByBridge, TimeoutError, OSError):
        return []


def _named(context: typer.Context, incomplete: str, command: str, member: str, key: str, **payload: Any) -> list[str]:
    async def ask(connection: Admin) -> Sequence[str]:
        result = await connection.request(command, payload)
        return [row[key] for row in result[member]]

    taken = context.params.get("ids") or ()
    offered = [one for one in _asked(context, ask) if one.startswith(incomplete) and one not in taken]
    return [_for_shell(one) for one in offered[:MOST]]


def _for_shell(name: str) -> str:
    """Return the name as it has to stand in the line: bash puts it there as it is, other shells quote it."""
    if not name.isprintable():
        return ""  # what cannot be seen is not put in anybody's line
    is_bash = os.environ.get("_BOOTSTRAP_BRIDGE_COMPLETE") == "complete_bash"
    return re.sub(r"([^\w@:./+-])", r"\\\1", name) if is_bash else name


def _search(incomplete: str) -> dict[str, Any]:
    return {"limit": MOST, "sort": "id", **({"search": incomplete} if incomplete else {})}


def registered_ids(ctx: typer.Context, incomplete: str) -> list[str]:
    """Offer ids of registrations."""
    return _named(ctx, incomplete, "list", "registrations", "id", **_search(incomplete))


def pending_ids(ctx: typer.Context, incomplete: str) -> list[str]:
    """Offer ids of registrations that can be accepted."""
    payload = {**_search(incomplete), "status": [Status.PENDING]}
    return _named(ctx, incomplete, "list", "registrations", "id", **payload)


def unregistered_ids(ctx: typer.Context, incomplete: str) -> list[str]:
    """Offer ids that have called without a registration."""
    return _named(ctx, incomplete, "list-unregistered", "devices", "id", limit=MOST)


def device_ids(ctx: typer.Context, incomplete: str) -> list[str]:
    """Offer ids of devices in the inventory."""
    return _named(ctx, incomplete, "list-devices", "devices", "id", **_search(incomplete))


def group_paths(ctx: typer.Context, incomplete: str) -> list[str]:
    """Offer groups."""
    return _named(ctx, incomplete, "list-groups", "groups", "path")


def administrators(ctx: typer.Context, incomplete: str) -> list[str]:
    """Offer administrators."""
    return _named(ctx, incomplete, "list-administrators", "administrators", "name")


def applications(ctx: typer.Context, incomplete: str) -> list[str]:
    """Offer applications."""
    return _named(ctx, incomplete, "list-applications", "applications", "name")


def option_keys() -> list[str]:
    """Offer the options that there are."""
    return list(OPTIONS)


def option_values(ctx: typer.Context, incomplete: str) -> list[str]:
    """Offer the words that an option takes."""
    known = OPTIONS.get(ctx.params.get("key") or "")
    words = known.range if known is not None and known.type == "choice" else []
    return [str(word) for word in words if str(word).startswith(incomplete)]
