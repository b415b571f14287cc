"""What became of accepting or registering again, in words for the row of the device. Pure; knows no page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bridge.console.texts import counted


@dataclass(frozen=True, slots=True)
class Notice:
    """What stands at a row: ``wait`` while something is done, then ``good`` or ``bad``.

    ``code`` is the contract's, ``claims`` those that fit where there was more than one, as in a registration.
    """

    kind: Literal["wait", "good", "bad"]
    text: str
    code: str = ""
    claims: Sequence[Mapping[str, Any]] = ()

    def shown(self, number: int) -> dict[str, Any]:
        """Return it as the page's component takes it; ``number`` tells it from the one before."""
        value: dict[str, Any] = {"kind": self.kind, "text": self.text, "n": number}
        if self.code:
            value["code"] = self.code
        if self.claims:
            value["claims"] = [dict(claim) for claim in self.claims]
        return value


def sentence(message: str, device_id: str) -> str:
    """Make a sentence of the bridge's message, which begins small; an id at its beginning stays as it is.

    Messages also speak to who writes payloads, so what a person reads is not the member's name.
    """
    words = message.strip().replace("securityToken", "security token")
    if not words.startswith(device_id):
        words = words[:1].upper() + words[1:]
    return words if words.endswith((".", "!", "?")) else f"{words}."


def refused(device_id: str, code: str, message: str, details: Mapping[str, Any]) -> Notice:
    """Tell what the bridge said no to."""
    claims = details.get("claims", ())
    # The plain conflict begins with how many callers there are, and tells how to name one in a command. Here one is
    # chosen by looking; where more came than are kept, the bridge's own sentence says what to do.
    number = message.partition(" ")[0]
    if code == "CLAIM_CONFLICT" and number.isdecimal():
        return Notice("bad", counted("accept.conflict", int(number)), code, claims)
    return Notice("bad", sentence(message, device_id), code, claims)


def left_over(result: Mapping[str, Any]) -> dict[str, Any]:
    """Tell of the answer to accept-all how many were accepted, and which were not and why."""
    failed = [{"id": one["id"], "reason": _why_left(one)} for one in result["failed"]]
    return {"accepted": result["acceptedCount"], "failed": failed, "truncated": result.get("truncated", False)}


def _why_left(failure: Mapping[str, Any]) -> str:
    return refused(failure["id"], failure["code"], failure["message"], {}).text
