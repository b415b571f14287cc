"""Garbage is garbage: none of it may be taken for a claim."""

import json

import pytest

from device_sim.misbehaviour import GARBAGE, garbage


@pytest.mark.parametrize("payload", GARBAGE, ids=range(len(GARBAGE)))
def test_no_garbage_is_a_well_formed_call(payload: bytes) -> None:
    assert len(payload) < 20 * 1024, "the broker would end the connection"
    if len(payload) > 16 * 1024:
        return
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        return
    if not text.startswith("{"):
        assert len(text) > 256
        return
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        return
    key = fields.get("publicKey")
    assert key == "A" * 43 or key == "too short" or not all(isinstance(value, str) for value in fields.values())


def test_garbage_comes_round() -> None:
    assert [garbage(1), garbage(len(GARBAGE) + 1)] == [GARBAGE[0]] * 2
