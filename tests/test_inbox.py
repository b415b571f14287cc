"""Messages that wait for their turn: in batches, and bounded."""

import asyncio
from dataclasses import replace

from bridge.inbox import MAX_BATCH, MAX_WAITING, MAX_WAITING_BYTES, Inbox, Incoming


def message(number: int = 1, qos: int = 1) -> Incoming:
    return Incoming("a/b", b"", qos, False, number, None)


async def test_whatever_has_arrived_is_taken_at_once_up_to_the_bound() -> None:
    inbox = Inbox()
    for number in range(MAX_BATCH + 3):
        inbox.add(message(number))
    assert [one.mid for one in await inbox.get()] == list(range(MAX_BATCH))
    assert [one.mid for one in await inbox.get()] == [MAX_BATCH, MAX_BATCH + 1, MAX_BATCH + 2]
    waiting = asyncio.ensure_future(inbox.get())
    inbox.add(message(7))
    assert [one.mid for one in await waiting] == [7]


async def test_messages_with_qos_0_beyond_the_bound_are_dropped_and_counted_and_others_never() -> None:
    for payload, bound in ((b"", MAX_WAITING), (bytes(1_000_000), MAX_WAITING_BYTES // 1_000_000)):
        inbox = Inbox()
        for number in range(bound + 10):
            inbox.add(replace(message(number, qos=0), topic="", payload=payload))
        assert (len(inbox.waiting), inbox.dropped) == (bound, 10)
        inbox.add(replace(message(7), payload=payload))
        assert len(inbox.waiting) == bound + 1, "the broker sends no more of these before they are acknowledged"
        await inbox.get()
        inbox.add(message(8, qos=0))
        assert inbox.waiting[-1].mid == 8, "there is room again"
