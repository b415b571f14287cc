"""Devices' topics and payloads: golden ones both ways, and anything at all."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge import wire
from bridge.registration import CallKind, Form
from bridge.wire import Malformed, ParsedCall, Topics, iso, parse_call, parse_token
from tests.world import PRIVATE

TOPICS = Topics()
PLAIN = "bootstrap/pump-7/request"
OWN = f"bootstrap/pump-7/request/{PRIVATE}"
KEY = "CQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


def refused(topic: str, payload: bytes, topics: Topics = TOPICS) -> Malformed:
    with pytest.raises(Malformed) as caught:
        parse_call(topics, topic, payload)
    assert len(str(caught.value)) > 10
    return caught.value


@pytest.mark.parametrize(
    ("topic", "payload", "expected"),
    [
        (PLAIN, b"", ParsedCall("pump-7", CallKind.PLAIN, "pump-7", Form.LINE, None, None, None)),
        (PLAIN, b" \t s3cret\r\n", ParsedCall("pump-7", CallKind.PLAIN, "pump-7", Form.LINE, "s3cret", None, None)),
        (OWN, "größe".encode(), ParsedCall("pump-7", CallKind.PRIVATE, PRIVATE, Form.LINE, "größe", None, None)),
        (OWN, b"[1]", ParsedCall("pump-7", CallKind.PRIVATE, PRIVATE, Form.LINE, "[1]", None, None)),
        (OWN, b" {}", ParsedCall("pump-7", CallKind.PRIVATE, PRIVATE, Form.LINE, "{}", None, None)),
        (PLAIN, b"{}", ParsedCall("pump-7", CallKind.PLAIN, "pump-7", Form.JSON, None, None, None)),
        (
            OWN,
            b'{"securityToken":" s3cret ","publicKey":"%s","requestId":"7","color":"red"}' % KEY.encode(),
            ParsedCall("pump-7", CallKind.PRIVATE, PRIVATE, Form.JSON, "s3cret", KEY, "7"),
        ),
        (OWN, b'{"securityToken":""}', ParsedCall("pump-7", CallKind.PRIVATE, PRIVATE, Form.JSON, None, None, None)),
        (OWN, b'{"securityToken":"  "}', ParsedCall("pump-7", CallKind.PRIVATE, PRIVATE, Form.JSON, None, None, None)),
    ],
)
def test_a_call_is_understood(topic: str, payload: bytes, expected: ParsedCall) -> None:
    assert parse_call(TOPICS, topic, payload) == expected
    assert parse_call(Topics.below("site/one"), f"site/one/{topic}", payload) == expected


@pytest.mark.parametrize(
    "payload",
    [
        b"{",
        b"{]",
        b'{"securityToken":1}',
        b'{"securityToken":null}',
        b'{"securityToken":["a"]}',
        b'{"publicKey":""}',
        b'{"publicKey":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}',
        b'{"publicKey":"%s="}' % KEY.encode(),
        b'{"publicKey":7}',
        b'{"requestId":7}',
        b'{"securityToken":"\xff"}',
        b'{"securityToken":"\\ud800"}',
        b'{"securityToken":"' + b"x" * 257 + b'"}',
        b'{"x":' * 5_000,
    ],
)
def test_a_call_in_json_form_that_is_not_understood_is_answerable(payload: bytes) -> None:
    assert refused(OWN, payload[: wire.MAX_CALL]).answerable


@pytest.mark.parametrize("payload", [b"\xff", b"\xc3", b"x" * 257, b"x" * (wire.MAX_CALL + 1)])
def test_a_call_in_line_form_that_is_not_understood_gets_no_answer(payload: bytes) -> None:
    assert not refused(OWN, payload).answerable


def test_a_call_of_16_kib_is_taken_and_one_byte_more_is_refused() -> None:
    filling = wire.MAX_CALL - len(b'{"x":""}')
    assert parse_call(TOPICS, OWN, b'{"x":"%s"}' % (b"x" * filling)).form is Form.JSON
    assert refused(OWN, b'{"x":"%s"}' % (b"x" * (filling + 1))).answerable
    assert parse_call(TOPICS, OWN, b" " * wire.MAX_CALL).token is None


@pytest.mark.parametrize(
    "topic",
    ["bootstrap//request", "bootstrap/a b/request", "bootstrap/../request", f"bootstrap/a,b/request/{PRIVATE}"],
)
def test_a_call_in_a_name_that_is_none_is_malformed(topic: str) -> None:
    assert not refused(topic, b"").answerable
    assert refused(topic, b"{}").answerable


@pytest.mark.parametrize("client_id", ["", "short", "x" * 65, "x" * 21 + ".", "request"])
def test_a_private_call_from_a_client_id_that_can_be_guessed_is_malformed(client_id: str) -> None:
    assert refused(f"bootstrap/pump-7/request/{client_id}", b"{}").answerable


@settings(max_examples=300)
@given(
    st.binary(max_size=80)
    | st.binary(max_size=60).map(lambda tail: b"{" + tail)
    | st.dictionaries(
        st.sampled_from(["securityToken", "publicKey", "requestId", "x"]),
        st.none() | st.booleans() | st.integers() | st.text(max_size=300) | st.lists(st.integers(), max_size=2),
    ).map(lambda value: json.dumps(value).encode()),
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=30).filter(lambda part: "/" not in part),
        min_size=1,
        max_size=2,
    ),
)
def test_whatever_arrives_is_a_call_or_malformed_and_nothing_else(payload: bytes, parts: list[str]) -> None:
    topic = "/".join(["bootstrap", parts[0], "request", *parts[1:]])
    try:
        parsed = parse_call(TOPICS, topic, payload)
    except Malformed as error:
        answerable = error.answerable
    else:
        answerable = parsed.form is Form.JSON
        assert parsed.token is None or 1 <= len(parsed.token) <= 256
        assert parsed.device_id == parts[0]
    assert answerable == payload.startswith(b"{")
    assert wire.answer_topic(TOPICS, topic) == "/".join(["bootstrap", parts[0], "response", *parts[1:]])


@settings(max_examples=200)
@given(st.binary(max_size=60) | st.binary(max_size=60).map(lambda tail: b"{" + tail))
def test_whatever_a_device_says_of_itself_is_an_object_or_nothing(payload: bytes) -> None:
    tenant, device_id, said = wire.parse_info(TOPICS, "devices/t1/pump-7/info", payload)
    assert (tenant, device_id) == ("t1", "pump-7")
    assert said is None or isinstance(said, dict)


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (b'{"name":"x"}', {"name": "x"}),
        (b"{}", {}),
        (b"", None),
        (b"[]", None),
        (b"hello", None),
        (b"{", None),
        (b'{"a":NaN}', None),
        (b'{"a":"' + b"x" * wire.MAX_CALL + b'"}', None),
    ],
)
def test_an_info_carries_an_object_or_nothing(payload: bytes, said: object) -> None:
    assert wire.parse_info(Topics.below("s"), "s/devices/t1/pump-7/info", payload) == ("t1", "pump-7", said)


@pytest.mark.parametrize("prefix", ["", "site/one/", "request/bootstrap/"])
@pytest.mark.parametrize("device_id", ["pump-7", "request", "response"])
@pytest.mark.parametrize("client_id", [None, PRIVATE, "request-0123456789abcdefgh", "request"])
def test_an_answer_goes_where_its_caller_listens_whatever_the_names_are(
    prefix: str, device_id: str, client_id: str | None
) -> None:
    tail = "" if client_id is None else f"/{client_id}"
    topics = Topics(prefix)
    answered = wire.answer_topic(topics, f"{prefix}bootstrap/{device_id}/request{tail}")
    assert answered == f"{prefix}bootstrap/{device_id}/response{tail}"
    kind = CallKind.PLAIN if client_id is None else CallKind.PRIVATE
    assert topics.caller(kind, device_id, client_id or device_id) == answered


def test_answers_are_written_as_the_contract_has_them() -> None:
    assert wire.not_accepted_answer(30) == b'{"status":"PENDING_ACCEPTANCE","retryAfter":30}'
    assert wire.not_accepted_answer(5, "r-1") == b'{"status":"PENDING_ACCEPTANCE","retryAfter":5,"requestId":"r-1"}'
    assert wire.malformed_answer("why") == b'{"status":"ERROR","error":"MALFORMED_REQUEST","message":"why"}'
    assert wire.credentials_line("t1", "pump-7", "secret") == b"70,t1,device_pump-7,secret"
    credentials = wire.credentials_object("t1", "x", "secret")
    assert wire.to_bytes(credentials) == (
        b'{"status":"ACCEPTED","tenant":"t1","deviceId":"x","username":"t1/device_x","password":"secret","clientId":"x"}'
    )
    assert wire.accepted_answer({"status": "ACCEPTED", "sealed": "abc"}, "r-1") == (
        b'{"status":"ACCEPTED","sealed":"abc","requestId":"r-1"}'
    )


def test_a_request_id_does_not_get_into_an_answer_that_is_used_again() -> None:
    credentials = wire.credentials_object("t1", "x", "secret")
    wire.accepted_answer(credentials, "r-1")
    assert "requestId" not in credentials


def test_the_topics_are_the_contracts_below_any_prefix() -> None:
    topics = Topics.below("site/one")
    assert topics.calls == ("site/one/bootstrap/+/request", "site/one/bootstrap/+/request/+")
    assert topics.requests == "site/one/control/+/+/request/+"
    assert topics.request("t1", "ada", "accept") == "site/one/control/t1/ada/request/accept"
    assert topics.response("t1", "ada") == "site/one/control/t1/ada/response"
    assert topics.event("t1", "pump-7") == "site/one/events/t1/registrations/pump-7"
    assert topics.events("t1") == "site/one/events/t1/#"
    assert topics.events("management") == "site/one/events/#"
    assert topics.device("t1", "pump-7") == "site/one/devices/t1/pump-7/#"
    assert topics.infos == "site/one/devices/+/+/info"
    assert topics.state == "site/one/bridge/state"
    assert Topics.below("").state == "bridge/state"


def test_times_are_written_with_milliseconds_and_z() -> None:
    assert wire.iso(0) == "1970-01-01T00:00:00.000Z"
    assert wire.iso(1_767_225_600_007) == "2026-01-01T00:00:00.007Z"


def test_correlation_data_is_echoed_up_to_64_bytes() -> None:
    assert wire.echoed(None) is None
    assert wire.echoed(b"x" * 64) == b"x" * 64
    assert wire.echoed(b"x" * 65) is None


@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN", "Infinity", '{"x":[1e999]}', "[[1e999]]"])
def test_a_number_that_could_not_be_written_again_is_not_read(number: str) -> None:
    assert wire.parse_info(TOPICS, "devices/t1/pump-7/info", b'{"a":%s}' % number.encode())[2] is None


def test_no_answer_holds_a_number_that_json_cannot_name() -> None:
    assert wire.to_bytes({"a": [float("inf"), float("nan")]}) == b'{"a":[null,null]}'


def test_a_time_is_that_of_utc_wherever_the_program_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    time.tzset()
    try:
        assert iso(1_767_225_600_999) == "2026-01-01T00:00:00.999Z"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_token_of_256_characters_is_taken() -> None:
    assert parse_token("t" * 256) == "t" * 256
    with pytest.raises(Malformed, match="at most 256"):
        parse_token("t" * 257)
