"""Devices that do not keep to the contract, to see what becomes of them. Pure; chance is passed in."""

import base64
from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum

from device_sim.memory import Approach, Form
from device_sim.names import MAX_TOKEN

_LARGE = 17_000
"""Bytes: above the 16 KiB a call may have, below the 20 KiB at which the broker ends the connection."""


class Misbehaviour(StrEnum):
    """What a misbehaving device does."""

    WRONG_TOKEN = "wrong-token"  # noqa: S105 - the name of a vice
    NO_TOKEN = "no-token"  # noqa: S105 - the name of a vice
    OTHER_ID = "other-id"
    GARBAGE = "garbage"


GARBAGE: tuple[bytes, ...] = (
    b"{",
    b"\xff\xfe\x00not UTF-8\x80",
    b'{"securityToken": 12345}',
    bytes(range(128, 256)),
    b'{"securityToken": "abc", }',
    b'{"publicKey": "too short"}',
    b'{"publicKey": "' + base64.urlsafe_b64encode(bytes(32)).rstrip(b"=") + b'"}',
    b'{"requestId": ["not", "a", "string"]}',
    b'{"securityToken": "\xc3\x28"}',
    b"x" * (MAX_TOKEN + 1),
    b'{"securityToken": "' + b"x" * _LARGE + b'"}',
    b"x" * _LARGE,
    b'{"a":' * 2_000,
)
"""Payloads that are malformed by the contract, section 3, in either form; none of them is a claim."""


def garbage(number: int) -> bytes:
    """Return the payload of garbage call ``number`` (from 1); they come round."""
    return GARBAGE[(number - 1) % len(GARBAGE)]


def astray(
    misbehaviour: Misbehaviour, fresh: Callable[[], Approach], new_token: Callable[[], str]
) -> Callable[[], Approach]:
    """Return ``fresh`` bent as ``misbehaviour`` wants it; ``new_token`` draws a token that is on no label."""
    match misbehaviour:
        case Misbehaviour.WRONG_TOKEN:
            return lambda: replace(fresh(), token=new_token())
        case Misbehaviour.NO_TOKEN:
            return lambda: replace(fresh(), token=None)
        case Misbehaviour.GARBAGE:
            # Most of the garbage is meant to look like JSON, so its answers come in JSON form.
            return lambda: replace(fresh(), token=None, form=Form.JSON)
        case Misbehaviour.OTHER_ID:
            return fresh
