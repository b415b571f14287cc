"""The tests' own client: a caller that is cancelled stops calling."""

import asyncio
from typing import Any, cast

import pytest

from tests.e2e.peer import Peer


class Answered:
    """A client whose publish is answered in the moment in which its caller is cancelled."""

    async def publish(self, *_: Any) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return  # as asyncio.wait_for does up to Python 3.11


async def test_a_caller_cancelled_while_its_publish_is_answered_is_cancelled() -> None:
    peer = Peer(cast("Any", Answered()))
    calling = asyncio.create_task(peer.publish("a"))
    await asyncio.sleep(0)
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling


async def test_who_tidies_up_after_being_cancelled_may_still_publish() -> None:
    class Quick:
        async def publish(self, *_: Any) -> None:
            sent.append(1)

    sent: list[int] = []
    peer = Peer(cast("Any", Quick()))

    async def life() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await peer.publish("a")

    living = asyncio.create_task(life())
    await asyncio.sleep(0)
    living.cancel()
    with pytest.raises(asyncio.CancelledError):
        await living
    assert sent == [1]
