"""Topics, calls and answers, by golden payloads and by whatever bytes there are."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_sim.contract import (
    LONGEST_RETRY,
    SHORTEST_RETRY,
    Accepted,
    ForeignAnswer,
    MalformedAnswer,
    NotUnderstood,
    Pending,
    Sealed,
    answer_topic,
    call_payload,
    device_topic,
    read_answer,
    request_topic,
)
from device_sim.memory import Approach, Call, Credentials, Form
from tests.device_sim.desk import accepted_object

PRIVATE = Approach("fresh-client-id-of-thirty-2-char")
PLAIN = Approach("pump-7", Call.PLAIN)
CREDENTIALS = Credentials(tenant="t1", username="t1/device_pump-7", password="secret", client_id="pump-7")


def read(answer: object, form: Form = Form.JSON) -> object:
    """Read a JSON value, or a line, as an answer to pump-7."""
    return read_answer((answer if isinstance(answer, str) else json.dumps(answer)).encode(), form, "pump-7")


def test_a_private_call_has_topics_of_its_own() -> None:
    assert request_topic("", "pump-7", PRIVATE) == f"bootstrap/pump-7/request/{PRIVATE.client_id}"
    assert answer_topic("a/b/", "pump-7", PRIVATE) == f"a/b/bootstrap/pump-7/response/{PRIVATE.client_id}"


def test_a_plain_call_has_the_topics_of_the_device_id() -> None:
    assert request_topic("a/", "pump-7", PLAIN) == "a/bootstrap/pump-7/request"
    assert answer_topic("", "pump-7", PLAIN) == "bootstrap/pump-7/response"


def test_a_device_speaks_below_its_tenant_and_id() -> None:
    assert device_topic("a/", "t1", "pump-7", "info") == "a/devices/t1/pump-7/info"


@pytest.mark.parametrize(("token", "payload"), [(None, b""), ("Gerät 7", "Gerät 7".encode())])
def test_the_line_form_is_the_token_alone(token: str | None, payload: bytes) -> None:
    assert call_payload(Approach("x", form=Form.LINE, token=token), 3) == payload


def test_the_json_form_holds_what_there_is_to_say() -> None:
    assert json.loads(call_payload(PRIVATE, 1)) == {"requestId": "1"}
    key = bytes.fromhex("4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8")
    whole = json.loads(call_payload(Approach("x", token="LABEL", private_key=key), 2))
    assert whole["requestId"] == "2"
    assert whole["securityToken"] == "LABEL"
    assert whole["publicKey"] == "OUjP4K0d22ldeA5ZB3GV2mxWUGsCcyl5SrAryoCBXE0"  # RFC 9180, A.1.1


@pytest.mark.parametrize(
    ("told", "taken"),
    [(30, 30.0), (0.5, 0.5), (0.001, SHORTEST_RETRY), (10**400, LONGEST_RETRY), (1e99, LONGEST_RETRY)],
)
def test_retry_after_is_obeyed_within_reason(told: float, taken: float) -> None:
    assert read({"status": "PENDING_ACCEPTANCE", "retryAfter": told}) == Pending(taken)


def test_an_accepted_answer_brings_credentials_and_unknown_members_are_ignored() -> None:
    assert read(accepted_object("pump-7", "secret") | {"requestId": "1", "new": {}}) == Accepted(CREDENTIALS)
    assert read("70,t1,device_pump-7,secret", Form.LINE) == Accepted(CREDENTIALS)


def test_a_sealed_answer_and_an_error_are_told_apart() -> None:
    assert read({"status": "ACCEPTED", "sealed": "_-8"}) == Sealed(b"\xff\xef")
    error = {"status": "ERROR", "error": "MALFORMED_REQUEST", "message": "no"}
    assert read(error) == NotUnderstood("MALFORMED_REQUEST", "no")


@pytest.mark.parametrize(
    "answer",
    [
        "", "{", "[]", "null", "70,t1,device_pump-7,secret", '{"status": NaN}', "[" * 20_000, "9" * 5_000,
        {}, {"status": 1}, {"status": "BLOCKED"},
        {"status": "PENDING_ACCEPTANCE"}, {"status": "PENDING_ACCEPTANCE", "retryAfter": True},
        {"status": "PENDING_ACCEPTANCE", "retryAfter": "30"}, {"status": "PENDING_ACCEPTANCE", "retryAfter": 0},
        {"status": "ACCEPTED"}, {"status": "ACCEPTED", "sealed": 5}, {"status": "ACCEPTED", "sealed": "YQ=="},
        {"status": "ACCEPTED", "sealed": "YQ+"}, {"status": "ERROR"},
        accepted_object("pump-7", ""), accepted_object("pump-7", "p", tenant="Not One"),
        accepted_object("pump-7", "p") | {"username": "t2/device_pump-7"},
        accepted_object("pump-7", "p") | {"clientId": "pump-8"}, accepted_object("pump-7", "p") | {"password": None},
    ],
)  # fmt: skip
def test_an_answer_that_breaks_the_contract_is_malformed(answer: object) -> None:
    with pytest.raises(MalformedAnswer):
        read(answer)


@pytest.mark.parametrize(
    "line",
    ["", "70", "70,t1,device_pump-7", "70,t1,device_pump-7,", "70,t1,device_pump-7,a,b", "71,t1,device_pump-7,p",
     "70,T 1,device_pump-7,p", json.dumps(accepted_object("pump-7", "p"))],
)  # fmt: skip
def test_a_line_that_breaks_the_contract_is_malformed(line: str) -> None:
    with pytest.raises(MalformedAnswer):
        read(line, Form.LINE)


def test_an_answer_for_another_device_is_foreign() -> None:
    with pytest.raises(ForeignAnswer):
        read(accepted_object("pump-8", "secret"))
    with pytest.raises(ForeignAnswer):
        read("70,t1,device_pump-8,secret", Form.LINE)


def test_what_is_wrong_with_an_answer_is_said_without_repeating_it() -> None:
    for answer, form in [("70,t1,secret,device_pump-7", Form.LINE), ('{"status":"secret"}', Form.JSON)]:
        with pytest.raises((MalformedAnswer, ForeignAnswer)) as caught:
            read(answer, form)
        assert "secret" not in str(caught.value)


@given(st.binary(max_size=200), st.sampled_from(Form))
def test_no_bytes_make_reading_fail_in_another_way(payload: bytes, form: Form) -> None:
    try:
        read_answer(payload, form, "pump-7")
    except (MalformedAnswer, ForeignAnswer):
        return
