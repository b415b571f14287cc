"""Register device: the button with its menu, and the dialog in which people register devices, several at once.

Pages call ``button``. What is typed stays in the browser until the bridge has registered it.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import structlog
from nicegui import events, ui
from nicegui.element import Element

from bridge.admin import RefusedByBridge
from bridge.console import bulk_upload
from bridge.console.acting import word
from bridge.console.links import Prefill, prefill_of
from bridge.console.live import while_open
from bridge.console.sessions import Away, Ended, Session, State
from bridge.console.texts import section, text
from bridge.names import MANAGEMENT

SUGGESTED: Final = 5_000
"""Groups that are suggested at most; any other can be typed."""
LOOKED_AT: Final = 20
"""Devices of which is looked whether they are registered already, at most; the answer to each tells it anyway."""
_ATTEMPT: Final = re.compile(r"[0-9a-f]{32}")

log = structlog.get_logger("console")

Part = tuple[str, Mapping[str, str]]


class MenuButton(Element, component="components/menu_button.js"):
    """A button with a menu; ``parts`` are (title, {key: label}). ``choose`` is called with the key."""

    def __init__(
        self, label: str, parts: Sequence[tuple[str, Mapping[str, str]]], choose: Callable[[str], Any]
    ) -> None:
        super().__init__()
        self._props["label"] = label
        self._props["parts"] = [
            {"title": title, "entries": [{"key": key, "label": words} for key, words in entries.items()]}
            for title, entries in parts
        ]
        known = [key for _, entries in parts for key in entries]
        self.on("choose", lambda event: choose(event.args) if event.args in known else None)


class RegisterDialog(Element, component="components/register_dialog.js"):
    """The dialog "Register devices".

    ``done`` is called whenever devices were registered; ``first`` opens it at once.
    """

    def __init__(self, session: Session, done: Callable[[], object], first: Prefill | None = None) -> None:
        super().__init__()
        self._session = session
        self._done = done
        self._under_way: set[str] = set()
        self._props["texts"] = section("register")
        self._props["who"] = f"{session.tenant}/{session.name}"
        self._props["first"] = None if first is None else asdict(first)
        self._props["tenants"] = []
        self._props["tenancy"] = ""
        if session.has_tenants:
            self._props["tenancy"] = "choose"
        elif session.of_management and not session.may("list-tenants"):
            self._props["tenancy"] = "type"  # who may not list them may name them
        self._props["groups"] = []
        self._props["away"] = ""
        self.on("opened", self._opened)
        self.on("send", self._send)
        while_open(self.client, session.watch(self._watch))
        self._watch()

    def open(self, devices: Sequence[Prefill] = ()) -> None:
        """Show the dialog, filled in with ``devices`` besides what was typed there before."""
        self.run_method("open", [asdict(device) for device in devices])

    def _watch(self) -> None:
        words = {
            State.BROKER_AWAY: text("shell.broker_away"),
            State.BRIDGE_AWAY: text("shell.bridge_away"),
        }.get(self._session.state, "")
        if words != self._props["away"]:
            self._props["away"] = words
            self.update()

    async def _opened(self, event: events.GenericEventArguments) -> None:
        """Fetch what is suggested, and look whether a device from a link or a list is registered already."""
        ids = event.args if isinstance(event.args, list) else []
        await self._look(ids[:LOOKED_AT])
        try:
            self._props["tenants"] = await self._tenants()
            self._props["groups"] = await self._groups()
        except (Away, RefusedByBridge) as error:
            log.info("nothing to suggest", reason=str(error))
        except Ended:
            return
        self.update()

    async def _look(self, device_ids: Sequence[Any]) -> None:
        """Say which of these the person has registered already, and lead there."""
        for device_id in device_ids:
            if not isinstance(device_id, str) or Prefill(device_id).fault:
                continue
            try:
                registration = await self._session.request("get", {"id": device_id})
            except RefusedByBridge:
                continue  # nobody has, or others of whom this person sees nothing
            except (Away, Ended) as error:
                log.info("devices not looked at", reason=str(error))
                return
            words = text("register.known", status=text(f"status.{registration['status']}"))
            self.run_method("note", device_id, words)

    async def _tenants(self) -> list[dict[str, str]]:
        if not self._session.has_tenants:
            return []
        found = (await self._session.request("list-tenants", {"limit": 1_000}))["tenants"]
        return [
            {"id": one["id"], "label": f"{one['name']} ({one['id']})" if one.get("name") else one["id"]}
            for one in found
            if one["id"] != MANAGEMENT
        ]

    async def _groups(self) -> list[str]:
        paths: list[str] = []
        page: Mapping[str, Any] = {"next": None}
        while len(paths) < SUGGESTED:
            asked = {"limit": 1_000} | ({"cursor": page["next"]} if page["next"] else {})
            page = await self._session.request("list-groups", asked)
            paths += [group["path"] for group in page["groups"]]
            if page["next"] is None:
                break
        return paths

    async def _send(self, event: events.GenericEventArguments) -> None:
        """Register these devices in the person's name, and tell the dialog what came of each."""
        values = event.args if isinstance(event.args, dict) else {}
        attempt = word(values, "attempt")
        # One that is still under way is answered when it is done.
        if not _ATTEMPT.fullmatch(attempt) or attempt in self._under_way:
            return
        self._under_way.add(attempt)
        try:
            await self._register(attempt, values.get("devices"))
        finally:
            self._under_way.discard(attempt)

    async def _register(self, attempt: str, devices: Any) -> None:
        try:
            result = await self._session.request("register", {"devices": devices}, request_id=attempt)
        except RefusedByBridge as error:
            self.run_method("answered", attempt, {"refused": error.message})
            return
        except Away as error:
            self.run_method("answered", attempt, {"away": text("register.away", reason=str(error))})
            return
        except Ended:
            return  # the frame opens the login page
        created, failed = [one["id"] for one in result["created"]], result["failed"]
        self.run_method("answered", attempt, {"created": created, "failed": failed})
        if created:
            self._done()
        taken = [one["id"] for one in failed if one["code"] == "ALREADY_REGISTERED"]
        await self._look(taken[:LOOKED_AT])


def button(session: Session, done: Callable[[], object]) -> None:
    """Put the button "Register device" here, where the person may register.

    Where the page's address asks for it, ``/?register=<id>``, the form is opened. ``done`` is called whenever devices
    were registered.
    """
    first = prefill_of(ui.context.client.request.query_params)
    if not session.may("register"):
        if first is not None:
            role = text(f"shell.role_{session.role}")
            ui.notify(text("register.not_permitted", role=role), type="warning", position="top", timeout=8000)
        return
    dialog = RegisterDialog(session, done, first)
    parts = [
        (text("register.single"), {"single": text("register.general")}),
        (text("register.bulk"), {"bulk": text("register.general")}),
        (text("register.labels"), {"labels": text("register.labels_print")}),
    ]

    def choose(key: str) -> None:
        match key:
            case "single":
                dialog.open()
            case "bulk":
                bulk_upload.dialog(session, done)
            case "labels":
                ui.navigate.to("/label", new_tab=True)

    MenuButton(text("register.button"), parts, choose)
