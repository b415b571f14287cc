"""Answers and events as the contract has them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge import answers
from bridge.answers import Answer, from_cursor, to_cursor
from bridge.credentials import key_fingerprint
from bridge.decisions import Event, Refusal
from bridge.registration import Code, Status
from bridge.wire import to_bytes
from tests.making import BEFORE, NOW, PENDING, claim, pending, waiting
from tests.test_requests import refused

KEY = "CQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
AT = "2026-01-01T00:00:00.000Z"
EARLIER = "2025-12-31T23:59:00.000Z"


def test_an_answer_is_written_as_the_contract_has_it() -> None:
    done = Answer("accept", "r-1", {"id": "pump-7", "status": Status.ACCEPTED})
    assert done.to_bytes() == (
        b'{"command":"accept","requestId":"r-1","ok":true,"result":{"id":"pump-7","status":"ACCEPTED"}}'
    )
    no = Answer("accept", None, refusal=Refusal(Code.TOKEN_MISMATCH, "wrong"))
    assert no.to_bytes() == b'{"command":"accept","ok":false,"error":{"code":"TOKEN_MISMATCH","message":"wrong"}}'


def test_a_conflict_shows_the_claims_to_choose_from() -> None:
    no = Answer("accept", None, refusal=Refusal(Code.CLAIM_CONFLICT, "which", (claim("c1"), claim("c2", "digest"))))
    shown = json.loads(no.to_bytes())["error"]["details"]["claims"]
    assert shown == [
        {"fingerprint": "c1", "call": "private", "tokenSent": False, "keySent": False, "firstSeen": EARLIER},
        {"fingerprint": "c2", "call": "private", "tokenSent": True, "keySent": False, "firstSeen": EARLIER},
    ]


def test_of_a_claim_with_a_key_people_see_what_they_can_compare() -> None:
    shown = answers.claim_object(claim("c1", "digest", public_key=KEY))
    assert (shown["keySent"], shown["keyFingerprint"]) == (True, key_fingerprint(KEY))
    assert "digest" not in json.dumps(shown)
    assert KEY not in json.dumps(shown)


def test_a_registration_is_shown_as_the_contract_has_it() -> None:
    reg = pending(
        claim("c1"), name="Pump", type="t", group="A", properties={"x": 1}, accepted=NOW, installed=NOW, delivered=NOW,
        confirmed=NOW, reason="why", token="digest", seed=b"seed" * 4, key_id="k1", failed_attempts=2,
    )  # fmt: skip
    assert json.loads(json.dumps(answers.registration_object(reg))) == {
        "id": "pump-7", "status": "PENDING_ACCEPTANCE", "tenant": "default", "name": "Pump", "type": "t", "group": "A",
        "owner": "default/admin", "creationTime": EARLIER, "reason": "why", "failedAttempts": 2, "calls": 1,
        "lastSeen": EARLIER, "tokenSent": False, "claimsOverflow": False,
        "claims": [{
            "fingerprint": "c1", "call": "private", "tokenSent": False, "keySent": False, "firstSeen": EARLIER,
        }],
        "autoAccept": False, "acceptedTime": AT, "installedTime": AT, "deliveredTime": AT, "confirmedTime": AT,
        "properties": {"x": 1},
    }  # fmt: skip


def test_what_is_not_known_of_a_registration_is_left_out() -> None:
    assert set(answers.registration_object(waiting())) == {
        "id", "status", "tenant", "owner", "creationTime", "failedAttempts", "calls", "tokenSent", "claimsOverflow",
        "claims", "autoAccept", "properties",
    }  # fmt: skip
    brief = answers.registration_object(waiting(), brief=True)
    assert not {"claims", "properties"} & set(brief)


def test_an_event_is_shown_as_the_contract_has_it() -> None:
    event = Event("blocked", "pump-7", "default", PENDING, BEFORE, "device", "TOKEN_MISSING")
    assert json.loads(json.dumps(answers.event_object(event))) == {
        "event": "blocked", "id": "pump-7", "status": "PENDING_ACCEPTANCE", "at": EARLIER, "by": "device",
        "reason": "TOKEN_MISSING",
    }  # fmt: skip


def test_a_long_list_in_an_answer_holds_the_first_thousand_and_says_so() -> None:
    assert answers.bounded(failed=range(1_000)) == {"failed": list(range(1_000))}
    assert answers.bounded(failed=range(1_001)) == {"failed": list(range(1_000)), "truncated": True}


def test_lists_of_long_rows_stay_below_the_limit_of_an_answer_together() -> None:
    shown = answers.bounded(accepted=["\U0001d54f" * 255] * 1_000, failed=[{"id": "x" * 999}] * 1_000)
    assert len(to_bytes(shown)) < answers.MAX_ANSWER
    assert shown["truncated"]
    assert len(shown["failed"]) > 900, "failures get their room first"


def test_a_refusal_that_repeats_what_was_asked_is_cut() -> None:
    refusal = Refusal(Code.NOT_FOUND, "there is no " + "x" * 1_900_000)
    assert len(Answer("get", None, refusal=refusal).to_bytes()) < 1_200
    assert len(answers.failure_object("x", refusal)["message"]) == 1_000


@given(st.lists(st.integers(-(2**63), 2**63 - 1) | st.text(st.characters(exclude_categories=["Cs"])), min_size=1))
def test_a_cursor_is_read_as_it_was_written(position: list[Any]) -> None:
    cursor = to_cursor(position)
    assert from_cursor(cursor, len(position)) == position
    refused(Code.MALFORMED_REQUEST, from_cursor, cursor, len(position) + 1)


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "é",
        "====",
        to_cursor([]),
        to_cursor([1]),
        to_cursor([{}, 1]),
        to_cursor([[], 1]),
        to_cursor([True, 1]),
        to_cursor([None, 1]),
        to_cursor([2**63, 1]),
        to_cursor([1.5, 1]),
        "W" * 9_000,
        "W1tb" * 30_000,
        to_cursor(["\ud800", 1]),
        "eyJhIjogMX0",
    ],
)
def test_a_cursor_that_no_page_ended_with_is_malformed(cursor: str) -> None:
    refused(Code.MALFORMED_REQUEST, from_cursor, cursor, 2)
