"""What components ask the bridge for: each "act" of one is done, and answered by its ``settled``.

The other side is static/asking.js. What is answered goes to the browser as a message, never as a property of the page:
it may hold a password that is shown once.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from nicegui import events
from nicegui.element import Element

from bridge.admin import RefusedByBridge
from bridge.console.session import Away, Ended
from bridge.console.texts import text

Deed = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any] | None]]
"""Does what was asked for, with what came along; returns what the component is to know besides."""


def word(values: Mapping[str, Any], name: str) -> str:
    """Return a text that came from the browser; whatever else came there is none."""
    value = values.get(name)
    return value if isinstance(value, str) else ""


def texts(values: Mapping[str, Any], name: str) -> list[str]:
    """Return the texts in a list that came from the browser."""
    given = values.get(name)
    return [one for one in given if isinstance(one, str)] if isinstance(given, list) else []


def fault_of(error: RefusedByBridge | Away) -> str:
    """Say to a person why something was not done."""
    return error.message if isinstance(error, RefusedByBridge) else text("shell.not_now", reason=str(error))


def answer_acts(element: Element, deeds: Mapping[str, Deed]) -> None:
    """Do what the component asks for by name; others than ``deeds`` there are none."""

    async def act(event: events.GenericEventArguments) -> None:
        values = event.args if isinstance(event.args, dict) else {}
        what = word(values, "what")
        if what not in deeds:
            return
        outcome: dict[str, Any] = {"what": what, "fault": ""}
        try:
            outcome |= await deeds[what](values) or {}
        except (RefusedByBridge, Away) as error:
            outcome["fault"] = fault_of(error)
        except Ended:
            return  # the frame opens the login page
        except Exception:  # a fault of ours, which is logged: nobody is to wait for it
            element.run_method("settled", {**outcome, "fault": text("shell.fault")})
            raise
        element.run_method("settled", outcome)

    element.on("act", act)
