"""Administrators' requests and answers as bytes and objects."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge import requests
from bridge.credentials import key_fingerprint
from bridge.registration import Code, Event, Refusal, Status
from bridge.requests import Answer, BadRequest, from_cursor, to_cursor
from bridge.wire import to_bytes
from tests.making import BEFORE, NOW, PENDING, claim, pending, waiting

KEY = "CQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
AT = "2026-01-01T00:00:00.000Z"
EARLIER = "2025-12-31T23:59:00.000Z"


def refused(code: Code, function: Any, *arguments: Any) -> str:
    with pytest.raises(BadRequest) as caught:
        function(*arguments)
    assert caught.value.refusal.code is code
    return caught.value.refusal.message


@pytest.mark.parametrize("payload", [b"", b" \n", b"{}"])
def test_a_request_without_members_may_be_empty(payload: bytes) -> None:
    assert requests.parse_object(payload) == {}


@pytest.mark.parametrize("payload", [b"{", b"[]", b"1", b'"x"', b"null", b"\xff", b'{"a":NaN}', b"[" * 5000, b"{}x"])
def test_what_is_no_object_is_malformed(payload: bytes) -> None:
    refused(Code.MALFORMED_REQUEST, requests.parse_object, payload)


@given(st.binary(max_size=60))
def test_any_payload_is_an_object_or_malformed(payload: bytes) -> None:
    try:
        understood: object = requests.parse_object(payload)
    except BadRequest as error:
        understood = error.refusal.code
    assert isinstance(understood, dict) or understood is Code.MALFORMED_REQUEST


@pytest.mark.parametrize(
    ("model", "value"),
    [
        (requests.RegisterOne, {}),
        (requests.RegisterOne, {"id": 7}),
        (requests.RegisterOne, {"id": "x", "colour": "red"}),
        (requests.RegisterOne, {"id": "x", "autoAccept": "yes"}),
        (requests.RegisterOne, {"id": "x", "properties": []}),
        (requests.RegisterOne, {"id": "x", "name": "n" * 256}),
        (requests.AcceptOne, {"id": "x", "gentle": True}),
        (requests.ByIds, {"ids": "x"}),
        (requests.ByIds, {"ids": [1]}),
        (requests.ListRequest, {"limit": 0}),
        (requests.ListRequest, {"limit": 1_001}),
        (requests.ListRequest, {"limit": "7"}),
        (requests.ListRequest, {"status": ["SLEEPING"]}),
        (requests.Request, {"requestId": ""}),
        (requests.Request, {"requestId": "x" * 129}),
        (requests.Request, {"requestId": 7}),
    ],
)
def test_a_payload_that_breaks_its_model_is_malformed(model: Any, value: dict[str, Any]) -> None:
    refused(Code.MALFORMED_REQUEST, requests.parse, model, value)


def test_what_is_said_of_a_malformed_request_repeats_no_secret() -> None:
    message = refused(
        Code.MALFORMED_REQUEST, requests.parse, requests.AcceptOne, {"id": "x", "securityToken": ["s3cret"]}
    )
    assert "s3cret" not in message
    assert "securityToken" in message


def test_a_list_request_has_the_contracts_defaults_and_takes_its_words() -> None:
    request = requests.parse(requests.ListRequest, {})
    assert (request.limit, request.status, request.search, request.sort) == (100, None, None, None)
    request = requests.parse(requests.ListRequest, {"status": ["PENDING_ACCEPTANCE", "BLOCKED"], "limit": 1_000})
    assert request.status == [Status.PENDING, Status.BLOCKED]


def test_properties_have_at_most_8_kib() -> None:
    filling = 8_192 - len(b'{"a":""}')
    assert requests.checked_properties({"a": "x" * filling})
    refused(Code.LIMIT_REACHED, requests.checked_properties, {"a": "x" * (filling + 1)})


def test_one_message_names_at_most_a_thousand_devices() -> None:
    requests.checked_number(1_000)
    refused(Code.LIMIT_REACHED, requests.checked_number, 1_001)


def test_a_device_id_that_breaks_the_rule_is_invalid() -> None:
    assert requests.checked_id("pump-7") == "pump-7"
    refused(Code.INVALID_ID, requests.checked_id, "pump 7")


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
    shown = requests.claim_object(claim("c1", "digest", public_key=KEY))
    assert (shown["keySent"], shown["keyFingerprint"]) == (True, key_fingerprint(KEY))
    assert "digest" not in json.dumps(shown)
    assert KEY not in json.dumps(shown)


def test_a_registration_is_shown_as_the_contract_has_it() -> None:
    reg = pending(
        claim("c1"), name="Pump", type="t", group="A", properties={"x": 1}, accepted=NOW, installed=NOW, delivered=NOW,
        confirmed=NOW, reason="why", token="digest", seed=b"seed" * 4, key_id="k1", failed_attempts=2,
    )  # fmt: skip
    assert json.loads(json.dumps(requests.registration_object(reg))) == {
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
    assert set(requests.registration_object(waiting())) == {
        "id", "status", "tenant", "owner", "creationTime", "failedAttempts", "calls", "tokenSent", "claimsOverflow",
        "claims", "autoAccept", "properties",
    }  # fmt: skip
    brief = requests.registration_object(waiting(), brief=True)
    assert not {"claims", "properties"} & set(brief)


def test_an_event_is_shown_as_the_contract_has_it() -> None:
    event = Event("blocked", "pump-7", "default", PENDING, BEFORE, "device", "TOKEN_MISSING")
    assert json.loads(json.dumps(requests.event_object(event))) == {
        "event": "blocked", "id": "pump-7", "status": "PENDING_ACCEPTANCE", "at": EARLIER, "by": "device",
        "reason": "TOKEN_MISSING",
    }  # fmt: skip


def test_a_long_list_in_an_answer_holds_the_first_thousand_and_says_so() -> None:
    assert requests.bounded(failed=range(1_000)) == {"failed": list(range(1_000))}
    assert requests.bounded(failed=range(1_001)) == {"failed": list(range(1_000)), "truncated": True}


def test_lists_of_long_rows_stay_below_the_limit_of_an_answer_together() -> None:
    shown = requests.bounded(accepted=["\U0001d54f" * 255] * 1_000, failed=[{"id": "x" * 999}] * 1_000)
    assert len(to_bytes(shown)) < requests.MAX_ANSWER
    assert shown["truncated"]
    assert len(shown["failed"]) > 900, "failures get their room first"


def test_a_refusal_that_repeats_what_was_asked_is_cut() -> None:
    refusal = Refusal(Code.NOT_FOUND, "there is no " + "x" * 1_900_000)
    assert len(Answer("get", None, refusal=refusal).to_bytes()) < 1_200
    assert len(requests.failure_object("x", refusal)["message"]) == 1_000


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
        "eyJhIjogMX0",
    ],
)
def test_a_cursor_that_no_page_ended_with_is_malformed(cursor: str) -> None:
    refused(Code.MALFORMED_REQUEST, from_cursor, cursor, 2)
