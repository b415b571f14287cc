"""Requests that a person repeats because no answer came."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from bridge.admin import RefusedByBridge
from bridge.console.once import Once


class Gone(Exception):
    """No answer came."""


class Bridge:
    """Answers as told, and keeps what it was asked under which requestId."""

    def __init__(self, *answers: Exception | None) -> None:
        self.answers = list(answers)
        self.ids: list[str | None] = []

    async def request(
        self, command: str, payload: Mapping[str, Any], *, request_id: str | None = None
    ) -> dict[str, Any]:
        self.ids.append(request_id)
        if (answer := self.answers.pop(0)) is not None:
            raise answer
        return {"name": payload["name"]}


ANNA = {"name": "anna"}
BERT = {"name": "bert"}


async def asked(bridge: Bridge, *payloads: Mapping[str, Any]) -> list[str | None]:
    """Ask for each in turn, whatever comes of it."""
    once = Once(bridge.request)
    for payload in payloads:
        expected = bridge.answers[0]
        if expected is None:
            assert await once.request("create-administrator", payload) == payload
        else:
            with pytest.raises(type(expected)):
                await once.request("create-administrator", payload)
    return bridge.ids


async def test_the_same_is_asked_again_under_the_same_name_until_it_is_answered() -> None:
    first, second, third = await asked(Bridge(Gone(), Gone(), None), ANNA, ANNA, ANNA)
    assert first is not None
    assert first == second == third


async def test_another_request_is_another_one() -> None:
    first, second = await asked(Bridge(Gone(), None), ANNA, BERT)
    assert first != second


async def test_what_was_answered_is_done_anew() -> None:
    first, second = await asked(Bridge(None, None), ANNA, ANNA)
    assert first != second


async def test_what_was_refused_is_decided_anew() -> None:
    refusal = RefusedByBridge("ALREADY_EXISTS", "the name anna is taken: choose another", {})
    first, second = await asked(Bridge(refusal, None), ANNA, ANNA)
    assert first != second


async def test_commands_do_not_share_a_name() -> None:
    bridge = Bridge(Gone(), None)
    once = Once(bridge.request)
    with pytest.raises(Gone):
        await once.request("create-administrator", ANNA)
    await once.request("create-application", ANNA)
    assert bridge.ids[0] != bridge.ids[1]


async def test_two_pages_that_ask_at_once_are_both_answered() -> None:
    all_asked, goes_on = asyncio.Event(), asyncio.Event()
    asked: list[tuple[str, str | None]] = []

    async def ask(command: str, payload: Mapping[str, Any], *, request_id: str | None = None) -> dict[str, Any]:
        asked.append((payload["name"], request_id))
        if len(asked) == 3:
            all_asked.set()
        await goes_on.wait()
        return dict(payload)

    once = Once(ask)
    asking = asyncio.gather(*(once.request("create-administrator", one) for one in (ANNA, ANNA, BERT)))
    await all_asked.wait()
    goes_on.set()
    assert await asking == [ANNA, ANNA, BERT]
    assert len(set(asked)) == 2
