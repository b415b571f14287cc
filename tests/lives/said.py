"""What devices and administrators say in these lives, and how an answer is read."""

import json
from typing import Any

from bridge.broker import Incoming
from tests.lives.records import Request, Shown

CLIENT = "abcdefghijklmnopqrstu"
KEY = "hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo"
CALLERS = [
    Shown(CLIENT + "1", "json"),
    Shown(CLIENT + "1", "json", "a"),
    Shown(CLIENT + "2", "json", "b"),
    Shown(CLIENT + "3", "line", "a"),
    Shown(CLIENT + "4", "json", "a-token-that-is-long"),
    Shown(None, "line"),
    Shown(None, "json", "a"),
    Shown(None, "json", None, KEY),
]


def message_of(id_: str, shown: Shown) -> Incoming:
    topic = f"bootstrap/{id_}/request" + ("" if shown.client is None else f"/{shown.client}")
    if shown.form == "line":
        payload = (shown.token or "").encode()
    else:
        said = {"securityToken": shown.token, "publicKey": shown.key}
        payload = json.dumps({key: value for key, value in said.items() if value is not None}).encode()
    return Incoming(topic, payload, 1, False, 1, None)


def call_of(message: Incoming) -> tuple[str, Shown]:
    """Return who called, and what it showed: one of those that this test knows."""
    id_ = message.topic.split("/")[1]
    return id_, next(one for one in CALLERS if message_of(id_, one) == message)


def file_of(request: Request) -> bytes:
    full = request.payload[0].credentials is not None
    columns = ["ID", "NAME", "PATH", *(["CREDENTIALS"] if full else ["TOKEN", "AUTOACCEPT"])]
    is_managed = request.who == "management/root"
    rows = [";".join(columns + ["TENANT"] * is_managed)]
    for line in request.payload:
        cells = [line.id, line.name, line.path, *([line.credentials] if full else [line.token, line.auto])]
        rows.append(";".join(cells + [line.tenant] * is_managed))
    return "\n".join(rows).encode() + b"\n"


def outcome_of(request: Request, answer: dict[str, Any]) -> Any:
    """Return what an answer says, in the words of the model."""
    if not answer["ok"]:
        return answer["error"]["code"]
    result = answer["result"]
    if request.command == "accept-all":
        return result["acceptedCount"], {one["id"]: one["code"] for one in result["failed"]}
    if request.command == "bulk-register":
        failed = {one["line"]: one["code"] for one in result["failedCreationList"]}
        return [failed.get(number, "ok") for number in range(2, len(request.payload) + 2)]
    for done in ("created", "accepted", "deleted"):
        if done in result and ("devices" in request.payload or "ids" in request.payload):
            there = [one["id"] if isinstance(one, dict) else one for one in result[done]]
            return dict.fromkeys(there, "ok") | {one["id"]: one["code"] for one in result["failed"]}
    return "ok"


def seen_of_others(request: Request, payload: bytes) -> bool:
    """Tell whether an answer names a tenant that is not of the one who asks."""
    return request.tenant != "management" and any(
        word in payload for word in (b"north", b"south", b"default") if word != request.tenant.encode()
    )
