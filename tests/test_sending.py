"""A file's parts on their way: what the bridge says is added up, failed lines have the numbers of the whole file."""

import asyncio
import io
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from bridge import bulk
from bridge.bulk import BadRow
from bridge.delimited import BadFile
from bridge.sending import SLICE, Command, Tally, cut_ahead, send
from bridge.uploading import Part, parts

HELD = 2
"""Failures that this bridge's answers hold."""
FILE = "ID;PATH\r\n" + "".join(f"{'bad id' if n % 3 == 0 else f'id-{n}'};\r\n" for n in range(30))
BAD_LINES = [n + 2 for n in range(0, 30, 3)]


def answered(asked: list[str]) -> Any:
    """Return a bridge that names no more than a few failures in an answer."""

    async def ask(command: str, payload: bytes) -> Mapping[str, Any]:
        asked.append(command)
        rows = list(bulk.read(io.StringIO(payload.decode(), newline="")))
        failed = [row for row in rows if isinstance(row, BadRow)]
        held = HELD if command == "bulk-register" else SLICE
        return {
            "numberOfAll": len(rows),
            "numberOfCreated": len(rows) - len(failed) - 1,
            "numberOfSuccessful": len(rows) - len(failed),
            "numberOfFailed": len(failed),
            "credentialUpdatedList": [{"deviceId": "id-1"}],
            "failedCreationList": [
                {"line": row.line, "code": row.code, "failureReason": row.reason} for row in failed[:held]
            ],
        }

    return ask


def pieces() -> Iterator[Part]:
    return parts(io.StringIO(FILE, newline=""), max_records=10)


def sent(command: Command, *, look: bool, target: io.StringIO | None) -> tuple[Tally, list[int], list[str]]:
    asked: list[str] = []
    tally = Tally()

    async def all_parts() -> list[int]:
        ask = answered(asked)
        return [
            one["line"]
            for part in pieces()
            for one in await send(part, command, tally, ask, ask if look else None, target)
        ]

    return tally, asyncio.run(all_parts()), asked


def test_counts_of_all_parts_are_added_and_lines_are_those_of_the_file() -> None:
    tally, lines, asked = sent("bulk-validate", look=False, target=None)
    assert lines == BAD_LINES
    assert tally == Tally(parts=3, lines=30, created=17, successful=20, failed=10, renewed=3)
    assert tally.there == 3
    assert asked == ["bulk-validate"] * 3


def test_failures_that_an_answer_does_not_name_are_asked_for_again() -> None:
    _, first, asked = sent("bulk-register", look=False, target=None)
    assert len(first) == 3 * HELD
    assert asked == ["bulk-register"] * 3
    _, lines, asked = sent("bulk-register", look=True, target=None)
    assert lines == BAD_LINES
    assert asked == ["bulk-register", "bulk-validate"] * 3


def test_records_of_failed_lines_follow_one_header_as_they_stand() -> None:
    target = io.StringIO(newline="")
    sent("bulk-register", look=True, target=target)
    assert target.getvalue() == "ID;PATH\r\n" + "bad id;\r\n" * 10


def test_a_thousand_new_passwords_in_an_answer_may_be_more() -> None:
    result = {"numberOfAll": 0, "numberOfCreated": 0, "numberOfSuccessful": 0, "numberOfFailed": 0}
    tally = Tally()
    tally.add({**result, "credentialUpdatedList": [{}] * (SLICE - 1)})
    assert not tally.renewed_more
    tally.add({**result, "credentialUpdatedList": [{}] * SLICE})
    assert (tally.renewed, tally.renewed_more) == (2 * SLICE - 1, True)


async def test_the_next_part_is_cut_while_this_one_is_worked_on() -> None:
    cut: list[int] = []
    second = asyncio.Event()
    loop = asyncio.get_running_loop()

    def told() -> Iterator[Part]:
        for number, part in enumerate(pieces()):
            cut.append(number)
            if number == 1:
                loop.call_soon_threadsafe(second.set)
            yield part

    ahead = cut_ahead(told())
    await anext(ahead)
    await second.wait()
    assert cut[:2] == [0, 1]
    await ahead.aclose()


async def test_a_fault_of_the_file_comes_in_its_turn() -> None:
    def faulty() -> Iterator[Part]:
        yield from pieces()
        raise BadFile("cut off")

    ahead = cut_ahead(faulty())
    for _ in pieces():
        await anext(ahead)
    with pytest.raises(BadFile, match="cut off"):
        await anext(ahead)
