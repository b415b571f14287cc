"""Requests that a person repeats because no answer came: the same again is not done twice.

A login that is made has its password in the answer alone. Where that answer is lost, the person asks again with the
same words, and the bridge, by the same requestId, answers the same (the contract, section 5).
"""

import secrets
from collections.abc import Awaitable, Mapping
from typing import Any, Protocol

from bridge.admin import RefusedByBridge


class Asking(Protocol):
    """``Session.request``."""

    def __call__(
        self, command: str, payload: Mapping[str, Any], *, request_id: str | None = None
    ) -> Awaitable[dict[str, Any]]:
        """Ask the bridge."""
        ...


class Once:
    """Asks under one requestId until an answer has come, as long as the same is asked."""

    def __init__(self, ask: Asking) -> None:
        self._ask = ask
        self._unanswered: dict[str, tuple[Mapping[str, Any], str]] = {}

    async def request(self, command: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Return the result. Raises as ``Session.request``."""
        asked, request_id = self._unanswered.get(command, (None, ""))
        if asked != payload:
            request_id = secrets.token_hex(16)
        self._unanswered[command] = (payload, request_id)
        try:
            result = await self._ask(command, payload, request_id=request_id)
        except RefusedByBridge:
            self._answered(command, request_id)
            raise
        self._answered(command, request_id)
        return result

    def _answered(self, command: str, request_id: str) -> None:
        if self._unanswered.get(command, (None, ""))[1] == request_id:  # else another page has asked since
            del self._unanswered[command]
