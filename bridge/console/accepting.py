"""Accepting at the row of a device, registering a blocked one again, and accepting all that need nothing from a person.

What is typed comes from the browser and goes to the bridge as it is: the bridge checks it, and says what became of it.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import structlog
from nicegui import events, ui
from nicegui.element import Element

from bridge.admin import RefusedByBridge
from bridge.console.acting import fault_of, word
from bridge.console.again import CannotBeKept, NotRegistered, made_again, replace
from bridge.console.live import Live, while_open
from bridge.console.once import Once
from bridge.console.session import Away, Ended, Session
from bridge.console.texts import section, text
from bridge.console.verdicts import Notice, refused, sentence
from bridge.names import device_id_fault

MOST_NOTICES: Final = 500
"""Devices of which a page says what became of them; a page of the table shows fewer, but they may be turned."""

log = structlog.get_logger("console")


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
        self._once: dict[str, Once] = {}
        table.props.setdefault("notices", {})
        table.on("act", self._act)
        while_open(ui.context.client, session.hear(self._hear))

    def _tell(self, device_id: str, notice: Notice) -> None:
        self._number += 1
        notices = self._table.props["notices"]
        notices.pop(device_id, None)  # the newest stand at the end
        notices[device_id] = notice.shown(self._number)
        for oldest in list(notices)[:-MOST_NOTICES]:
            del notices[oldest]
            self._once.pop(oldest, None)

    def _wait(self, device_id: str, words: str) -> None:
        self._tell(device_id, Notice("wait", section("accept")[words]))

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
        if does is None or device_id_fault(device_id) or device_id in self._at_work:
            return
        self._at_work.add(device_id)
        try:
            notice = await does(device_id, args)
        except RefusedByBridge as error:
            notice = refused(device_id, error.code, error.message, error.details)
        except Away as error:
            notice = Notice("bad", fault_of(error))
        except Ended:
            return  # the frame opens the login page
        except Exception:  # a fault of ours, which is logged: nobody is to wait for it
            self._tell(device_id, Notice("bad", text("shell.fault")))
            raise
        finally:
            self._at_work.discard(device_id)  # before it is told, since a person may go on at once
            self._live.refresh()
        self._tell(device_id, notice)
        if notice.code:
            await self._look_at_policy()

    async def _accept(self, device_id: str, args: Mapping[str, Any]) -> Notice:
        self._wait(device_id, "wait_accept")
        payload = {"id": device_id, "securityToken": word(args, "token")}
        if claim := word(args, "claim"):
            payload["claim"] = claim
        # Where the answer is lost and the person tries again, a wrong token is not counted twice.
        once = self._once.setdefault(device_id, Once(self._session.request))
        try:
            await once.request("accept", payload)
        except RefusedByBridge:
            del self._once[device_id]
            raise
        del self._once[device_id]  # a page may be open for months
        return Notice("good", text("accept.done_accept"))

    async def _look_at_policy(self) -> None:
        """A refusal may come of a policy that somebody has changed since this page was opened."""
        with suppress(Away, Ended):
            policy = await self._session.policy()
            if self._table.props.get("policy") != policy:
                self._table.props["policy"] = policy

    async def _again(self, device_id: str, args: Mapping[str, Any]) -> Notice:
        self._wait(device_id, "wait_again")
        before = await self._session.request("get", {"id": device_id})
        token, auto_accept = word(args, "token"), args.get("auto") is True
        try:
            payload = made_again(before, token, auto_accept=auto_accept, own_tenant=self._session.tenant)
        except CannotBeKept as error:
            return Notice("bad", str(error))
        try:
            await replace(self._session, payload, lambda: self._wait(device_id, "wait_back"))
        except NotRegistered as error:
            self._tell_what_is_lost(payload, sentence(error.refusal.message, device_id))
            raise error.refusal from None
        return Notice("good", text("accept.done_again"))

    def _tell_what_is_lost(self, payload: Mapping[str, Any], reason: str) -> None:
        """The row is gone, and with it what was said about the device: it stays on the page until it is put away."""
        log.warning("deleted and not registered again", id=payload["id"], reason=reason)
        if self._table.is_deleted:
            return  # the page is closed
        said = {key: value for key, value in payload.items() if key not in {"id", "securityToken", "autoAccept"}}
        words = text("accept.again_lost", id=payload["id"], reason=reason, said=json.dumps(said, ensure_ascii=False))
        with self._table.client:
            ui.notify(
                words, type="negative", position="top", timeout=0, multi_line=True, close_button=text("shell.close")
            )
