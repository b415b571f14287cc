"""Administrators' requests as bytes and objects."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from bridge import requests
from bridge.registration import Code, Status
from bridge.requests import BadRequest


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


@pytest.mark.parametrize(
    ("model", "member"),
    [
        (requests.ListRequest, "status"),
        (requests.ByIds, "ids"),
        (requests.NewApplication, "read"),
        (requests.NewApplication, "write"),
    ],
)
def test_of_a_long_list_of_faults_the_first_alone_is_looked_for(model: type[BaseModel], member: str) -> None:
    with pytest.raises(ValidationError) as caught:
        model.model_validate({"name": "x", member: [[]] * 1_000})
    assert len([one for one in caught.value.errors() if one["loc"][0] == member]) == 1


def test_a_question_has_its_limit() -> None:
    requests.checked_question(b" " * requests.MAX_QUESTION)
    refused(Code.LIMIT_REACHED, requests.checked_question, b" " * (requests.MAX_QUESTION + 1))
