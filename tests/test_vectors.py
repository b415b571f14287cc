"""The published test vectors of sealed answers, held against every implementation that is here.

There are three readings of RFC 9180: the bridge's and the simulator's, each by the library's own HPKE, and one by hand
in `tests/e2e/hpke.py`, which made the file. Those of the device clients are held against it in
`tests/e2e/test_clients.py`.
"""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import example, given
from hypothesis import strategies as st

from bridge import credentials, registration, wire
from bridge.credentials import BadPublicKey, key_fingerprint, parse_public_key, seal
from bridge.wire import Malformed, Topics, parse_call
from device_sim import contract, sealing
from device_sim.memory import Form
from docs import draw_vectors
from tests.e2e import hpke

VECTORS: dict[str, Any] = json.loads(draw_vectors.PAGE.read_text(encoding="utf-8"))
CONTRACT = Path(__file__).parent.parent / "docs" / "contract.md"
RFC = {name: bytes.fromhex(value) for name, value in VECTORS["rfc9180"].items()}
TOPIC = "bootstrap/pump-7/request/Qm3vT8xJ0aLrZ5kNwEc1Yh"

answers = pytest.mark.parametrize("vector", VECTORS["answers"], ids=lambda vector: vector["name"])
unopenable = pytest.mark.parametrize("vector", VECTORS["unopenable"], ids=lambda vector: vector["why"])
refused = pytest.mark.parametrize("vector", VECTORS["refusedKeys"], ids=lambda vector: vector["why"])


def raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_the_file_is_as_it_is_drawn() -> None:
    assert draw_vectors.PAGE.read_text(encoding="utf-8") == draw_vectors.page(), "run make docs"


def test_the_reading_by_hand_comes_to_what_rfc_9180_prints() -> None:
    ephemeral, recipient = hpke.Key(RFC["skEm"]), hpke.Key(RFC["skRm"])
    assert (ephemeral.raw, recipient.raw) == (RFC["enc"], RFC["pkRm"])
    for context in (
        hpke.sealing(ephemeral, recipient.raw, RFC["info"]),
        recipient.context(RFC["enc"], RFC["info"]),
    ):
        assert (context.shared_secret, context.key, context.nonce) == (
            RFC["shared_secret"],
            RFC["key"],
            RFC["base_nonce"],
        )
        assert AESGCM(context.key).encrypt(context.nonce, RFC["pt"], RFC["aad"]) == RFC["ct"]
        assert AESGCM(context.key).decrypt(context.nonce, RFC["ct"], RFC["aad"]) == RFC["pt"]


@pytest.mark.parametrize("suite", [credentials._SUITE, sealing._SUITE], ids=["bridge", "simulator"])
def test_the_suites_of_bridge_and_simulator_open_what_key_and_nonce_of_rfc_9180_encrypt(suite: Any) -> None:
    # The RFC's own ciphertext has additional data, which sealed answers have not.
    ciphertext = AESGCM(RFC["key"]).encrypt(RFC["base_nonce"], RFC["pt"], b"")
    private = X25519PrivateKey.from_private_bytes(RFC["skRm"])
    assert suite.decrypt(RFC["enc"] + ciphertext, private, info=RFC["info"]) == RFC["pt"]


@answers
def test_the_simulator_opens_the_answer_and_shows_the_fingerprint(vector: dict[str, str]) -> None:
    private = bytes.fromhex(vector["privateKey"])
    assert sealing.to_base64url(sealing.public_key(private)) == vector["publicKey"]
    assert sealing.key_fingerprint(private) == vector["keyFingerprint"]
    opened = sealing.unseal(private, vector["deviceId"], sealing.from_base64url(vector["sealed"]))
    assert opened.decode() == vector["plaintext"]
    accepted = contract.read_answer(opened, Form.JSON, vector["deviceId"])
    assert isinstance(accepted, contract.Accepted)
    assert accepted.credentials.password == json.loads(vector["plaintext"])["password"]


@answers
def test_the_reading_by_hand_comes_to_each_step_of_the_answer(vector: dict[str, str]) -> None:
    key = hpke.Key(bytes.fromhex(vector["privateKey"]))
    assert (key.public, key.fingerprint) == (vector["publicKey"], vector["keyFingerprint"])
    assert vector["info"] == f"bootstrap/v1/{vector['deviceId']}".encode().hex()
    assert hpke.Key(bytes.fromhex(vector["ephemeralPrivateKey"])).raw.hex() == vector["enc"]
    steps = key.context(bytes.fromhex(vector["enc"]), bytes.fromhex(vector["info"]))
    assert (steps.shared_secret.hex(), steps.key.hex(), steps.nonce.hex()) == (
        vector["sharedSecret"],
        vector["aeadKey"],
        vector["aeadNonce"],
    )
    assert raw(vector["sealed"])[:32].hex() == vector["enc"]
    assert key.open_text(vector["sealed"], vector["deviceId"]).decode() == vector["plaintext"]


@answers
def test_the_bridge_takes_the_key_and_what_it_seals_opens_for_both_other_readings(vector: dict[str, str]) -> None:
    call = json.dumps({"publicKey": vector["publicKey"]}).encode()
    parsed = parse_call(Topics(), f"bootstrap/{vector['deviceId']}/request/{'c' * 22}", call)
    assert parsed.public_key == vector["publicKey"]
    assert key_fingerprint(vector["publicKey"]) == vector["keyFingerprint"]
    private, device_id, plaintext = (
        bytes.fromhex(vector["privateKey"]),
        vector["deviceId"],
        vector["plaintext"].encode(),
    )
    sealed = seal(plaintext, vector["publicKey"], device_id)
    assert len(raw(sealed)) == len(raw(vector["sealed"]))
    assert sealing.unseal(private, device_id, raw(sealed)) == plaintext
    assert hpke.Key(private).open_text(sealed, device_id) == plaintext


@answers
def test_the_plaintext_is_what_the_bridge_writes(vector: dict[str, str]) -> None:
    said = json.loads(vector["plaintext"])
    written = wire.credentials_object(said["tenant"], vector["deviceId"], said["password"])
    if "later" in said:
        assert said.items() > written.items()
    else:
        assert wire.to_bytes(written).decode() == vector["plaintext"]


@unopenable
def test_what_is_not_for_this_key_and_device_or_was_changed_opens_nowhere(vector: dict[str, str]) -> None:
    private = bytes.fromhex(vector["privateKey"])
    with pytest.raises(sealing.UnsealError):
        sealing.unseal(private, vector["deviceId"], sealing.from_base64url(vector["sealed"]))
    with pytest.raises((InvalidTag, ValueError)):
        hpke.Key(private).open_text(vector["sealed"], vector["deviceId"])


@refused
def test_a_bad_key_is_refused_at_the_call(vector: dict[str, str]) -> None:
    with pytest.raises(BadPublicKey):
        parse_public_key(vector["publicKey"])
    with pytest.raises(Malformed) as caught:
        parse_call(Topics(), TOPIC, json.dumps({"publicKey": vector["publicKey"]}).encode())
    assert (caught.value.kind, caught.value.answerable) == ("public-key", True)


def test_the_refused_keys_are_refused_for_what_they_are_there_for() -> None:
    reasons = {vector["why"].partition(":")[0]: set[str]() for vector in VECTORS["refusedKeys"]}
    for vector in VECTORS["refusedKeys"]:
        with pytest.raises(BadPublicKey) as caught:
            parse_public_key(vector["publicKey"])
        reasons[vector["why"].partition(":")[0]].add(str(caught.value).partition(":")[0])
    assert reasons["low order"] == {"publicKey is a point of low order", "publicKey is not canonical"}
    assert reasons["not canonical"] == {"publicKey is not canonical"}
    assert reasons["padding"] == {"publicKey is not 32 bytes in base64url without padding"}
    assert reasons["a space"] == {"publicKey is not base64url"}


def test_a_point_of_low_order_is_found_by_the_exchange_and_not_by_a_list() -> None:
    canonical = {
        vector["why"]
        for vector in VECTORS["refusedKeys"]
        if vector["why"].startswith("low order:") and int.from_bytes(raw(vector["publicKey"]), "little") < 2**255 - 19
    }
    assert len(canonical) == 5


KEYS = st.one_of(
    st.binary(min_size=32, max_size=32),
    # Where the bad ones are: round the prime, round the high bit, and small numbers.
    st.builds(
        lambda middle, add: ((middle + add) % 2**256).to_bytes(32, "little"),
        st.sampled_from([0, 2**255 - 19, 2**255, 2**256 - 1, *draw_vectors.ORDER_8]),
        st.integers(-40, 40),
    ),
)


@given(KEYS, st.text(min_size=1, max_size=20).filter(lambda text: text.isprintable()))
@example(b"\x09" + bytes(31), "pump-7")
def test_whatever_key_is_taken_seals_and_no_other_spelling_of_it_is_taken(key: bytes, device_id: str) -> None:
    public = credentials.to_base64url(key)
    try:
        assert parse_public_key(public) == key
    except BadPublicKey:
        return
    sealed = raw(seal(b"{}", public, device_id))
    assert len(sealed) == 32 + 2 + 16
    assert key_fingerprint(public)
    twin = (int.from_bytes(key, "little") ^ 2**255).to_bytes(32, "little")
    with pytest.raises(BadPublicKey):
        parse_public_key(credentials.to_base64url(twin))


@given(st.binary(min_size=32, max_size=32), st.text(st.characters(exclude_categories=["Cs"]), max_size=255))
def test_whatever_private_key_a_device_draws_its_public_key_is_taken_and_it_can_read_the_answer(
    private: bytes, device_id: str
) -> None:
    public = sealing.to_base64url(sealing.public_key(private))
    assert parse_public_key(public) == sealing.public_key(private)
    assert key_fingerprint(public) == sealing.key_fingerprint(private)
    sealed = seal(b"{}", public, device_id)
    assert sealing.unseal(private, device_id, sealing.from_base64url(sealed)) == b"{}"
    assert hpke.Key(private).open_text(sealed, device_id) == b"{}"


@pytest.mark.parametrize("value", [7, True, [], {}, 1.5, ["x"], {"key": "x"}])
def test_a_key_that_is_no_string_is_refused(value: Any) -> None:
    with pytest.raises(Malformed) as caught:
        parse_call(Topics(), TOPIC, json.dumps({"publicKey": value}).encode())
    assert (caught.value.kind, caught.value.answerable) == ("members", True)


def test_of_a_key_that_stands_twice_in_a_call_the_last_one_counts_and_is_looked_at() -> None:
    good, other = (vector["publicKey"] for vector in VECTORS["answers"][:2])
    bad = VECTORS["refusedKeys"][-1]["publicKey"]
    assert parse_call(Topics(), TOPIC, f'{{"publicKey":"{good}","publicKey":"{other}"}}'.encode()).public_key == other
    with pytest.raises(Malformed):
        parse_call(Topics(), TOPIC, f'{{"publicKey":"{good}","publicKey":"{bad}"}}'.encode())
    # One that does not count is not looked at: a call is read before it is judged.
    assert parse_call(Topics(), TOPIC, f'{{"publicKey":"{bad}","publicKey":"{good}"}}'.encode()).public_key == good


def test_null_is_no_key() -> None:
    assert parse_call(Topics(), TOPIC, b'{"publicKey":null}').public_key is None


def test_a_key_in_line_form_is_a_token_and_nothing_is_sealed() -> None:
    public = VECTORS["answers"][0]["publicKey"]
    parsed = parse_call(Topics(), TOPIC, public.encode())
    assert (parsed.form, parsed.public_key, parsed.token) == (registration.Form.LINE, None, public)


def test_the_contract_shows_the_first_vector_whole() -> None:
    text = CONTRACT.read_text(encoding="utf-8")
    shown = VECTORS["answers"][0]
    for name, value in shown.items():
        if name != "name":
            assert value in text, name
