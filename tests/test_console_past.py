"""What was done, as a page shows it."""

from collections.abc import Mapping
from typing import Any

import pytest

from bridge.console.past import MOST_LOOKED_THROUGH, PAGE, Filter, Past, readable


def entry(number: int, actor: str = "default/admin", outcome: str = "ok", **details: Any) -> dict[str, Any]:
    at = f"2026-01-01T00:00:00.{number % 1_000:03}Z" if number < 1_000 else f"2025-01-01T00:{number:06}Z"
    return {
        "at": at,
        "actor": actor,
        "action": "accept",
        "id": f"pump-{number}",
        "outcome": outcome,
        "details": details,
    }


class Audit:
    """A bridge with these entries, the newest first."""

    def __init__(self, entries: list[dict[str, Any]]) -> None:
        self.entries = entries
        self.asked: list[Mapping[str, Any]] = []

    async def request(self, command: str, payload: Mapping[str, Any]) -> Mapping[str, Any]:
        assert command == "audit"
        self.asked.append(payload)
        start = int(payload.get("cursor", 0))
        end = start + payload["limit"]
        return {"entries": self.entries[start:end], "next": str(end) if end < len(self.entries) else None}


def ids(past: Past) -> list[str]:
    return [one["id"] for one in past.entries]


async def test_the_newest_entries_are_there_and_older_ones_follow() -> None:
    bridge = Audit([entry(number) for number in range(PAGE + 30)])
    past = Past(bridge.request)
    await past.load()
    assert (len(past.entries), past.more, past.deep) == (PAGE, True, False)
    await past.go_on()
    assert ids(past) == [f"pump-{number}" for number in range(PAGE + 30)]
    assert (past.more, past.deep) == (False, True)
    await past.go_on()
    assert len(past.entries) == PAGE + 30
    assert bridge.asked == [{"limit": PAGE}, {"limit": PAGE, "cursor": str(PAGE)}]


async def test_device_and_time_are_found_by_the_bridge() -> None:
    bridge = Audit([entry(1)])
    await Past(bridge.request, Filter(id="pump-1", since="2026-01-01T00:00:00Z")).load()
    assert bridge.asked == [{"id": "pump-1", "since": "2026-01-01T00:00:00Z", "limit": PAGE}]


@pytest.mark.parametrize(
    ("filter_", "found"),
    [
        (Filter(), ["pump-0", "pump-1", "pump-2", "pump-3"]),
        (Filter(actor="ANNA"), ["pump-1", "pump-3"]),
        (Filter(outcome="ok"), ["pump-0", "pump-1"]),
        (Filter(outcome="refused"), ["pump-2", "pump-3"]),
        (Filter(actor="anna", outcome="refused"), ["pump-3"]),
        (Filter(actor="nobody"), []),
    ],
)
async def test_who_and_what_came_of_it_are_found_here(filter_: Filter, found: list[str]) -> None:
    entries = [
        entry(0),
        entry(1, "default/anna"),
        entry(2, outcome="TOKEN_MISMATCH"),
        entry(3, "default/Anna", outcome="NOT_FOUND"),
    ]
    past = Past(Audit(entries).request, filter_)
    await past.load()
    assert ids(past) == found
    assert not past.more


async def test_one_look_for_something_rare_ends_and_says_how_far_it_came() -> None:
    entries = [entry(number) for number in range(MOST_LOOKED_THROUGH + 5)]
    entries[MOST_LOOKED_THROUGH + 2]["actor"] = "default/rare"
    bridge = Audit(entries)
    past = Past(bridge.request, Filter(actor="rare"))
    await past.load()
    assert past.entries == []
    assert past.more
    assert past.reached == entries[MOST_LOOKED_THROUGH - 1]["at"]
    assert len(bridge.asked) == MOST_LOOKED_THROUGH / 1_000
    await past.go_on()
    assert ids(past) == [f"pump-{MOST_LOOKED_THROUGH + 2}"]
    assert not past.more


async def test_to_load_again_is_to_begin_with_the_newest() -> None:
    bridge = Audit([entry(number) for number in range(2 * PAGE)])
    past = Past(bridge.request)
    await past.load()
    await past.go_on()
    bridge.entries = [entry(999), *bridge.entries]
    await past.load()
    assert ids(past)[0] == "pump-999"
    assert (len(past.entries), past.deep) == (PAGE, False)


def test_an_entry_is_told_in_words() -> None:
    told = readable(entry(1, outcome="TOKEN_MISMATCH", message="the security token is another one"))
    assert told["did"] == "Accepted"
    assert told["outcome"] == "Refused: wrong security token"
    assert told["details"] == [("", "the security token is another one")]


def test_details_are_told_in_words() -> None:
    told = readable(entry(1, changed=["group", "name"], key="topics", value=[], complete=True, numberOfAll=12_345))
    assert told["outcome"] == "Done"
    assert told["details"] == [
        ("changed", "group, name"),
        ("option", "topics"),
        ("value", "none"),
        ("complete", "yes"),
        ("rows", "12,345"),
    ]


def test_what_is_not_known_is_told_by_its_name() -> None:
    told = readable({"at": "", "actor": "", "action": "paint-all", "outcome": "TOO_WET", "details": {"x": {"y": None}}})
    assert (told["did"], told["outcome"], told["id"]) == ("paint-all", "TOO_WET", "")
    assert told["details"] == [("x", '{"y": null}')]
