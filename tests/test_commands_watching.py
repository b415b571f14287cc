"""stats, watch and audit: what is asked for, and what a person reads."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.scripted import typed

STATS: dict[str, Any] = {
    "counts": {},
    "callToConfirmedSeconds": {"p50": 1.25, "p95": 2, "p99": 3},
    "series": [
        {
            "hour": "2026-03-01T08:00:00.000Z",
            "registered": 2,
            "requested": 1,
            "accepted": 0,
            "confirmed": 0,
            "blocked": 0,
        }
    ],
}
ENTRY = {
    "at": "2026-03-01T08:15:30.125Z",
    "actor": "default/admin",
    "action": "accept",
    "id": "pump-1",
    "outcome": "ok",
    "details": {"claim": "3fa91c07", "number": 2, "was": ["a"]},
}


def test_audit_shows_who_did_what_in_one_line_each() -> None:
    entries = [
        ENTRY,
        {**ENTRY, "actor": "management/root", "id": "p\x1b", "outcome": "TOKEN_MISMATCH", "details": {}},
        {key: value for key, value in ENTRY.items() if key != "id"},
    ]
    said = typed(
        "audit", "--id", "pump-1", "--limit", "3", "--cursor", "c", answers={"audit": {"entries": entries, "next": "d"}}
    )
    assert said.sent == {"id": "pump-1", "limit": 3, "cursor": "c"}
    assert [" ".join(line.split()) for line in said.lines] == [
        "Time (UTC) Who Did Device Outcome Details",
        '2026-03-01 08:15:30 admin accept pump-1 ok claim=3fa91c07 number=2 was=["a"]',
        "2026-03-01 08:15:30 management/root accept p� TOKEN_MISMATCH",
        '2026-03-01 08:15:30 admin accept ok claim=3fa91c07 number=2 was=["a"]',
        "There are more: add --cursor d",
    ]
    none = typed("audit", answers={"audit": {"entries": [], "next": None}})
    assert (none.sent, none.lines) == ({"limit": 100}, ["Nothing has been done."])


@pytest.mark.parametrize(
    ("ago", "length"), [("30min", timedelta(minutes=30)), ("2h", timedelta(hours=2)), ("7d", timedelta(7))]
)
def test_since_may_be_a_while_ago(ago: str, length: timedelta) -> None:
    for command, answer in (("stats", STATS), ("audit", {"entries": [], "next": None})):
        before = datetime.now(UTC)
        since = typed(command, "--since", ago, answers={command: answer}).asked[0][1]["since"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", since)
        assert timedelta(seconds=-1) < datetime.fromisoformat(since) - (before - length) < timedelta(minutes=1)


def test_since_may_be_a_time() -> None:
    for given, sent in (
        ("2026-01-31T12:00Z", "2026-01-31T12:00:00.000Z"),
        ("2026-01-31T12:00+02:00", "2026-01-31T10:00:00.000Z"),
        ("2026-01-31", "2026-01-31T00:00:00.000Z"),
    ):
        assert typed("stats", "--since", given, answers={"stats": STATS}).sent == {"since": sent}
    for wrong in ("yesterday", "999999d", "0001-01-01T00:00+14:00", "2x", ""):
        assert typed("stats", "--since", wrong).status == 2


def test_stats_are_shown_by_hour() -> None:
    said = typed("stats", answers={"stats": STATS})
    assert said.sent == {}
    assert "p50 1.2 s, p95 2.0 s" in said.out
    assert said.lines[-1].split() == ["2026-03-01", "08:00:00", "2", "1"]


def test_watch_tells_events_by_the_name_of_who_did_it() -> None:
    event = {
        "event": "accepted",
        "id": "p",
        "status": "ACCEPTED",
        "at": "2026-03-01T08:15:30.125Z",
        "by": "default/admin",
    }
    bulk: dict[str, Any] = {
        "event": "bulk",
        "at": event["at"],
        "by": "default/jo",
        "numberOfAll": 4,
        "numberOfFailed": 1,
    }
    bulk |= {"numberOfCreated": 2, "numberOfSuccessful": 3}
    happened = [
        ("bridge/state", {"state": "online"}),
        ("events/default/registrations/p", event),
        ("events/default/bulk", bulk),
    ]
    said = typed("watch", happened=happened)
    assert said.lines[0] == "the bridge is online"
    assert " ".join(said.lines[1].split()) == "2026-03-01 08:15:30 accepted p ✔ Accepted by admin"
    assert " ".join(said.lines[2].split()) == "2026-03-01 08:15:30 bulk 4 rows, 3 done, 2 new, 1 failed by jo"
    said = typed("watch", "--json", happened=happened)
    assert json.loads(said.lines[1]) == {"topic": "events/default/registrations/p", **event}


def test_what_a_terminal_might_obey_is_escaped_in_json_too() -> None:
    wild = "\x9b31m \x1b]0;title\x07 \x7f \u202e \u2028 \U000e0001 é 泵 😀"
    event = {"event": "accepted", "id": "p", "by": wild}
    said = typed("watch", "--json", happened=[("events/default/registrations/p", event)])
    assert len(said.lines) == 1
    assert said.lines[0].isprintable()
    assert "é 泵 😀" in said.lines[0]
    assert json.loads(said.lines[0])["by"] == wild
    device = {"id": "p", "name": wild, "properties": {wild: [wild]}}
    said = typed("get-device", "p", "--json", answers={"get-device": device})
    assert said.lines[0].isprintable()
    assert json.loads(said.lines[0])["result"] == device
