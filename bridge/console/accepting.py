"""Accepting at the row of a device, registering a blocked one again, and accepting all that need nothing from a person.

What is typed comes from the browser and goes to the bridge as it is: the bridge checks it, and says what became of it.
"""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from nicegui import events, ui
from nicegui.element import Element

from bridge.admin import RefusedByBridge
from bridge.console.acting import fault_of, word
from bridge.console.again import CannotBeKept, made_again
from bridge.console.live import Live, telling, while_open
from bridge.console.session import Away, Ended, Session, State
from bridge.console.texts import text
from bridge.console.verdicts import Notice, refused, sentence


class Desk:
    """Does what people ask for at the rows of ``table``, and tells at the row what became of it.

    ``table`` emits ``act`` with ``what``, ``id`` and what was typed, and shows the properties ``notices``, ``policy``.
    """

    def __init__(self, session: Session, table: Element, live: Live) -> None:
        self._session = session
        self._table = table
        self._live = live
        self._number = 0
        self._at_work: set[str] = set()
        table.props.setdefault("notices", {})
        table.on("act", self._act)
        while_open(ui.context.client, session.hear(self._hear))

    def _tell(self, device_id: str, notice: Notice) -> None:
        self._number += 1
        self._table.props["notices"][device_id] = notice.shown(self._number)

    def _hear(self, topic: str, event: Mapping[str, Any]) -> None:
        """Take away what is no longer true: a refusal of what was accepted since, anything about what is gone."""
        device_id = str(event.get("id"))
        notices = self._table.props["notices"]
        if device_id not in notices or device_id in self._at_work:
            return
        happened = event.get("event")
        is_over = happened in {"deleted", "expired", "delivered", "confirmed"}
        if is_over or (happened == "accepted" and notices[device_id]["kind"] == "bad"):
            del notices[device_id]

    async def _act(self, event: events.GenericEventArguments) -> None:
        args = event.args if isinstance(event.args, dict) else {}
        device_id = word(args, "id")
        does = {"accept": self._accept, "again": self._again}.get(word(args, "what"))
        if does is None or not device_id or device_id in self._at_work:
            return
        self._at_work.add(device_id)
        try:
            self._tell(device_id, await does(device_id, args))
        except RefusedByBridge as error:
            self._tell(device_id, refused(device_id, error.code, error.message, error.details))
            await self._look_at_policy()
        except Away as error:
            self._tell(device_id, Notice("bad", fault_of(error)))
        except Ended:
            return  # the frame opens the login page
        finally:
            self._at_work.discard(device_id)
            self._live.refresh()

    async def _accept(self, device_id: str, args: Mapping[str, Any]) -> Notice:
        self._tell(device_id, Notice("wait", text("accept.wait_accept")))
        payload = {"id": device_id, "securityToken": word(args, "token")}
        if claim := word(args, "claim"):
            payload["claim"] = claim
        await self._session.request("accept", payload)
        return Notice("good", text("accept.done_accept"))

    async def _look_at_policy(self) -> None:
        """A refusal may come of a policy that somebody has changed since this page was opened."""
        policy = await self._session.policy()
        if self._table.props.get("policy") != policy:
            self._table.props["policy"] = policy

    async def _again(self, device_id: str, args: Mapping[str, Any]) -> Notice:
        """Delete a registration and make it anew. Once it is deleted, nothing but the end of the session gives up."""
        self._tell(device_id, Notice("wait", text("accept.wait_again")))
        before = await self._session.request("get", {"id": device_id})
        token, auto_accept = word(args, "token"), args.get("auto") is True
        try:
            payload = made_again(before, token, auto_accept=auto_accept, own_tenant=self._session.tenant)
        except CannotBeKept as error:
            return Notice("bad", str(error))
        try:
            await self._insist("delete", {"id": device_id})
        except RefusedByBridge as error:
            if error.code != "NOT_FOUND":  # else it is deleted, by an earlier try or by somebody else
                raise
        await self._register(payload)
        return Notice("good", text("accept.done_again"))

    async def _register(self, payload: Mapping[str, Any]) -> None:
        try:
            await self._insist("register", payload)
        except RefusedByBridge as error:
            if error.code != "ALREADY_REGISTERED":  # else by an earlier try, or by somebody else
                self._offer_to_retry(payload, error)
                raise

    async def _insist(self, command: str, payload: Mapping[str, Any]) -> None:
        while True:
            try:
                await self._session.request(command, payload)
            except Away:
                self._tell(str(payload["id"]), Notice("wait", text("accept.wait_back")))
                await self._session_is_back()
            else:
                return

    async def _session_is_back(self) -> None:
        changed = asyncio.Event()
        unwatch = self._session.watch(changed.set)
        try:
            while self._session.state not in {State.ONLINE, State.ENDED}:
                await changed.wait()
                changed.clear()
        finally:
            unwatch()

    def _offer_to_retry(self, payload: Mapping[str, Any], error: RefusedByBridge) -> None:
        """The row is gone, so what was in it is shown until it is registered or the person has seen it."""
        shown = {key: value for key, value in payload.items() if key not in {"securityToken", "autoAccept"}}

        async def retry() -> None:
            with telling() as told:
                await self._register(payload)
            window.close()
            if told.done:
                self._live.refresh()

        with self._table.client, ui.dialog().props("persistent") as window, ui.card():
            ui.label(text("accept.again_failed_title", id=payload["id"])).props('role="heading" aria-level="2"')
            ui.label(sentence(error.message, str(payload["id"])))
            ui.label(text("accept.again_failed_hint"))
            ui.label(json.dumps(shown, ensure_ascii=False, indent=1)).classes("mono kept")
            with ui.row():
                ui.button(text("accept.again_retry"), on_click=retry)
                ui.button(text("shell.close"), on_click=window.close).props("flat")
        window.on("hide", window.delete)
        window.open()
